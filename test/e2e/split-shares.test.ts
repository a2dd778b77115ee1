// Shares of a split over many clients, as counted at the replicas, and what wins over them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startGateway } from '../support/gateway-process.ts';
import { ask, asReply, requestBytes } from '../support/plain-request.ts';
import { connectRaw } from '../support/raw-client.ts';
import { answer, startReplica } from '../support/recording-replica.ts';
import { suiteScope } from '../support/suite-scope.ts';

const scope = suiteScope();
const names = ['stable', 'canary', 'dark'];
const replicas = await Promise.all(names.map((name) => startReplica(scope, answer(name))));
const upstreams = Object.fromEntries(names.map((name, i) => [name, { replicas: [replicas[i]!.url] }]));
const sticky = { replicas: replicas.map(({ url }) => url), sticky: { cookie: 'r' } };
const override = { header: 'X-Version', cookie: 'version' };
const gateway = await startGateway(scope, {
  workers: 2,
  trustedProxies: ['127.0.0.1'],
  upstreams: { ...upstreams, sticky, 'sticky-next': sticky },
  hosts: {
    'a.test': {
      routes: {
        '/by-client/*': { proxy: { split: { stable: 80, canary: 20, dark: 0 }, override } },
        '/grown/*': { proxy: { split: { stable: 50, canary: 50, dark: 0 } } },
        '/by-exchange/*': { proxy: { split: { stable: 80, canary: 20 }, by: 'exchange' } },
        '/sticky/*': { proxy: { split: { sticky: 50, 'sticky-next': 50 } } },
      },
    },
  },
});

/** Who answers each of 1,000 clients. */
async function sides(path: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const connection = await connectRaw(scope, gateway.port);
  for (let i = 0; i < 1000; i++) {
    const client = `198.51.${i >> 8}.${i & 255}`;
    await connection.send(requestBytes(path, { headers: { 'X-Forwarded-For': client } }));
    found.set(client, asReply(await connection.response()).text);
  }
  connection.destroy();
  return found;
}
const count = (found: Map<string, string>, name: string): number =>
  [...found.values()].filter((one) => one === name).length;

test('clients are shared out by percentage, and each stays on its side, whatever the worker', async () => {
  const first = await sides('/by-client/x');
  const canary = count(first, 'canary');
  // 200 with a standard deviation of 13.
  assert.ok(canary > 135 && canary < 265, `${canary} of 1,000`);
  assert.equal(count(first, 'dark'), 0);
  for (let i = 0; i < 4; i++) assert.deepEqual(await sides('/by-client/other'), first);
});

test('a share that grows takes clients along and gives none back', async () => {
  const before = await sides('/by-client/x');
  const after = await sides('/grown/x');
  const canary = count(after, 'canary');
  assert.ok(canary > 420 && canary < 580, `${canary} of 1,000`);
  for (const [client, side] of before) if (side === 'canary') assert.equal(after.get(client), 'canary');
});

test('exchanges are shared out by percentage', async () => {
  const canary = count(await sides('/by-exchange/x'), 'canary');
  assert.ok(canary > 135 && canary < 265, `${canary} of 1,000`);
  const one = new Set<string>();
  for (let i = 0; i < 60; i++) one.add((await ask(gateway.port, '/by-exchange/x')).text);
  assert.equal(one.size, 2, 'one client sees both sides');
});

for (const [headers, expected] of [
  [{ 'X-Version': 'canary' }, 'canary'],
  [{ 'X-Version': 'dark' }, 'dark'],
  [{ Cookie: 'version=dark' }, 'dark'],
  [{ Cookie: 'a=b; version="canary"' }, 'canary'],
  [{ Cookie: 'version=dark', 'X-Version': 'canary' }, 'canary'],
  [{ Cookie: 'version=dark', 'X-Version': 'nonsense' }, 'dark'],
] as const) {
  test(`${JSON.stringify(headers)} leads to ${expected}`, async () => {
    for (let i = 0; i < 10; i++)
      assert.equal((await ask(gateway.port, '/by-client/x', { headers })).text, expected);
  });
}

for (const headers of [
  { 'X-Version': 'sticky' },
  { 'X-Version': 'STABLE ' },
  { 'X-Version': 'canary, dark' },
  { 'X-Version': '__proto__' },
  { 'X-Version': '1' },
  { Cookie: 'version=darker' },
  { Cookie: 'xversion=dark' },
] as Record<string, string>[]) {
  test(`${JSON.stringify(headers)} leads nowhere in particular`, async () => {
    const client = { 'X-Forwarded-For': '203.0.113.9' };
    const plain = await ask(gateway.port, '/by-client/x', { headers: client });
    const reply = await ask(gateway.port, '/by-client/x', { headers: { ...client, ...headers } });
    assert.equal(reply.status, 200);
    assert.equal(reply.text, plain.text);
  });
}

test('with sticky cookies on both sides a client keeps its replica', async () => {
  for (const client of ['203.0.113.1', '203.0.113.2', '203.0.113.3', '203.0.113.4', '203.0.113.5']) {
    const headers = { 'X-Forwarded-For': client };
    const first = await ask(gateway.port, '/sticky/x', { headers });
    const Cookie = first.header('set-cookie')!.split(';')[0]!;
    for (let i = 0; i < 10; i++) {
      const reply = await ask(gateway.port, '/sticky/x', { headers: { ...headers, Cookie } });
      assert.equal(reply.text, first.text);
      assert.equal(reply.header('set-cookie'), undefined);
    }
  }
});
