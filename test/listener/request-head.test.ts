// The parser of request heads by itself: what it takes, what it refuses, and that neither depends on how the
// bytes were cut into reads.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_HEAD, type RequestHead } from '../../src/listener/request-head.ts';
import { takeHead } from '../../src/listener/take-head.ts';

/** `¶` stands for CRLF. */
const bytesOf = (text: string): Buffer => Buffer.from(text.replaceAll('¶', '\r\n'), 'latin1');
const take = (text: string): RequestHead | string | null => takeHead(bytesOf(text), 0);

/** The head of a request that must be taken. */
function taken(text: string): RequestHead {
  const head = take(text);
  assert.ok(head !== null && typeof head === 'object', `${JSON.stringify(text)} gave ${String(head)}`);
  return head;
}

const H = 'Host: a.test¶';

test('a request in all its parts', () => {
  const head = taken(`GET /a?b=c HTTP/1.1¶${H}X-Empty:¶x-blank: \t v \xe4 w\t ¶¶rest`);
  assert.equal(head.method, 'GET');
  assert.equal(head.target, '/a?b=c');
  assert.equal(head.minor, 1);
  assert.deepEqual(head.fields, ['Host', 'a.test', 'X-Empty', '', 'x-blank', 'v \xe4 w']);
  assert.equal(head.framing, 'none');
  assert.equal(head.keepAlive, true);
  assert.equal(head.end, bytesOf(`GET /a?b=c HTTP/1.1¶${H}X-Empty:¶x-blank: \t v \xe4 w\t ¶¶`).length);
});

test('one empty line in front is overlooked, two are not', () => {
  assert.equal(taken(`¶GET / HTTP/1.1¶${H}¶`).method, 'GET');
  assert.equal(take(`¶¶GET / HTTP/1.1¶${H}¶`), 'BAD_REQUEST');
  assert.equal(take(`\nGET / HTTP/1.1¶${H}¶`), 'BAD_REQUEST');
});

const REFUSED: Record<string, [text: string, code: string][]> = {
  'request line': [
    ['GET  / HTTP/1.1¶¶', 'BAD_REQUEST'],
    ['GET /  HTTP/1.1¶¶', 'BAD_REQUEST'],
    ['GET\t/ HTTP/1.1¶¶', 'BAD_REQUEST'],
    ['GET /\tHTTP/1.1¶¶', 'BAD_REQUEST'],
    ['GET / HTTP/1.1 ¶¶', 'BAD_REQUEST'],
    [' GET / HTTP/1.1¶¶', 'BAD_REQUEST'],
    ['GET / http/1.1¶¶', 'BAD_REQUEST'],
    ['GET / HTTP/1.10¶¶', 'BAD_REQUEST'],
    ['GET / HTTP/01.1¶¶', 'BAD_REQUEST'],
    ['GET / HTTP/1.¶¶', 'BAD_REQUEST'],
    ['GET / HTTPS/1.1¶¶', 'BAD_REQUEST'],
    ['GET / ICE/1.0¶¶', 'BAD_REQUEST'],
    ['GET /\x00 HTTP/1.1¶¶', 'BAD_REQUEST'],
    ['GET /\x7f HTTP/1.1¶¶', 'BAD_REQUEST'],
    ['GET /¶', 'BAD_REQUEST'],
    ['get / HTTP/1.1¶¶', 'BAD_REQUEST'],
    ['G\x00T / HTTP/1.1¶¶', 'BAD_REQUEST'],
    ['BREW / HTTP/1.1¶¶', 'METHOD_UNKNOWN'],
    ['GET / HTTP/1.2¶¶', 'VERSION_UNSUPPORTED'],
    ['GET / HTTP/2.0¶¶', 'VERSION_UNSUPPORTED'],
    ['GET / HTTP/0.9¶¶', 'VERSION_UNSUPPORTED'],
  ],
  'field lines': [
    ['GET / HTTP/1.1¶A : b¶¶', 'BAD_REQUEST'],
    ['GET / HTTP/1.1¶: b¶¶', 'BAD_REQUEST'],
    ['GET / HTTP/1.1¶A¶¶', 'BAD_REQUEST'],
    ['GET / HTTP/1.1¶A: b¶ c: d¶¶', 'BAD_REQUEST'],
    ['GET / HTTP/1.1¶ A: b¶¶', 'BAD_REQUEST'],
    ['GET / HTTP/1.1¶A: b\x00c¶¶', 'BAD_REQUEST'],
    ['GET / HTTP/1.1¶A: b\rc¶¶', 'BAD_REQUEST'],
    ['GET / HTTP/1.1¶A: b\nC: d¶¶', 'BAD_REQUEST'],
    ['GET / HTTP/1.1¶A: \x0bb¶¶', 'BAD_REQUEST'],
    ['GET / HTTP/1.1¶A\x80: b¶¶', 'BAD_REQUEST'],
    ['GET / HTTP/1.1¶A(: b¶¶', 'BAD_REQUEST'],
    ['GET / HTTP/1.1¶A: b¶\rC: d¶¶', 'BAD_REQUEST'],
  ],
  'bodies that begin broken': [
    [`POST / HTTP/1.1¶${H}Transfer-Encoding: chunked¶¶x`, 'BAD_FRAMING'],
    [`POST / HTTP/1.1¶${H}Transfer-Encoding: chunked¶¶5¶hellox`, 'BAD_FRAMING'],
    [`POST / HTTP/1.1¶${H}Transfer-Encoding: chunked¶¶5 ¶`, 'BAD_FRAMING'],
    [`POST / HTTP/1.1¶${H}Transfer-Encoding: chunked¶¶5\nhello`, 'BAD_FRAMING'],
    [`POST / HTTP/1.1¶${H}Transfer-Encoding: chunked¶¶0¶a b: c¶¶`, 'BAD_FRAMING'],
  ],
};

for (const [what, cases] of Object.entries(REFUSED)) {
  test(`refused: ${what}`, () => {
    for (const [text, code] of cases) assert.equal(take(text), code, JSON.stringify(text));
  });
}

test('framing: what is clear, and what two parsers could read in two ways', () => {
  const framing = (fields: string, version = '1.1') => {
    const head = taken(`POST / HTTP/${version}¶${H}${fields}¶`);
    return head.framing === 'length' ? head.length : head.framing;
  };
  assert.equal(framing(''), 'none');
  assert.equal(framing('Content-Length: 5¶'), 5);
  assert.equal(framing('content-length:005¶'), 5);
  assert.equal(framing('CONTENT-LENGTH: 999999999999999¶'), 999_999_999_999_999);
  assert.equal(framing('Transfer-Encoding: chunked¶'), 'chunked');
  assert.equal(framing('transfer-encoding: Chunked \t¶'), 'chunked');
  for (const fields of [
    'Content-Length: 5¶Content-Length: 5¶',
    'Content-Length: 5, 5¶',
    'Content-Length: +5¶',
    'Content-Length: -5¶',
    'Content-Length: 0x5¶',
    'Content-Length: 5 5¶',
    'Content-Length:¶',
    'Content-Length: 1000000000000000¶',
    'Content-Length: 5\xa0¶',
    'Content-Length: 5¶Transfer-Encoding: chunked¶',
    'Transfer-Encoding: chunked¶Content-Length: 5¶',
    'Transfer-Encoding: chunked¶Transfer-Encoding: chunked¶',
    'Transfer-Encoding: gzip, chunked¶',
    'Transfer-Encoding: chunked, identity¶',
    'Transfer-Encoding: identity¶',
    'Transfer-Encoding: \xa0chunked¶',
    'Transfer-Encoding: "chunked"¶',
    'Transfer-Encoding: chunked;a=b¶',
    'Transfer-Encoding:¶',
  ]) {
    const head = taken(`POST / HTTP/1.1¶${H}${fields}¶`);
    assert.equal(head.framing, 'unclear', JSON.stringify(fields));
    assert.equal(head.keepAlive, false, 'nothing behind it is read');
  }
  assert.equal(framing('Transfer-Encoding: chunked¶', '1.0'), 'unclear');
});

test('who wants to stay', () => {
  const stays = (fields: string, version: string) => taken(`GET / HTTP/${version}¶${H}${fields}¶`).keepAlive;
  assert.equal(stays('', '1.1'), true);
  assert.equal(stays('Connection: close¶', '1.1'), false);
  assert.equal(stays('Connection: keep-alive, Close¶', '1.1'), false);
  assert.equal(stays('Connection: close¶Connection: keep-alive¶', '1.1'), false);
  assert.equal(stays('Connection: closed¶', '1.1'), true);
  assert.equal(stays('', '1.0'), false);
  assert.equal(stays('Connection: keep-alive¶', '1.0'), true);
  assert.equal(stays('Connection: Keep-Alive, x¶', '1.0'), true);
  assert.equal(stays('Connection: keep-alive¶Connection: close¶', '1.0'), false);
});

const WHOLE = [
  `GET / HTTP/1.1¶${H}¶`,
  `¶OPTIONS /long/path?with=query HTTP/1.0¶${H}A:¶B: c d¶¶`,
  `POST / HTTP/1.1¶${H}Content-Length: 5¶¶`,
  `M-SEARCH * HTTP/1.1¶${H}X-Long: ${'v'.repeat(300)}¶¶`,
];

test('a head is the same at every split point, and nothing of it is refused before it is whole', () => {
  for (const text of WHOLE) {
    const bytes = bytesOf(text);
    const whole = taken(text);
    for (let cut = 0; cut < bytes.length; cut++) {
      const first = takeHead(bytes.subarray(0, cut), 0);
      assert.equal(first, null, `${JSON.stringify(text)} at ${cut}`);
      // As the connection does it: what was held and what came, joined.
      const joined = Buffer.concat([bytes.subarray(0, cut), bytes.subarray(cut)]);
      assert.deepEqual(takeHead(joined, 0), whole);
    }
    // Behind something else in the same buffer.
    const behind = takeHead(Buffer.concat([Buffer.from('xyz'), bytes, Buffer.from('GET')]), 3);
    assert.ok(behind !== null && typeof behind === 'object');
    assert.deepEqual({ ...behind, end: behind.end - 3 }, whole);
  }
});

test('what can never become a head is refused at once; whatever is refused stays refused when more comes', () => {
  for (const text of [
    '\x16\x03\x01',
    'get / ',
    'HELO',
    '\n',
    'GET / HTTP/1.1\n',
    'GET /\r\n',
    'GET /\rX',
    '\0',
  ]) {
    assert.equal(take(text), 'BAD_REQUEST', JSON.stringify(text));
  }
  for (const [text, code] of Object.values(REFUSED).flat()) {
    // An unknown word is refused as long as it may still be anything, and named once it is a method.
    if (code === 'METHOD_UNKNOWN') continue;
    const bytes = bytesOf(text);
    let refused = false;
    for (let cut = 1; cut <= bytes.length; cut++) {
      const result = takeHead(bytes.subarray(0, cut), 0);
      if (refused) assert.equal(typeof result, 'string', `${JSON.stringify(text)} at ${cut}`);
      refused ||= typeof result === 'string';
    }
    assert.ok(refused);
  }
});

test('limits: the longest head is taken, one byte more is refused, whole or not', () => {
  const start = `GET / HTTP/1.1¶${H}X: `;
  const fill = MAX_HEAD - bytesOf(`${start}¶¶`).length;
  assert.equal(taken(`${start}${'v'.repeat(fill)}¶¶`).end, MAX_HEAD);
  assert.equal(take(`${start}${'v'.repeat(fill + 1)}¶¶`), 'HEADERS_TOO_LARGE');
  assert.equal(take(`${start}${'v'.repeat(fill + 5)}`), 'HEADERS_TOO_LARGE');
  assert.equal(take(`${start}${'v'.repeat(fill)}`), null);
  // All of them are handed on: how many are too many is for the gate to say, and none is dropped in silence.
  assert.equal(taken(`GET / HTTP/1.1¶${'a:1¶'.repeat(3000)}¶`).fields.length, 6000);
  assert.equal(take(`${'A'.repeat(33)} / HTTP/1.1¶¶`), 'METHOD_UNKNOWN');
  assert.equal(take('A'.repeat(33)), 'BAD_REQUEST');
});

test('field names of objects are names like any other', () => {
  const head = taken('GET / HTTP/1.1¶__proto__: a¶constructor: b¶¶');
  assert.deepEqual(head.fields, ['__proto__', 'a', 'constructor', 'b']);
});
