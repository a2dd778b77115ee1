// How far second attempts go: statuses, the number of attempts, the time for all of them, and answers that never come.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startBlackHole } from '../support/black-hole.ts';
import type { Scope } from '../support/fixtures.ts';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';
import { eventually } from '../support/held-answers.ts';
import { ask } from '../support/plain-request.ts';
import { connectRaw } from '../support/raw-client.ts';
import { answer, type RecordingReplica, type Script, startReplica } from '../support/recording-replica.ts';

const good: Script = ({ target }) => answer(target === '/health' ? 'fine' : 'good');
const hang: Script = () => new Promise(() => {});

interface Rig {
  readonly gateway: GatewayProcess;
  readonly replicas: readonly RecordingReplica[];
  /** Requests for `target` that reached each replica. */
  seen(target: string): number[];
}

/** Replicas that one worker asks in turn, perhaps with a backup at some other address. */
async function start(
  scope: Scope,
  scripts: readonly Script[],
  upstream: object,
  route: object = {},
  backup?: string,
): Promise<Rig> {
  const replicas = await Promise.all(scripts.map((script) => startReplica(scope, script)));
  const urls: unknown[] = replicas.map(({ url }) => url);
  if (backup !== undefined) urls.push({ url: backup, backup: true });
  const api = { replicas: urls, balance: 'round-robin', eject: false, ...upstream };
  const gateway = await startGateway(scope, {
    workers: 1,
    upstreams: { api },
    hosts: { 'a.test': { routes: { '/*': { proxy: 'api', ...route } } } },
  });
  const seen = (target: string) =>
    replicas.map(({ requests }) => requests.filter((request) => request.target === target).length);
  return { gateway, replicas, seen };
}

const sum = (counts: readonly number[]): number => counts.reduce((total, one) => total + one, 0);

test('a status of `on` is tried elsewhere: not for POST, not with Retry-After, no other status', async (t) => {
  const { gateway, replicas, seen } = await start(t, [good, good], {
    retry: { budget: 1, on: ['connect', 503] },
  });
  const [bad] = replicas as [RecordingReplica];
  const asked = async (name: string, count: number, method = 'GET'): Promise<number[]> => {
    const statuses: number[] = [];
    for (let i = 0; i < count; i++) {
      const body = method === 'POST' ? 'x' : undefined;
      const reply = await ask(gateway.port, `/${name}`, { method, ...(body !== undefined && { body }) });
      statuses.push(reply.status);
    }
    return statuses.sort();
  };
  bad.script = answer('no', {}, 503);
  assert.deepEqual(await asked('get', 6), [200, 200, 200, 200, 200, 200]);
  assert.equal(seen('/get')[1], 6);
  assert.ok(seen('/get')[0]! >= 2, 'half of them were turned down');
  assert.deepEqual(await asked('head', 4, 'HEAD'), [200, 200, 200, 200]);
  assert.deepEqual(await asked('post', 4, 'POST'), [200, 200, 503, 503]);
  assert.equal(sum(seen('/post')), 4);
  bad.script = answer('later', { 'Retry-After': '7' }, 503);
  const replies = [await ask(gateway.port, '/later'), await ask(gateway.port, '/later')];
  const [later] = replies.filter(({ status }) => status === 503);
  assert.equal(later!.header('retry-after'), '7');
  assert.equal(later!.text, 'later');
  assert.equal(sum(seen('/later')), 2);
  for (const status of [502, 504, 500, 429]) {
    bad.script = answer('other', {}, status);
    assert.deepEqual(await asked(`${status}`, 2), [200, status].sort());
    assert.equal(sum(seen(`/${status}`)), 2);
  }
  // It closes without an answer, and `reset` is not named.
  bad.script = (_, on) => on.reset();
  assert.deepEqual(await asked('reset', 2), [200, 502]);
  assert.equal(sum(seen('/reset')), 2);
});

test('`on` without `connect`: nobody else is asked where one cannot be reached', async (t) => {
  const { gateway, replicas, seen } = await start(t, [good, good], { retry: { budget: 1, on: ['reset'] } });
  await replicas[0]!.close();
  const statuses = [(await ask(gateway.port, '/x')).status, (await ask(gateway.port, '/x')).status];
  assert.deepEqual(statuses.sort(), [200, 503]);
  assert.deepEqual(seen('/x'), [0, 1]);
});

test('a route may want less than its upstream, or more', async (t) => {
  const no = answer('no', {}, 503);
  const upstream = { retry: { attempts: 2, budget: 1, on: ['connect', 'reset'] } };
  const { gateway, seen } = await start(t, [no, no, no, no], upstream, { retry: { attempts: 3, on: [503] } });
  assert.equal((await ask(gateway.port, '/x')).text, 'no');
  assert.deepEqual(seen('/x').sort(), [0, 1, 1, 1], 'three attempts, at three replicas');
});

for (const attempts of [1, 2, 4]) {
  test(`attempts: ${attempts}`, async (t) => {
    const reset: Script = (_, on) => on.reset();
    const { gateway, seen } = await start(t, [reset, reset, reset, reset, reset], {
      retry: { attempts, budget: 1 },
    });
    assert.equal((await ask(gateway.port, '/x')).status, 502);
    assert.equal(sum(seen('/x')), attempts);
    assert.equal(Math.max(...seen('/x')), 1, 'each at another replica');
  });
}

test('more attempts than replicas: the last answer is passed on as it is', async (t) => {
  const no: Script = () => answer('no', { 'X-Own': '1' }, 503);
  const { gateway, seen } = await start(t, [no, no], { retry: { attempts: 4, budget: 1, on: [503] } });
  const reply = await ask(gateway.port, '/x');
  assert.deepEqual([reply.status, reply.text, reply.header('x-own')], [503, 'no', '1']);
  assert.deepEqual(seen('/x'), [2, 2]);
});

test('`timeouts.response` is for all attempts together', async (t) => {
  let first = true;
  const script: Script = async (_, on) => {
    if (!first) return hang({} as never, on);
    first = false;
    await sleep(1500);
    on.reset();
  };
  const { gateway, seen } = await start(t, [script, script, script], {
    retry: { attempts: 5, budget: 1 },
    timeouts: { response: '2s' },
  });
  const begun = performance.now();
  const reply = await ask(gateway.port, '/x');
  const took = performance.now() - begun;
  assert.equal(reply.status, 504);
  assert.match(reply.text, /UPSTREAM_RESPONSE_TIMEOUT/);
  assert.equal(sum(seen('/x')), 2);
  assert.ok(took > 1900 && took < 3300, `${Math.round(took)} ms`);
});

test('no further attempt begins once the time is over', async (t) => {
  const late: Script = async (_, on) => {
    await sleep(400);
    on.reset();
  };
  const upstream = { retry: { attempts: 10, budget: 1 }, timeouts: { response: '1s' } };
  const { gateway, seen } = await start(t, Array<Script>(8).fill(late), upstream);
  const reply = await ask(gateway.port, '/x');
  assert.ok(reply.status === 502 || reply.status === 504, `${reply.status}`);
  await sleep(600);
  assert.ok(sum(seen('/x')) <= 3, `${seen('/x')}`);
});

test('`timeouts.response` is for all attempts together, also for a connection that never comes about', async (t) => {
  const hole = await startBlackHole(t);
  const late: Script = async (_, on) => {
    await sleep(700);
    on.reset();
  };
  const { gateway } = await start(t, [late], { timeouts: { response: '1s', connect: '8s' } }, {}, hole);
  const begun = performance.now();
  const reply = await ask(gateway.port, '/x', { deadline: 30_000 });
  const took = performance.now() - begun;
  assert.equal(reply.status, 503);
  assert.ok(took < 4000, `${Math.round(took)} ms`);
});

test('however short the time for an answer is, a replica that takes no connection is left for another', async (t) => {
  const replica = await startReplica(t, good);
  const hole = await startBlackHole(t);
  const gateway = await startGateway(t, {
    upstreams: {
      api: {
        replicas: [hole, { url: replica.url, backup: true }],
        timeouts: { connect: '1s', response: '500ms' },
      },
    },
    hosts: { 'a.test': { routes: { '/*': { proxy: 'api' } } } },
  });
  for (const method of ['GET', 'POST']) {
    const reply = await ask(gateway.port, '/x', { method, ...(method === 'POST' && { body: 'x' }) });
    assert.equal(reply.text, 'good', method);
  }
  assert.equal(replica.requests.length, 2);
});

test('a connection that the replica has closed meanwhile is no reason to fail, also with one replica', async (t) => {
  const { gateway, replicas } = await start(t, [good], {});
  const [replica] = replicas as [RecordingReplica];
  // As many as a quiet site is given retries.
  for (let i = 0; i < 4; i++) {
    // The second request on a connection meets a server that has just given it up.
    replica.script = (_, on) => (on.requests.length > 1 ? on.reset() : answer('good'));
    assert.equal((await ask(gateway.port, `/${i}`)).text, 'good');
  }
  assert.equal(replica.connections.length, 4);
  const posts = await Promise.all(
    [1, 2].map(() => ask(gateway.port, '/post', { method: 'POST', body: 'x' })),
  );
  // Whether it was done is not known, so it is not done twice.
  assert.equal(replica.requests.filter(({ target }) => target === '/post').length, posts.length);
});

test('what hangs at a replica that the checks find down is answered by another: not POST, not what has begun', async (t) => {
  const health = { path: '/health', interval: '500ms', timeout: '400ms', fall: 2 };
  const upstream = { health, retry: { budget: 1 }, timeouts: { response: '6s' } };
  const { gateway, replicas, seen } = await start(t, [good, good], upstream);
  const [bad] = replicas as [RecordingReplica];
  bad.script = ({ target }, on) => {
    if (target !== '/stream') return hang({} as never, on);
    on.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello');
  };
  const begun = performance.now();
  const gets = Array.from({ length: 6 }, () => ask(gateway.port, '/get', { deadline: 30_000 }));
  const heads = [1, 2].map(() => ask(gateway.port, '/head', { method: 'HEAD', deadline: 30_000 }));
  const posts = [1, 2].map(() => ask(gateway.port, '/post', { method: 'POST', body: 'x', deadline: 30_000 }));
  const streams = await Promise.all([1, 2].map(() => connectRaw(t, gateway.port)));
  for (const stream of streams) await stream.send('GET /stream HTTP/1.1\r\nHost: a.test\r\n\r\n');
  for (const { status } of [...(await Promise.all(gets)), ...(await Promise.all(heads))])
    assert.equal(status, 200);
  assert.ok(performance.now() - begun < 6000, 'well before the time for an answer is over');
  assert.ok(seen('/get')[0]! > 0 && seen('/get')[1] === 6);
  const statuses = (await Promise.all(posts)).map(({ status }) => status).sort();
  assert.deepEqual(statuses, [200, 504]);
  assert.deepEqual(seen('/post'), [1, 1]);
  // What had begun goes on where it is.
  const [on] = bad.requests.filter(({ target }) => target === '/stream');
  bad.connections[on!.connection]!.write('world');
  await eventually('it ends', () => streams.every(({ received }) => received > 0));
  const bodies = await Promise.all(streams.map(async (stream) => (await stream.response()).body.toString()));
  for (const stream of streams) stream.destroy();
  assert.deepEqual(bodies.sort(), ['good', 'helloworld']);
});

test('with `hold`, too, no more than `attempts`', async (t) => {
  const reset: Script = (_, on) => on.reset();
  const { gateway, seen } = await start(
    t,
    [reset, reset],
    { retry: { attempts: 3, budget: 1 } },
    { hold: '1s' },
  );
  assert.equal((await ask(gateway.port, '/x')).status, 502);
  assert.ok(sum(seen('/x')) <= 3, `${seen('/x')}`);
  assert.equal((await ask(gateway.port, '/post', { method: 'POST', body: 'x' })).status, 502);
  assert.equal(sum(seen('/post')), 1);
});
