// Workers as a client and an operator see them: all of them serve, one that dies is replaced while the others go
// on, and one that cannot start is tried again, later each time.

import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { type Scope, temporaryFolder } from '../support/fixtures.ts';
import { type GatewayProcess, PROJECT, startGateway } from '../support/gateway-process.ts';
import { ask, requestBytes } from '../support/plain-request.ts';
import { connectRaw } from '../support/raw-client.ts';

const PROBE = join(PROJECT, 'test/support/worker-probe.ts');

const CONFIG = {
  listen: { http: '127.0.0.1:0', https: false },
  hosts: { 'a.test': { routes: { '/': { respond: { body: 'ok' } } } } },
};

/** Milliseconds for what takes one on a machine that has nothing else to do. */
const PATIENCE = 30_000;

interface Probed {
  gateway: GatewayProcess;
  /** Thread of the worker that took each connection so far, in order. */
  served(): Promise<string[]>;
  /** While it exists, new workers fail. */
  brokenWhile: string;
}

async function startProbed(scope: Scope, workers: number): Promise<Probed> {
  const log = join(await temporaryFolder(scope), 'served.log');
  const brokenWhile = `${log}.broken`;
  const gateway = await startGateway(scope, CONFIG, {
    nodeArgs: ['--import', PROBE],
    args: ['--workers', String(workers)],
    env: { PROBE_LOG: log, PROBE_BROKEN_WHILE: brokenWhile },
  });
  const served = async () => (await readFile(log, 'utf8')).trim().split('\n');
  return { gateway, served, brokenWhile };
}

/** The waits that the log announced before each replacement. */
function waits(gateway: GatewayProcess): number[] {
  return [...gateway.stdout.matchAll(/a worker died and is replaced".*?"wait":(\d+)/g)].map(([, ms]) =>
    Number(ms),
  );
}

const nthDeath = (n: number) => new RegExp(`(?:a worker died and is replaced[\\s\\S]*?){${n}}`);
const nthReturn = (n: number) => new RegExp(`(?:a new worker listens[\\s\\S]*?){${n}}`);

suite('workers', () => {
  test('all serve', async (t) => {
    const { gateway, served } = await startProbed(t, 3);
    // The kernel spreads connections by a hash: 60 of them miss one of three workers once in 10^10 runs.
    for (let i = 0; i < 60; i++) assert.equal((await ask(gateway.port, '/')).status, 200);
    const threads = await served();
    assert.equal(threads.length, 60);
    assert.equal(new Set(threads).size, 3);
  });

  test('of which one dies: the other goes on, and a new one joins it', async (t) => {
    const { gateway, served } = await startProbed(t, 2);
    // One connection at each worker. The probe strikes the first worker born.
    const connections = [];
    const at: string[] = [];
    for (let i = 0; new Set(at).size < 2; i++) {
      assert.ok(i < 50, 'all connections went to one worker');
      const connection = await connectRaw(t, gateway.port);
      await connection.send(requestBytes('/'));
      assert.equal((await connection.response()).status, 200);
      connections.push(connection);
      at.push((await served()).at(-1)!);
    }
    gateway.signal('SIGUSR2');
    gateway.stopping = false;
    await gateway.output(nthDeath(1), PATIENCE);
    assert.match(gateway.stdout, /"level":"error","message":"a worker died.*struck by the probe/);

    // Before the new one is there: new connections are served, and those of the other worker never notice.
    for (let i = 0; i < 10; i++) assert.equal((await ask(gateway.port, '/')).status, 200);
    const survivor = (await served()).at(-1)!;
    for (const [i, connection] of connections.entries()) {
      if (at[i] !== survivor) {
        await connection.closing();
        continue;
      }
      await connection.send(requestBytes('/'));
      assert.equal((await connection.response()).status, 200);
    }

    await gateway.output(nthReturn(1), PATIENCE);
    for (let i = 0; i < 40; i++) assert.equal((await ask(gateway.port, '/')).status, 200);
    const after = (await served()).slice(-40);
    assert.equal(new Set(after).size, 2, 'the new worker serves as well');
  });

  test('that die again are replaced later each time', async (t) => {
    const { gateway } = await startProbed(t, 1);
    for (let death = 1; death <= 3; death++) {
      gateway.signal('SIGUSR2');
      gateway.stopping = false;
      await gateway.output(nthDeath(death), PATIENCE);
      await gateway.output(nthReturn(death), PATIENCE);
      assert.equal((await ask(gateway.port, '/')).status, 200);
    }
    assert.deepEqual(waits(gateway), [100, 200, 400]);
  });

  test('that cannot start are tried again until they can, while the other serves', async (t) => {
    const { gateway, brokenWhile } = await startProbed(t, 2);
    await writeFile(brokenWhile, '');
    gateway.signal('SIGUSR2');
    gateway.stopping = false;
    await gateway.output(nthDeath(3), PATIENCE);
    assert.match(gateway.stdout, /broken by the probe/);
    assert.equal((await ask(gateway.port, '/')).status, 200);
    await rm(brokenWhile);
    await gateway.output(nthReturn(1), PATIENCE);
    assert.deepEqual(waits(gateway).slice(0, 3), [100, 200, 400]);
  });

  test('that wait for their turn do not hold up a stop', async (t) => {
    const { gateway, brokenWhile } = await startProbed(t, 1);
    await writeFile(brokenWhile, '');
    gateway.signal('SIGUSR2');
    await gateway.output(nthDeath(6), PATIENCE);
    const asked = performance.now();
    assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
    assert.ok(performance.now() - asked < 2500, 'the next try would have come after 3.2 s');
  });
});
