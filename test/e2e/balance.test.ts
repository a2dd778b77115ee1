// Who answers next, as counted at the replicas: balancers, weights, backups, slow start, over two workers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Scope } from '../support/fixtures.ts';
import { startGateway } from '../support/gateway-process.ts';
import { eventually, holdAnswers } from '../support/held-answers.ts';
import { ask, asReply, type Reply, requestBytes } from '../support/plain-request.ts';
import { connectRaw } from '../support/raw-client.ts';
import { answer, type RecordingReplica, startReplica } from '../support/recording-replica.ts';
import { startProbed } from '../support/worker-clients.ts';

/** Fast, so that tests need not wait. */
const HEALTH = { path: '/health', interval: '500ms', timeout: '400ms', rise: 1, fall: 1 };

/** Milliseconds for what takes a fraction of them on a machine that has nothing else to do. */
const LIMIT = 15_000;

const config = (upstream: object, more: object = {}) => ({
  workers: 2,
  upstreams: { api: upstream },
  hosts: { 'a.test': { routes: { '/*': { proxy: 'api' } } } },
  ...more,
});

/** Replicas that answer with their names. */
function named(scope: Scope, ...names: string[]): Promise<RecordingReplica[]> {
  return Promise.all(names.map((name) => startReplica(scope, answer(name))));
}

/** Counts who answers `count` requests, one after the other, each on a connection of its own. */
async function tally(port: number, count: number): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let i = 0; i < count; i++) {
    const { status, text } = await ask(port, '/x');
    assert.equal(status, 200);
    counts[text] = (counts[text] ?? 0) + 1;
  }
  return counts;
}

test('least-requests goes by what all workers have under way', async (t) => {
  const held = [holdAnswers(), holdAnswers()];
  const replicas = await Promise.all(held.map(({ script }) => startReplica(t, script)));
  const { clientsOfBoth } = await startProbed(t, config({ replicas: replicas.map(({ url }) => url) }));
  const [one, other] = await clientsOfBoth(12);
  const before = one.map(({ received }) => received);
  for (const client of one) await client.send(requestBytes('/long'));
  const busy = () => held.map(({ waiting }) => waiting);
  await eventually('all are under way', () => busy()[0]! + busy()[1]! === 12);
  assert.ok(Math.min(...busy()) >= 4, `${busy()} is as even as two choices make it`);
  const over = busy()[0]!;
  held[0]!.open();
  const answered = () => one.filter(({ received }, i) => received > before[i]!).length;
  await eventually('one of them has nothing to do any more', () => answered() === over);
  // The other worker has nothing under way itself.
  for (const client of other) {
    await client.send(requestBytes('/short'));
    assert.equal((await client.response()).status, 200);
  }
  assert.equal(replicas[1]!.requests.filter(({ target }) => target === '/short').length, 0);
});

test('least-requests goes by weight where nobody is busy', async (t) => {
  const [light, heavy] = (await named(t, 'light', 'heavy')) as [RecordingReplica, RecordingReplica];
  const replicas = [light.url, { url: heavy.url, weight: 4 }];
  const gateway = await startGateway(t, config({ replicas }));
  const counts = await tally(gateway.port, 500);
  // 100 of 500 with a standard deviation of 9.
  assert.ok(counts.light! > 55 && counts.light! < 145, JSON.stringify(counts));
});

test('round-robin gives each worker exact shares', async (t) => {
  const [a, b, c] = (await named(t, 'a', 'b', 'c')) as [RecordingReplica, RecordingReplica, RecordingReplica];
  const replicas = [{ url: a.url, weight: 3 }, b.url, c.url];
  const { clientsOfBoth } = await startProbed(t, config({ replicas, balance: 'round-robin' }));
  for (const clients of await clientsOfBoth(2)) {
    const counts: Record<string, number> = {};
    for (let i = 0; i < 50; i++) {
      const client = clients[i % 2]!;
      await client.send(requestBytes('/x'));
      const { text } = asReply(await client.response());
      counts[text] = (counts[text] ?? 0) + 1;
    }
    assert.deepEqual(counts, { a: 30, b: 10, c: 10 });
  }
});

/** Asks once for each client address; returns who answered each. */
async function byClient(scope: Scope, port: number, clients: readonly string[]): Promise<Map<string, Reply>> {
  const replies = new Map<string, Reply>();
  const connection = await connectRaw(scope, port);
  for (const client of clients) {
    await connection.send(requestBytes('/x', { headers: { 'X-Forwarded-For': client } }));
    replies.set(client, asReply(await connection.response()));
  }
  connection.destroy();
  return replies;
}

test('hash-client keeps clients, and moves only those of a replica that died', async (t) => {
  const replicas = await named(t, 'a', 'b', 'c');
  const upstream = { replicas: replicas.map(({ url }) => url), balance: 'hash-client', health: HEALTH };
  const gateway = await startGateway(t, config(upstream, { trustedProxies: ['127.0.0.1'] }));
  const clients = Array.from({ length: 60 }, (_, i) => `203.0.113.${i}`);
  const ofAll = async (): Promise<string[]> =>
    [...(await byClient(t, gateway.port, clients)).values()].map(({ text }) => text);
  const before = await ofAll();
  for (const name of ['a', 'b', 'c'])
    assert.ok(before.filter((one) => one === name).length > 8, `${name} has some of ${before}`);
  // Whichever worker it is.
  for (let i = 0; i < 6; i++) assert.deepEqual(await ofAll(), before);
  await replicas[1]!.close();
  // At once, before any check has found out.
  const after = await ofAll();
  for (const [i, name] of after.entries()) {
    if (before[i] === 'b') assert.notEqual(name, 'b');
    else assert.equal(name, before[i]);
  }
  await gateway.output(/a replica is down/, LIMIT);
  assert.deepEqual(await ofAll(), after);
  await replicas[1]!.accept();
  await gateway.output(/a replica is up/, LIMIT);
  assert.deepEqual(await ofAll(), before);
});

test('hash-client hears no client about its address', async (t) => {
  const replicas = await named(t, 'a', 'b', 'c', 'd');
  const upstream = { replicas: replicas.map(({ url }) => url), balance: 'hash-client' };
  const gateway = await startGateway(t, config(upstream));
  const clients = Array.from({ length: 20 }, (_, i) => `203.0.113.${i}`);
  const replies = await byClient(t, gateway.port, clients);
  assert.equal(new Set([...replies.values()].map(({ text }) => text)).size, 1);
});

test('a backup is used while no primary is up, and not a moment longer', async (t) => {
  const [a, b, spare] = (await named(t, 'a', 'b', 'spare')) as [
    RecordingReplica,
    RecordingReplica,
    RecordingReplica,
  ];
  const replicas = [a.url, b.url, { url: spare.url, backup: true }];
  const gateway = await startGateway(t, config({ replicas, health: HEALTH }));
  const isAsked = () => spare.requests.filter(({ target }) => target === '/x').length;
  assert.deepEqual(Object.keys(await tally(gateway.port, 40)).sort(), ['a', 'b']);
  await a.close();
  assert.deepEqual(Object.keys(await tally(gateway.port, 40)), ['b']);
  await b.close();
  // From the first exchange on.
  assert.deepEqual(await tally(gateway.port, 40), { spare: 40 });
  await gateway.output(/(a replica is down[\s\S]*){2}/, LIMIT);
  assert.deepEqual(await tally(gateway.port, 40), { spare: 40 });
  await b.accept();
  await gateway.output(/a replica is up/, LIMIT);
  const before = isAsked();
  assert.deepEqual(await tally(gateway.port, 40), { b: 40 });
  assert.equal(isAsked(), before);
});

for (const count of [1, 2, 3]) {
  test(`a backup stands in for the only ${count} that there are, all ejected`, async (t) => {
    const names = ['a', 'b', 'c'].slice(0, count);
    const primaries = await named(t, ...names);
    const [spare] = (await named(t, 'spare')) as [RecordingReplica];
    const replicas = [...primaries.map(({ url }) => url), { url: spare.url, backup: true }];
    const eject = { consecutive: 5, base: '1m', atMost: 1 };
    const gateway = await startGateway(t, config({ replicas, eject, balance: 'round-robin' }));
    for (const primary of primaries) primary.script = answer('no', {}, 503);
    const ejected = () => gateway.stdout.split('a replica is ejected').length - 1;
    await eventually('all are ejected', async () => {
      await ask(gateway.port, '/x');
      return ejected() === count;
    });
    // Longer than a worker takes to look how many are left.
    await sleep(500);
    assert.deepEqual(await tally(gateway.port, 40), { spare: 40 });
  });
}

test('a primary that is full is waited for: its backup is for when it is down', async (t) => {
  const held = holdAnswers();
  const primary = await startReplica(t, held.script);
  const [spare] = (await named(t, 'spare')) as [RecordingReplica];
  const replicas = [primary.url, { url: spare.url, backup: true }];
  const gateway = await startGateway(t, config({ replicas, connections: { max: 1, queueTimeout: '20s' } }));
  const asked = [1, 2, 3].map((n) => ask(gateway.port, `/${n}`));
  await eventually('it is busy', () => held.waiting === 1);
  await sleep(300);
  held.open();
  for (const { status } of await Promise.all(asked)) assert.equal(status, 200);
  assert.equal(spare.requests.length, 0);
});

test('slowStart: a replica that comes back gets little at first, and its full share in the end', async (t) => {
  const replicas = await named(t, 'warm', 'cold');
  const upstream = { replicas: replicas.map(({ url }) => url), health: HEALTH };
  const gateway = await startGateway(t, {
    workers: 2,
    upstreams: { slow: { ...upstream, slowStart: '5m' }, quick: { ...upstream, slowStart: '1s' } },
    hosts: {
      'a.test': { routes: { '/*': { proxy: 'slow' } } },
      'quick.test': { routes: { '/*': { proxy: 'quick' } } },
    },
  });
  // All that is there at the start is in the same position.
  const atStart = await tally(gateway.port, 200);
  assert.ok(atStart.cold! > 55 && atStart.cold! < 145, JSON.stringify(atStart));
  await replicas[1]!.close();
  await gateway.output(/(a replica is down[\s\S]*){2}/, LIMIT);
  await replicas[1]!.accept();
  await gateway.output(/(a replica is up[\s\S]*){2}/, LIMIT);
  const first = await tally(gateway.port, 300);
  // A tenth of the weight at the least: one of eleven, 27 with a standard deviation of 5.
  assert.ok((first.cold ?? 0) >= 5 && first.cold! < 60, JSON.stringify(first));
  await sleep(1200);
  let cold = 0;
  for (let i = 0; i < 200; i++)
    if ((await ask(gateway.port, '/x', { host: 'quick.test' })).text === 'cold') cold++;
  assert.ok(cold > 55 && cold < 145, `${cold} of 200`);
});
