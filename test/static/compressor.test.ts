import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import * as zlib from 'node:zlib';
import {
  activeCompressors,
  COMPRESS_NOW_LIMIT,
  type Compressor,
  type CompressorSink,
  compressNow,
  createCompressor,
} from '../../src/static/compressor.ts';
import type { Encoding } from '../../src/static/encodings.ts';
import { proseOf } from './folder.ts';

const ENCODINGS: Encoding[] = ['gzip', 'br', 'zstd'];
const decode = { gzip: zlib.gunzipSync, br: zlib.brotliDecompressSync, zstd: zlib.zstdDecompressSync };
const decoder = {
  gzip: () => zlib.createGunzip(),
  br: () => zlib.createBrotliDecompress(),
  zstd: () => zlib.createZstdDecompress(),
};

class Output implements CompressorSink {
  readonly chunks: Buffer[] = [];
  readonly events: string[] = [];
  readonly ended: Promise<void>;
  accept = true;
  onDrained: () => void = () => undefined;
  onBytes: (chunk: Buffer) => void = () => undefined;
  #settle!: () => void;

  constructor() {
    this.ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  onChunk(chunk: Buffer): boolean {
    this.chunks.push(chunk);
    this.onBytes(chunk);
    return this.accept;
  }

  onDrain(): void {
    this.onDrained();
  }

  onEnd(): void {
    this.events.push('end');
    this.#settle();
  }

  onError(error: Error): void {
    this.events.push(error.message);
    this.#settle();
  }
}

function open(encoding: Encoding, sink: CompressorSink): Compressor {
  const compressor = createCompressor(encoding, sink);
  assert.ok(compressor);
  return compressor;
}

test('a body that is written with back-pressure comes out whole', async () => {
  const text = Buffer.from(proseOf(500_000));
  for (const encoding of ENCODINGS) {
    const output = new Output();
    const compressor = open(encoding, output);
    let at = 0;
    const feed = (): void => {
      while (at < text.length) {
        const more = compressor.write(text.subarray(at, at + 10_000));
        at += 10_000;
        if (!more) return;
      }
      compressor.end();
    };
    output.onDrained = feed;
    feed();
    assert.ok(at < text.length, 'the first burst was stopped');
    await output.ended;
    assert.deepEqual(output.events, ['end']);
    const body = Buffer.concat(output.chunks);
    assert.ok(body.length < text.length / 3);
    assert.ok(decode[encoding](body).equals(text), encoding);
  }
  assert.equal(activeCompressors(), 0);
});

test('a chunk can be decoded at once, without waiting for the next', async () => {
  for (const encoding of ENCODINGS) {
    const output = new Output();
    const compressor = open(encoding, output);
    const seen: string[] = [];
    const reading = decoder[encoding]().on('data', (chunk) => seen.push(String(chunk)));
    output.onBytes = (chunk) => reading.write(chunk);
    for (const part of ['{"n":1}\n', '{"n":2}\n', '{"n":3}\n']) {
      compressor.write(Buffer.from(part));
      const started = performance.now();
      while (!seen.join('').endsWith(part)) {
        assert.ok(performance.now() - started < 2000, `${encoding}: delayed`);
        await delay(2);
      }
    }
    compressor.end();
    await output.ended;
    reading.destroy();
  }
});

test('chunks written together are flushed once, and silence flushes nothing', async () => {
  for (const encoding of ENCODINGS) {
    const output = new Output();
    const compressor = open(encoding, output);
    for (let i = 0; i < 100; i++) compressor.write(Buffer.from(`line ${i}\n`));
    await delay(60);
    const burst = Buffer.concat(output.chunks).length;
    assert.ok(burst > 0 && burst < 500, `${encoding}: ${burst}`);
    await delay(60);
    assert.equal(Buffer.concat(output.chunks).length, burst, 'no output without input');
    compressor.end();
    await output.ended;
  }
});

test('a sink that says stop is not sent more than what was on its way', async () => {
  for (const encoding of ENCODINGS) {
    const output = new Output();
    output.accept = false;
    const compressor = open(encoding, output);
    let written = 0;
    // Noise, so that what goes in comes out.
    while (written < 10e6) {
      written += 64 * 1024;
      if (!compressor.write(randomBytes(64 * 1024))) {
        await delay(5);
        break;
      }
    }
    await delay(100);
    assert.equal(output.chunks.length, 1, encoding);
    assert.ok(written < 1e6);
    output.accept = true;
    compressor.resume();
    compressor.end();
    await output.ended;
    assert.equal(decode[encoding](Buffer.concat(output.chunks)).length, written);
  }
});

test('CO-13 a destroyed compressor is silent and gives its memory back', async () => {
  for (const encoding of ENCODINGS) {
    const output = new Output();
    const compressor = open(encoding, output);
    for (let i = 0; i < 50; i++) compressor.write(Buffer.from(proseOf(100_000, i)));
    assert.equal(activeCompressors(), 1);
    compressor.destroy();
    compressor.destroy();
    assert.equal(activeCompressors(), 0);
    const count = output.chunks.length;
    compressor.write(Buffer.from('late'));
    compressor.resume();
    compressor.end();
    await delay(50);
    assert.equal(output.chunks.length, count);
    assert.deepEqual(output.events, []);
  }
});

test('CO-13 a slow reader holds memory flat', async () => {
  const output = new Output();
  output.accept = false;
  const compressor = open('gzip', output);
  const before = process.memoryUsage().rss;
  let total = 0;
  for (let round = 0; round < 200; round++) {
    let more = true;
    while (more) {
      more = compressor.write(randomBytes(64 * 1024));
      total += 64 * 1024;
    }
    await new Promise<void>((resolve) => {
      output.onDrained = resolve;
      output.onBytes = () => setImmediate(() => compressor.resume());
      compressor.resume();
    });
    output.chunks.length = 0;
  }
  assert.ok(total > 12e6);
  assert.ok(process.memoryUsage().rss - before < 30e6);
  compressor.destroy();
});

test('CO-14 only so many compressors are open at once', () => {
  const open: Compressor[] = [];
  for (;;) {
    const compressor = createCompressor('gzip', new Output());
    if (compressor === null) break;
    open.push(compressor);
  }
  assert.equal(open.length, 512);
  open[0]!.destroy();
  const next = createCompressor('gzip', new Output());
  assert.ok(next);
  next.destroy();
  for (const compressor of open) compressor.destroy();
  assert.equal(activeCompressors(), 0);
});

test('an empty body is a valid empty stream', async () => {
  for (const encoding of ENCODINGS) {
    const output = new Output();
    const compressor = open(encoding, output);
    assert.equal(compressor.write(Buffer.alloc(0)), true);
    compressor.end();
    await output.ended;
    assert.equal(decode[encoding](Buffer.concat(output.chunks)).length, 0);
  }
});

test('small complete bodies are compressed at once, larger ones refused', () => {
  const text = proseOf(COMPRESS_NOW_LIMIT);
  for (const encoding of ENCODINGS) {
    for (const length of [0, 1, 1024, 5000, COMPRESS_NOW_LIMIT]) {
      const body = Buffer.from(text.slice(0, length));
      assert.ok(decode[encoding](compressNow(encoding, body)).equals(body), `${encoding} ${length}`);
    }
    assert.throws(() => compressNow(encoding, Buffer.alloc(COMPRESS_NOW_LIMIT + 1)), RangeError);
  }
});
