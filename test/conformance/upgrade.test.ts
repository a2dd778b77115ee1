// UP: a gateway without upgrades. What asks for one is a plain request, or is refused; no tunnel is ever opened.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RawConnection } from '../support/raw-client.ts';
import { headersOf } from '../support/response-parser.ts';
import { GET1, H, leftovers, startRig } from './rig.ts';

const rig = await startRig();
const HIDDEN = ['upgrade', 'http2-settings', 'connection'];

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
