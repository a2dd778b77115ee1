// `connections`: what a replica is sent at a time is bounded over all workers, and no worker keeps it from another.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { PROJECT, startGateway } from '../support/gateway-process.ts';
import { eventually, holdAnswers } from '../support/held-answers.ts';
import { ask, requestBytes } from '../support/plain-request.ts';
import { connectRaw, type RawConnection } from '../support/raw-client.ts';
import { answer, type RecordingReplica, startReplica } from '../support/recording-replica.ts';
import { startSupervised } from '../support/supervised-gateway.ts';
import { startProbed } from '../support/worker-clients.ts';

const MB = 1024 ** 2;

const config = (replicas: readonly RecordingReplica[], connections: object, more: object = {}) => ({
  workers: 2,
  upstreams: { api: { replicas: replicas.map(({ url }) => url), connections, ...more } },
  hosts: { 'a.test': { routes: { '/*': { proxy: 'api' } } } },
});

/** Follows how much a replica is asked at a time, and how many sockets are open. */
class Gauge {
  most = 0;
  mostSockets = 0;
  #now = 0;

  async during(work: Promise<unknown>): Promise<void> {
    this.#now++;
    this.most = Math.max(this.most, this.#now);
    await work;
    this.#now--;
  }

  /** Counts sockets that are no news: of two that come and go at one moment, we may hear in the wrong order. */
  watch(replica: RecordingReplica): () => void {
    let before = new Set<unknown>();
    const timer = setInterval(() => {
      const open = replica.connections.filter(({ ended, closed }) => !ended && !closed);
      this.mostSockets = Math.max(this.mostSockets, open.filter((one) => before.has(one)).length);
      before = new Set(open);
    }, 20);
    return () => clearInterval(timer);
  }
}

test('never more than `max`, over two workers', async (t) => {
  const gauge = new Gauge();
  const replica = await startReplica(t, async () => {
    await gauge.during(sleep(5));
    return answer('ok');
  });
  const { gateway, clientsOfBoth } = await startProbed(t, config([replica], { max: 4, queueTimeout: '20s' }));
  t.after(gauge.watch(replica));
  const clients = (await clientsOfBoth(12)).flat();
  await Promise.all(
    clients.map(async (client) => {
      for (let i = 0; i < 25; i++) {
        await client.send(requestBytes('/x'));
        assert.equal((await client.response('GET', 30_000)).status, 200);
      }
    }),
  );
  assert.equal(replica.requests.length, 24 * 25);
  assert.equal(gauge.most, 4);
  assert.ok(gauge.mostSockets <= 4, `${gauge.mostSockets} sockets`);
  // Also where every exchange has a connection of its own, and half of the clients leave early.
  replica.script = async () => {
    await sleep(5);
    return `HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok`;
  };
  await Promise.all(
    Array.from({ length: 200 }, async (_, i) => {
      if (i % 2 === 0) return void assert.equal((await ask(gateway.port, '/y')).status, 200);
      const client = await connectRaw(t, gateway.port);
      await client.send(requestBytes('/z'), Math.random() * 30);
      client.reset();
    }),
  );
  assert.ok(gauge.mostSockets <= 4, `${gauge.mostSockets} sockets`);
});

test('idle connections of one worker do not starve the other', async (t) => {
  const held = holdAnswers();
  const replica = await startReplica(t, held.script);
  const { clientsOfBoth } = await startProbed(t, config([replica], { max: 3, queueTimeout: '3s' }));
  const [one, other] = await clientsOfBoth(3);
  // Side by side, so that each takes a connection of its own; all three are kept by their worker.
  for (const clients of [one, other, one]) {
    for (const client of clients) await client.send(requestBytes('/x'));
    await eventually('all three are asked at once', () => held.waiting === 3);
    held.release();
    for (const client of clients) assert.equal((await client.response()).status, 200);
  }
});

test('a worker with much to do does not starve the other', async (t) => {
  const replica = await startReplica(t, () => sleep(10, answer('ok')));
  const { clientsOfBoth } = await startProbed(t, config([replica], { max: 1, queueTimeout: '1s' }));
  const waits: number[][] = [[], []];
  let left = 300;
  await Promise.all(
    (await clientsOfBoth(8)).flatMap((clients, worker) =>
      clients.map(async (client) => {
        // Sixteen who take turns at 10 ms each: nobody has to wait for longer than a fraction of a second.
        while (left-- > 0) {
          const start = performance.now();
          await client.send(requestBytes('/x'));
          assert.equal((await client.response()).status, 200, `worker ${worker}`);
          waits[worker]!.push(performance.now() - start);
        }
      }),
    ),
  );
  const [one, other] = waits as [number[], number[]];
  assert.ok(Math.min(one.length, other.length) > 60, `${one.length} and ${other.length} of 300`);
});

for (const way of ['download', 'upload'] as const) {
  test(`a long ${way} holds its connection, and is counted`, async (t) => {
    const replica = await startReplica(t);
    const { gateway, status } = await startSupervised(
      t,
      config([replica], { max: 1, queueTimeout: '300ms' }),
    );
    const client = await connectRaw(t, gateway.port);
    let finish = (): void => {};
    if (way === 'download') {
      replica.script = (_, on) => {
        on.write(`HTTP/1.1 200 OK\r\nContent-Length: ${2 * MB}\r\n\r\n`);
        on.write(Buffer.alloc(MB));
        finish = () => void on.write(Buffer.alloc(MB));
      };
      await client.send(requestBytes('/long'));
    } else {
      const head = `POST /long HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${2 * MB}\r\n\r\n`;
      await client.send(head, Buffer.alloc(MB));
      finish = () => void client.send(Buffer.alloc(MB));
    }
    await replica.until((it) => it.requests.length === 1);
    const [api] = await status();
    assert.deepEqual(
      api!.replicas.map(({ inFlight, connections }) => [inFlight, connections]),
      [[1, 1]],
    );
    const refused = await ask(gateway.port, '/other');
    assert.equal(refused.status, 503);
    assert.match(refused.text, /UPSTREAM_BUSY/);
    assert.equal(replica.requests.length, 1);
    finish();
    const { status: ok, body } = await client.response(way === 'download' ? 'GET' : 'POST');
    assert.equal(ok, 200);
    if (way === 'download') assert.equal(body.length, 2 * MB);
    else assert.equal(replica.requests[0]!.bodySize, 2 * MB);
    replica.script = answer('free');
    assert.equal((await ask(gateway.port, '/other')).text, 'free');
    client.destroy();
  });
}

test('RE-05: 10,000 requests to an upstream that hangs', async (t) => {
  const MAX = 50;
  const QUEUE = 200;
  const CLIENTS = 1000;
  const held = holdAnswers();
  const replica = await startReplica(t, held.script, { keep: 0 });
  const { gateway, status } = await startSupervised(
    t,
    config([replica], { max: MAX, queue: QUEUE, queueTimeout: '60s' }),
  );
  const statuses = new Map<number, number>();
  let left = 10_000;
  let stuck = 0;
  const memory: number[] = [];
  const loop = async (): Promise<void> => {
    const client = await connectRaw(t, gateway.port);
    while (left-- > 0) {
      // A POST with a body, so that what waits could be a lot.
      const body = 'x'.repeat(8 * 1024);
      await client.send(requestBytes('/x', { method: 'POST', body }));
      stuck++;
      const response = await client.response('POST', 120_000);
      stuck--;
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
      if (response.status === 503) assert.match(response.body.toString(), /UPSTREAM_BUSY/);
      if (left % 1000 === 0) memory.push((await gateway.memory()) / MB);
    }
    client.destroy();
  };
  const all = Promise.all(Array.from({ length: CLIENTS }, loop));
  await eventually('all but the first have been told', () => left <= 0 && stuck === MAX + QUEUE, 60_000);
  const [api] = await status();
  assert.deepEqual([api!.queued, api!.replicas[0]!.connections], [QUEUE, MAX]);
  await eventually('all that have a connection have arrived', () => held.waiting === MAX);
  assert.deepEqual([...statuses], [[503, 10_000 - MAX - QUEUE]]);
  const [first, ...later] = memory as [number, ...number[]];
  assert.ok(Math.max(...later) < first + 80, `MB: ${memory.map(Math.round)}`);
  held.open();
  await all;
  assert.equal(statuses.get(200), MAX + QUEUE);
  assert.equal(replica.requests.length, MAX + QUEUE);
  const now = (await status())[0]!;
  assert.deepEqual([now.queued, now.replicas[0]!.inFlight], [0, 0]);
});

test('a worker that dies gives back the connections and the places in the line that it had', async (t) => {
  const held = holdAnswers();
  const replica = await startReplica(t, held.script);
  const limits = { max: 2, queue: 3, queueTimeout: '30s' };
  const nodeArgs = ['--import', `${PROJECT}/test/support/worker-probe.ts`];
  const gateway = await startGateway(t, { ...config([replica], limits), workers: 1 }, { nodeArgs });
  /** Takes all there is, and makes sure that there is no more. */
  const fill = async (name: string): Promise<RawConnection[]> => {
    const clients = await Promise.all(Array.from({ length: 5 }, () => connectRaw(t, gateway.port)));
    for (const client of clients) await client.send(requestBytes(name));
    await eventually(
      'two are asked',
      () => replica.requests.filter(({ target }) => target === name).length === 2,
    );
    const isFull = async () => (await ask(gateway.port, '/too-many', { deadline: 60_000 })).status === 503;
    assert.ok(await isFull());
    return clients;
  };
  await fill('/before');
  gateway.signal('SIGUSR2');
  gateway.stopping = false;
  await gateway.output(/a new worker listens/, 30_000);
  const clients = await fill('/after');
  held.open();
  for (const client of clients) {
    assert.equal((await client.response()).status, 200);
    client.destroy();
  }
});
