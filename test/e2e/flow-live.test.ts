// Streams that live: events arrive when they are sent, uploads end as clients expect, and when one side leaves
// in the middle of a long transfer, the other one is told within a second.
// needs: curl
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { temporaryFolder } from '../support/fixtures.ts';
import { startGateway } from '../support/gateway-process.ts';
import { RawConnection } from '../support/raw-client.ts';
import { answer, type RecordingReplica, type Script, startReplica } from '../support/recording-replica.ts';
import { suiteScope } from '../support/suite-scope.ts';

const MB = 1024 ** 2;
const scope = suiteScope();
const replica = await startReplica(scope);
const early = await startReplica(scope, answer('too large', {}, 413), { when: 'head' });
const gateway = await startGateway(scope, {
  upstreams: { a: { replicas: [replica.url] }, early: { replicas: [early.url] } },
  hosts: {
    'a.test': { routes: { '/*': { proxy: 'a' }, '/early': { proxy: 'early' } } },
    'packed.test': { routes: { '/*': { proxy: 'a', compress: { minSize: '1b' } } } },
  },
});

async function open(bytes: string): Promise<RawConnection> {
  const connection = await RawConnection.open(gateway.port);
  scope.after(() => connection.destroy());
  await connection.send(bytes);
  return connection;
}

const get = (path: string, host = 'a.test', fields = '') =>
  open(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${fields}\r\n`);

/** Sends `count` events, the next one only when the test has seen the one before. */
class Events {
  readonly #type: string;
  #next: (() => void) | undefined;

  constructor(type: string) {
    this.#type = type;
  }

  readonly script: Script = async (_, on) => {
    on.write(`HTTP/1.1 200 OK\r\nContent-Type: ${this.#type}\r\nTransfer-Encoding: chunked\r\n\r\n`);
    for (let i = 0; i < 20; i++) {
      await new Promise<void>((resolve) => {
        this.#next = resolve;
      });
      const event = `data: ${i}\n\n`;
      on.write(`${event.length.toString(16)}\r\n${event}\r\n`);
    }
    on.write('0\r\n\r\n');
  };

  send(): void {
    this.#next?.();
  }
}

/** Takes the head and the chunk framing off what has arrived so far. */
function bodyOf(bytes: Buffer): Buffer {
  const pieces: Buffer[] = [];
  let at = bytes.indexOf('\r\n\r\n') + 4;
  for (;;) {
    const end = bytes.indexOf('\r\n', at);
    if (end === -1) return Buffer.concat(pieces);
    const size = Number.parseInt(bytes.toString('latin1', at, end), 16);
    if (size === 0 || bytes.length < end + 2 + size) return Buffer.concat(pieces);
    pieces.push(bytes.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
}

const unpack: Record<string, (bytes: Buffer) => Buffer> = {
  identity: (bytes) => bytes,
  gzip: (bytes) => zlib.gunzipSync(bytes, { finishFlush: zlib.constants.Z_SYNC_FLUSH }),
  br: (bytes) => zlib.brotliDecompressSync(bytes, { finishFlush: zlib.constants.BROTLI_OPERATION_FLUSH }),
  zstd: (bytes) => zlib.zstdDecompressSync(bytes, { finishFlush: zlib.constants.ZSTD_e_flush }),
};

for (const [type, host, encoding] of [
  ['text/event-stream', 'a.test', 'identity'],
  // An event stream is never compressed, whatever the route and the client say.
  ['text/event-stream; charset=utf-8', 'packed.test', 'identity'],
  ['application/x-ndjson', 'packed.test', 'gzip'],
  ['application/x-ndjson', 'packed.test', 'br'],
  ['application/x-ndjson', 'packed.test', 'zstd'],
] as const) {
  test(`each event arrives before the next is sent: ${type}, ${encoding} on ${host}`, async () => {
    const events = new Events(type);
    replica.script = events.script;
    const accept = encoding === 'identity' ? 'gzip' : encoding;
    const client = await get('/events', host, `Accept-Encoding: ${accept}\r\n`);
    const chunks: Buffer[] = [];
    client.socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    // The head is there before the first event.
    const until = async (what: string, condition: () => boolean) => {
      const end = performance.now() + 2000;
      while (!condition()) {
        assert.ok(performance.now() < end, `${what}: ${Buffer.concat(chunks).toString('latin1')}`);
        await sleep(1);
      }
    };
    await until('no head', () => Buffer.concat(chunks).includes('\r\n\r\n'));
    const head = Buffer.concat(chunks).toString('latin1');
    if (encoding === 'identity') assert.doesNotMatch(head, /content-encoding/i);
    else assert.match(head, new RegExp(`content-encoding: ${encoding}`, 'i'));
    let slowest = 0;
    let expected = '';
    for (let i = 0; i < 20; i++) {
      expected += `data: ${i}\n\n`;
      const start = performance.now();
      events.send();
      await until(`event ${i} is late`, () => {
        const body = bodyOf(Buffer.concat(chunks));
        return body.length > 0 && unpack[encoding]!(body).toString() === expected;
      });
      slowest = Math.max(slowest, performance.now() - start);
    }
    assert.ok(slowest < 500, `${Math.round(slowest)} ms`);
    assert.match((await client.response()).reason, /OK/);
  });
}

const run = promisify(execFile);
async function curl(...args: string[]): Promise<string> {
  const url = `http://127.0.0.1:${gateway.port}`;
  const { stdout } = await run('curl', [
    '-sS',
    '--max-time',
    '20',
    '-H',
    'Host: a.test',
    ...args.map((arg) => arg.replace('URL', url)),
  ]);
  return stdout;
}

test('curl -T of 5 MB, which waits for 100 Continue', async (t) => {
  const folder = await temporaryFolder(t, { 'up.bin': Buffer.alloc(5 * MB, 'ab') });
  replica.script = (request) => answer(`${request.method} ${request.bodySize}`);
  const start = performance.now();
  const out = await curl('-i', '-H', 'Expect: 100-continue', '-T', `${folder}/up.bin`, 'URL/put');
  assert.match(out, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
  assert.match(out, /PUT 5242880$/);
  // curl goes on by itself after a second; it did not have to.
  assert.ok(performance.now() - start < 900, `${Math.round(performance.now() - start)} ms`);
  assert.doesNotMatch(replica.requests.at(-1)!.head, /expect/i);
  assert.equal(replica.requests.at(-1)!.complete, true);
});

for (const expect of ['Expect: 100-continue', 'Expect:']) {
  test(`curl sees an early 413 (${expect})`, async (t) => {
    const folder = await temporaryFolder(t, { 'up.bin': Buffer.alloc(50 * MB, 'ab') });
    const out = await curl('-i', '-H', expect, '-T', `${folder}/up.bin`, 'URL/early');
    assert.match(out, /HTTP\/1\.1 413 /);
    assert.match(out, /too large$/);
    await early.until((it) => it.openConnections === 0, 3000);
  });
}

/** Sends without end until the connection is gone. */
const endless: Script = async (_, on) => {
  on.write(`HTTP/1.1 200 OK\r\nContent-Length: ${1024 * MB}\r\n\r\n`);
  const block = Buffer.alloc(MB);
  while (!on.socket.destroyed) if (!on.write(block)) await sleep(1);
};
const connectionOf = (it: RecordingReplica) => it.connections[it.requests.at(-1)!.connection]!;

for (const leave of ['reset', 'destroy'] as const) {
  test(`the client leaves in the middle of a download (${leave})`, async () => {
    replica.script = endless;
    const client = await get('/endless');
    client.keeping = false;
    while (client.received < 64 * MB) await sleep(2);
    client[leave]();
    const on = connectionOf(replica);
    await replica.until(() => on.closed, 1000);
  });

  test(`a client that does not read leaves (${leave})`, async () => {
    replica.script = endless;
    const client = await get('/endless');
    client.keeping = false;
    while (client.received < MB) await sleep(2);
    client.pause();
    await sleep(300);
    client[leave]();
    const on = connectionOf(replica);
    await replica.until(() => on.closed, 1000);
  });
}

for (const leave of ['reset', 'end'] as const) {
  test(`the replica leaves in the middle of a download (${leave})`, async () => {
    replica.script = async (_, on) => {
      on.write(`HTTP/1.1 200 OK\r\nContent-Length: ${1024 * MB}\r\n\r\n`);
      on.write(Buffer.alloc(8 * MB));
      await sleep(300);
      on[leave]();
    };
    const client = await get('/cut');
    client.keeping = false;
    // A reset takes the bytes with it that the kernel had not delivered yet.
    while (client.received < 4 * MB) await sleep(2);
    const closed = await client.closing(1500);
    assert.ok(client.received < 1024 * MB);
    assert.equal(closed, 'reset', 'not cleanly ended');
  });

  test(`the replica leaves in the middle of an upload (${leave})`, async () => {
    const before = replica.requests.length;
    const client = await open(`POST /up HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${1024 * MB}\r\n\r\n`);
    await replica.until((it) => it.requests.length > before);
    const on = connectionOf(replica);
    const block = Buffer.alloc(256 * 1024);
    let answered = false;
    const response = client.response('POST', 3000).finally(() => {
      answered = true;
    });
    let left = 0;
    for (let i = 0; i < 2000 && !answered; i++) {
      await client.send(block, 1);
      if (i === 20) {
        left = performance.now();
        on[leave]();
        on.socket.destroy();
      }
    }
    assert.equal((await response).status, 502);
    assert.ok(performance.now() - left < 1500);
    await client.closing(3000);
  });
}
