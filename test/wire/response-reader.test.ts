// The response reader fed whole, byte by byte and at every split point, and with the output of a fuzzer that
// mutates good responses: it throws nothing but MalformedResponse and never hands out a byte beyond the framing.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { SCRATCH } from '../../src/wire/read-buffers.ts';
import { MalformedResponse } from '../../src/wire/response-head.ts';
import { type ReadResult, ResponseReader } from '../../src/wire/response-reader.ts';
import { parseResponse, ResponseViolation } from '../support/response-parser.ts';
import { RecordedExchange } from './recorded-exchange.ts';

const bytesOf = (text: string) => Buffer.from(text.replaceAll('¶', '\r\n'), 'latin1');

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
function feed(pieces: Buffer[], bodiless = false): Outcome {
  const reader = new ResponseReader();
  const seen = new RecordedExchange();
  reader.begin(seen, bodiless);
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
      if (!(error instanceof MalformedResponse)) throw error;
      result = 'refused';
    }
    read += piece.length;
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

const RESPONSES: [what: string, text: string, bodiless?: boolean][] = [
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
});

/** Numbers that look random and are the same each time (mulberry32). */
function generator(seed: number): (below: number) => number {
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

function mutate(bytes: Buffer, random: (below: number) => number): Buffer {
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

suite('mutated responses', () => {
  test('are read or refused the same way however they arrive, and as a second parser reads them', () => {
    const random = generator(0x9a7f15);
    const counts = { complete: 0, excess: 0, more: 0, refused: 0 };
    for (let round = 0; round < 20_000; round++) {
      const [, text, bodiless] = RESPONSES[random(RESPONSES.length)]!;
      const bytes = mutate(bytesOf(text), random);
      const whole = feed([bytes], bodiless);
      counts[whole.result]++;
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
