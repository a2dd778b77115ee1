// Replicas that misbehave are out of rotation within the time that the config promises, and back once they recover.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Scope } from '../support/fixtures.ts';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';
import { ask } from '../support/plain-request.ts';
import { answer, type RecordingReplica, type Script, startReplica } from '../support/recording-replica.ts';

const host = 'a.test';
const INTERVAL = 500;
const TIMEOUT = 250;
const FALL = 3;
const RISE = 2;
const HEALTH = {
  path: '/health',
  interval: `${INTERVAL}ms`,
  timeout: `${TIMEOUT}ms`,
  rise: RISE,
  fall: FALL,
};
/** Longest from the first failure to the last check that it takes: each begins up to 20 % after its interval. */
const OUT = FALL * INTERVAL * 1.2 + TIMEOUT;
const BACK = RISE * INTERVAL * 1.2 + TIMEOUT;
/** What a busy machine may add. */
const SLACK = 1500;

const good: Script = ({ target }) => answer(target === '/health' ? 'fine' : 'good');

async function start(
  scope: Scope,
  upstream: object,
): Promise<{ gateway: GatewayProcess; all: RecordingReplica[] }> {
  const all = await Promise.all([1, 2, 3].map(() => startReplica(scope, good)));
  const gateway = await startGateway(scope, {
    workers: 2,
    upstreams: { api: { replicas: all.map(({ url }) => url), ...upstream } },
    hosts: { [host]: { routes: { '/*': { proxy: 'api' } } } },
  });
  return { gateway, all };
}

const served = (replica: RecordingReplica) =>
  replica.requests.filter(({ target }) => target !== '/health').length;

/** Asks until `done`, one after the other; returns the milliseconds it took. */
async function askUntil(port: number, done: () => boolean, limit: number): Promise<number> {
  const start = performance.now();
  while (!done()) {
    if (performance.now() - start > limit) throw new Error(`still not after ${limit} ms`);
    await ask(port, '/x', { host, deadline: 15_000 });
    await sleep(5);
  }
  return performance.now() - start;
}

/** Resolves when the gateway has logged it. */
async function logged(gateway: GatewayProcess, what: string, limit: number): Promise<void> {
  const end = performance.now() + limit;
  while (!gateway.stdout.includes(what)) {
    if (performance.now() > end) throw new Error(`"${what}" is not in the log after ${limit} ms`);
    await sleep(10);
  }
}

const misbehaves: Record<string, Script> = {
  'answers 500 to everything': answer('broken', {}, 500),
  'answers after 10 s': () => sleep(10_000, answer('late'), { ref: false }),
  'resets after the head': (_, on) => {
    on.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello');
    setImmediate(() => on.reset());
  },
};

for (const [title, script] of Object.entries(misbehaves)) {
  test(`a replica that ${title} is out in time, and back in time`, async (t) => {
    const { gateway, all } = await start(t, { health: HEALTH });
    const [bad] = all as [RecordingReplica];
    await askUntil(gateway.port, () => all.every((replica) => served(replica) > 0), 5000);
    bad.script = script;
    await logged(gateway, 'a replica is down', OUT + SLACK);
    const before = served(bad);
    for (let i = 0; i < 60; i++) assert.equal((await ask(gateway.port, '/x', { host })).text, 'good');
    assert.equal(served(bad), before, 'nothing is sent there any more');
    bad.script = good;
    const checks = bad.requests.length;
    await logged(gateway, 'a replica is up', BACK + SLACK);
    assert.ok(bad.requests.length - checks <= RISE + 1, `${bad.requests.length - checks} checks`);
    await askUntil(gateway.port, () => served(bad) > before, 5000);
  });
}

const failing: Record<string, { script: Script; expect: number }> = {
  'answers 503': { script: answer('no', {}, 503), expect: 503 },
  'resets before the head': { script: (_, on) => on.reset(), expect: 200 },
  'resets after the head': { script: misbehaves['resets after the head']!, expect: 200 },
};

for (const [title, { script }] of Object.entries(failing)) {
  test(`without checks: a replica that ${title} is ejected after five in a row, and tried by one exchange`, async (t) => {
    const eject = { consecutive: 5, base: '1s' };
    const { gateway, all } = await start(t, { balance: 'round-robin', eject });
    const [bad] = all as [RecordingReplica];
    bad.script = script;
    const quiet = () => ask(gateway.port, '/x', { host }).catch(() => undefined);
    for (let i = 0; i < 60 && !gateway.stdout.includes('a replica is ejected'); i++) await quiet();
    await logged(gateway, 'a replica is ejected', 2000);
    const before = served(bad);
    // Two workers may each have had one under way.
    assert.ok(before >= 5 && before <= 8, `${before} exchanges failed there`);
    for (let i = 0; i < 20; i++) assert.equal((await ask(gateway.port, '/x', { host })).text, 'good');
    assert.equal(served(bad), before, 'left alone');
    bad.script = good;
    await askUntil(gateway.port, () => gateway.stdout.includes('a replica is back'), 4000);
    await askUntil(gateway.port, () => served(bad) > before + 3, 4000);
  });
}

test('a passing check lifts an ejection', async (t) => {
  const eject = { consecutive: 3, base: '1m' };
  const { gateway, all } = await start(t, { balance: 'round-robin', eject, health: { ...HEALTH, fall: 10 } });
  const [bad] = all as [RecordingReplica];
  bad.script = answer('no', {}, 503);
  for (let i = 0; i < 60 && !gateway.stdout.includes('a replica is ejected'); i++)
    await ask(gateway.port, '/x', { host });
  await logged(gateway, 'a replica is ejected', 2000);
  bad.script = good;
  await logged(gateway, 'a replica is back', 5000);
});

test('the only replica is never ejected, and never more than half of them are', async (t) => {
  const { gateway, all } = await start(t, { balance: 'round-robin', eject: { consecutive: 2, base: '1m' } });
  for (const replica of all) replica.script = answer('no', {}, 503);
  for (let i = 0; i < 40; i++) assert.equal((await ask(gateway.port, '/x', { host })).status, 503);
  const ejected = gateway.stdout.split('a replica is ejected').length - 1;
  assert.equal(ejected, 1, 'one of three');
});

test('with `atMost: 1` two of three are left alone, and both come back', async (t) => {
  const eject = { consecutive: 3, base: '1s', atMost: 1 };
  const { gateway, all } = await start(t, { balance: 'round-robin', eject });
  const bad = all.slice(0, 2);
  for (const replica of bad) replica.script = answer('no', {}, 503);
  for (let i = 0; i < 100 && gateway.stdout.split('a replica is ejected').length < 3; i++)
    await ask(gateway.port, '/x', { host });
  assert.ok(gateway.stdout.split('a replica is ejected').length >= 3, 'both are ejected');
  assert.match(gateway.stdout, /"a replica is ejected".*"reason":"status 503"/);
  const before = bad.map(served);
  for (let i = 0; i < 60; i++) await ask(gateway.port, '/x', { host });
  // But for the single exchanges that try them.
  for (const [i, replica] of bad.entries()) assert.ok(served(replica) - before[i]! <= 3);
  for (const replica of bad) replica.script = good;
  const back = () => gateway.stdout.split('a replica is back').length >= 3;
  await askUntil(gateway.port, back, 15_000);
});

test('all down, as the checks say: 503 with Retry-After at once, and no replica is asked', async (t) => {
  const { gateway, all } = await start(t, { health: HEALTH });
  for (const replica of all)
    replica.script = ({ target }) => answer('x', {}, target === '/health' ? 500 : 200);
  const end = performance.now() + OUT + SLACK;
  while (gateway.stdout.split('a replica is down').length < 4) {
    assert.ok(performance.now() < end, 'all three are down in time');
    await sleep(20);
  }
  const before = all.map(served);
  const asked = performance.now();
  const reply = await ask(gateway.port, '/x', { host });
  assert.equal(reply.status, 503);
  assert.match(reply.header('retry-after')!, /^\d+$/);
  assert.match(reply.text, /UPSTREAM_DOWN/);
  assert.ok(performance.now() - asked < 500);
  assert.deepEqual(all.map(served), before);
});
