// Which port `start` binds, and what it says when it cannot.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type ListenOptions, type Server } from 'node:net';
import { suite, test } from 'node:test';
import { type Scope, temporaryFolder } from '../support/fixtures.ts';
import { runGateway, startGateway } from '../support/gateway-process.ts';
import { ask } from '../support/plain-request.ts';
import { freePort } from '../support/ports.ts';

const config = (http: number | string) => ({
  listen: { http, https: false },
  hosts: { 'a.test': { routes: { '/': { respond: { body: 'ok' } } } } },
});

async function occupy(scope: Scope, options: ListenOptions): Promise<number> {
  const server: Server = createServer().listen(options);
  await once(server, 'listening');
  scope.after(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** Runs `start` on a port that is taken, and checks that it says so in one line. */
async function refused(scope: Scope, port: number, args: string[] = []): Promise<void> {
  const folder = await temporaryFolder(scope, {
    'c.mjs': `export default ${JSON.stringify(config(`127.0.0.1:${port}`))};`,
  });
  const exit = await runGateway([...['start', '--config', `${folder}/c.mjs`], ...args]);
  assert.equal(exit.code, 1, exit.stdout);
  assert.equal(exit.stdout, '');
  const expected = `cannot listen on 127.0.0.1:${port}: another program does. Stop it, or choose another port`;
  assert.equal(exit.stderr, `${expected} with --http-port\n`);
}

suite('a port that is taken', { concurrency: 2 }, () => {
  test('is one clear line', async (t) => {
    await refused(t, await occupy(t, { port: 0, host: '127.0.0.1' }));
  });

  test('by a program that shares it (SO_REUSEPORT) likewise, for one worker and for several', async (t) => {
    const port = await occupy(t, { port: 0, host: '127.0.0.1', reusePort: true });
    await refused(t, port, ['--workers', '1']);
    await refused(t, port, ['--workers', '2']);
  });

  test('by another gateway likewise, which goes on undisturbed', async (t) => {
    const first = await startGateway(t, config('127.0.0.1:0'), { args: ['--workers', '2'] });
    await refused(t, first.port, ['--workers', '2']);
    assert.equal((await ask(first.port, '/')).text, 'ok');
  });

  test('on one address, when the gateway would listen on all', async (t) => {
    const port = await occupy(t, { port: 0, host: '127.0.0.1' });
    const folder = await temporaryFolder(t, { 'c.mjs': `export default ${JSON.stringify(config(port))};` });
    const { code, stderr } = await runGateway(['start', '--config', `${folder}/c.mjs`]);
    assert.equal(code, 1);
    assert.equal(
      stderr,
      `cannot listen on port ${port}: another program does. Stop it, or choose another port with --http-port\n`,
    );
  });
});

suite('the address', { concurrency: 2 }, () => {
  test('that this machine does not have is one clear line', async (t) => {
    const folder = await temporaryFolder(t, {
      'c.mjs': `export default ${JSON.stringify(config('192.0.2.1:8080'))};`,
    });
    const { code, stderr } = await runGateway(['start', '--config', `${folder}/c.mjs`]);
    assert.equal(code, 1);
    assert.equal(stderr, 'cannot listen on 192.0.2.1:8080: this machine does not have that address\n');
  });

  test('of the config is bound, with the port of the command line', async (t) => {
    const port = await freePort();
    // startGateway adds --http-port 0; a later option wins.
    const args = ['--http-port', String(port)];
    const gateway = await startGateway(t, config(`127.0.0.1:${port}`), { args });
    assert.equal(gateway.port, port);
    assert.match(gateway.stdout, /"addresses":"127\.0\.0\.1"/);
  });

  test('port 0 takes a free one, that all workers share and the log names', async (t) => {
    const gateway = await startGateway(t, config('127.0.0.1:0'), { args: ['--workers', '3'] });
    assert.ok(gateway.port > 1024);
    assert.match(gateway.stdout, /"workers":3/);
    for (let i = 0; i < 30; i++) assert.equal((await ask(gateway.port, '/')).status, 200);
  });

  test('all addresses means IPv4 and IPv6', async (t) => {
    const gateway = await startGateway(t, config(0));
    for (const host of ['127.0.0.1', '[::1]']) {
      const reply = await fetch(`http://${host}:${gateway.port}/`);
      // No host of the config has this name; what counts is that somebody answers.
      assert.equal(reply.status, 404);
      await reply.arrayBuffer();
    }
  });
});
