// Addresses behind names, with a real DNS server and real replicas: who is used, who no longer, and who still.
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DnsServer, startDnsServer } from '../support/dns-server.ts';
import { type GatewayProcess, PROJECT, startGateway } from '../support/gateway-process.ts';
import { eventually } from '../support/held-answers.ts';
import { placeReplicas } from '../support/placed-replica.ts';
import { ask, requestBytes } from '../support/plain-request.ts';
import { connectRaw } from '../support/raw-client.ts';

const NAME = 'api.internal';
/** Milliseconds for what takes a second or two on a machine that has nothing else to do. */
const LIMIT = 20_000;

const config = (dns: DnsServer, replicas: readonly unknown[], upstream: object = {}, more: object = {}) => ({
  workers: 2,
  resolver: { servers: [dns.address], interval: '500ms' },
  upstreams: { api: { replicas, ...upstream } },
  hosts: { 'a.test': { routes: { '/*': { proxy: 'api' } } } },
  ...more,
});

/** Counts who answers. */
async function tally(gateway: GatewayProcess, count = 40): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let i = 0; i < count; i++) {
    const { status, text } = await ask(gateway.port, '/x');
    const key = status === 200 ? text : String(status);
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

const answering = async (gateway: GatewayProcess): Promise<string[]> =>
  Object.keys(await tally(gateway)).sort();

/** Resolves when these are the ones that answer. */
function used(gateway: GatewayProcess, hosts: readonly string[]): Promise<void> {
  const wanted = JSON.stringify([...hosts].sort());
  return eventually(
    `${wanted} answer`,
    async () => JSON.stringify(await answering(gateway)) === wanted,
    LIMIT,
  );
}

test('every address of both families is used, and new ones are within the interval', async (t) => {
  const dns = await startDnsServer(t);
  // A machine without IPv6 has nothing to be asked there.
  const six = networkInterfaces().lo?.some(({ family }) => family === 'IPv6') === true ? ['::1'] : [];
  const hosts = ['127.0.20.1', '127.0.20.2', ...six];
  const { port } = await placeReplicas(t, [...hosts, '127.0.20.3', '127.0.20.4']);
  dns.setA(NAME, hosts.slice(0, 2));
  dns.setAAAA(NAME, six);
  // The interval of the defaults.
  const resolver = { servers: [dns.address] };
  const gateway = await startGateway(t, config(dns, [`http://${NAME}:${port}`], {}, { resolver }));
  const counts = await tally(gateway, 90);
  assert.deepEqual(Object.keys(counts).sort(), [...hosts].sort());
  for (const count of Object.values(counts)) assert.ok(count > 10, JSON.stringify(counts));
  dns.setA(NAME, ['127.0.20.3', '127.0.20.4']);
  dns.setAAAA(NAME, []);
  const asked = dns.asked(NAME, 'A');
  await used(gateway, ['127.0.20.3', '127.0.20.4']);
  assert.ok(dns.asked(NAME, 'A') - asked <= 3, 'with the next question, however long the TTL');
});

/** Sends a megabyte, and the rest when told to. */
function downloads(): {
  answer: (response: ServerResponse) => void;
  finish(): void;
  readonly running: number;
} {
  const open: ServerResponse[] = [];
  return {
    answer: (response) => {
      response.writeHead(200, { 'Content-Length': 2 * 1024 ** 2 });
      response.write(Buffer.alloc(1024 ** 2));
      open.push(response);
    },
    finish() {
      for (const response of open.splice(0)) response.end(Buffer.alloc(1024 ** 2));
    },
    get running() {
      return open.length;
    },
  };
}

test('an address that leaves: nothing new, what is under way ends well, then its connections are closed', async (t) => {
  const dns = await startDnsServer(t);
  const long = downloads();
  const { port, replicas } = await placeReplicas(
    t,
    ['127.0.21.1', '127.0.21.2'],
    0,
    (request, response, host) => (request.url === '/long' ? long.answer(response) : void response.end(host)),
  );
  const [leaving, staying] = replicas as [(typeof replicas)[number], (typeof replicas)[number]];
  dns.setA(NAME, [leaving.host, staying.host]);
  const upstream = { sticky: { cookie: 'r' } };
  const gateway = await startGateway(t, config(dns, [`http://${NAME}:${port}`], upstream));
  const cookieOf = new Map<string, string>();
  while (cookieOf.size < 2) {
    const reply = await ask(gateway.port, '/x');
    cookieOf.set(reply.text, reply.header('set-cookie')!.split(';')[0]!);
  }
  const clients = await Promise.all(
    [leaving, leaving, staying, staying].map(async ({ host }) => {
      const client = await connectRaw(t, gateway.port);
      await client.send(requestBytes('/long', { headers: { Cookie: cookieOf.get(host)! } }));
      return client;
    }),
  );
  await eventually('the downloads run', () => long.running === 4);
  // Connections that lie idle at both.
  await Promise.all(Array.from({ length: 20 }, () => ask(gateway.port, '/x')));
  const [before, kept] = [leaving.seen.length, staying.connections];
  assert.ok(leaving.sockets.size > 2);
  dns.setA(NAME, [staying.host]);
  await eventually('its idle connections are closed', () => leaving.sockets.size === 2, LIMIT);
  for (let i = 0; i < 30; i++) {
    const reply = await ask(gateway.port, '/x', { headers: { Cookie: cookieOf.get(leaving.host)! } });
    assert.equal(reply.text, staying.host);
    assert.notEqual(reply.header('set-cookie'), undefined);
    const loyal = await ask(gateway.port, '/x', { headers: { Cookie: cookieOf.get(staying.host)! } });
    assert.equal(loyal.text, staying.host);
    assert.equal(loyal.header('set-cookie'), undefined);
  }
  assert.equal(leaving.seen.length, before, 'nothing new is sent there');
  assert.equal(staying.connections, kept, 'who stays keeps its connections');
  // Longer than the gateway takes to look at what is under way.
  await sleep(1000);
  assert.equal(leaving.sockets.size, 2);
  long.finish();
  for (const client of clients) {
    const { status, body } = await client.response();
    assert.deepEqual([status, body.length], [200, 2 * 1024 ** 2]);
    client.destroy();
  }
  await eventually('its last connections are closed', () => leaving.sockets.size === 0, LIMIT);
  // It comes back as if it were new.
  dns.setA(NAME, [leaving.host, staying.host]);
  await used(gateway, [leaving.host, staying.host]);
  assert.equal(
    (await ask(gateway.port, '/x', { headers: { Cookie: cookieOf.get(leaving.host)! } })).text,
    leaving.host,
  );
});

test('who waits for a connection is served by an address that joins', async (t) => {
  const dns = await startDnsServer(t);
  const { port, replicas } = await placeReplicas(t, ['127.0.21.3', '127.0.21.4'], 0, (_, response, host) => {
    if (host === '127.0.21.4') response.end(host);
  });
  dns.setA(NAME, ['127.0.21.3']);
  const upstream = { connections: { max: 1, queueTimeout: '20s' } };
  const gateway = await startGateway(t, config(dns, [`http://${NAME}:${port}`], upstream));
  const hanging = await connectRaw(t, gateway.port);
  await hanging.send(requestBytes('/hangs'));
  await eventually('it is full', () => replicas[0]!.seen.length === 1);
  const asked = Array.from({ length: 6 }, (_, i) => ask(gateway.port, `/${i}`, { deadline: LIMIT }));
  await sleep(200);
  dns.setA(NAME, ['127.0.21.3', '127.0.21.4']);
  for (const { text } of await Promise.all(asked)) assert.equal(text, '127.0.21.4');
  hanging.destroy();
});

test('SERVFAIL and silence keep the last good addresses, for as long as they last', async (t) => {
  const dns = await startDnsServer(t);
  const { port } = await placeReplicas(t, ['127.0.22.1', '127.0.22.2']);
  dns.setA(NAME, ['127.0.22.1']);
  const gateway = await startGateway(t, config(dns, [`http://${NAME}:${port}`]));
  assert.deepEqual(await answering(gateway), ['127.0.22.1']);
  for (const failure of ['SERVFAIL', 'REFUSED', 'silent'] as const) {
    dns.fail(NAME, failure);
    const asked = dns.asked(NAME, 'A');
    await dns.until((server) => server.asked(NAME, 'A') >= asked + 4, LIMIT);
    assert.deepEqual(await answering(gateway), ['127.0.22.1'], failure);
  }
  dns.setA(NAME, ['127.0.22.2']);
  dns.fail(NAME, null);
  await used(gateway, ['127.0.22.2']);
});

test('NXDOMAIN is not believed at once; when it is, 503 with Retry-After', async (t) => {
  const dns = await startDnsServer(t);
  const { port, replicas } = await placeReplicas(t, ['127.0.22.3']);
  dns.setA(NAME, ['127.0.22.3']);
  const gateway = await startGateway(t, config(dns, [`http://${NAME}:${port}`]));
  assert.deepEqual(await answering(gateway), ['127.0.22.3']);
  for (const round of [1, 2]) {
    const asked = dns.asked(NAME, 'A');
    dns.fail(NAME, 'NXDOMAIN');
    await dns.until((server) => server.asked(NAME, 'A') > asked, LIMIT);
    dns.fail(NAME, null);
    await dns.until((server) => server.asked(NAME, 'A') > asked + 1, LIMIT);
    assert.deepEqual(await answering(gateway), ['127.0.22.3'], `round ${round}`);
  }
  dns.setA(NAME, []);
  await eventually('it is believed', async () => (await ask(gateway.port, '/x')).status === 503, LIMIT);
  const reply = await ask(gateway.port, '/x');
  assert.match(reply.text, /UPSTREAM_DOWN/);
  assert.match(reply.header('retry-after')!, /^[1-9]\d*$/);
  await eventually('its connections are closed', () => replicas[0]!.sockets.size === 0, LIMIT);
});

test('a name without addresses at the start is used as soon as it has one', async (t) => {
  const dns = await startDnsServer(t);
  const { port } = await placeReplicas(t, ['127.0.23.1']);
  const gateway = await startGateway(t, config(dns, [`http://${NAME}:${port}`]));
  const reply = await ask(gateway.port, '/x', { headers: { accept: 'text/html' } });
  assert.equal(reply.status, 503);
  assert.match(reply.text, /UPSTREAM_DOWN/);
  assert.doesNotMatch(reply.text, new RegExp(NAME));
  assert.match(reply.header('retry-after')!, /^[1-9]\d*$/);
  dns.setA(NAME, ['127.0.23.1']);
  await used(gateway, ['127.0.23.1']);
});

test('a worker that is replaced gets the addresses of now, and those that come later', async (t) => {
  const dns = await startDnsServer(t);
  const { port, replicas } = await placeReplicas(t, ['127.0.23.2', '127.0.23.3', '127.0.23.4']);
  dns.setA(NAME, ['127.0.23.2']);
  const one = { ...config(dns, [`http://${NAME}:${port}`]), workers: 1 };
  const gateway = await startGateway(t, one, {
    nodeArgs: ['--import', `${PROJECT}/test/support/worker-probe.ts`],
  });
  await used(gateway, ['127.0.23.2']);
  dns.setA(NAME, ['127.0.23.3']);
  await used(gateway, ['127.0.23.3']);
  const before = replicas[0]!.seen.length;
  gateway.signal('SIGUSR2');
  gateway.stopping = false;
  await gateway.output(/a new worker listens/, LIMIT);
  assert.deepEqual(await answering(gateway), ['127.0.23.3']);
  assert.equal(replicas[0]!.seen.length, before);
  dns.setA(NAME, ['127.0.23.4']);
  await used(gateway, ['127.0.23.4']);
});
