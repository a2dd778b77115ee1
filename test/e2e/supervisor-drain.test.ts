// How the gateway stops: what is under way ends well, nothing new begins, and nothing can hold it for ever.

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Scope, temporaryFolder } from '../support/fixtures.ts';
import { GatewayProcess, PROJECT, startGateway } from '../support/gateway-process.ts';
import { ask, requestBytes } from '../support/plain-request.ts';
import { connectRaw } from '../support/raw-client.ts';
import { answer, type RecordingReplica, startReplica } from '../support/recording-replica.ts';
import { headerOf } from '../support/response-parser.ts';

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n';

/** A replica that waits at `/slow` until `finish` is called, and in the middle of the body at `/half`. */
async function slowReplica(scope: Scope): Promise<{ replica: RecordingReplica; finish: () => void }> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const replica = await startReplica(scope, async (request, on) => {
    if (request.target === '/half') on.write(`${HEAD}12345`);
    if (request.target === '/fast') return answer('fast');
    await promise;
    return request.target === '/half' ? '67890' : answer('slow');
  });
  return { replica, finish: resolve };
}

const configFor = (replica: RecordingReplica) => ({
  listen: { http: '127.0.0.1:0', https: false },
  workers: 2,
  upstreams: { api: { replicas: [replica.url] } },
  hosts: { 'a.test': { routes: { '/*': { proxy: 'api' } } } },
});

function refused(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', () => resolve(true));
  });
}

async function untilRefused(port: number): Promise<void> {
  for (let i = 0; !(await refused(port)); i++) {
    assert.ok(i < 100, 'new connections are still accepted');
    await sleep(20);
  }
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  suite(signal, () => {
    test('lets a slow answer and half a body end, refuses new connections, exits with 0', async (t) => {
      const { replica, finish } = await slowReplica(t);
      const gateway = await startGateway(t, configFor(replica));
      const [slow, half] = [await connectRaw(t, gateway.port), await connectRaw(t, gateway.port)];
      await slow.send(requestBytes('/slow'));
      await half.send(requestBytes('/half'));
      await replica.until(({ requests }) => requests.length === 2);
      gateway.signal(signal);
      await gateway.output(/"message":"stopping"/);
      await untilRefused(gateway.port);
      assert.equal(gateway.exit, undefined, 'it waits for what is under way');
      finish();
      const late = await slow.response();
      assert.equal(late.body.toString(), 'slow');
      assert.equal(headerOf(late, 'connection'), 'close');
      assert.equal((await half.response()).body.toString(), '1234567890');
      assert.equal(await slow.closing(), 'ended');
      assert.equal(await half.closing(), 'ended');
      assert.deepEqual(await gateway.exited, { code: 0, signal: null });
      assert.match(gateway.stdout, new RegExp(`"stopping","signal":"${signal}"[\\s\\S]*"stopped"`));
      assert.equal(gateway.stderr, '');
    });
  });
}

suite('a drain', () => {
  test('closes idle connections and asks those in use to close', async (t) => {
    const { replica, finish } = await slowReplica(t);
    const gateway = await startGateway(t, configFor(replica));
    const idle = await connectRaw(t, gateway.port);
    await idle.send(requestBytes('/fast'));
    const early = await idle.response();
    assert.notEqual(headerOf(early, 'connection'), 'close');
    // Two requests in one go: the first answer says that the second one will have none.
    const busy = await connectRaw(t, gateway.port);
    await busy.send(requestBytes('/slow') + requestBytes('/fast'));
    await replica.until(({ requests }) => requests.some(({ target }) => target === '/slow'));
    gateway.signal('SIGTERM');
    assert.equal(await idle.closing(), 'ended');
    // The other connection may be at the other worker.
    await untilRefused(gateway.port);
    finish();
    const last = await busy.response();
    assert.equal(last.body.toString(), 'slow');
    assert.equal(headerOf(last, 'connection'), 'close');
    await busy.closing();
    assert.deepEqual(await gateway.exited, { code: 0, signal: null });
  });

  test('is not held up by a connection on which nothing was ever asked', async (t) => {
    const { replica } = await slowReplica(t);
    const gateway = await startGateway(t, configFor(replica));
    const silent = await connectRaw(t, gateway.port);
    await sleep(50);
    const asked = performance.now();
    gateway.signal('SIGTERM');
    await silent.closing();
    assert.deepEqual(await gateway.exited, { code: 0, signal: null });
    assert.ok(performance.now() - asked < 3000);
  });

  test('ends at once on a second signal', async (t) => {
    const { replica } = await slowReplica(t);
    const gateway = await startGateway(t, configFor(replica));
    const slow = await connectRaw(t, gateway.port);
    await slow.send(requestBytes('/slow'));
    await replica.until(({ requests }) => requests.length === 1);
    gateway.signal('SIGTERM');
    await gateway.output(/"message":"stopping"/);
    // A repetition within half a second is the same signal from two senders.
    gateway.signal('SIGTERM');
    await sleep(700);
    assert.equal(gateway.exit, undefined);
    const asked = performance.now();
    gateway.signal('SIGINT');
    assert.deepEqual(await gateway.exited, { code: 1, signal: null });
    assert.ok(performance.now() - asked < 2000);
    assert.match(gateway.stderr, /^SIGINT again: stopped at once\n$/);
    await slow.closing();
  });

  test('cuts what has not ended at its deadline', async (t) => {
    const { replica } = await slowReplica(t);
    const gateway = await startHost(t, configFor(replica), 600);
    const [slow, half] = [await connectRaw(t, gateway.port), await connectRaw(t, gateway.port)];
    await slow.send(requestBytes('/slow'));
    await half.send(requestBytes('/half'));
    await replica.until(({ requests }) => requests.length === 2);
    const asked = performance.now();
    gateway.signal('SIGTERM');
    await Promise.all([slow.closing(), half.closing()]);
    const cut = performance.now() - asked;
    assert.ok(cut > 500 && cut < 2000, `cut after ${cut} ms`);
    // What was half sent does not look whole.
    await assert.rejects(half.response());
    // The replica is let go as well.
    await replica.until(({ connections }) => connections.every(({ closed }) => closed));
    assert.deepEqual(await gateway.exited, { code: 0, signal: null });
    assert.ok(performance.now() - asked < 4000);
  });

  test('ends a worker that is stuck', async (t) => {
    const { replica } = await slowReplica(t);
    const gateway = await startHost(t, configFor(replica), 300, {
      nodeArgs: ['--import', join(PROJECT, 'test/support/worker-probe.ts')],
      env: { PROBE_STRIKE: 'loop' },
    });
    assert.equal((await ask(gateway.port, '/fast')).status, 200);
    gateway.child.kill('SIGUSR2');
    await sleep(200);
    const asked = performance.now();
    gateway.signal('SIGTERM');
    assert.deepEqual(await gateway.exited, { code: 0, signal: null });
    const took = performance.now() - asked;
    assert.ok(took > 2000 && took < 5000, `deadline and two seconds of grace, not ${took} ms`);
  });
});

/** A supervisor whose drain deadline is `drain` milliseconds. */
async function startHost(
  scope: Scope,
  config: object,
  drain: number,
  { nodeArgs = [], env = {} }: { nodeArgs?: string[]; env?: Record<string, string> } = {},
): Promise<GatewayProcess> {
  const folder = await temporaryFolder(scope, { 'c.mjs': `export default ${JSON.stringify(config)};` });
  const file = join(folder, 'c.mjs');
  const host = join(PROJECT, 'test/support/supervisor-host.ts');
  const gateway = new GatewayProcess([...nodeArgs, host, file, String(drain)], folder, file, env);
  scope.after(async () => void (await gateway.stop()));
  await gateway.listening(15_000);
  return gateway;
}
