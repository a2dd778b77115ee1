// A split on real sockets: the override leads to its side and is passed on, a client stays where it is, and an
// upgrade goes the same way as everything else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startGateway } from '../support/gateway-process.ts';
import { connectRaw } from '../support/raw-client.ts';
import { answer, startReplica } from '../support/recording-replica.ts';

const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n';

test('override, client and upgrade', async (t) => {
  const sides = await Promise.all(
    ['stable', 'canary'].map((name) =>
      startReplica(t, (request, on) => {
        const upgrade = /^upgrade: websocket$/im.test(request.head);
        if (!upgrade) return answer(name);
        // The accept value of the example in RFC 6455 section 1.3.
        on.write(`${SWITCH}Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n${name}`);
      }),
    ),
  );
  const [stable, canary] = sides as [(typeof sides)[number], (typeof sides)[number]];
  const gateway = await startGateway(
    t,
    {
      listen: { http: '127.0.0.1:0', https: false },
      upstreams: { stable: { replicas: [stable.url] }, canary: { replicas: [canary.url] } },
      hosts: {
        'a.test': {
          routes: {
            '/app/*': {
              proxy: {
                split: { stable: 100, canary: 0 },
                override: { header: 'X-Version', cookie: 'version' },
                stripPrefix: '/app',
              },
            },
            '/half/*': { proxy: { split: { stable: 50, canary: 50 } } },
          },
        },
      },
    },
    { args: ['--workers', '2'] },
  );
  const ask = async (target: string, ...lines: string[]): Promise<string> => {
    const client = await connectRaw(t, gateway.port);
    await client.send([`GET ${target} HTTP/1.1`, 'Host: a.test', ...lines, '', ''].join('\r\n'));
    const response = await client.response();
    assert.equal(response.status, 200);
    client.destroy();
    return response.body.toString();
  };

  for (let i = 0; i < 10; i++) assert.equal(await ask('/app/x'), 'stable');
  assert.equal(canary.requests.length, 0);
  assert.equal(await ask('/app/x', 'X-Version: canary'), 'canary');
  assert.match(canary.requests[0]!.head, /^GET \/x HTTP\/1\.1\r\n/);
  assert.match(canary.requests[0]!.head, /\r\nx-version: canary\r\n/i);
  assert.equal(await ask('/app', 'Cookie: a=b; version=canary'), 'canary');
  assert.equal(await ask('/app', 'Cookie: version=canary', 'X-Version: stable'), 'stable');
  assert.equal(await ask('/app', 'X-Version: other'), 'stable');

  // One client, many connections, both workers: one side.
  const answers = new Set<string>();
  for (let i = 0; i < 20; i++) answers.add(await ask('/half/x'));
  assert.equal(answers.size, 1);

  const socket = await connectRaw(t, gateway.port);
  await socket.send(
    'GET /app/ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nX-Version: canary\r\n\r\n',
  );
  assert.equal((await socket.response()).status, 101);
  assert.equal((await socket.collect()).toString(), 'canary');
  assert.match(canary.requests.at(-1)!.head, /^GET \/ws HTTP\/1\.1\r\n/);
  socket.destroy();
});
