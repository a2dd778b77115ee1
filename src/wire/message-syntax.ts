// Characters of HTTP/1.1 messages as tables, for parsers that read byte by byte. Shared by both directions.

/** Token characters of RFC 9110 section 5.6.2. */
export const TOKEN = new Uint8Array(256);
for (const char of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
  TOKEN[char.charCodeAt(0)] = 1;
}

/** Characters of a field value: HTAB, SP, visible ASCII and obs-text (RFC 9110 section 5.5). */
export const VALUE = new Uint8Array(256).fill(1, 0x20);
VALUE[0x09] = 1;
VALUE[0x7f] = 0;

/** Where the head that begins at `start` ends, its empty line included; -1 when `limit` comes first. */
export function headEnd(bytes: Buffer, start: number, limit: number): number {
  // Looks at the last of four bytes first: most of them are neither CR nor LF, and four are skipped at once.
  let at = start + 3;
  while (at < limit) {
    const byte = bytes[at]!;
    if (byte === 0x0a) {
      if (bytes[at - 1] === 0x0d && bytes[at - 2] === 0x0a && bytes[at - 3] === 0x0d) return at + 1;
      at += 2;
    } else at += byte === 0x0d ? 1 : 4;
  }
  return -1;
}
