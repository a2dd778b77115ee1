// The response-head parser, by tables: what it reads, and what it refuses because a second parser might read
// it in another way (RFC 9112 sections 2.2, 4, 5 and 6).

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { MalformedMessage } from '../../src/wire/malformed-message.ts';
import { hasToken, MAX_FIELDS, parseResponseHead, parseTrailers } from '../../src/wire/response-head.ts';

const bytesOf = (text: string) => Buffer.from(text.replaceAll('¶', '\r\n'), 'latin1');
const parse = (text: string, bodiless = false) => {
  const bytes = bytesOf(text);
  return parseResponseHead(bytes, 0, bytes.length, bodiless);
};

suite('a response head is read', () => {
  test('status, fields and framing', () => {
    const head = parse('HTTP/1.1 200 OK¶Server: x¶Content-Length: 12¶X-A:\t v \t¶X-Empty:¶¶');
    assert.equal(head.status, 200);
    assert.deepEqual(head.fields, ['Server', 'x', 'Content-Length', '12', 'X-A', 'v', 'X-Empty', '']);
    assert.equal(head.framing, 'length');
    assert.equal(head.length, 12);
    assert.equal(head.keepAlive, true);
    assert.equal(head.idleHint, -1);
  });

  test('wherever it lies in the buffer', () => {
    const text = 'HTTP/1.1 200 OK¶A: 1¶¶';
    const bytes = bytesOf(`junk${text}more¶¶`);
    const head = parseResponseHead(bytes, 4, 4 + bytesOf(text).length, false);
    assert.deepEqual(head.fields, ['A', '1']);
  });

  for (const [what, text, framing] of [
    ['chunked', 'HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶', 'chunked'],
    ['chunked in another case', 'HTTP/1.1 200 OK¶TRANSFER-ENCODING: Chunked¶¶', 'chunked'],
    ['length zero', 'HTTP/1.1 200 OK¶Content-Length: 0¶¶', 'length'],
    ['leading zeros', 'HTTP/1.1 200 OK¶content-length: 007¶¶', 'length'],
    ['no framing field', 'HTTP/1.1 200 OK¶¶', 'close'],
    ['204', 'HTTP/1.1 204 No Content¶¶', 'none'],
    ['204 with length zero', 'HTTP/1.1 204 No Content¶Content-Length: 0¶¶', 'none'],
    ['304 with a length', 'HTTP/1.1 304 Not Modified¶Content-Length: 5¶¶', 'none'],
    ['304 with chunked', 'HTTP/1.1 304 Not Modified¶Transfer-Encoding: chunked¶¶', 'none'],
    ['103', 'HTTP/1.1 103 Early Hints¶Link: </a.css>¶¶', 'none'],
    ['no reason', 'HTTP/1.1 200 ¶¶', 'close'],
    ['no reason and no space', 'HTTP/1.1 200¶¶', 'close'],
    ['obs-text', 'HTTP/1.1 200 \xe9¶X: \x80\xff¶¶', 'close'],
  ] as const) {
    test(`framing: ${what}`, () => assert.equal(parse(text).framing, framing));
  }

  test('an answer to HEAD has no body and keeps its length', () => {
    const head = parse('HTTP/1.1 200 OK¶Content-Length: 5¶¶', true);
    assert.equal(head.framing, 'none');
    assert.equal(head.length, 5);
    assert.equal(parse('HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶', true).framing, 'none');
    assert.equal(parse('HTTP/1.1 200 OK¶¶', true).keepAlive, true);
  });

  for (const [what, text, keepAlive] of [
    ['HTTP/1.1', 'HTTP/1.1 200 OK¶Content-Length: 0¶¶', true],
    ['Connection: close', 'HTTP/1.1 200 OK¶Connection: close¶Content-Length: 0¶¶', false],
    ['close in a list', 'HTTP/1.1 200 OK¶CONNECTION: x-a , CLOSE¶Content-Length: 0¶¶', false],
    ['close in a second field', 'HTTP/1.1 200 OK¶Connection: x¶Connection: close¶Content-Length: 0¶¶', false],
    ['another token', 'HTTP/1.1 200 OK¶Connection: closed¶Content-Length: 0¶¶', true],
    ['HTTP/1.0', 'HTTP/1.0 200 OK¶Content-Length: 0¶¶', false],
    ['HTTP/1.0 keep-alive', 'HTTP/1.0 200 OK¶Connection: keep-alive¶Content-Length: 0¶¶', true],
    ['close-delimited', 'HTTP/1.1 200 OK¶Connection: keep-alive¶¶', false],
    [
      'close wins over keep-alive',
      'HTTP/1.1 200 OK¶Connection: close, keep-alive¶Content-Length: 0¶¶',
      false,
    ],
    ['close wins on HTTP/1.0', 'HTTP/1.0 200 OK¶Connection: close, keep-alive¶Content-Length: 0¶¶', false],
    [
      'close wins over a later keep-alive on HTTP/1.0',
      'HTTP/1.0 200 OK¶Connection: close¶Connection: keep-alive¶Content-Length: 0¶¶',
      false,
    ],
  ] as const) {
    test(`keep-alive: ${what}`, () => assert.equal(parse(text).keepAlive, keepAlive));
  }

  for (const [value, hint] of [
    ['timeout=5', 5],
    ['timeout=5, max=100', 5],
    ['max=100, Timeout=15', 15],
    ['timeout=0', 0],
    ['max=1', -1],
    ['timeout=x', -1],
    ['xtimeout=5', -1],
    ['', -1],
  ] as const) {
    test(`Keep-Alive: ${value || 'empty'}`, () => {
      assert.equal(parse(`HTTP/1.1 200 OK¶Keep-Alive: ${value}¶¶`).idleHint, hint);
    });
  }
});

suite('a response head is refused', () => {
  const fields = (count: number) => 'X: y¶'.repeat(count);
  for (const [what, text] of [
    ['HTTP/0.9', 'hello¶¶'],
    ['HTTP/2', 'HTTP/2 200 OK¶Server: x¶¶'],
    ['HTTP/2 bytes', '\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64¶¶'],
    ['HTTP/1.2', 'HTTP/1.2 200 OK¶¶'],
    ['lower case', 'http/1.1 200 OK¶¶'],
    ['leading space', ' HTTP/1.1 200 OK¶¶'],
    ['status 99', 'HTTP/1.1 099 OK¶¶'],
    ['two digits', 'HTTP/1.1 99 OK¶¶'],
    ['status 600', 'HTTP/1.1 600 OK¶¶'],
    ['status 999', 'HTTP/1.1 999 OK¶¶'],
    ['four digits', 'HTTP/1.1 2000 OK¶¶'],
    ['text for status', 'HTTP/1.1 abc OK¶¶'],
    ['negative status', 'HTTP/1.1 -20 OK¶¶'],
    ['two spaces', 'HTTP/1.1  200 OK¶¶'],
    ['tab for space', 'HTTP/1.1\t200 OK¶¶'],
    ['CR in the reason', 'HTTP/1.1 200 OK\rX: y¶¶'],
    ['LF ends the status line', 'HTTP/1.1 200 OK\nX: y¶¶'],
    ['NUL in the reason', 'HTTP/1.1 200 O\x00K¶¶'],
    ['no colon', 'HTTP/1.1 200 OK¶foo¶¶'],
    ['empty name', 'HTTP/1.1 200 OK¶: x¶¶'],
    ['space before the colon', 'HTTP/1.1 200 OK¶Content-Length : 5¶¶'],
    ['folded line', 'HTTP/1.1 200 OK¶A: b¶ c¶¶'],
    ['space before the first field', 'HTTP/1.1 200 OK¶ A: b¶¶'],
    ['NUL in a name', 'HTTP/1.1 200 OK¶A\x00: b¶¶'],
    ['obs-text in a name', 'HTTP/1.1 200 OK¶A\xe9: b¶¶'],
    ['NUL in a value', 'HTTP/1.1 200 OK¶A: b\x00c¶¶'],
    ['\\x01 in a value', 'HTTP/1.1 200 OK¶A: b\x01c¶¶'],
    ['DEL in a value', 'HTTP/1.1 200 OK¶A: b\x7fc¶¶'],
    ['bare CR in a value', 'HTTP/1.1 200 OK¶A: b\rc¶¶'],
    ['bare LF in a value', 'HTTP/1.1 200 OK¶A: b\nc: d¶¶'],
    ['bare LF ends a line', 'HTTP/1.1 200 OK¶A: b\nC: d¶¶'],
    ['two lengths', 'HTTP/1.1 200 OK¶Content-Length: 5¶Content-Length: 6¶¶'],
    ['two equal lengths', 'HTTP/1.1 200 OK¶Content-Length: 5¶content-length: 5¶¶'],
    ['a list of lengths', 'HTTP/1.1 200 OK¶Content-Length: 5, 5¶¶'],
    ['+5', 'HTTP/1.1 200 OK¶Content-Length: +5¶¶'],
    ['-0', 'HTTP/1.1 200 OK¶Content-Length: -0¶¶'],
    ['0x5', 'HTTP/1.1 200 OK¶Content-Length: 0x5¶¶'],
    ['5 5', 'HTTP/1.1 200 OK¶Content-Length: 5 5¶¶'],
    ['empty length', 'HTTP/1.1 200 OK¶Content-Length:¶¶'],
    ['2^64', 'HTTP/1.1 200 OK¶Content-Length: 18446744073709551616¶¶'],
    ['length and chunked', 'HTTP/1.1 200 OK¶Content-Length: 5¶Transfer-Encoding: chunked¶¶'],
    ['chunked and length', 'HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶Content-Length: 5¶¶'],
    ['gzip, chunked', 'HTTP/1.1 200 OK¶Transfer-Encoding: gzip, chunked¶¶'],
    ['identity', 'HTTP/1.1 200 OK¶Transfer-Encoding: identity¶¶'],
    ['chunked twice', 'HTTP/1.1 200 OK¶Transfer-Encoding: chunked, chunked¶¶'],
    ['two codings', 'HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶Transfer-Encoding: chunked¶¶'],
    ['chunked with a vertical tab', 'HTTP/1.1 200 OK¶Transfer-Encoding:\x0bchunked¶¶'],
    ['chunked on HTTP/1.0', 'HTTP/1.0 200 OK¶Transfer-Encoding: chunked¶¶'],
    ['204 with a length', 'HTTP/1.1 204 No Content¶Content-Length: 5¶¶'],
    ['204 with chunked', 'HTTP/1.1 204 No Content¶Transfer-Encoding: chunked¶¶'],
    ['too many fields', `HTTP/1.1 200 OK¶${fields(MAX_FIELDS + 1)}¶`],
  ] as const) {
    test(what, () => assert.throws(() => parse(text), MalformedMessage));
  }

  test('what is refused is refused for an answer to HEAD, too', () => {
    assert.throws(
      () => parse('HTTP/1.1 200 OK¶Content-Length: 5¶Content-Length: 6¶¶', true),
      MalformedMessage,
    );
  });

  test('as many fields as the limit allows are read', () => {
    assert.equal(parse(`HTTP/1.1 200 OK¶${fields(MAX_FIELDS)}¶`).fields.length, MAX_FIELDS * 2);
  });
});

suite('small things', () => {
  test('trailers are trimmed and checked like fields', () => {
    const bytes = bytesOf('A: 1¶B:\t2 ¶');
    assert.deepEqual(parseTrailers(bytes, 0, bytes.length), ['A', '1', 'B', '2']);
    for (const text of ['A 1¶', ': x¶', 'A: b\x00¶', 'A: b\nC: d¶', ' A: b¶', 'A : b¶']) {
      const wrong = bytesOf(text);
      assert.throws(() => parseTrailers(wrong, 0, wrong.length), MalformedMessage, text);
    }
  });

  test('a token is found in a list whatever its case, and not inside another one', () => {
    assert.equal(hasToken('close', 'close'), true);
    assert.equal(hasToken('a ,\tClose', 'close'), true);
    assert.equal(hasToken('xclose, closed', 'close'), false);
    assert.equal(hasToken('', 'close'), false);
  });
});
