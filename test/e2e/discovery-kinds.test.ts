// Kinds of names: SRV records, the tasks of a Swarm service, names that nobody resolves but the system.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DnsServer, startDnsServer } from '../support/dns-server.ts';
import { startGateway } from '../support/gateway-process.ts';
import { eventually } from '../support/held-answers.ts';
import { placeReplicas } from '../support/placed-replica.ts';
import { ask } from '../support/plain-request.ts';

/** Milliseconds for what takes a second or two on a machine that has nothing else to do. */
const LIMIT = 20_000;

const config = (dns: DnsServer, upstream: object, route: object = { proxy: 'api' }) => ({
  workers: 2,
  resolver: { servers: [dns.address], interval: '500ms' },
  upstreams: { api: upstream },
  hosts: { 'a.test': { routes: { '/*': route } } },
});

async function tally(port: number, count: number): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let i = 0; i < count; i++) {
    const { status, text } = await ask(port, '/x');
    const key = status === 200 ? text : String(status);
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

test('SRV: ports and weights of the records, and higher priorities as backups', async (t) => {
  const dns = await startDnsServer(t);
  const service = '_http._tcp.api.internal';
  const [one, two, spare] = await Promise.all([
    placeReplicas(t, ['127.0.24.1']),
    placeReplicas(t, ['127.0.24.2']),
    placeReplicas(t, ['127.0.24.3']),
  ]);
  dns.setA('one.internal', ['127.0.24.1']);
  dns.setA('two.internal', ['127.0.24.2']);
  dns.setA('spare.internal', ['127.0.24.3']);
  const records = [
    { target: 'one.internal', port: one.port, priority: 10, weight: 40 },
    { target: 'two.internal', port: two.port, priority: 10, weight: 10 },
    { target: 'spare.internal', port: spare.port, priority: 20, weight: 50 },
  ];
  dns.setSrv(service, records);
  const health = { path: '/health', interval: '500ms', timeout: '400ms', fall: 1 };
  const route = { proxy: { upstream: 'api', hostHeader: 'replica' } };
  const gateway = await startGateway(t, config(dns, { replicas: [{ srv: service }], health }, route));
  const counts = await tally(gateway.port, 300);
  assert.deepEqual(Object.keys(counts).sort(), ['127.0.24.1', '127.0.24.2']);
  // 60 of 300 with a standard deviation of 7.
  assert.ok(counts['127.0.24.2']! > 25 && counts['127.0.24.2']! < 95, JSON.stringify(counts));
  assert.equal(one.replicas[0]!.lastHost, `one.internal:${one.port}`);
  one.replicas[0]!.close();
  two.replicas[0]!.close();
  assert.deepEqual(await tally(gateway.port, 20), { '127.0.24.3': 20 });
  // The backup becomes a primary, and nobody else is left.
  dns.setSrv(service, [{ ...records[2]!, priority: 10 }]);
  await gateway.output(/"the addresses of a name changed"/, LIMIT);
  await sleep(200);
  assert.deepEqual(await tally(gateway.port, 20), { '127.0.24.3': 20 });
});

test('tasks.api: each task is a replica', async (t) => {
  const dns = await startDnsServer(t);
  const hosts = ['127.0.25.1', '127.0.25.2', '127.0.25.3'];
  const { port } = await placeReplicas(t, hosts);
  dns.setA('tasks.api', hosts);
  const replicas = [{ url: `http://tasks.api:${port}`, expect: 3 }];
  const gateway = await startGateway(t, config(dns, { replicas }));
  assert.deepEqual(Object.keys(await tally(gateway.port, 60)).sort(), hosts);
  assert.doesNotMatch(gateway.stdout, /fewer addresses than expected/);
  dns.setA('tasks.api', hosts.slice(0, 2));
  await gateway.output(/a name has fewer addresses than expected/, LIMIT);
});

test('`expect`: a name that answers with one address gets a warning that says what to write', async (t) => {
  const dns = await startDnsServer(t);
  const { port } = await placeReplicas(t, ['127.0.25.4']);
  dns.setA('api.internal', ['127.0.25.4']);
  const gateway = await startGateway(
    t,
    config(dns, { replicas: [{ url: `http://api.internal:${port}`, expect: 3 }] }),
  );
  const line = gateway.stdout.split('\n').find((one) => one.includes('fewer addresses than expected'))!;
  const { level, expected, found, hint } = JSON.parse(line) as Record<string, unknown>;
  assert.deepEqual([level, expected, found], ['warn', 3, 1]);
  assert.match(String(hint), /tasks\.api\.internal/);
  const asked = dns.asked('api.internal', 'A');
  await dns.until((server) => server.asked('api.internal', 'A') > asked + 2, LIMIT);
  assert.equal(gateway.stdout.split('fewer addresses than expected').length, 2, 'said once');
  assert.deepEqual(await tally(gateway.port, 5), { '127.0.25.4': 5 });
});

test("`discover: 'static'`: the name is the replica, whoever resolves it", async (t) => {
  const dns = await startDnsServer(t);
  const { port, replicas } = await placeReplicas(t, ['127.0.0.1']);
  const upstream = { replicas: [`http://localhost:${port}`], discover: 'static' };
  const gateway = await startGateway(
    t,
    config(dns, upstream, { proxy: { upstream: 'api', hostHeader: 'replica' } }),
  );
  assert.deepEqual(await tally(gateway.port, 10), { '127.0.0.1': 10 });
  assert.equal(replicas[0]!.lastHost, `localhost:${port}`);
  assert.deepEqual(dns.questions, []);
});

test('two names for one address are one replica, and each upstream follows the names of its own', async (t) => {
  const dns = await startDnsServer(t);
  const { port, replicas } = await placeReplicas(t, ['127.0.26.1', '127.0.26.2']);
  dns.setA('a.internal', ['127.0.26.1']);
  dns.setA('b.internal', ['127.0.26.1', '127.0.26.2']);
  const gateway = await startGateway(t, {
    workers: 1,
    resolver: { servers: [dns.address], interval: '500ms' },
    upstreams: {
      api: { replicas: [`http://a.internal:${port}`, `http://b.internal:${port}`], balance: 'round-robin' },
      other: { replicas: [`http://a.internal:${port}`] },
    },
    hosts: { 'a.test': { routes: { '/*': { proxy: 'api' }, '/other/*': { proxy: 'other' } } } },
  });
  assert.deepEqual(await tally(gateway.port, 20), { '127.0.26.1': 10, '127.0.26.2': 10 });
  // The first name loses what the second one still has.
  dns.setA('a.internal', ['127.0.26.2']);
  const other = async () => (await ask(gateway.port, '/other/x')).text;
  await eventually('the other upstream follows', async () => (await other()) === '127.0.26.2', LIMIT);
  const counts = await tally(gateway.port, 20);
  assert.ok(counts['127.0.26.1']! >= 9 && counts['127.0.26.2']! >= 9, JSON.stringify(counts));
  assert.ok(replicas.every(({ seen }) => seen.length > 0));
});
