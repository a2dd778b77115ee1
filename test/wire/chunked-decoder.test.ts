// The chunked decoder, fed whole, byte by byte and at every split point: the result is always the same
// (RFC 9112 section 7.1).

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ChunkedDecoder } from '../../src/wire/chunked-decoder.ts';
import { MalformedMessage } from '../../src/wire/malformed-message.ts';

interface Decoded {
  body: string;
  trailers: string[];
  done: boolean;
  /** What was not consumed. */
  rest: string;
  refused: boolean;
}

const bytesOf = (text: string) => Buffer.from(text.replaceAll('¶', '\r\n'), 'latin1');

function decode(pieces: Buffer[]): Decoded {
  const decoder = new ChunkedDecoder();
  let body = '';
  let rest = '';
  try {
    for (const piece of pieces) {
      // Margins on both sides: the decoder may look at nothing but its range.
      const bytes = Buffer.concat([Buffer.from('0\r\n\r\n'), piece, Buffer.from('\r\n\r\n')]);
      const end = 5 + piece.length;
      const at = decoder.decode(bytes, 5, end, (from, to) => {
        body += bytes.toString('latin1', from, to);
      });
      rest += bytes.toString('latin1', at, end);
    }
  } catch (error) {
    assert.ok(error instanceof MalformedMessage, String(error));
    return { body, trailers: [], done: false, rest: '', refused: true };
  }
  return { body, trailers: decoder.trailers, done: decoder.done, rest, refused: false };
}

/** Decodes in every way the bytes can arrive, and returns the one result of them all. */
function decodeEveryWay(text: string): Decoded {
  const bytes = bytesOf(text);
  const whole = decode([bytes]);
  // Of what is refused only the refusal must be the same: how much was passed on before depends on the reads.
  const compare = (other: Decoded, how: string) => {
    if (whole.refused) assert.equal(other.refused, true, how);
    else assert.deepEqual(other, whole, how);
  };
  compare(decode([...bytes].map((byte) => Buffer.from([byte]))), 'byte by byte');
  for (let at = 1; at < bytes.length; at++) {
    compare(decode([bytes.subarray(0, at), bytes.subarray(at)]), `split at ${at}`);
  }
  return whole;
}

suite('chunked bodies are decoded', () => {
  for (const [what, text, body, trailers] of [
    ['empty', '0¶¶', '', []],
    ['one chunk', '5¶hello¶0¶¶', 'hello', []],
    ['several chunks', '5¶hello¶1¶ ¶A¶0123456789¶0¶¶', 'hello 0123456789', []],
    ['hex in both cases', 'a¶0123456789¶0A¶0123456789¶0¶¶', '01234567890123456789', []],
    ['leading zeros', '0005¶hello¶000¶¶', 'hello', []],
    ['extensions', '5;a=b;c="d e"¶hello¶0;x¶¶', 'hello', []],
    ['data that looks like framing', '5¶0¶¶¶0¶¶', '0\r\n\r\n', []],
    ['CRLF in data', '4¶¶¶¶0¶¶', '\r\n\r\n', []],
    ['trailers', '1¶a¶0¶X-A: 1¶X-B:2¶¶', 'a', ['X-A', '1', 'X-B', '2']],
    ['an empty trailer value', '0¶X-A:¶¶', '', ['X-A', '']],
  ] as const) {
    test(what, () => {
      const result = decodeEveryWay(text);
      assert.deepEqual(result, { body, trailers: [...trailers], done: true, rest: '', refused: false });
    });
  }

  test('what follows the body is not touched', () => {
    for (const next of ['HTTP/1.1 200 OK¶¶', '¶', '0¶¶', 'x']) {
      const result = decodeEveryWay(`5¶hello¶0¶¶${next}`);
      assert.equal(result.body, 'hello');
      assert.equal(result.rest, next.replaceAll('¶', '\r\n'));
    }
    assert.equal(decodeEveryWay('0¶A: b¶¶A: c¶¶').rest, 'A: c\r\n\r\n');
  });

  test('a body that is not whole is not done', () => {
    const text = '5;x¶hello¶0¶A: b¶¶';
    const bytes = bytesOf(text);
    for (let at = 0; at < bytes.length; at++) {
      const result = decode([bytes.subarray(0, at)]);
      assert.equal(result.done, false, `after ${at} bytes`);
      assert.equal(result.refused, false, `after ${at} bytes`);
    }
  });

  test('a size of several gigabytes is counted exactly', () => {
    const decoder = new ChunkedDecoder();
    const size = 5 * 1024 ** 3 + 3;
    let seen = 0;
    const count = (from: number, to: number) => {
      seen += to - from;
    };
    const head = bytesOf(`${size.toString(16)}¶`);
    assert.equal(decoder.decode(head, 0, head.length, count), head.length);
    const block = Buffer.alloc(1024 ** 2);
    for (let left = size; left > 0; left -= block.length) {
      decoder.decode(block, 0, Math.min(left, block.length), count);
    }
    const tail = bytesOf('¶0¶¶');
    decoder.decode(tail, 0, tail.length, count);
    assert.equal(seen, size);
    assert.equal(decoder.done, true);
  });
});

suite('chunked bodies are refused', () => {
  for (const [what, text] of [
    ['no size', '¶hello¶0¶¶'],
    ['a space before the size', ' 5¶hello¶0¶¶'],
    ['a space after the size', '5 ¶hello¶0¶¶'],
    ['a tab after the size', '5\t¶hello¶0¶¶'],
    ['0x5', '0x5¶hello¶0¶¶'],
    ['+5', '+5¶hello¶0¶¶'],
    ['-1', '-1¶hello¶0¶¶'],
    ['5_0', '5_0¶hello¶0¶¶'],
    ['a letter beyond f', 'g¶hello¶0¶¶'],
    ['2^64', '10000000000000000¶hello¶0¶¶'],
    ['a size that wraps to 5', '10000000000000005¶hello¶0¶¶'],
    ['only an extension', ';a=b¶hello¶0¶¶'],
    ['LF ends the size', '5\nhello¶0¶¶'],
    ['CR alone ends the size', '5\rhello¶0¶¶'],
    ['LF in an extension', '5;a\nhello¶0¶¶'],
    ['CR in an extension', '5;a\rb¶hello¶0¶¶'],
    ['NUL in an extension', '5;\x00¶hello¶0¶¶'],
    ['CRLF inside a quoted extension', '5;a="x¶0¶¶GET /adm'],
    ['CRLF inside a quoted extension, data of that size', '5;a="x¶hello¶0¶¶'],
    ['an escape in a quoted extension', '5;a="\\""¶hello¶0¶¶'],
    ['a separator that is no token in an extension', '5;a=(¶hello¶0¶¶'],
    ['data too long', '5¶helloXX¶0¶¶'],
    ['data too short', '5¶hell¶0¶¶'],
    ['data ended by LF', '5¶hello\n0¶¶'],
    ['data ended by CR', '5¶hello\r0¶¶'],
    ['an extension of 64 KB', `5;${'a'.repeat(65536)}¶hello¶0¶¶`],
    ['a trailer without colon', '0¶foo¶¶'],
    ['a trailer with a control character', '0¶A: \x01¶¶'],
    ['a folded trailer', '0¶A: b¶ c¶¶'],
    ['a trailer ended by LF', '0¶A: b\nB: c¶¶'],
    ['too many trailers', `0¶${'A: b¶'.repeat(300)}¶`],
    ['trailers of 20 KB', `0¶A: ${'b'.repeat(20_000)}¶¶`],
  ] as const) {
    const everyWay = text.length < 100;
    test(what, () => {
      const bytes = bytesOf(text);
      assert.equal(everyWay ? decodeEveryWay(text).refused : decode([bytes]).refused, true);
      const halves = [bytes.subarray(0, 1000), bytes.subarray(1000)];
      assert.equal(decode(halves).refused, true, 'in two reads');
    });
  }

  test('trailers without end are refused before they fill the memory', () => {
    const decoder = new ChunkedDecoder();
    const start = bytesOf('0¶');
    decoder.decode(start, 0, start.length, () => {});
    const line = bytesOf('A: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb¶');
    assert.throws(() => {
      for (let i = 0; i < 1000; i++) decoder.decode(line, 0, line.length, () => {});
    }, MalformedMessage);
  });
});
