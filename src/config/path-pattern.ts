// How a route's path may be written. A pattern must be spelt the way the gate spells request paths, so that
// every pattern has one spelling and two different ones never mean the same. Matches nothing itself.

/** RFC 3986 section 3.3: what a segment may hold. `*` is left out, a pattern gives it a meaning of its own. */
const SEGMENT_CHARACTER = /^[A-Za-z0-9\-._~!$&'()+,;=:@%]*$/;

/** Most patterns: nothing in them can be spelt in two ways. */
const PLAIN_PATTERN = /^(?:\/[A-Za-z0-9_~-][A-Za-z0-9_~.-]*)*\/(?:\*|[A-Za-z0-9_~-][A-Za-z0-9_~.-]*)?$/;

/** What is wrong with a route's pattern, or undefined: `/docs`, `/api/*`, `/*`. */
export function patternProblem(pattern: string): string | undefined {
  if (PLAIN_PATTERN.test(pattern)) return undefined;
  const star = /\/\*\/*$/.exec(pattern);
  const path = star === null ? pattern : pattern.slice(0, star.index + 1);
  if (path.includes('*')) return '"*" can only be the whole last segment, as in "/api/*"';
  const wrong = pathProblem(path, star === null ? '' : '*');
  if (wrong !== undefined || star === null || star[0] === '/*') return wrong;
  return `cannot be told apart from "${canonicalPath(pattern.slice(0, star.index))}/*"; write it that way`;
}

/** What is wrong with a plain absolute path, or undefined. */
export function pathProblem(path: string, ending = ''): string | undefined {
  if (PLAIN_PATTERN.test(path) && !path.includes('*')) return undefined;
  if (path === '') return 'is empty; a path starts with "/"';
  if (!path.startsWith('/')) return 'must start with "/"';
  if (/[?#]/.test(path)) return 'must not hold "?" or "#"; routes are chosen by path alone';
  if (path.includes('//')) return 'must not hold "//"';
  if (path.includes('*')) return 'must not hold "*"';
  for (const segment of path.split('/')) {
    const wrong = segmentProblem(segment);
    if (wrong !== undefined) return wrong;
  }
  const canonical = canonicalPath(path);
  return canonical === path
    ? undefined
    : `cannot be told apart from "${canonical}${ending}"; write it that way`;
}

function segmentProblem(segment: string): string | undefined {
  // A replica may read "..;x" as "..", and a browser reads "%2e" as ".".
  if (/^(?:\.|%2e){1,2}(?:;|$)/i.test(segment)) return 'must not hold the segments "." and ".."';
  if (/%(?![0-9a-f]{2})/i.test(segment)) return 'has a "%" without two hexadecimal digits';
  if (/%(?:2f|5c|[01][0-9a-f]|7f)/i.test(segment) || /[\\\x00-\x1f\x7f]/.test(segment)) {
    return 'holds a slash, backslash or control character, which no request path may hold';
  }
  return isUtf8(segment) ? undefined : 'has escapes that are not UTF-8, which no request path may hold';
}

function isUtf8(segment: string): boolean {
  if (!segment.includes('%')) return true;
  try {
    decodeURIComponent(segment);
    return true;
  } catch {
    return false;
  }
}

/** Unreserved characters plain, everything else that needs it encoded, in capitals (RFC 3986 section 6.2.2). */
function canonicalPath(path: string): string {
  const plain = path.replace(/%[0-9a-f]{2}/gi, (encoded) => {
    const character = String.fromCharCode(Number.parseInt(encoded.slice(1), 16));
    return /[A-Za-z0-9\-._~]/.test(character) ? character : encoded.toUpperCase();
  });
  if (SEGMENT_CHARACTER.test(plain.replaceAll('/', ''))) return plain;
  return plain.replace(/[^/A-Za-z0-9\-._~!$&'()*+,;=:@%]+/g, (part) =>
    encodeURIComponent(part.toWellFormed()),
  );
}
