// The `compress` policy on answers of replicas: which coding, from which size, and streams that are not held back.
// What must be left alone is in conformance/co-compression.test.ts.

import assert from 'node:assert/strict';
import { before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  brotliDecompressSync,
  createBrotliDecompress,
  createGunzip,
  createZstdDecompress,
  gunzipSync,
  zstdDecompressSync,
} from 'node:zlib';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';
import { ask, type Reply, requestBytes } from '../support/plain-request.ts';
import { connectRaw } from '../support/raw-client.ts';
import { answer, type RecordingReplica, startReplica } from '../support/recording-replica.ts';
import { suiteScope } from '../support/suite-scope.ts';

const TEXT = { 'Content-Type': 'text/plain' };
const text = (length: number): string =>
  'a text that repeats itself '.repeat(length / 27 + 1).slice(0, length);

const scope = suiteScope();
let replica: RecordingReplica;
let gateway: GatewayProcess;

before(async () => {
  replica = await startReplica(scope);
  gateway = await startGateway(scope, {
    workers: 1,
    upstreams: { api: { replicas: [replica.url] } },
    hosts: {
      'a.test': {
        policies: { headers: { response: { remove: ['etag', 'x-secret'], set: { Vary: 'X-Ours' } } } },
        routes: { '/*': { proxy: 'api' } },
      },
      'plain.test': { routes: { '/*': { proxy: 'api' } } },
      'seed.test': {
        policies: { compress: { encodings: ['gzip'], minSize: '1kb' } },
        routes: {
          '/*': { proxy: 'api' },
          '/br/*': { proxy: 'api', compress: { encodings: ['br', 'gzip'], minSize: '10b' } },
        },
      },
      'off.test': {
        policies: { compress: false },
        routes: { '/*': { proxy: 'api' }, '/on/*': { proxy: 'api', compress: {} } },
      },
    },
  });
});

beforeEach(() => {
  replica.script = () => answer(text(5000), TEXT);
});

const EVERYTHING = 'gzip, deflate, br, zstd';
const get = (host: string, target = '/x', accept = EVERYTHING): Promise<Reply> =>
  ask(gateway.port, target, { host, headers: { 'Accept-Encoding': accept } });

test('the client decides, the gateway breaks ties, and only what is configured is offered', async () => {
  const cases: [host: string, target: string, accept: string, coding: string | undefined][] = [
    ['plain.test', '/x', EVERYTHING, 'zstd'],
    ['plain.test', '/x', 'gzip, br;q=0.9', 'gzip'],
    ['seed.test', '/x', EVERYTHING, 'gzip'],
    ['seed.test', '/x', 'br, zstd', undefined],
    ['seed.test', '/br/x', EVERYTHING, 'br'],
    ['off.test', '/x', EVERYTHING, undefined],
    ['off.test', '/on/x', EVERYTHING, 'zstd'],
  ];
  for (const [host, target, accept, coding] of cases) {
    assert.equal(
      (await get(host, target, accept)).header('content-encoding'),
      coding,
      `${host}${target} ${accept}`,
    );
  }
});

test('the smallest size is kept to the byte, whether the length is told or not', async () => {
  for (const size of [0, 1, 1023, 1024, 32 * 1024, 32 * 1024 + 1, 1_000_000]) {
    const body = text(size);
    const chunked = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n${size === 0 ? '' : `${size.toString(16)}\r\n${body}\r\n`}0\r\n\r\n`;
    const told = answer(body, TEXT);
    for (const [name, bytes] of Object.entries({ told, chunked })) {
      replica.script = () => bytes;
      const reply = await get('seed.test');
      const packed = reply.header('content-encoding') === 'gzip';
      if (size >= 1024) assert.equal(packed, true, `${size} ${name}`);
      // A large body without length may have begun to leave before its end was seen; a small one has not.
      if (size < 1024) assert.equal(packed, false, `${size} ${name}`);
      assert.equal((packed ? gunzipSync(reply.body) : reply.body).toString(), body, `${size} ${name}`);
    }
  }
});

test('gzip is as small as level 6 makes it', async () => {
  replica.script = () => answer(text(20_000), TEXT);
  const { length } = (await get('seed.test')).body;
  assert.ok(length < 200, String(length));
});

for (const coding of ['gzip', 'br', 'zstd']) {
  test(`a stream is compressed with ${coding}, and no chunk waits for the next`, async (t) => {
    const lines = ['first line\n', 'second line\n', 'third line\n'];
    const next: (() => void)[] = [];
    replica.script = async (_request, on) => {
      on.write('HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n');
      for (const line of lines) {
        on.write(`${line.length.toString(16)}\r\n${line}\r\n`);
        await new Promise<void>((resolve) => next.push(resolve));
      }
      on.write('0\r\n\r\n');
    };
    const client = await connectRaw(t, gateway.port);
    await client.send(requestBytes('/lines', { host: 'plain.test', headers: { 'Accept-Encoding': coding } }));
    const decoder = { gzip: createGunzip, br: createBrotliDecompress, zstd: createZstdDecompress }[coding]!();
    let seen = '';
    decoder.on('data', (chunk: Buffer) => (seen += chunk.toString()));
    let raw = Buffer.alloc(0);
    let fed = 0;
    const feed = (): void => {
      const start = raw.indexOf('\r\n\r\n');
      if (start === -1) return;
      const bodies = dechunk(raw.subarray(start + 4));
      decoder.write(bodies.subarray(fed));
      fed = bodies.length;
    };
    client.socket.on('data', (chunk: Buffer) => {
      raw = Buffer.concat([raw, chunk]);
      feed();
    });
    for (let i = 0; i < lines.length; i++) {
      const until = performance.now() + 3000;
      const expected = lines.slice(0, i + 1).join('');
      while (seen !== expected && performance.now() < until) await sleep(5);
      assert.equal(seen, expected);
      next[i]!();
    }
    assert.match(raw.toString('latin1'), new RegExp(`content-encoding: ${coding}`, 'i'));
    decoder.destroy();
  });
}

/** The data of all whole chunks. */
function dechunk(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const line = bytes.indexOf('\r\n', at);
    if (line === -1) break;
    const size = Number.parseInt(bytes.toString('latin1', at, line), 16);
    if (size === 0 || bytes.length < line + 2 + size + 2) break;
    parts.push(bytes.subarray(line + 2, line + 2 + size));
    at = line + 2 + size + 2;
  }
  return Buffer.concat(parts);
}

test('an event stream is passed on event by event, as it is', async (t) => {
  let more = (): void => {};
  replica.script = async (_request, on) => {
    on.write(
      'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n',
    );
    await new Promise<void>((resolve) => (more = resolve));
    on.write('9\r\ndata: 2\n\n\r\n0\r\n\r\n');
  };
  const client = await connectRaw(t, gateway.port);
  await client.send(
    requestBytes('/events', { host: 'plain.test', headers: { 'Accept-Encoding': EVERYTHING } }),
  );
  let raw = '';
  client.socket.on('data', (chunk: Buffer) => (raw += chunk.toString('latin1')));
  const until = performance.now() + 3000;
  while (!raw.includes('data: 1\n\n') && performance.now() < until) await sleep(5);
  assert.ok(raw.includes('data: 1\n\n'));
  more();
  const reply = await client.response();
  assert.equal(reply.body.toString(), 'data: 1\n\ndata: 2\n\n');
  assert.equal(/content-encoding/i.test(raw), false);
});

test('other policies may drop or set what compression would change', async () => {
  replica.script = () =>
    answer(text(5000), { ...TEXT, 'X-Secret': 's', ETag: '"v"', Vary: 'Origin', 'X-Z': 'z' });
  const reply = await get('a.test', '/x', 'br');
  assert.equal(brotliDecompressSync(reply.body).toString(), text(5000));
  assert.deepEqual(
    ['etag', 'x-secret', 'x-z'].map((name) => reply.header(name)),
    [undefined, undefined, 'z'],
  );
  const vary = reply.headers.filter((_, i, all) => i % 2 === 1 && /^vary$/i.test(all[i - 1]!));
  assert.deepEqual(vary.sort(), ['X-Ours', 'accept-encoding']);
});

test('fields that Connection names are gone, and the others stay whole', async () => {
  const fields = { Connection: 'keep-alive, X-Hop', 'X-Hop': '1', ...TEXT, ETag: '"v"', Vary: 'Origin' };
  replica.script = () => answer(text(5000), fields);
  const reply = await get('plain.test', '/x', 'zstd');
  assert.equal(zstdDecompressSync(reply.body).toString(), text(5000));
  const values = ['x-hop', 'etag', 'vary', 'content-type'].map((name) => reply.header(name));
  assert.deepEqual(values, [undefined, 'W/"v"', 'Origin, accept-encoding', 'text/plain']);
});
