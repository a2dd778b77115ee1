// Second attempts, as counted at the replicas: what is tried again elsewhere, and what never is.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Scope } from '../support/fixtures.ts';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';
import { ask, requestBytes } from '../support/plain-request.ts';
import { connectRaw } from '../support/raw-client.ts';
import { answer, type RecordingReplica, type Script, startReplica } from '../support/recording-replica.ts';

const reset: Script = (_, on) => on.reset();
const good: Script = ({ method, target }) => answer(`${method} ${target}`);

interface Rig {
  readonly gateway: GatewayProcess;
  readonly replicas: readonly RecordingReplica[];
  /** Requests for `target` that reached each replica. */
  seen(target: string): number[];
}

/**
 * Replicas that are asked in turn, so that two requests one after the other meet two of them, by one worker, whose
 * turns they are.
 */
async function start(
  scope: Scope,
  scripts: readonly Script[],
  upstream: object = {},
  route: object = {},
): Promise<Rig> {
  const replicas = await Promise.all(scripts.map((script) => startReplica(scope, script)));
  const gateway = await startGateway(scope, {
    workers: 1,
    upstreams: {
      api: {
        replicas: replicas.map(({ url }) => url),
        balance: 'round-robin',
        eject: false,
        retry: { budget: 1 },
        ...upstream,
      },
    },
    hosts: {
      'a.test': {
        routes: { '/*': { proxy: 'api', ...route }, '/webhook/*': { proxy: 'api', ...route, retry: false } },
      },
    },
  });
  const seen = (target: string) =>
    replicas.map(({ requests }) => requests.filter((request) => request.target === target).length);
  return { gateway, replicas, seen };
}

const sum = (counts: readonly number[]): number => counts.reduce((total, one) => total + one, 0);

test('nothing was sent: any method goes to another replica, whole and once', async (t) => {
  const { gateway, replicas, seen } = await start(t, [good, good, good]);
  await replicas[0]!.close();
  await replicas[1]!.close();
  for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
    const body = /^P/.test(method) ? 'b'.repeat(150_000) : undefined;
    for (let i = 0; i < 6; i++) {
      const target = `/${method}/${i}`;
      const reply = await ask(gateway.port, target, { method, ...(body !== undefined && { body }) });
      assert.equal(reply.status, 200, target);
      assert.deepEqual(seen(target), [0, 0, 1], target);
      assert.equal(replicas[2]!.requests.at(-1)!.body.toString(), body ?? '', target);
    }
  }
});

for (const [what, body] of [
  ['without a body', undefined],
  // As many clients send it.
  ['with Content-Length: 0', ''],
] as const) {
  test(`reset before the first byte of the answer: idempotent methods ${what} are sent once more, elsewhere`, async (t) => {
    const { gateway, seen } = await start(t, [reset, good, good]);
    for (const method of ['PUT', 'DELETE', 'OPTIONS', 'GET', 'HEAD']) {
      let tried = 0;
      for (let i = 0; i < 9; i++) {
        const target = `/${method}/${i}`;
        const reply = await ask(gateway.port, target, { method, ...(body !== undefined && { body }) });
        assert.equal(reply.status, 200, target);
        const [bad, ...others] = seen(target) as [number, ...number[]];
        assert.equal(sum(others), 1, target);
        tried += bad;
      }
      assert.ok(tried >= 2 && tried <= 9, `${tried} of 9 ${method} tried there first`);
    }
  });
}

for (const [what, method, body] of [
  ['POST', 'POST', 'x'],
  ['POST without a body', 'POST', undefined],
  ['PATCH', 'PATCH', 'x'],
  ['PUT whose body was sent', 'PUT', 'x'.repeat(1000)],
  ['DELETE whose body was sent', 'DELETE', 'x'],
] as const) {
  test(`reset before the first byte of the answer: ${what} is never sent again`, async (t) => {
    const { gateway, seen } = await start(t, [reset, reset], { retry: { attempts: 5, budget: 1 } });
    for (let i = 0; i < 4; i++) {
      const reply = await ask(gateway.port, `/${i}`, { method, ...(body !== undefined && { body }) });
      assert.equal(reply.status, 502);
      assert.match(reply.text, /UPSTREAM_RESET/);
      assert.equal(sum(seen(`/${i}`)), 1);
    }
  });
}

test('a body of which a part was sent: PUT is never sent again', async (t) => {
  const { gateway, replicas, seen } = await start(t, [good, good], { retry: { attempts: 5, budget: 1 } });
  const client = await connectRaw(t, gateway.port);
  await client.send(
    'PUT /part HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000\r\n\r\n',
    Buffer.alloc(1000),
  );
  const asked = () => replicas.find(({ requests }) => requests.length > 0);
  while ((asked()?.requests[0]?.bodySize ?? 0) < 1000) await sleep(5);
  for (const connection of asked()!.connections) connection.reset();
  assert.equal((await client.response('PUT')).status, 502);
  client.destroy();
  await sleep(300);
  assert.equal(sum(seen('/part')), 1);
});

for (const [what, script] of [
  ['in the middle of the head', 'HTTP/1.1 200 OK\r\nContent-Le'],
  ['in the middle of the body', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello'],
  ['in the middle of a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhello'],
  ['after an interim answer', 'HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n'],
] as const) {
  test(`after the first byte of the answer, never: ${what}`, async (t) => {
    const breaks: Script = async (_, on) => {
      on.write(script);
      await sleep(50);
      on.reset();
    };
    const { gateway, seen } = await start(t, [breaks, breaks], { retry: { attempts: 5, budget: 1 } });
    const client = await connectRaw(t, gateway.port);
    await client.send(requestBytes('/once'));
    const bytes = await client.collect(1000, 5000);
    client.destroy();
    assert.doesNotMatch(bytes.toString('latin1'), /HTTP\/1\.1 200 OK[\s\S]*HTTP\/1\.1/);
    await sleep(300);
    assert.equal(sum(seen('/once')), 1);
  });
}

test('`retry: false`: no second attempt at all, whatever happens', async (t) => {
  const on = ['connect', 'reset', 502, 503, 504];
  const { gateway, replicas, seen } = await start(t, [reset, reset], {
    retry: { attempts: 5, on, budget: 1 },
  });
  assert.equal((await ask(gateway.port, '/webhook/reset')).status, 502);
  assert.equal(sum(seen('/webhook/reset')), 1);
  for (const replica of replicas) replica.script = answer('no', {}, 503);
  const unavailable = await ask(gateway.port, '/webhook/503');
  assert.equal(unavailable.text, 'no');
  assert.equal(sum(seen('/webhook/503')), 1);
  for (const replica of replicas) replica.script = good;
  await replicas[0]!.close();
  const replies = await Promise.all(
    [1, 2, 3, 4].map(() => ask(gateway.port, '/webhook/connect', { method: 'POST', body: 'x' })),
  );
  // Half of them met the one that is gone.
  assert.deepEqual(replies.map(({ status }) => status).sort(), [200, 200, 503, 503]);
  assert.deepEqual(seen('/webhook/connect'), [0, 2]);
});
