// Good responses, and a fuzzer with a fixed seed that makes bad ones of them.

/** Text with `¶` for CRLF, as bytes (latin1). */
export const bytesOf = (text: string) => Buffer.from(text.replaceAll('¶', '\r\n'), 'latin1');

/** Each ends by itself; `bodiless` for the answer to a HEAD. */
export const RESPONSES: [what: string, text: string, bodiless?: boolean][] = [
  ['length', 'HTTP/1.1 200 OK¶Content-Length: 5¶A: b¶¶hello'],
  ['length zero', 'HTTP/1.1 200 OK¶Content-Length: 0¶¶'],
  ['chunked', 'HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶5;x=y¶hello¶6¶ world¶0¶¶'],
  ['trailers', 'HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶5¶hello¶0¶X-Sum: 1¶¶'],
  [
    'interim',
    'HTTP/1.1 100 Continue¶¶HTTP/1.1 103 Early Hints¶Link: <a>¶¶HTTP/1.1 200 OK¶Content-Length: 2¶¶hi',
  ],
  ['no content', 'HTTP/1.1 204 No Content¶A: b¶¶'],
  ['not modified', 'HTTP/1.1 304 Not Modified¶Content-Length: 100¶¶'],
  ['HEAD', 'HTTP/1.1 200 OK¶Content-Length: 100¶¶', true],
  ['no reason', 'HTTP/1.1 200¶Content-Length: 1¶¶x'],
];

/** Numbers that look random and are the same each time (mulberry32). */
export function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const FRAGMENTS = [
  ...'\r|\n|\0|\x7f|\xff| |\t|:|;|,|0|5|-1|+5|0x5|5, 5|ffffffffffffffff|\r\n|\r\n\r\n|\n\n'.split('|'),
  ...'Content-Length: 5\r\n|Transfer-Encoding: chunked\r\n|Connection: close\r\n|HTTP/1.1 200 OK\r\n'.split(
    '|',
  ),
];

/** One to three small changes: bytes removed, put in, replaced or doubled. */
export function mutate(bytes: Buffer, random: (below: number) => number): Buffer {
  let text = bytes.toString('latin1');
  for (let i = random(3); i >= 0; i--) {
    const at = random(text.length + 1);
    const length = random(4) === 0 ? random(12) : random(2);
    switch (random(4)) {
      case 0:
        text = text.slice(0, at) + text.slice(at + 1 + length);
        break;
      case 1:
        text = text.slice(0, at) + FRAGMENTS[random(FRAGMENTS.length)] + text.slice(at);
        break;
      case 2:
        text = text.slice(0, at) + String.fromCharCode(random(256)) + text.slice(at + 1);
        break;
      default:
        text = text.slice(0, at) + text.slice(at, at + length) + text.slice(at);
    }
  }
  return Buffer.from(text, 'latin1');
}
