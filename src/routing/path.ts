// Path grammar: one spelling for each path (RFC 3986 section 6.2.2), or a refusal. Both matching and
// forwarding use the result, so a guard on `/admin` also guards `/%61dmin`. Ambiguous paths are refused
// rather than repaired: a replica might repair them differently.

const SLASH = 0x2f;
const PERCENT = 0x25;
const DOT = 0x2e;
const SEMICOLON = 0x3b;
const BACKSLASH = 0x5c;
const HASH = 0x23;
const QUESTION = 0x3f;

/** Characters that RFC 3986 section 3.3 keeps out of paths and clients send all the same: they get escaped. */
const NOT_IN_PATHS = new Uint8Array(128);
for (const char of '"<>[]^`{|}') NOT_IN_PATHS[char.charCodeAt(0)] = 1;

/**
 * The canonical form of a path that starts with `/`, or null when it must be refused: control or non-ASCII
 * characters, `\`, `#`, `?`, bad escapes, escapes of `/`, `\` or a control character, escapes that are not UTF-8,
 * empty segments (`//`), dot segments in any spelling (`.`, `%2e.`, `..;`).
 */
export function canonicalPath(path: string): string | null {
  if (path.charCodeAt(0) !== SLASH) return null;
  let suspicious = false;
  let previous = 0;
  for (let i = 0; i < path.length; i++) {
    const code = path.charCodeAt(i);
    if (code <= 0x20 || code >= 0x7f || code === BACKSLASH || code === HASH || code === QUESTION) return null;
    if (code === PERCENT || NOT_IN_PATHS[code] === 1) suspicious = true;
    else if (previous === SLASH) {
      if (code === SLASH) return null;
      if (code === DOT) suspicious = true;
    }
    previous = code;
  }
  if (!suspicious) return path;
  const escaped = path.replace(/["<>[\]^`{|}]/g, (char) => `%${char.charCodeAt(0).toString(16)}`);
  const decoded = escaped.includes('%') ? decodeUnreserved(escaped) : escaped;
  return decoded === null || hasDotSegment(decoded) ? null : decoded;
}

/** Decodes escapes of unreserved characters, upper-cases the rest; null when an escape is not allowed. */
function decodeUnreserved(path: string): string | null {
  let out = '';
  let from = 0;
  let beyondAscii = false;
  for (let i = path.indexOf('%'); i !== -1; i = path.indexOf('%', i + 3)) {
    const byte = hexByte(path, i + 1);
    if (byte < 0x20 || byte === 0x7f || byte === SLASH || byte === BACKSLASH) return null;
    if (byte >= 0x80) beyondAscii = true;
    out += path.slice(from, i);
    out += isUnreserved(byte) ? String.fromCharCode(byte) : path.slice(i, i + 3).toUpperCase();
    from = i + 3;
  }
  out += path.slice(from);
  if (!beyondAscii) return out;
  try {
    // Refuses overlong forms, surrogates and stray bytes, which decoders downstream read in different ways.
    decodeURIComponent(out);
    return out;
  } catch {
    return null;
  }
}

/** -1 when the two characters at `at` are not hex digits. */
function hexByte(path: string, at: number): number {
  const high = hexDigit(path.charCodeAt(at));
  const low = hexDigit(path.charCodeAt(at + 1));
  return high === -1 || low === -1 ? -1 : high * 16 + low;
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function isUnreserved(byte: number): boolean {
  const lower = byte | 0x20;
  return (
    (lower >= 0x61 && lower <= 0x7a) ||
    (byte >= 0x30 && byte <= 0x39) ||
    byte === 0x2d ||
    byte === DOT ||
    byte === 0x5f ||
    byte === 0x7e
  );
}

/** True for `/.`, `/..`, and both with parameters (`/..;x`), which some servers strip before they resolve. */
function hasDotSegment(path: string): boolean {
  for (let i = path.indexOf('/.'); i !== -1; i = path.indexOf('/.', i + 1)) {
    let at = i + 2;
    if (path.charCodeAt(at) === DOT) at++;
    const after = path.charCodeAt(at);
    if (Number.isNaN(after) || after === SLASH || after === SEMICOLON) return true;
    // `%3B` is the same semicolon to a server that decodes before it strips parameters.
    if (after === PERCENT && path.startsWith('3B', at + 1)) return true;
  }
  return false;
}
