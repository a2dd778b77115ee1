// One check against replicas that answer well, badly, slowly, without end and not at all.
// needs: openssl

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { suite, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import {
  type CheckResult,
  type CheckSubject,
  startCheck,
} from '../../../src/upstream/health/health-check.ts';
import { systemTime, type TimeSource } from '../../../src/upstream/time-source.ts';
import type { ConnectionTarget } from '../../../src/wire/open-socket.ts';
import { selfSigned } from '../../support/certificates.ts';
import type { Scope } from '../../support/fixtures.ts';
import { closedPort } from '../../support/ports.ts';
import { answer, type Script, startReplica } from '../../support/recording-replica.ts';
import { startSilentServer } from '../../support/silent-server.ts';
import { ManualTime } from '../manual-time.ts';

/** Long enough never to end on a busy machine. */
const LONG = 20_000;

type Tls = ConnectionTarget['tls'];

function subject(port: number, check: Partial<CheckSubject['check']> = {}, tls: Tls = null): CheckSubject {
  return {
    connection: { host: '127.0.0.1', port, tls, connectTimeout: 1 },
    authority: `api:${port}`,
    check: { path: '/health', timeout: LONG, status: [[200, 399]], host: null, port: null, ...check },
  };
}

function checked(one: CheckSubject, time?: TimeSource): Promise<CheckResult> {
  return new Promise((resolve) => void startCheck(one, resolve, time));
}

/** Result of a check of a replica with this script. */
async function checkOf(t: Scope, script: Script, check: Partial<CheckSubject['check']> = {}) {
  const replica = await startReplica(t, script);
  const result = await checked(subject(replica.port, check));
  await replica.until((it) => it.openConnections === 0);
  return { ok: result.ok, detail: result.detail };
}

/** The head of an answer whose body never comes whole. */
const HEAD = 'HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n';

const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
const SWITCHED = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n';
const IN_HEAD = 'malformed answer: closed by the replica in the middle of the head';
/** OpenSSL throws when it is given this. */
const BAD_CA = '-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n';
/** Statuses that pass, without redirects. */
const SEVERAL: [number, number][] = [
  [200, 299],
  [401, 401],
];

/** Lets everything that was sent over the loopback arrive. */
async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await turn();
}

suite('what is asked', () => {
  test('a GET on a connection of its own', async (t) => {
    const replica = await startReplica(t, answer('fine'));
    const result = await checked(subject(replica.port));
    assert.deepEqual([result.ok, result.detail], [true, '200']);
    assert.ok(result.took >= 0 && result.took < LONG);
    assert.equal(
      replica.requests[0]!.head,
      `GET /health HTTP/1.1\r\nhost: api:${replica.port}\r\nuser-agent: parvis-health\r\naccept: */*\r\nconnection: close`,
    );
    await checked(subject(replica.port));
    await replica.until((it) => it.openConnections === 0);
    assert.equal(replica.connections.length, 2, 'the replica would have kept the first one');
  });

  test('with the host of the config', async (t) => {
    const replica = await startReplica(t, answer('fine'));
    await checked(subject(replica.port, { host: 'health.test', path: '/up?deep=0' }));
    assert.match(replica.requests[0]!.head, /^GET \/up\?deep=0 HTTP\/1\.1\r\nhost: health\.test\r\n/);
  });

  test('on the port of the config, and says so in Host', async (t) => {
    const replica = await startReplica(t, answer('fine'));
    const closed = await closedPort();
    assert.equal((await checked(subject(closed, { port: replica.port }))).ok, true);
    const plain = { ...subject(closed, { port: replica.port }), authority: '[::1]' };
    assert.equal((await checked(plain)).ok, true);
    const hosts = replica.requests.map(({ headers }) => headers[1]);
    assert.deepEqual(hosts, [`api:${replica.port}`, `[::1]:${replica.port}`]);
  });

  test('with TLS, the certificate checked as for every other connection', async (t) => {
    const pair = await selfSigned(t, 'replica.test');
    const replica = await startReplica(t, answer('fine'), { tls: pair });
    const check = async (tls: Partial<NonNullable<Tls>>) => {
      const full = { serverName: 'replica.test', ca: pair.cert, verify: true, ...tls };
      const { ok, detail } = await checked(subject(replica.port, {}, full));
      return [ok, detail];
    };
    assert.deepEqual(await check({}), [true, '200']);
    assert.deepEqual(await check({ ca: undefined, verify: false }), [true, '200']);
    assert.deepEqual(await check({ ca: undefined }), [false, 'no connection: DEPTH_ZERO_SELF_SIGNED_CERT']);
    assert.deepEqual(await check({ serverName: 'other.test' }), [
      false,
      'no connection: ERR_TLS_CERT_ALTNAME_INVALID',
    ]);
    const [ok, detail] = await check({ ca: BAD_CA });
    assert.equal(ok, false);
    assert.match(String(detail), /^no connection: /);
  });
});

suite('what passes', () => {
  const passes: [what: string, script: Script, detail: string, status?: [number, number][]][] = [
    ['no body', 'HTTP/1.1 204 No Content\r\n\r\n', '204'],
    ['chunks', `${CHUNKED}2\r\nok\r\n0\r\n\r\n`, '200'],
    ['a body that ends with the connection', (_, on) => on.end('HTTP/1.0 200 OK\r\n\r\nok'), '200'],
    ['interim answers first', `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${answer('x')}`, '200'],
    ['a redirect, by its status (SS-04)', answer('', { Location: 'http://127.0.0.1:1/' }, 302), '302'],
    ['one of several ranges', answer('', {}, 401), '401', SEVERAL],
    ['bytes behind the answer', Buffer.concat([answer('x'), answer('y')]), '200'],
  ];
  for (const [what, script, detail, status] of passes) {
    test(what, async (t) => {
      assert.deepEqual(await checkOf(t, script, status && { status }), { ok: true, detail });
    });
  }

  for (const framing of ['Content-Length: 100000000000', 'Transfer-Encoding: chunked', 'X-Framing: none']) {
    test(`a body without end, as far as 64 KB: ${framing}`, async (t) => {
      let sent = 0;
      const block = Buffer.alloc(16 * 1024, 'x');
      const chunk = Buffer.concat([Buffer.from('4000\r\n'), block, Buffer.from('\r\n')]);
      const result = await checkOf(t, async (_, on) => {
        on.write(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n`);
        for (; !on.closed; sent += block.length) {
          if (!on.write(framing.includes('chunked') ? chunk : block))
            await Promise.race([once(on.socket, 'drain'), once(on.socket, 'close')]).catch(() => {});
        }
      });
      assert.deepEqual(result, { ok: true, detail: '200' });
      assert.ok(sent >= 64 * 1024, `${sent} bytes`);
    });
  }
});

suite('what fails', () => {
  const fails: [what: string, script: Script, detail: string, status?: [number, number][]][] = [
    ['a status out of range', answer('no', {}, 503), 'status 503'],
    ['a status out of range whose body never ends', 'HTTP/1.1 500 No\r\n\r\nx', 'status 500'],
    [
      'a redirect, where the config says so (SS-04)',
      answer('', { Location: '/' }, 301),
      'status 301',
      SEVERAL,
    ],
    ['closed before an answer', (_, on) => on.end(), 'closed before an answer'],
    ['reset before an answer', (_, on) => on.reset(), 'reset before an answer'],
    ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n\r\n\r\n', 'malformed answer: the status line is not HTTP/1.1'],
    ['closed in the head', (_, on) => on.end('HTTP/1.1 200 OK\r\nX-'), IN_HEAD],
    ['closed in the body', (_, on) => on.end(`${HEAD}hel`), 'broke off in the body'],
    ['a broken chunk', `${CHUNKED}zz\r\n`, 'broke off in the body'],
    ['a switch of protocols', SWITCHED, 'malformed answer: 101 without an upgrade'],
  ];
  for (const [what, script, detail, status] of fails) {
    test(what, async (t) => {
      assert.deepEqual(await checkOf(t, script, status && { status }), { ok: false, detail });
    });
  }

  test('silence', async (t) => {
    const result = await checkOf(t, () => {}, { timeout: 150 });
    assert.deepEqual(result, { ok: false, detail: 'no answer within 150 ms' });
  });

  for (const [what, bytes, detail] of [
    ['silence in the head', 'HTTP/1.1 200 OK\r\n', 'no answer within 2000 ms'],
    ['silence in the body', `${HEAD}hel`, 'body not complete within 2000 ms'],
  ] as const) {
    test(what, async (t) => {
      const replica = await startReplica(t, bytes);
      const time = new ManualTime();
      const result = checked(subject(replica.port, { timeout: 2000 }), time);
      await replica.until((it) => it.requests.length === 1);
      await turns();
      time.advance(1999);
      assert.equal(time.pending, 1);
      time.advance(1);
      assert.deepEqual(await result, { ok: false, detail, took: 2000 });
      await replica.until((it) => it.openConnections === 0);
    });
  }

  test('a body that trickles without end: the time is for the whole check', async (t) => {
    const replica = await startReplica(t, HEAD);
    const time = new ManualTime();
    const result = checked(subject(replica.port, { timeout: 2000 }), time);
    await replica.until((it) => it.requests.length === 1);
    for (let i = 0; i < 20; i++) {
      await turns();
      replica.connections[0]!.write('.');
      time.advance(100);
    }
    assert.deepEqual(await result, { ok: false, detail: 'body not complete within 2000 ms', took: 2000 });
  });

  test('a reset after the head', async (t) => {
    const result = await checkOf(t, async (_, on) => {
      on.write(HEAD);
      await turns();
      on.reset();
    });
    assert.deepEqual(result, { ok: false, detail: 'broke off in the body' });
  });

  test('a port on which nobody listens', async () => {
    const { ok, detail } = await checked(subject(await closedPort()));
    assert.deepEqual([ok, detail], [false, 'connection refused']);
  });

  test('a name that does not exist', async () => {
    const one = subject(80);
    const { ok, detail } = await checked({ ...one, connection: { ...one.connection, host: 'a.invalid' } });
    assert.equal(ok, false);
    assert.match(detail, /^name (not found|lookup failed)$/);
  });

  test('a TLS handshake that never ends, and one that is answered in plain text', async (t) => {
    const tls = { serverName: undefined, ca: undefined, verify: false };
    const silent = await checked(subject(await startSilentServer(t), { timeout: 150 }, tls));
    assert.deepEqual([silent.ok, silent.detail], [false, 'no connection within 150 ms']);
    assert.ok(silent.took >= 149);
    const plain = createServer((socket) => socket.end(answer('x'))).listen(0, '127.0.0.1');
    await once(plain, 'listening');
    t.after(() => void plain.close());
    const result = await checked(subject((plain.address() as AddressInfo).port, {}, tls));
    assert.equal(result.ok, false);
    assert.match(result.detail, /^no connection: /);
  });
});

suite('its end', () => {
  test('canceled: the connection is closed and nobody is told', async (t) => {
    const replica = await startReplica(t, () => {});
    let told = 0;
    const cancel = startCheck(subject(replica.port), () => told++, systemTime);
    await replica.until((it) => it.requests.length === 1);
    cancel();
    await replica.until((it) => it.openConnections === 0);
    cancel();
    assert.equal(told, 0);
  });

  test('never told from within the call', async () => {
    let returned = false;
    const tls = { serverName: undefined, ca: BAD_CA, verify: true };
    const result = new Promise<boolean>((resolve) =>
      startCheck(subject(1, {}, tls), () => resolve(returned)),
    );
    returned = true;
    assert.equal(await result, true);
  });

  test('time in which this thread was busy is given back, once', async (t) => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const replica = await startReplica(t, async () => {
      await released;
      return answer('late, and not by its own fault');
    });
    const time = new ManualTime();
    const result = checked(subject(replica.port, { timeout: 2000 }), time);
    await replica.until((it) => it.requests.length === 1);
    time.block(5000);
    assert.equal(time.pending, 1);
    release();
    assert.deepEqual(await result, { ok: true, detail: '200', took: 5000 });
    assert.equal(time.pending, 0);

    const { promise: never } = Promise.withResolvers<void>();
    replica.script = async () => never;
    const second = checked(subject(replica.port, { timeout: 2000 }), time);
    await replica.until((it) => it.requests.length === 2);
    time.block(2300);
    assert.equal(time.next, 300);
    time.block(5000);
    assert.deepEqual(await second, { ok: false, detail: 'no answer within 2000 ms', took: 7300 });
    assert.equal(time.pending, 0);
  });
});
