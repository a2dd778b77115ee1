// `hold`: exchanges wait while no replica is up, and none is lost when the replicas are back in time.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startDnsServer } from '../support/dns-server.ts';
import { startGateway } from '../support/gateway-process.ts';
import { ask, requestBytes } from '../support/plain-request.ts';
import { freePort } from '../support/ports.ts';
import { RawConnection } from '../support/raw-client.ts';
import { startReplicaProcess } from '../support/replica-process.ts';

const host = 'a.test';

const config = (upstream: object, policies: object, more: object = {}) => ({
  workers: 2,
  upstreams: { api: upstream },
  hosts: { [host]: { routes: { '/*': { proxy: 'api', ...policies } } } },
  ...more,
});

/** Asks `count` times side by side; GET and POST in turn. Resolves with the statuses and how often each came. */
async function askMany(port: number, count: number): Promise<Map<number, number>> {
  const statuses = new Map<number, number>();
  await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const body = i % 2 === 0 ? undefined : `order ${i}`;
      const method = body === undefined ? 'GET' : 'POST';
      const { status } = await ask(port, `/n${i}`, { host, method, ...(body !== undefined && { body }) });
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }),
  );
  return statuses;
}

const checked = { path: '/health', interval: '500ms', timeout: '300ms' };
for (const [title, count, health] of [
  ['without checks', 3, undefined],
  ['with checks', 3, checked],
  ['one replica without checks', 1, undefined],
] as const) {
  test(`all replicas restart for 4 s: 500 exchanges wait and all get 200, ${title}`, async (t) => {
    const replicas = await Promise.all(Array.from({ length: count }, () => startReplicaProcess(t)));
    const urls = replicas.map(({ url }) => url);
    const upstream = { replicas: urls, ...(health !== undefined && { health }) };
    const gateway = await startGateway(t, config(upstream, { hold: '5s' }));
    assert.equal((await ask(gateway.port, '/', { host })).status, 200);
    await Promise.all(replicas.map((replica) => replica.stop()));
    const down = performance.now();
    // As they come in the course of a restart: some at once, the rest bit by bit.
    const asked = [
      askMany(gateway.port, 200),
      ...[500, 1000, 1500].map((wait) => sleep(wait).then(() => askMany(gateway.port, 100))),
    ];
    // A process takes some hundred milliseconds to listen.
    await sleep(3300 - (performance.now() - down));
    await Promise.all(replicas.map((replica) => replica.start()));
    const total = new Map<number, number>();
    for (const statuses of await Promise.all(asked)) {
      for (const [status, count] of statuses) total.set(status, (total.get(status) ?? 0) + count);
    }
    assert.deepEqual([...total], [[200, 500]]);
    const seen = replicas.flatMap((replica) => replica.seen).filter((line) => / \/n\d+/.test(line));
    assert.equal(seen.length, 500, 'each was seen once');
  });
}

test('a Compose deploy: the old address is gone before the new one is known', async (t) => {
  const dns = await startDnsServer(t);
  const port = await freePort();
  dns.setA('api.internal', ['127.0.11.1']);
  const old = await startReplicaProcess(t, '127.0.11.1', port);
  const resolver = { servers: [dns.address] };
  const upstream = { replicas: [`http://api.internal:${port}`] };
  const gateway = await startGateway(t, config(upstream, { hold: '10s' }, { resolver }));
  assert.equal((await ask(gateway.port, '/', { host })).status, 200);
  await old.stop();
  dns.setA('api.internal', []);
  const asked = askMany(gateway.port, 50);
  await sleep(1000);
  await startReplicaProcess(t, '127.0.11.2', port);
  dns.setA('api.internal', ['127.0.11.2']);
  assert.deepEqual([...(await asked)], [[200, 50]]);
});

test('who waited in vain gets 503 with Retry-After and the page, after that time and not before', async (t) => {
  const port = await freePort();
  const gateway = await startGateway(t, config({ replicas: [`http://127.0.0.1:${port}`] }, { hold: '1s' }));
  const start = performance.now();
  const page = await ask(gateway.port, '/', { host, headers: { accept: 'text/html' } });
  const took = performance.now() - start;
  assert.equal(page.status, 503);
  assert.ok(took >= 950 && took < 5000, `${Math.round(took)} ms`);
  assert.match(page.header('content-type')!, /^text\/html/);
  assert.match(page.header('retry-after')!, /^\d+$/);
});

test('no more wait than the limits say: the others are told at once', async (t) => {
  const port = await freePort();
  const hold = { for: '2s', exchanges: 20, bytes: '1mb' };
  const gateway = await startGateway(t, {
    ...config({ replicas: [`http://127.0.0.1:${port}`] }, { hold }),
  });
  // The first one finds out that nobody is there.
  const first = ask(gateway.port, '/first', { host });
  await sleep(300);
  const start = performance.now();
  const times: number[] = [];
  await Promise.all(
    Array.from({ length: 60 }, async () => {
      assert.equal((await ask(gateway.port, '/', { host })).status, 503);
      times.push(performance.now() - start);
    }),
  );
  await first;
  const waited = times.filter((time) => time > 1500).length;
  // Nineteen beside the first, and perhaps one that came after the first had given up.
  assert.ok(waited === 19 || waited === 20, `${waited} waited`);
});

test('clients that leave make room for others', async (t) => {
  const replica = await startReplicaProcess(t);
  const hold = { for: '10s', exchanges: 10, bytes: '1mb' };
  const gateway = await startGateway(t, config({ replicas: [replica.url] }, { hold }));
  await replica.kill();
  const leaving = await Promise.all(Array.from({ length: 10 }, () => RawConnection.open(gateway.port)));
  for (const client of leaving) await client.send(requestBytes('/left', { host }));
  await sleep(500);
  for (const client of leaving) client.destroy();
  // A client that has closed its side counts as gone a little later.
  await sleep(1000);
  const stay = askMany(gateway.port, 10);
  await sleep(500);
  await replica.start();
  assert.deepEqual([...(await stay)], [[200, 10]]);
  assert.equal(replica.seen.filter((line) => line.includes('/left')).length, 0);
});
