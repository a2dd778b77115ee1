// Three replicas under a steady load, while they die, hang, restart and move: no GET fails, and no POST is seen twice.
// The replicas are processes, the load is a program of its own, and both sides are counted.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startDnsServer } from '../support/dns-server.ts';
import type { Scope } from '../support/fixtures.ts';
import { startGateway } from '../support/gateway-process.ts';
import { type LoadResult, load } from '../support/load.ts';
import { freePort } from '../support/ports.ts';
import { type ReplicaProcess, startReplicaProcess } from '../support/replica-process.ts';

const HEALTH = { path: '/health', interval: '500ms', timeout: '300ms', rise: 2, fall: 2 };
const GETS = { connections: 16, rate: 300 };
const POSTS = { connections: 4, rate: 60, method: 'POST' } as const;

interface Counted {
  readonly gets: LoadResult;
  readonly posts: LoadResult;
}

/** Loads for `seconds` with GETs and POSTs while `disturb` runs. */
async function under(
  port: number,
  seconds: number,
  disturb: () => Promise<void>,
  patience?: number,
): Promise<Counted> {
  const url = `http://127.0.0.1:${port}/orders`;
  const disturbed = sleep(1500).then(disturb);
  const [gets, posts] = await Promise.all([
    load({ url, seconds, ...GETS, ...(patience !== undefined && { patience }) }),
    load({ url, seconds, ...POSTS }),
    disturbed,
  ]);
  return { gets, posts };
}

/** What the issue asks for, counted at both ends. */
function assertUnnoticed({ gets, posts }: Counted, replicas: readonly ReplicaProcess[]): void {
  const { non2xx, errors, timeouts, resets } = gets;
  const none = { non2xx: 0, errors: 0, timeouts: 0, resets: 0 };
  assert.deepEqual({ non2xx, errors, timeouts, resets }, none, 'GETs that failed');
  assert.ok(gets['2xx'] > 500, `${gets['2xx']} GETs are enough to be a load`);
  const seen = replicas.flatMap(({ seen }) => seen.filter((line) => line.startsWith('POST')));
  assert.equal(new Set(seen).size, seen.length, 'POSTs that a replica saw twice');
  assert.ok(seen.length >= posts['2xx'], 'every POST that was answered was seen');
  assert.ok(posts['2xx'] > 100, `${posts['2xx']} POSTs are enough to be a load`);
}

async function threeReplicas(scope: Scope): Promise<ReplicaProcess[]> {
  return Promise.all([1, 2, 3].map(() => startReplicaProcess(scope)));
}

const config = (upstream: object, more: object = {}) => ({
  workers: 2,
  upstreams: { api: upstream },
  hosts: { 'a.test': { routes: { '/*': { proxy: 'api' } } } },
  ...more,
});

test('one is killed', async (t) => {
  const replicas = await threeReplicas(t);
  const gateway = await startGateway(t, config({ replicas: replicas.map(({ url }) => url), health: HEALTH }));
  const counted = await under(gateway.port, 6, async () => {
    await replicas[0]!.kill();
    await sleep(2500);
    await replicas[0]!.start();
  });
  assertUnnoticed(counted, replicas);
});

test('one is killed, and there are no checks', async (t) => {
  const replicas = await threeReplicas(t);
  const gateway = await startGateway(t, config({ replicas: replicas.map(({ url }) => url) }));
  const counted = await under(gateway.port, 5, () => replicas[1]!.kill());
  assertUnnoticed(counted, replicas);
});

test('one hangs (SIGSTOP): GETs that wait there are answered by another, and it comes back', async (t) => {
  const replicas = await threeReplicas(t);
  const gateway = await startGateway(t, config({ replicas: replicas.map(({ url }) => url), health: HEALTH }));
  const hang = async () => {
    replicas[1]!.signal('SIGSTOP');
    // Longer than a client waits: whoever is left there fails.
    await sleep(7000);
    replicas[1]!.signal('SIGCONT');
    await gateway.output(/a replica is up/, 5000);
  };
  assertUnnoticed(await under(gateway.port, 11, hang, 5), replicas);
});

test('one hangs where everybody takes turns: all who wait there are moved, whatever the budget', async (t) => {
  const replicas = await threeReplicas(t);
  const health = { ...HEALTH, interval: '2s', fall: 2 };
  const upstream = { replicas: replicas.map(({ url }) => url), health, balance: 'round-robin' };
  const gateway = await startGateway(t, config({ ...upstream, retry: { budget: 0.01 } }));
  const hang = async () => {
    replicas[1]!.signal('SIGSTOP');
    await sleep(9500);
    replicas[1]!.signal('SIGCONT');
  };
  const { gets } = await under(gateway.port, 13, hang, 8);
  const { non2xx, errors, timeouts } = gets;
  assert.deepEqual({ non2xx, errors, timeouts }, { non2xx: 0, errors: 0, timeouts: 0 });
});

test('each is restarted in turn', async (t) => {
  const replicas = await threeReplicas(t);
  const gateway = await startGateway(t, config({ replicas: replicas.map(({ url }) => url), health: HEALTH }));
  const counted = await under(gateway.port, 8, async () => {
    for (const replica of replicas) {
      await replica.stop();
      await sleep(300);
      await replica.start();
      await sleep(1200);
    }
  });
  assertUnnoticed(counted, replicas);
});

test('all three addresses behind one name are replaced', async (t) => {
  const dns = await startDnsServer(t);
  const port = await freePort();
  const at = (hosts: string[]) => Promise.all(hosts.map((host) => startReplicaProcess(t, host, port)));
  const before = ['127.0.10.1', '127.0.10.2', '127.0.10.3'];
  const after = ['127.0.10.4', '127.0.10.5', '127.0.10.6'];
  dns.setA('api.internal', before);
  const old = await at(before);
  const resolver = { servers: [dns.address], interval: '500ms' };
  const upstream = { replicas: [`http://api.internal:${port}`], health: HEALTH };
  const gateway = await startGateway(t, config(upstream, { resolver }));
  let fresh: ReplicaProcess[] = [];
  const counted = await under(gateway.port, 7, async () => {
    fresh = await at(after);
    dns.setA('api.internal', after);
    // Longer than the gateway takes to ask again: then nothing new is sent to the old ones.
    await sleep(1500);
    await Promise.all(old.map((replica) => replica.kill()));
  });
  assertUnnoticed(counted, [...old, ...fresh]);
  assert.ok(
    fresh.every(({ seen }) => seen.length > 50),
    'the new ones took over',
  );
});
