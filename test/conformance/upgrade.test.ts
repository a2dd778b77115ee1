// UP: what asks for an upgrade that is not allowed is a plain request, what asks for one that is gets it from the
// replica or not at all, and bytes behind the request are requests unless the replica has agreed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { RawConnection } from '../support/raw-client.ts';
import type { Script } from '../support/recording-replica.ts';
import { headersOf } from '../support/response-parser.ts';
import { GET1, H, leftovers, startRig } from './rig.ts';
import { bytesOf, scripted, withScript } from './scripted.ts';

const rig = await startRig();
const HIDDEN = ['upgrade', 'http2-settings', 'connection'];

// The example of RFC 6455 section 1.3.
const WS =
  `GET /ws HTTP/1.1\r\n${H}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
const SWITCH =
  'HTTP/1.1 101 Switching Protocols¶Connection: Upgrade¶Upgrade: websocket¶' +
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=¶¶';
const ADMIN = `GET /admin HTTP/1.1\r\n${H}\r\n`;

for (const [what, request, path] of [
  [
    'a protocol that is not allowed',
    `GET / HTTP/1.1\r\n${H}Connection: Upgrade\r\nUpgrade: foo\r\n\r\n`,
    '/',
  ],
  ['one that is, and the replica answers 200', WS, '/ws'],
] as const) {
  // CVE-2026-2833
  rig.exchange(`UP-01 premature tunnel: ${what}`, request + ADMIN, {
    answers: [200, 200],
    upstream: [`A GET ${path}`, 'A GET /admin'],
    check: (_, [, admin]) => assert.equal(headersOf(admin!, 'via').length, 1),
  });
}

for (const status of [200, 403, 426, 500]) {
  scripted(
    rig,
    `UP-03 WebSocket refused with ${status}`,
    bytesOf(`HTTP/1.1 ${status} X¶X-Why: not today¶Upgrade: websocket¶Content-Length: 2¶¶no`),
    {
      answers: [status],
      upstream: ['A GET /ws'],
      check: ([response], [request]) => {
        assert.deepEqual(headersOf(response!, 'x-why'), ['not today']);
        assert.deepEqual(headersOf(response!, 'upgrade'), []);
        assert.deepEqual(headersOf(request!, 'upgrade'), ['websocket']);
        assert.deepEqual(headersOf(request!, 'connection'), ['upgrade']);
      },
    },
    WS,
  );
}

scripted(
  rig,
  'UP-04 WebSocket of another version, with a request behind it',
  ({ target }) =>
    bytesOf(
      target === '/ws'
        ? 'HTTP/1.1 426 X¶Sec-WebSocket-Version: 13¶Content-Length: 0¶¶'
        : 'HTTP/1.1 200 X¶Content-Length: 0¶¶',
    ),
  { answers: [426, 200], upstream: ['A GET /ws', 'A GET /admin'] },
  WS.replace('Version: 13', 'Version: 777') + ADMIN,
);

for (const [what, head] of [
  ['without Sec-WebSocket-Accept', SWITCH.replace(/Sec-[^¶]*¶/, '')],
  ['with a wrong Sec-WebSocket-Accept', SWITCH.replace('s3pP', 'S3pP')],
  ['with two of them', SWITCH.replace('¶¶', '¶Sec-WebSocket-Accept: x¶¶')],
  ['without Connection', SWITCH.replace('Connection: Upgrade¶', '')],
  ['without Upgrade', SWITCH.replace('Upgrade: websocket¶', '')],
  ['to another protocol', SWITCH.replace('Upgrade: websocket', 'Upgrade: foo')],
] as const) {
  scripted(
    rig,
    `UP-05 fake 101: ${what}`,
    bytesOf(`${head}raw`),
    { answers: [502], upstream: ['A GET /ws'], notReused: true },
    WS,
  );
}
scripted(rig, 'UP-05 fake 101: to a plain GET', bytesOf(SWITCH), {
  answers: [502],
  upstream: ['A GET /'],
  notReused: true,
});

rig.exchange('a handshake that is none is a plain request', WS.replace('==', '=') + ADMIN, {
  answers: [200, 200],
  upstream: ['A GET /ws', 'A GET /admin'],
  check: (_, [request]) => assert.deepEqual(headersOf(request!, 'upgrade'), []),
});

test('after a real 101 nothing is a request any more', () => {
  // The rig's replica takes the bytes of the tunnel for a request; it leaves that one alone.
  const script: Script = ({ target }, on) => {
    if (target === '/ws') on.write(bytesOf(`${SWITCH}HTTP/1.1 200 OK¶¶`));
  };
  return withScript(rig, script, async () => {
    const seen = rig.a.requests.length;
    const connection = await RawConnection.open(rig.gateway.port);
    try {
      await connection.send(WS + ADMIN);
      assert.equal((await connection.response()).status, 101);
      assert.equal((await connection.collect(100)).toString(), 'HTTP/1.1 200 OK\r\n\r\n');
      const tunnel = rig.a.connections[rig.a.requests[seen]!.connection]!;
      await rig.a.until(() => tunnel.bytes.toString('latin1').endsWith(`\r\n\r\n${ADMIN}`));
      connection.reset();
      await rig.a.until(() => tunnel.closed, 1000);
    } finally {
      connection.destroy();
    }
  });
});

test('UP-07 RST in the window of the switch: the process lives', () =>
  withScript(
    rig,
    async (_, on) => {
      await sleep(Math.random() * 4);
      on.write(bytesOf(SWITCH));
    },
    async () => {
      for (let i = 0; i < 60; i++) {
        const connection = await RawConnection.open(rig.gateway.port);
        await connection.send(WS, i % 6);
        connection.reset();
      }
      rig.assertAlive();
    },
  ));

rig.exchange(
  'UP-02 h2c',
  `GET /h2c HTTP/1.1\r\n${H}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n` +
    'HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n',
  {
    answers: [200],
    upstream: ['A GET /h2c'],
    check: (_, [request]) => {
      for (const name of HIDDEN) assert.deepEqual(headersOf(request!, name), [], name);
    },
  },
);

rig.exchange(
  'UP-06 upgrade with body',
  `POST /up HTTP/1.1\r\n${H}Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\nhello`,
  {
    answers: [200],
    upstream: ['A POST /up'],
    check: (_, [request]) => {
      assert.equal(request!.body.toString(), 'hello');
      for (const name of HIDDEN) assert.deepEqual(headersOf(request!, name), [], name);
    },
  },
);

rig.exchange(
  'UP-06 upgrade with body: GET',
  `GET /up HTTP/1.1\r\n${H}Connection: Upgrade\r\nUpgrade: foo\r\nContent-Length: 5\r\n\r\nhello`,
  { answers: [200], upstream: ['A GET /up'], check: (_, [request]) => assert.equal(request!.bodySize, 0) },
);

rig.refusal('UP-08 CONNECT', `CONNECT 169.254.169.254:80 HTTP/1.1\r\n${H}\r\n`, [405, 501]);
rig.refusal('UP-08 CONNECT to a replica', `CONNECT 127.0.0.1:${rig.a.port} HTTP/1.1\r\n${H}\r\n`, [405, 501]);

rig.exchange(
  'UP-08 CONNECT behind a request',
  `GET /ahead HTTP/1.1\r\n${H}\r\nCONNECT a:1 HTTP/1.1\r\n${H}\r\n`,
  { answers: [200, [405, 501]], closes: true, upstream: ['A GET /ahead'] },
);

test('UP-08 CONNECT and gone: the process lives', async () => {
  for (let i = 0; i < 50; i++) {
    const connection = await RawConnection.open(rig.gateway.port);
    await connection.send(`CONNECT a:1 HTTP/1.1\r\n${H}\r\n`, i % 3);
    connection.reset();
  }
  await rig.run(GET1, { answers: [200], upstream: ['A GET /'] });
});

leftovers(rig);
