// Server-sent events and other streams without an end: each event arrives before the next one is sent, silence is cut
// by the route's own time alone, and who leaves is noticed on the other side.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startGateway } from '../support/gateway-process.ts';
import { eventually } from '../support/held-answers.ts';
import { connectRaw, type RawConnection } from '../support/raw-client.ts';
import {
  type RecordingReplica,
  type ReplicaConnection,
  type Script,
  startReplica,
} from '../support/recording-replica.ts';
import { suiteScope } from '../support/suite-scope.ts';
import { startSupervised } from '../support/supervised-gateway.ts';

const EVENTS = 'Content-Type: text/event-stream\r\n';
const CHUNKED = 'Transfer-Encoding: chunked\r\n';

const chunk = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;

/** Answers with a head and leaves the rest to the test. */
const begins =
  (head: string): Script =>
  (_, on) =>
    void on.write(`HTTP/1.1 200 OK\r\n${head}\r\n`);

const scope = suiteScope();
const replica = await startReplica(scope, begins(EVENTS + CHUNKED));
const gateway = await startGateway(scope, {
  workers: 2,
  upstreams: {
    api: { replicas: [replica.url] },
    // As somebody might set it for an API.
    strict: { replicas: [replica.url], timeouts: { idle: '1s', response: '1s' } },
    patient: { replicas: [replica.url], timeouts: { idle: '1h' } },
  },
  hosts: {
    'a.test': {
      policies: { compress: { minSize: '1b' } },
      routes: {
        '/*': { proxy: 'api' },
        '/strict/*': { proxy: 'strict' },
        '/strict/events': { proxy: 'strict', timeouts: { idle: '4s' } },
        '/patient/events': { proxy: 'patient', timeouts: { idle: '2s' } },
        '/split/*': { proxy: { split: { api: 50, patient: 50 } } },
        '/spa/*': { spa: { upstream: 'api' } },
      },
    },
  },
});

interface Stream {
  readonly client: RawConnection;
  readonly on: ReplicaConnection;
  /** Everything the client got so far. */
  text(): string;
}

async function open(path: string, fields = '', version = '1.1', method = 'GET'): Promise<Stream> {
  const before = replica.requests.length;
  const client = await connectRaw(scope, gateway.port);
  let got = '';
  client.socket.on('data', (bytes: Buffer) => {
    got += bytes.toString('latin1');
  });
  await client.send(`${method} ${path} HTTP/${version}\r\nHost: a.test\r\n${fields}\r\n`);
  await replica.until(({ requests }) => requests.length > before, 10_000);
  const on = replica.connections[replica.requests.at(-1)!.connection]!;
  await eventually('the head is there before the first event', () => got.includes('\r\n\r\n'));
  return { client, on, text: () => got };
}

for (const [what, head, path, version] of [
  ['chunked', EVENTS + CHUNKED, '/events', '1.1'],
  ['up to the close', EVENTS, '/events', '1.1'],
  ['with a charset', `Content-Type: text/event-stream; charset=utf-8\r\n${CHUNKED}`, '/events', '1.1'],
  ['for HTTP/1.0', EVENTS + CHUNKED, '/events', '1.0'],
  ['behind a split', EVENTS + CHUNKED, '/split/events', '1.1'],
  ['from the container of an SPA', EVENTS + CHUNKED, '/spa/events', '1.1'],
  ['other text', `Content-Type: text/plain\r\nCache-Control: no-transform\r\n${CHUNKED}`, '/log', '1.1'],
] as const) {
  test(`each event arrives before the next one is sent: ${what}`, async () => {
    replica.script = begins(head);
    const stream = await open(
      path,
      'Accept: text/event-stream\r\nAccept-Encoding: gzip, br, zstd\r\n',
      version,
    );
    for (let i = 0; i < 30; i++) {
      // A byte, and as much as fits into no single read.
      const event = `data: ${i} ${'x'.repeat(i % 10 === 9 ? 200_000 : i)} end${i}\n\n`;
      stream.on.write(head.includes(CHUNKED) ? chunk(event) : event);
      await eventually(
        `event ${i}`,
        () => stream.text().endsWith(`end${i}\n\n`) || stream.text().endsWith(`end${i}\n\n\r\n`),
        5000,
      );
    }
    assert.doesNotMatch(stream.text(), /content-encoding/i);
    assert.doesNotMatch(stream.text().slice(0, 2000), /content-length/i);
    stream.client.destroy();
  });
}

test('a request that goes on while its answer does', async () => {
  const early = await startReplica(scope, (_, on) => void on.write(`HTTP/1.1 200 OK\r\n${CHUNKED}\r\n`), {
    when: 'head',
  });
  const other = await startGateway(scope, {
    upstreams: { api: { replicas: [early.url] } },
    hosts: { 'a.test': { routes: { '/*': { proxy: 'api' } } } },
  });
  const client = await connectRaw(scope, other.port);
  let got = '';
  client.socket.on('data', (bytes: Buffer) => {
    got += bytes.toString('latin1');
  });
  await client.send(`POST /talk HTTP/1.1\r\nHost: a.test\r\n${CHUNKED}\r\n`);
  await eventually('the head', () => got.includes('\r\n\r\n'));
  for (let i = 0; i < 20; i++) {
    await client.send(chunk(`ask ${i};`));
    await early.until(
      ({ requests }) => requests[0]!.bodySize > 0 && early.connections[0]!.bytes.includes(`ask ${i};`),
    );
    early.connections[0]!.write(chunk(`answer ${i};`));
    await eventually('the answer', () => got.includes(`answer ${i};`), 5000);
  }
  await client.send('0\r\n\r\n');
  await early.until(({ requests }) => requests[0]!.complete);
  early.connections[0]!.write('0\r\n\r\n');
  await eventually('the end', () => got.endsWith('0\r\n\r\n'));
});

test("silence is cut after the route's own time, and not before: longer than its upstream's", async () => {
  replica.script = begins(EVENTS + CHUNKED);
  const stream = await open('/strict/events');
  for (let i = 0; i < 3; i++) {
    // The upstream's own would be over.
    await sleep(2200);
    assert.equal(stream.client.closed, 'open');
    stream.on.write(chunk(`data: ${i}\n\n`));
    await eventually(`event ${i}`, () => stream.text().includes(`data: ${i}\n\n`));
  }
  const since = performance.now();
  assert.equal(await stream.client.closing(15_000), 'reset', 'nobody takes it for the end');
  const took = performance.now() - since;
  assert.ok(took > 3700 && took < 9000, `${Math.round(took)} ms`);
  await replica.until(() => stream.on.closed, 5000);
});

test("silence is cut after the route's own time: shorter than its upstream's", async () => {
  replica.script = begins(EVENTS + CHUNKED);
  const stream = await open('/patient/events');
  const since = performance.now();
  assert.equal(await stream.client.closing(15_000), 'reset');
  const took = performance.now() - since;
  assert.ok(took > 1700 && took < 7000, `${Math.round(took)} ms`);
});

test('a client that reads nothing for long is no silence of the replica', async () => {
  replica.script = begins(EVENTS + CHUNKED);
  const stream = await open('/strict/slow');
  stream.client.pause();
  const block = chunk('y'.repeat(256 * 1024));
  for (let i = 0; i < 64; i++) stream.on.write(block);
  // Longer than the silence that is allowed.
  await sleep(3000);
  assert.equal(stream.on.closed, false);
  stream.client.keeping = false;
  stream.client.resume();
  await eventually('all of it', () => stream.client.received > 64 * 256 * 1024);
  stream.client.destroy();
});

for (const leave of ['reset', 'destroy', 'end'] as const) {
  for (const state of ['silent', 'sending'] as const) {
    test(`the client leaves (${leave}) a stream that is ${state}: the replica sees it within a second`, async () => {
      replica.script = begins(EVENTS + CHUNKED);
      const stream = await open('/events');
      stream.on.write(chunk('data: first\n\n'));
      await eventually('the first event', () => stream.text().includes('first'));
      stream.client[leave]();
      const timer = setInterval(() => {
        // Half-closed or gone: who gets events and says nothing may go on reading.
        if (state === 'sending' && leave !== 'end') stream.on.write(chunk('data: more\n\n'));
      }, 50);
      const begun = performance.now();
      try {
        await replica.until(() => stream.on.closed || stream.on.ended, 5000);
      } finally {
        clearInterval(timer);
      }
      const took = performance.now() - begun;
      // And what a busy machine may add.
      assert.ok(took < 1500, `${Math.round(took)} ms`);
    });
  }
}

for (const leave of ['reset', 'end'] as const) {
  test(`the replica leaves (${leave}) a stream: the client sees that it is not whole`, async () => {
    replica.script = begins(EVENTS + CHUNKED);
    const stream = await open('/events');
    stream.on.write(chunk('data: first\n\n'));
    await eventually('the first event', () => stream.text().includes('first'));
    stream.on[leave]();
    assert.equal(await stream.client.closing(5000), 'reset');
    assert.doesNotMatch(stream.text(), /\r\n0\r\n\r\n$/);
  });
}

test('streams count as under way, and the count returns to zero when their clients leave', async (t) => {
  const streaming = await startReplica(t, begins(EVENTS + CHUNKED));
  const { gateway: counted, status } = await startSupervised(t, {
    workers: 2,
    upstreams: { api: { replicas: [streaming.url], connections: { max: 50 } } },
    hosts: { 'a.test': { routes: { '/*': { proxy: 'api' } } } },
  });
  const inFlight = async () => (await status())[0]!.replicas[0]!.inFlight;
  const clients = await Promise.all(Array.from({ length: 40 }, () => connectRaw(t, counted.port)));
  for (const client of clients) await client.send('GET /events HTTP/1.1\r\nHost: a.test\r\n\r\n');
  await eventually(
    'all of them run',
    async () => (await inFlight()) === 40 && streaming.requests.length === 40,
  );
  for (const [i, client] of clients.entries()) i % 2 === 0 ? client.reset() : client.destroy();
  await eventually('none runs', async () => (await inFlight()) === 0);
  const closed = (it: RecordingReplica) => it.openConnections === 0;
  await streaming.until(closed, 10_000);
});
