// HH-13: a request that comes back to the gateway that sent it ends there (RFC 9110 section 7.6.3).
import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { startGateway } from '../support/gateway-process.ts';
import { ask } from '../support/plain-request.ts';

for (const workers of [1, 2]) {
  test(`HH-13 the upstream is the gateway itself, ${workers} workers`, async (t) => {
    let port = 0;
    let requests = 0;
    // The gateway's port is not known before it listens, so the way back to it leads through a relay.
    const relay = createServer((socket) => {
      const back = connect(port, '127.0.0.1');
      socket.on('data', (bytes) => {
        requests += bytes.toString('latin1').split(' HTTP/1.1\r\n').length - 1;
      });
      socket.on('error', () => back.destroy());
      back.on('error', () => socket.destroy());
      socket.pipe(back).pipe(socket);
    });
    await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
    t.after(() => void relay.close());
    const address = relay.address();
    assert.ok(typeof address === 'object' && address !== null);
    const gateway = await startGateway(
      t,
      {
        upstreams: { self: { replicas: [`http://127.0.0.1:${address.port}`] } },
        hosts: { 'a.test': { routes: { '/*': { proxy: 'self' } } } },
      },
      { args: ['--workers', String(workers)] },
    );
    ({ port } = gateway);
    for (const method of ['GET', 'HEAD', 'DELETE']) {
      requests = 0;
      const reply = await ask(port, '/', { method, headers: { Via: '1.1 gw' } });
      assert.equal(reply.status, 508, method);
      assert.doesNotMatch(reply.text, /127\.0\.0\.1|parvis-/);
      assert.equal(requests, 1, 'the first round is the last one');
    }
  });
}
