// Sticky cookies as a browser and a meddler see them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startGateway } from '../support/gateway-process.ts';
import { eventually, holdAnswers } from '../support/held-answers.ts';
import { ask, NAVIGATION, type Reply, requestBytes } from '../support/plain-request.ts';
import { connectRaw } from '../support/raw-client.ts';
import { answer, startReplica } from '../support/recording-replica.ts';
import { suiteScope } from '../support/suite-scope.ts';

const PAGE = answer('<!doctype html>', { 'Content-Type': 'text/html' });
const SCRIPT = 'assets/app-3f9c1b7a2d4e.js';

const scope = suiteScope();
const NAMES = ['a', 'b', 'c'];
const replicas = await Promise.all(NAMES.map((name) => startReplica(scope, answer(name))));
const urls = replicas.map(({ url }) => url);
const site = await startReplica(scope, ({ target }) =>
  target.endsWith('.js') ? answer('let x;', { 'Content-Type': 'text/javascript' }) : PAGE,
);
const route = { 'a.test': { routes: { '/*': { proxy: 'api' } } } };
const gateway = await startGateway(scope, {
  workers: 2,
  upstreams: {
    api: { replicas: urls, sticky: { cookie: 'api_replica' } },
    other: { replicas: urls, sticky: { cookie: 'api_replica' } },
    site: { replicas: [site.url], sticky: { cookie: 'site_replica' } },
  },
  hosts: {
    ...route,
    'other.test': { routes: { '/*': { proxy: 'other' } } },
    'site.test': { routes: { '/*': { spa: { upstream: 'site' } } } },
  },
});
const trusting = await startGateway(scope, {
  trustedProxies: ['127.0.0.1'],
  upstreams: { api: { replicas: urls, sticky: { cookie: 'api_replica' } } },
  hosts: route,
});

const get = (cookie?: string, host = 'a.test', port = gateway.port): Promise<Reply> =>
  ask(port, '/x', { host, ...(cookie !== undefined && { headers: { Cookie: cookie } }) });
/** The pair of a `Set-Cookie` field, as it is sent back. */
const pairOf = (reply: Reply): string => reply.header('set-cookie')!.split(';')[0]!;

test('the cookie: HttpOnly, SameSite=Lax, for all paths, of this session, and no Secure over plain HTTP', async () => {
  const field = (await get()).header('set-cookie')!;
  const [pair, ...attributes] = field.split(/; */);
  assert.match(pair!, /^api_replica=[\w-]+$/);
  assert.deepEqual(attributes.sort(), ['HttpOnly', 'Path=/', 'SameSite=Lax']);
});

test('Secure where a trusted proxy says that its client speaks TLS, and nobody else', async () => {
  const headers = { 'X-Forwarded-Proto': 'https' };
  const trusted = await ask(trusting.port, '/x', { headers });
  assert.match(trusted.header('set-cookie')!, /; Secure(;|$)/);
  const plain = await ask(trusting.port, '/x', { headers: { 'X-Forwarded-Proto': 'http' } });
  assert.doesNotMatch(plain.header('set-cookie')!, /Secure/);
  const stranger = await ask(gateway.port, '/x', { headers });
  assert.doesNotMatch(stranger.header('set-cookie')!, /Secure/);
});

test('it tells nothing of addresses, and is the same for everybody at one replica', async () => {
  const tokens = new Map<string, Set<string>>();
  for (let i = 0; i < 60; i++) {
    const reply = await get();
    tokens.set(reply.text, (tokens.get(reply.text) ?? new Set()).add(pairOf(reply)));
  }
  assert.equal(tokens.size, 3);
  const all = [...tokens.values()].flatMap((of) => [...of]);
  assert.equal(new Set(all).size, 3, 'three tokens, one for each replica');
  for (const pair of all) {
    const token = pair.slice('api_replica='.length);
    const read = Buffer.from(token, 'base64url').toString('latin1') + token;
    for (const { port } of replicas) assert.equal(read.includes(String(port)), false);
    assert.equal(read.includes('127.0.0'), false);
    assert.ok(token.length >= 20 && token.length <= 64, token);
  }
});

test('a client comes back to its replica, whatever else it sends, and is told nothing again', async () => {
  const first = await get();
  const pair = pairOf(first);
  const fields = [pair, `a=b; ${pair}; c=d`, `x${pair}; ${pair}`, `${'n=v; '.repeat(400)}${pair}`];
  for (let i = 0; i < 40; i++) {
    const reply = await get(fields[i % fields.length]);
    assert.equal(reply.text, first.text);
    assert.equal(reply.header('set-cookie'), undefined);
  }
});

test('garbage, forgeries and tokens of others are ignored, and replaced', async () => {
  const mine = pairOf(await get());
  const others = pairOf(await get(undefined, 'other.test'));
  const elsewhere = pairOf(await get(undefined, 'a.test', trusting.port));
  assert.notEqual(mine.length, 0);
  const bad = [
    'api_replica=',
    'api_replica',
    'api_replica=1',
    `api_replica=${urls[0]}`,
    'api_replica=__proto__',
    `api_replica=${'A'.repeat(4000)}`,
    `api_replica="${'%00'.repeat(20)}"`,
    mine.slice(0, -1),
    `${mine}x`,
    mine.toUpperCase(),
    others,
    elsewhere,
    `API_REPLICA=${mine.split('=')[1]}`,
    `my_${mine}`,
  ];
  for (const cookie of bad) {
    const seen = new Set<string>();
    for (let i = 0; i < 40 && seen.size < 2; i++) {
      const reply = await get(cookie);
      assert.equal(reply.status, 200);
      assert.match(reply.header('set-cookie') ?? '', /^api_replica=[\w-]+;/, cookie.slice(0, 60));
      seen.add(reply.text);
    }
    assert.ok(seen.size > 1, `${cookie.slice(0, 60)} binds nobody`);
  }
});

test('HEAD, and answers that are errors of the replica, set it too; errors of the gateway do not', async () => {
  assert.match((await ask(gateway.port, '/x', { method: 'HEAD' })).header('set-cookie')!, /^api_replica=/);
  const before = replicas.map((replica) => replica.script);
  for (const replica of replicas) replica.script = answer('no', {}, 500);
  assert.match((await get()).header('set-cookie')!, /^api_replica=/);
  for (const replica of replicas) replica.script = (_, on) => on.reset();
  const failed = await ask(gateway.port, '/x', { method: 'POST', body: 'x' });
  assert.equal(failed.status, 502);
  assert.equal(failed.header('set-cookie'), undefined);
  for (const [i, replica] of replicas.entries()) replica.script = before[i]!;
  for (let i = 0; i < 5; i++) await get();
});

test("the replica's own cookies stand beside it", async () => {
  const before = replicas.map((replica) => replica.script);
  for (const replica of replicas) replica.script = answer('own', { 'Set-Cookie': 'session=1; Path=/' });
  const { headers } = await get();
  const fields = headers.filter((_, i) => i % 2 === 1 && /^set-cookie$/i.test(headers[i - 1]!));
  assert.equal(fields.length, 2);
  assert.equal(fields.filter((field) => field.startsWith('api_replica=')).length, 1);
  for (const [i, replica] of replicas.entries()) replica.script = before[i]!;
});

test('an asset that is kept for everybody carries no cookie, a document does', async () => {
  const asset = () => ask(gateway.port, `/${SCRIPT}`, { host: 'site.test' });
  const page = await ask(gateway.port, '/', { host: 'site.test', headers: { accept: NAVIGATION } });
  assert.match(page.header('set-cookie')!, /^site_replica=/);
  for (let i = 0; i < 20; i++) {
    const reply = await asset();
    assert.equal(reply.status, 200);
    assert.match(reply.header('cache-control')!, /immutable/);
    assert.equal(reply.header('set-cookie'), undefined);
  }
  const asked = site.requests.filter(({ target }) => target.endsWith('.js')).length;
  assert.ok(asked <= 2, `asked ${asked} times: kept by each worker`);
});

test('a client whose replica is down gets another one and a new cookie, and stays there', async (t) => {
  const replicas = await Promise.all(['a', 'b', 'c'].map((name) => startReplica(t, answer(name))));
  const health = { path: '/', interval: '500ms', timeout: '400ms', rise: 1, fall: 1 };
  const gateway = await startGateway(t, {
    workers: 2,
    upstreams: { api: { replicas: replicas.map(({ url }) => url), sticky: { cookie: 'r' }, health } },
    hosts: { 'a.test': { routes: { '/*': { proxy: 'api' } } } },
  });
  const get = (cookie: string) => ask(gateway.port, '/x', { headers: { Cookie: cookie } });
  const first = await get('none=1');
  const old = first.header('set-cookie')!.split(';')[0]!;
  const own = replicas.find((_, i) => 'abc'[i] === first.text)!;
  await own.close();
  // Before the checks know, too.
  for (const when of ['at once', 'once it is known']) {
    const moved = await get(old);
    assert.equal(moved.status, 200, when);
    assert.notEqual(moved.text, first.text);
    const fresh = moved.header('set-cookie')!.split(';')[0]!;
    assert.notEqual(fresh, old);
    for (let i = 0; i < 10; i++) {
      const again = await get(fresh);
      assert.equal(again.text, moved.text);
      assert.equal(again.header('set-cookie'), undefined);
    }
    await gateway.output(/a replica is down/, 15_000);
  }
  await own.accept();
  await gateway.output(/a replica is up/, 15_000);
  // Who kept the old one finds back.
  for (let i = 0; i < 10; i++) assert.equal((await get(old)).text, first.text);
});

test('a client waits for its own replica when that is full, and holds nobody else up', async (t) => {
  const held = [holdAnswers(), holdAnswers()];
  const replicas = await Promise.all(held.map(({ script }) => startReplica(t, script)));
  const gateway = await startGateway(t, {
    upstreams: {
      api: {
        replicas: replicas.map(({ url }) => url),
        sticky: { cookie: 'r' },
        connections: { max: 1, queueTimeout: '20s' },
      },
    },
    hosts: { 'a.test': { routes: { '/*': { proxy: 'api' } } } },
  });
  const asking = ask(gateway.port, '/first');
  await eventually('somebody is asked', () => held.some(({ waiting }) => waiting === 1));
  const own = held[0]!.waiting === 1 ? 0 : 1;
  held[own]!.release();
  const cookie = (await asking).header('set-cookie')!.split(';')[0]!;
  const mine = (target: string) => ask(gateway.port, target, { headers: { Cookie: cookie } });
  const long = mine('/long');
  await eventually('it is busy', () => held[own]!.waiting === 1);
  const next = mine('/next');
  held[1 - own]!.open();
  for (let i = 0; i < 10; i++) assert.equal((await ask(gateway.port, '/others')).status, 200);
  held[own]!.open();
  assert.equal((await long).status, 200);
  assert.equal((await next).status, 200);
  const seen = replicas[own]!.requests.map(({ target }) => target);
  assert.ok(seen.includes('/next'));
});

test('a crowd that waits for one replica that hangs holds nobody else up', async (t) => {
  const held = [holdAnswers(), holdAnswers()];
  const replicas = await Promise.all(held.map(({ script }) => startReplica(t, script)));
  for (const one of held) one.open();
  const gateway = await startGateway(t, {
    workers: 2,
    upstreams: {
      api: {
        replicas: replicas.map(({ url }) => url),
        sticky: { cookie: 'r' },
        connections: { max: 4, queueTimeout: '20s' },
      },
    },
    hosts: { 'a.test': { routes: { '/*': { proxy: 'api' } } } },
  });
  const first = await ask(gateway.port, '/first');
  const cookie = first.header('set-cookie')!.split(';')[0]!;
  const own = replicas.findIndex(({ requests }) => requests.length > 0);
  replicas[own]!.script = () => new Promise(() => {});
  const crowd = await Promise.all(Array.from({ length: 300 }, () => connectRaw(t, gateway.port)));
  for (const client of crowd) await client.send(requestBytes('/mine', { headers: { Cookie: cookie } }));
  await replicas[own]!.until(({ requests }) => requests.length === 5, 10_000);
  await sleep(300);
  const begun = performance.now();
  for (let i = 0; i < 50; i++) assert.equal((await ask(gateway.port, '/others')).status, 200);
  const took = performance.now() - begun;
  for (const client of crowd) client.destroy();
  // Milliseconds each; and what a busy machine may add.
  assert.ok(took < 5000, `${Math.round(took)} ms for 50 that had a replica to themselves`);
});
