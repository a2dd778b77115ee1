// The line of exchanges that wait for a free connection: bounded, with a deadline, first come first served.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Scope } from '../support/fixtures.ts';
import { startGateway } from '../support/gateway-process.ts';
import { eventually, type HeldAnswers, holdAnswers } from '../support/held-answers.ts';
import { ask, asReply, requestBytes } from '../support/plain-request.ts';
import { connectRaw, type RawConnection } from '../support/raw-client.ts';
import { answer, type RecordingReplica, startReplica } from '../support/recording-replica.ts';
import { type SupervisedGateway, startSupervised } from '../support/supervised-gateway.ts';

const config = (replicas: readonly RecordingReplica[], connections: object, more: object = {}) => ({
  workers: 2,
  upstreams: { api: { replicas: replicas.map(({ url }) => url), connections, ...more } },
  hosts: { 'a.test': { routes: { '/*': { proxy: 'api' } } } },
});

interface Full extends SupervisedGateway {
  readonly replicas: readonly RecordingReplica[];
  readonly held: readonly HeldAnswers[];
  /** Sends a request that will have to wait; resolves when it does, with its client. */
  line(target: string, more?: Parameters<typeof requestBytes>[1]): Promise<RawConnection>;
}

/** Replicas with one connection each, all of them taken. */
async function full(scope: Scope, count: number, connections: object, workers = 2): Promise<Full> {
  const held = Array.from({ length: count }, holdAnswers);
  const replicas = await Promise.all(held.map(({ script }) => startReplica(scope, script)));
  const limits = { max: 1, queueTimeout: '30s', ...connections };
  const clients: RawConnection[] = [];
  // Before the gateway stops, which would wait for them to close their side.
  scope.after(() => {
    for (const client of clients) client.destroy();
  });
  const supervised = await startSupervised(scope, { ...config(replicas, limits), workers });
  const { gateway, status } = supervised;
  const send = async (target: string, more?: Parameters<typeof requestBytes>[1]) => {
    const client = await connectRaw(scope, gateway.port);
    clients.push(client);
    await client.send(requestBytes(target, more));
    return client;
  };
  for (let i = 0; i < count; i++) await send('/first');
  await eventually('all replicas are busy', () => held.every(({ waiting }) => waiting === 1));
  const line: Full['line'] = async (target, more) => {
    const before = (await status())[0]!.queued;
    const client = await send(target, more);
    await eventually('it stands in the line', async () => (await status())[0]!.queued === before + 1);
    return client;
  };
  return { ...supervised, replicas, held, line };
}

test('beyond `queue`: 503 with Retry-After at once; those in the line are served', async (t) => {
  const { gateway, held, line } = await full(t, 1, { queue: 3 });
  const waiting = [await line('/1'), await line('/2'), await line('/3')];
  for (const method of ['GET', 'POST', 'HEAD']) {
    const reply = await ask(gateway.port, '/4', { method, ...(method === 'POST' && { body: 'x' }) });
    assert.equal(reply.status, 503);
    assert.match(reply.header('retry-after')!, /^[1-9]\d*$/);
    if (method !== 'HEAD') assert.match(reply.text, /UPSTREAM_BUSY/);
  }
  const page = await ask(gateway.port, '/4', { headers: { accept: 'text/html' } });
  assert.match(page.header('content-type')!, /^text\/html/);
  assert.doesNotMatch(page.text, /127\.0\.0\.1|queue/);
  held[0]!.open();
  for (const client of waiting) assert.equal((await client.response()).status, 200);
});

test('the line is as long as `queue` for each replica', async (t) => {
  const { gateway, held, line } = await full(t, 3, { queue: 2 });
  const waiting: RawConnection[] = [];
  for (let i = 0; i < 6; i++) waiting.push(await line(`/${i}`));
  assert.equal((await ask(gateway.port, '/7')).status, 503);
  for (const one of held) one.open();
  for (const client of waiting) assert.equal((await client.response()).status, 200);
});

test('`queue: 0` lets none wait', async (t) => {
  const { gateway, held } = await full(t, 1, { queue: 0 });
  assert.equal((await ask(gateway.port, '/x')).status, 503);
  held[0]!.open();
  await eventually('it is free again', async () => (await ask(gateway.port, '/x')).status === 200);
});

test('`queueTimeout`: 503 after that time and not before, and the line goes on', async (t) => {
  const { gateway, held, replicas, status } = await full(t, 1, { queueTimeout: '1s' });
  const start = performance.now();
  const replies = await Promise.all([1, 2, 3].map((n) => ask(gateway.port, `/${n}`)));
  const took = performance.now() - start;
  for (const reply of replies) {
    assert.equal(reply.status, 503);
    assert.match(reply.text, /UPSTREAM_BUSY/);
    assert.match(reply.header('retry-after')!, /^[1-9]\d*$/);
  }
  assert.ok(took >= 850 && took < 5000, `${Math.round(took)} ms`);
  assert.equal((await status())[0]!.queued, 0);
  held[0]!.open();
  assert.equal((await ask(gateway.port, '/4')).status, 200);
  assert.deepEqual(
    replicas[0]!.requests.map(({ target }) => target),
    ['/first', '/4'],
  );
});

test('first come, first served', async (t) => {
  // Of one worker: each has a line of its own.
  const { replicas, held, line } = await full(t, 1, {}, 1);
  const targets = Array.from({ length: 12 }, (_, i) => `/${i}`);
  const clients: RawConnection[] = [];
  for (const target of targets) clients.push(await line(target));
  for (const client of clients) {
    held[0]!.release(1);
    await replicas[0]!.until(({ requests }) => requests.length === clients.indexOf(client) + 2);
  }
  held[0]!.open();
  for (const client of clients) assert.equal((await client.response()).status, 200);
  assert.deepEqual(
    replicas[0]!.requests.map(({ target }) => target),
    ['/first', ...targets],
  );
});

for (const leave of ['reset', 'destroy'] as const) {
  test(`a client that leaves (${leave}) frees its place, and its request is never sent`, async (t) => {
    const { gateway, replicas, held, line, status } = await full(t, 1, { queue: 4 });
    const left = [
      await line('/left'),
      await line('/left', { method: 'POST', body: 'x' }),
      // More than that is left in the kernel, and hides from us that the client is gone.
      await line('/left', { method: 'POST', body: 'x'.repeat(8000) }),
    ];
    const stays = await line('/stays');
    assert.equal((await ask(gateway.port, '/too-many')).status, 503);
    for (const client of left) client[leave]();
    await eventually('their places are free', async () => (await status())[0]!.queued === 1);
    const more = [await line('/more'), await line('/more'), await line('/more')];
    held[0]!.open();
    for (const client of [stays, ...more]) assert.equal((await client.response()).status, 200);
    const seen = replicas[0]!.requests.map(({ target }) => target);
    assert.deepEqual(seen.sort(), ['/first', '/more', '/more', '/more', '/stays']);
  });
}

test('who waits goes to whichever replica gets free', async (t) => {
  const { replicas, held, line, status } = await full(t, 3, {});
  for (const [turn, at] of [1, 2, 0, 2].entries()) {
    // The replica may see a request a moment before the worker counts it out of the line.
    await eventually('the line is empty', async () => (await status())[0]!.queued === 0);
    const client = await line(`/turn-${turn}`);
    held[at]!.release(1);
    await replicas[at]!.until(({ requests }) => requests.at(-1)!.target === `/turn-${turn}`);
    held[at]!.release(0);
    assert.equal(client.closed, 'open');
  }
  for (const one of held) one.open();
});

test('a replica that fails while others wait: they are served by the rest', async (t) => {
  const { replicas, held, line } = await full(t, 2, {});
  const clients = [await line('/1'), await line('/2'), await line('/3')];
  await replicas[0]!.close();
  held[1]!.open();
  for (const client of clients) assert.equal((await client.response()).status, 200);
});

test('bodies of those who wait arrive whole, and nobody is told to send one before its turn', async (t) => {
  const { replicas, held, line } = await full(t, 1, {});
  const [replica] = replicas as [RecordingReplica];
  const body = Array.from({ length: 30_000 }, (_, i) => `${i}`).join(' ');
  const plain = await line('/plain', { method: 'POST', body });
  const chunk = body.slice(0, 50_000);
  const chunked = await line('/chunked', { method: 'PUT', headers: { 'Transfer-Encoding': 'chunked' } });
  const half = `${chunk.length.toString(16)}\r\n${chunk}\r\n`;
  await chunked.send(half, 100, `${half}0\r\n\r\n`);
  const polite = await line('/polite', {
    method: 'POST',
    headers: { 'Content-Length': '5', Expect: '100-continue' },
  });
  await sleep(300);
  assert.equal(polite.received, 0);
  held[0]!.open();
  const talk = async (): Promise<void> => {
    assert.equal((await polite.response('POST')).status, 100);
    await polite.send('hello');
    assert.equal(asReply(await polite.response('POST')).text, 'POST /polite');
  };
  const [one, other] = await Promise.all([plain.response('POST'), chunked.response('PUT'), talk()]);
  assert.deepEqual([one.status, other.status], [200, 200]);
  const seen = new Map(replica.requests.map((request) => [request.target, request.body.toString()]));
  assert.equal(seen.get('/plain'), body);
  assert.equal(seen.get('/chunked'), chunk + chunk);
  assert.equal(seen.get('/polite'), 'hello');
});

test('a gateway that stops serves those who wait', async (t) => {
  const { gateway, held, line } = await full(t, 1, {});
  const clients = [await line('/1'), await line('/2', { method: 'POST', body: 'x' })];
  gateway.signal('SIGTERM');
  await sleep(200);
  held[0]!.open();
  for (const client of clients) {
    const reply = asReply(await client.response());
    assert.deepEqual([reply.status, reply.header('connection')], [200, 'close']);
  }
  assert.deepEqual(await gateway.exited, { code: 0, signal: null });
});

/** Milliseconds of processor time so far. */
async function processorTime(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Serves 6,000 exchanges to 2,000 clients, nearly all of whom wait at any moment; returns what that cost. */
async function crowd(scope: Scope, replicas: readonly RecordingReplica[]): Promise<number> {
  const health = { path: '/', interval: '1s', fall: 1 };
  const limits = { max: 2, queue: 2000, queueTimeout: '60s' };
  const one = { ...config(replicas, limits, { health }), workers: 1 };
  const gateway = await startGateway(scope, one);
  if (replicas.length > 2) await gateway.output(/a replica is down/);
  const clients = await Promise.all(Array.from({ length: 2000 }, () => connectRaw(scope, gateway.port)));
  const before = await processorTime(gateway.pid);
  let left = 6000;
  await Promise.all(
    clients.map(async (client) => {
      while (left-- > 0) {
        await client.send(requestBytes('/x'));
        assert.equal((await client.response('GET', 60_000)).status, 200);
      }
    }),
  );
  for (const client of clients) client.destroy();
  return (await processorTime(gateway.pid)) - before;
}

test('a long line is no more work while a replica is down that nobody may be sent to', async (t) => {
  const replicas = await Promise.all([1, 2, 3].map(() => startReplica(t, answer('ok'), { keep: 0 })));
  const up = await crowd(t, replicas.slice(0, 2));
  await replicas[2]!.close();
  const down = await crowd(t, replicas);

  assert.ok(down < 2 * up, `${down} ms of processor time, and ${up} ms without it`);
});
