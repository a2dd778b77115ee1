// Finds one cookie in a `Cookie` field and compares its value where it stands, so that nothing is cut out or
// collected for an exchange that carries kilobytes of other people's cookies.

const TAB = 0x09;
const SPACE = 0x20;
const QUOTE = 0x22;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;

/**
 * Where the value of the first cookie of this name begins; -1 if there is none. Pairs are separated by `;` alone,
 * also between quotes (RFC 6265 section 5.2, which is how browsers store them). Names are case-sensitive.
 */
export function findCookie(field: string, name: string): number {
  for (let at = field.indexOf(name); at !== -1; at = field.indexOf(name, at + name.length)) {
    const end = skipBlanks(field, at + name.length);
    if (field.charCodeAt(end) === EQUALS && beginsPair(field, at)) return skipBlanks(field, end + 1);
  }
  return -1;
}

/** Whether the value that begins at `start` is `value`, with or without quotes around it. */
export function isCookieValue(field: string, start: number, value: string): boolean {
  const quoted = field.charCodeAt(start) === QUOTE;
  const from = quoted ? start + 1 : start;
  if (!field.startsWith(value, from)) return false;
  let end = from + value.length;
  if (quoted && field.charCodeAt(end++) !== QUOTE) return false;
  end = skipBlanks(field, end);
  return end === field.length || field.charCodeAt(end) === SEMICOLON;
}

function beginsPair(field: string, at: number): boolean {
  let before = at - 1;
  while (before >= 0 && isBlank(field.charCodeAt(before))) before--;
  return before < 0 || field.charCodeAt(before) === SEMICOLON;
}

function skipBlanks(field: string, from: number): number {
  let at = from;
  while (at < field.length && isBlank(field.charCodeAt(at))) at++;
  return at;
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}
