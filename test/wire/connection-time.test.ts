// Time and pressure on a client connection: deadlines of each phase, pausing in both directions, TLS replicas.
// needs: openssl

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConnectionPool } from '../../src/upstream/connection-pool.ts';
import { SharedCount } from '../../src/upstream/shared-count.ts';
import type { Connection } from '../../src/wire/connection.ts';
import { selfSigned } from '../support/certificates.ts';
import type { Scope } from '../support/fixtures.ts';
import { answer, startReplica } from '../support/recording-replica.ts';
import { startSilentServer } from '../support/silent-server.ts';
import { ask, openConnection, RecordedOwner, tick } from './recorded-exchange.ts';

suite('deadlines', () => {
  test('no connection in time: the TLS handshake never ends', async (t) => {
    const tls = { serverName: undefined, ca: undefined, verify: false };
    const owner = new RecordedOwner();
    const connection = openConnection(t, await startSilentServer(t), { tls, connectTimeout: 100, owner });
    const exchange = ask(connection);
    await tick(connection, exchange);
    assert.equal(exchange.failure?.kind, 'connect-timeout');
    assert.equal(owner.closed, 1);
  });

  test('no head in time', async (t) => {
    const connection = openConnection(t, await startSilentServer(t));
    const exchange = ask(connection, { responseTimeout: 100 });
    await tick(connection, exchange);
    assert.equal(exchange.failure?.kind, 'response-timeout');
  });

  test('a head that comes byte by byte does not move the deadline', async (t) => {
    const replica = await startReplica(t, async (_, on) => {
      for (const byte of 'HTTP/1.1 200 OK\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaa') {
        on.write(byte);
        await sleep(20);
      }
    });
    const connection = openConnection(t, replica.port);
    const exchange = ask(connection, { responseTimeout: 200 });
    await tick(connection, exchange);
    assert.equal(exchange.failure?.kind, 'response-timeout');
  });

  test('silence in the body', async (t) => {
    const replica = await startReplica(t, () => 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel');
    const connection = openConnection(t, replica.port);
    const exchange = ask(connection, { idleTimeout: 100 });
    await tick(connection, exchange);
    assert.equal(exchange.failure?.kind, 'idle-timeout');
    assert.equal(exchange.body, 'hel');
  });

  test('a body that trickles is not silent', async (t) => {
    const replica = await startReplica(t, async (_, on) => {
      on.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n');
      for (const byte of 'hello') {
        await sleep(100);
        on.write(byte);
      }
    });
    const connection = openConnection(t, replica.port);
    const exchange = ask(connection, { idleTimeout: 300 });
    await tick(connection, exchange);
    assert.equal(exchange.failure, undefined);
    assert.equal(exchange.body, 'hello');
  });

  test('silence in the request body', async (t) => {
    const replica = await startReplica(t);
    const connection = openConnection(t, replica.port);
    const head = 'POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\n';
    const exchange = ask(connection, { head, hasBody: true, idleTimeout: 150 });
    await exchange.until(() => connection.connected);
    connection.write(Buffer.from('hel'), false, false);
    await tick(connection, exchange);
    assert.equal(exchange.failure?.kind, 'idle-timeout');
  });
});

suite('the pool', () => {
  const target = (port: number) => ({ host: '127.0.0.1', port, tls: null, connectTimeout: 5000 });

  async function pooled(t: Scope, headers: Record<string, string>): Promise<[ConnectionPool, Connection]> {
    const replica = await startReplica(t, answer('x', headers));
    const open = new SharedCount(new Int32Array(2), 0, 1);
    const owner = { open, max: 8, isWantedElsewhere: false, onRoom: () => {} };
    const pool = new ConnectionPool(target(replica.port), owner);
    t.after(() => pool.closeIdle());
    const connection = pool.take()!;
    await ask(connection).done();
    return [pool, connection];
  }

  for (const [hint, least, most] of [
    [undefined, 3900, 4000],
    ['timeout=2', 900, 1000],
    ['timeout=30, max=10', 28900, 29000],
    ['timeout=1', 400, 500],
    ['timeout=9999', 59_000, 60_000],
  ] as const) {
    test(`keeps a connection for less than the replica does: ${hint ?? 'no hint'}`, async (t) => {
      const [pool, connection] = await pooled(t, hint === undefined ? {} : { 'Keep-Alive': hint });
      const left = connection.deadline - performance.now();
      assert.ok(left > least && left <= most, `${left} ms`);
      assert.equal(pool.idle, 1);
      assert.equal(pool.take(), connection);
    });
  }

  test('keeps nothing that the replica will not keep', async (t) => {
    const [pool] = await pooled(t, { 'Keep-Alive': 'timeout=0' });
    assert.deepEqual([pool.idle, pool.size], [0, 0]);
  });

  test('forgets an idle connection when its time is over', async (t) => {
    const [pool, connection] = await pooled(t, {});
    pool.expire(connection.deadline - 1);
    assert.deepEqual([pool.idle, pool.size], [1, 1]);
    connection.deadline = performance.now() - 1;
    pool.expire(performance.now());
    assert.deepEqual([pool.idle, pool.size], [0, 0]);
    assert.notEqual(pool.take(), connection);
  });
});

suite('pressure', () => {
  const SIZE = 256 * 1024 * 1024;

  test('pause() stops the sender, resume() goes on without loss', async (t) => {
    let sent = 0;
    const block = Buffer.alloc(1024 * 1024, 'x');
    const replica = await startReplica(t, async (_, on) => {
      on.write(`HTTP/1.1 200 OK\r\nContent-Length: ${SIZE}\r\n\r\n`);
      for (; sent < SIZE; sent += block.length) if (!on.write(block)) await once(on.socket, 'drain');
    });
    const connection = openConnection(t, replica.port);
    const exchange = ask(connection);
    exchange.keeping = false;
    exchange.onPiece = () => {
      if (exchange.bodySize < SIZE / 4) return;
      exchange.onPiece = undefined;
      connection.pause();
    };
    await exchange.until(({ bodySize }) => bodySize >= SIZE / 4);
    const held = exchange.bodySize;
    await sleep(300);
    assert.equal(exchange.bodySize, held, 'nothing is handed over while paused');
    // What is on the way is in the buffers of two kernels and the replica's own.
    assert.ok(sent - held < 32 * 1024 * 1024, `${sent - held} bytes were taken while paused`);
    connection.resume();
    await exchange.done(20_000);
    assert.equal(exchange.bodySize, SIZE);
    assert.equal(exchange.failure, undefined);
  });

  test('write() says when the replica does not read, and onDrain when it does again', async (t) => {
    const replica = await startReplica(t, undefined, { keep: 0 });
    const connection = openConnection(t, replica.port);
    const head = `POST / HTTP/1.1\r\ncontent-length: ${SIZE}\r\n\r\n`;
    const exchange = ask(connection, { head, hasBody: true });
    await replica.until((it) => it.requests.length === 1);
    replica.connections[0]!.pause();
    const PIECE = 64 * 1024;
    let written = 0;
    const fill = (): boolean => {
      while (written < SIZE) {
        written += PIECE;
        // A new one each time: what was written belongs to the connection.
        if (!connection.write(Buffer.alloc(PIECE), true, false)) return false;
      }
      return true;
    };
    // The kernels take some megabytes before the pressure is felt.
    while (!fill()) {
      const before = exchange.drains;
      await sleep(100);
      if (exchange.drains === before) break;
    }
    assert.ok(written < 32 * 1024 * 1024, `${written} bytes fit`);
    replica.connections[0]!.resume();
    const drained = exchange.drains;
    await exchange.until(({ drains }) => drains > drained);
    for (let before = exchange.drains; !fill(); before = exchange.drains) {
      await exchange.until(({ drains }) => drains > before);
    }
    connection.end(false, '');
    await exchange.done(20_000);
    assert.equal(replica.requests[0]!.bodySize, SIZE);
  });
});

suite('TLS', () => {
  test('a certificate is checked by name and authority; without it, no byte of the request leaves', async (t) => {
    const pair = await selfSigned(t, 'replica.test', '127.0.0.1');
    const replica = await startReplica(t, undefined, { tls: pair });
    const tryWith = (tls: { serverName?: string; ca?: string; verify?: boolean }) =>
      ask(
        openConnection(t, replica.port, {
          tls: { serverName: undefined, ca: undefined, verify: true, ...tls },
        }),
      ).done();

    for (const tls of [{}, { serverName: 'replica.test' }, { serverName: 'other.test', ca: pair.cert }]) {
      const refused = await tryWith(tls);
      assert.equal(refused.failure?.kind, 'connect-failed', JSON.stringify(tls));
    }
    await sleep(50);
    assert.equal(replica.connections.map(({ size }) => size).find((size) => size > 0) ?? 0, 0);

    for (const tls of [{ ca: pair.cert }, { serverName: 'replica.test', ca: pair.cert }, { verify: false }]) {
      const exchange = await tryWith(tls);
      assert.equal(exchange.failure, undefined, JSON.stringify(tls));
      assert.equal(exchange.body, 'GET /');
    }
  });

  test('a plain answer is a failed connection', async (t) => {
    const port = await new Promise<number>((resolve) => {
      const server = createServer((socket) =>
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain'),
      );
      t.after(() => void server.close());
      server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
    });
    const tls = { serverName: undefined, ca: undefined, verify: false };
    const exchange = await ask(openConnection(t, port, { tls })).done();
    assert.equal(exchange.failure?.kind, 'connect-failed');
    assert.equal(exchange.body, '');
  });
});
