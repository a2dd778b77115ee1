// Whoever reads the gateway's output may leave; the gateway serves on.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { startGateway } from '../support/gateway-process.ts';
import { ask } from '../support/plain-request.ts';
import { closedPort } from '../support/ports.ts';

test('a log that nobody reads any more does not stop the gateway', async (t) => {
  const gateway = await startGateway(t, {
    listen: { http: '127.0.0.1:0', https: false },
    upstreams: { gone: { replicas: [`http://127.0.0.1:${await closedPort()}`] } },
    hosts: { 'a.test': { routes: { '/*': { proxy: 'gone' }, '/ok': { respond: { body: 'ok' } } } } },
  });
  const { stdout } = gateway.child;
  stdout!.destroy();
  await once(stdout!, 'close');
  // Each of these writes a line, from a worker, into a pipe without a reader.
  for (let i = 0; i < 5; i++) assert.equal((await ask(gateway.port, '/')).status, 503);
  assert.equal((await ask(gateway.port, '/ok')).text, 'ok');
  assert.equal(gateway.exit, undefined);
  assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
});
