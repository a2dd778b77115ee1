// The response reader fed whole, byte by byte and at every split point, and with the output of a fuzzer that
// mutates good responses: it throws nothing but MalformedMessage and never hands out a byte beyond the framing.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { MalformedMessage } from '../../src/wire/malformed-message.ts';
import { SCRATCH } from '../../src/wire/read-buffers.ts';
import { type ReadResult, ResponseReader } from '../../src/wire/response-reader.ts';
import { parseResponse, ResponseViolation } from '../support/response-parser.ts';
import { bytesOf, generator, mutate, RESPONSES } from './mutations.ts';
import { RecordedExchange } from './recorded-exchange.ts';

interface Outcome {
  result: ReadResult | 'refused';
  interims: number[];
  fields: string[] | undefined;
  body: string;
  trailers: string[];
  /** Bytes read before the response was over; the rest belongs to nobody. */
  read: number;
}

/** Feeds reads one after another, as a socket does, and stops where a connection would. */
function feed(pieces: Buffer[], bodiless = false, upgrade = false): Outcome {
  const reader = new ResponseReader();
  const seen = new RecordedExchange();
  reader.begin(seen, bodiless, upgrade);
  let result: Outcome['result'] = 'more';
  let read = 0;
  for (const piece of pieces) {
    assert.ok(piece.length <= SCRATCH.length);
    const buffer = reader.buffer;
    // What lies in the buffer behind the read is from earlier ones and may not be looked at.
    buffer.fill('X', 0, Math.min(buffer.length, piece.length + 64));
    piece.copy(buffer);
    try {
      result = reader.read(buffer, piece.length);
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error;
      result = 'refused';
    }
    read += result === 'upgrade' ? reader.end : piece.length;
    if (result !== 'more') break;
  }
  return {
    result,
    interims: seen.interims.map(({ status }) => status),
    fields: seen.head?.fields,
    body: seen.body,
    trailers: reader.trailers,
    read,
  };
}

const inPieces = (bytes: Buffer, size: number): Buffer[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));

suite('a response is read the same however it arrives', () => {
  for (const [what, text, bodiless] of RESPONSES) {
    test(what, () => {
      const bytes = bytesOf(text);
      const whole = feed([bytes], bodiless);
      assert.equal(whole.result, 'complete');
      assert.deepEqual(feed(inPieces(bytes, 1), bodiless), whole, 'byte by byte');
      for (let at = 1; at < bytes.length; at++) {
        const parts = [bytes.subarray(0, at), bytes.subarray(at)];
        assert.deepEqual(feed(parts, bodiless), whole, `split at ${at}`);
      }
      for (let size = 0; size < bytes.length; size++) {
        assert.equal(feed([bytes.subarray(0, size)], bodiless).result, 'more', `the first ${size} bytes`);
      }
    });

    test(`${what}, with bytes behind it`, () => {
      const bytes = bytesOf(text);
      const whole = feed([bytes], bodiless);
      for (const extra of ['x', '\r\n', 'HTTP/1.1 200 OK\r\n\r\n']) {
        const more = Buffer.concat([bytes, Buffer.from(extra)]);
        const result = feed([more], bodiless);
        assert.deepEqual({ ...result, read: 0 }, { ...whole, result: 'excess', read: 0 });
      }
    });
  }

  test('a body that ends with the connection never ends by itself', () => {
    const bytes = bytesOf('HTTP/1.1 200 OK¶¶hello');
    for (const pieces of [[bytes], inPieces(bytes, 1)]) {
      const { result, body } = feed(pieces);
      assert.deepEqual([result, body], ['more', 'hello']);
    }
  });

  test('a long body moves through buffers of its own without loss', () => {
    const body = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251));
    const head = bytesOf(`HTTP/1.1 200 OK¶Content-Length: ${body.length}¶¶`);
    for (const size of [SCRATCH.length, 40_001, 1000]) {
      const outcome = feed(inPieces(Buffer.concat([head, body]), size));
      assert.equal(outcome.result, 'complete');
      assert.ok(Buffer.from(outcome.body, 'latin1').equals(body), `in reads of ${size}`);
    }
  });

  test('the head has a limit, whether it comes at once or in pieces, and whether it ends or not', () => {
    const field = `A: ${'b'.repeat(997)}¶`;
    for (const text of [`HTTP/1.1 200 OK¶${field.repeat(70)}¶`, `HTTP/1.1 200 OK¶${field.repeat(70)}`]) {
      for (const size of [SCRATCH.length, 1000]) {
        assert.equal(feed(inPieces(bytesOf(text), size)).result, 'refused');
      }
    }
    assert.equal(feed(inPieces(bytesOf(`HTTP/1.1 200 OK¶${field.repeat(60)}¶`), 1000)).result, 'more');
  });

  test('interim responses have a limit', () => {
    const one = 'HTTP/1.1 103 Early Hints¶Link: </a>¶¶';
    const few = feed([bytesOf(`${one.repeat(10)}HTTP/1.1 204 No Content¶¶`)]);
    assert.equal(few.result, 'complete');
    assert.equal(few.interims.length, 10);
    const many = feed(inPieces(bytesOf(`${one.repeat(1000)}HTTP/1.1 204 No Content¶¶`), 999));
    assert.equal(many.result, 'refused');
    assert.ok(many.interims.length <= 16);
    assert.equal(feed([bytesOf(`${'HTTP/1.1 100 Continue¶¶'.repeat(1000)}`)]).result, 'refused');
  });

  test('101 is refused: nobody asked for it', () => {
    assert.equal(feed([bytesOf('HTTP/1.1 101 Switching Protocols¶Upgrade: x¶¶')]).result, 'refused');
  });

  test('101 that was asked for ends HTTP, after interim heads too, however it arrives', () => {
    const bytes = bytesOf('HTTP/1.1 103 X¶¶HTTP/1.1 101 X¶Upgrade: x¶¶HTTP/1.1 200 OK¶¶');
    const size = bytes.indexOf('HTTP/1.1 200');
    for (let split = 1; split <= size; split++) {
      const seen = feed([bytes.subarray(0, split), bytes.subarray(split)], false, true);
      assert.deepEqual([seen.result, seen.interims, seen.body], ['upgrade', [103], ''], `split at ${split}`);
      assert.equal(seen.read, size, `split at ${split}`);
    }
  });
});

suite('mutated responses', () => {
  test('are read or refused the same way however they arrive, and as a second parser reads them', () => {
    const random = generator(0x9a7f15);
    const counts: Record<string, number> = { complete: 0, excess: 0, more: 0, refused: 0 };
    for (let round = 0; round < 20_000; round++) {
      const [, text, bodiless] = RESPONSES[random(RESPONSES.length)]!;
      const bytes = mutate(bytesOf(text), random);
      const whole = feed([bytes], bodiless);
      counts[whole.result]!++;
      const shown = JSON.stringify(bytes.toString('latin1'));
      const single = feed(inPieces(bytes, 1), bodiless);
      if (whole.result === 'excess') assert.equal(single.result, 'complete', shown);
      else assert.equal(single.result, whole.result, shown);
      if (whole.result !== 'refused') {
        const { body, fields, trailers } = whole;
        const { body: body1, fields: fields1, trailers: trailers1 } = single;
        assert.deepEqual([body1, fields1, trailers1], [body, fields, trailers], shown);
      }
      if (single.result === 'complete') agree(bytes, single, bodiless ? 'HEAD' : 'GET', shown);
    }
    // The mutations reach all four ends, each often enough to mean something.
    for (const [result, count] of Object.entries(counts)) assert.ok(count > 300, `${result}: ${count}`);
  });
});

/** The strict parser of the tests finds the same body in the same bytes, and not one byte more. */
function agree(bytes: Buffer, outcome: Outcome, method: string, shown: string): void {
  let rest = bytes;
  for (;;) {
    let parsed: ReturnType<typeof parseResponse>;
    try {
      parsed = parseResponse(rest, method, false);
    } catch (error) {
      // The test's parser is a client's: it refuses chunk extensions, HTTP/1.0 and framing on 1xx as well.
      if (error instanceof ResponseViolation) return;
      throw error;
    }
    assert.ok('response' in parsed, `the second parser waits for more: ${shown}`);
    rest = rest.subarray(parsed.size);
    if (parsed.response.status < 200) continue;
    assert.equal(parsed.response.body.toString('latin1'), outcome.body, shown);
    assert.equal(bytes.length - rest.length, outcome.read, shown);
    return;
  }
}
