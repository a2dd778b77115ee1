// A client connection that becomes a tunnel: only after a 101 that was asked for, with every byte behind it in
// order, half-open in both directions, and gone for everybody when it is gone.
// needs: openssl

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Connection } from '../../src/wire/connection.ts';
import type { TunnelEnd, TunnelObserver } from '../../src/wire/tunnel-end.ts';
import { until } from '../listener/bare-listener.ts';
import { selfSigned } from '../support/certificates.ts';
import type { Scope } from '../support/fixtures.ts';
import { SocketRecord, startRawReplica } from '../support/raw-replica.ts';
import { ask, openConnection, type RecordedExchange, RecordedOwner } from './recorded-exchange.ts';

const UPGRADE = 'GET / HTTP/1.1\r\nhost: a.test\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n';
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n';

class RecordedTunnel implements TunnelObserver {
  text = '';
  size = 0;
  drains = 0;
  ended = 0;
  expired = 0;
  closed = 0;
  end!: TunnelEnd;

  onData(bytes: Buffer, start: number, end: number): void {
    assert.equal(this.closed + this.ended, 0, 'bytes after the end');
    this.size += end - start;
    if (this.size < 1e6) this.text += bytes.toString('latin1', start, end);
  }

  onDrain(): void {
    this.drains++;
  }

  onEnd(): void {
    this.ended++;
  }

  onExpired(): void {
    this.expired++;
  }

  onClosed(): void {
    this.closed++;
  }

  write(text: string): boolean {
    const bytes = Buffer.from(text, 'latin1');
    return this.end.write(bytes, 0, bytes.length, false);
  }
}

interface Opened {
  connection: Connection;
  exchange: RecordedExchange;
  tunnel: RecordedTunnel;
  owner: RecordedOwner;
}

/** Asks for an upgrade and opens the tunnel when it is granted. */
async function openTunnel(
  scope: Scope,
  port: number,
  options: { tls?: { cert: string }; before?: (opened: Opened) => void } = {},
): Promise<Opened> {
  const owner = new RecordedOwner();
  const tls = options.tls && { serverName: undefined, ca: options.tls.cert, verify: true };
  const connection = openConnection(scope, port, { owner, ...(tls && { tls }) });
  const exchange = ask(connection, { head: UPGRADE, upgrade: true });
  const tunnel = new RecordedTunnel();
  const opened = { connection, exchange, tunnel, owner };
  exchange.upgrade = () => {
    assert.equal(tunnel.size, 0);
    options.before?.(opened);
    tunnel.end = connection.openTunnel(tunnel);
    assert.equal(tunnel.text, '', 'nothing is told before the handler is done');
  };
  await exchange.until(({ head }) => head !== undefined);
  return opened;
}

for (const kind of ['plain', 'TLS'] as const) {
  suite(`a tunnel over ${kind}`, () => {
    const pair = (t: Scope) => (kind === 'TLS' ? selfSigned(t, '127.0.0.1') : undefined);

    test('early bytes come once and in order, then bytes go both ways', async (t) => {
      const tls = await pair(t);
      let record: SocketRecord | undefined;
      const replica = await startRawReplica(
        t,
        (socket, _, rest) => {
          record = new SocketRecord(socket, rest);
          socket.write(`${SWITCH}HTTP/1.1 200 OK\r\n\r\nearly `);
          setTimeout(() => socket.write('late'), 30);
        },
        tls,
      );
      const { connection, exchange, tunnel, owner } = await openTunnel(t, replica.port, {
        ...(tls && { tls }),
      });
      assert.equal(exchange.head?.status, 101);
      assert.deepEqual(exchange.head?.fields, ['Connection', 'Upgrade', 'Upgrade', 'echo']);
      tunnel.write('to the replica');
      await until(() => tunnel.text.endsWith('late') && record!.size === 14);
      assert.equal(tunnel.text, 'HTTP/1.1 200 OK\r\n\r\nearly late');
      assert.equal(record!.text, 'to the replica');
      assert.deepEqual([connection.isIdle, owner.idle, owner.closed, exchange.over], [false, 0, 0, false]);
    });

    test('half-close by the replica: we may go on to write', async (t) => {
      const tls = await pair(t);
      let record: SocketRecord | undefined;
      const replica = await startRawReplica(
        t,
        (socket, _, rest) => {
          record = new SocketRecord(socket, rest);
          socket.end(`${SWITCH}bye`);
        },
        tls,
      );
      const { tunnel, owner } = await openTunnel(t, replica.port, { ...(tls && { tls }) });
      await until(() => tunnel.ended === 1);
      assert.deepEqual([tunnel.text, tunnel.closed], ['bye', 0]);
      tunnel.write('still here');
      await until(() => record!.text === 'still here');
      tunnel.end.end();
      await until(() => tunnel.closed === 1 && record!.ended);
      assert.deepEqual([owner.closed, record!.error], [1, undefined]);
    });

    test('half-close by us: the replica may go on to write', async (t) => {
      const tls = await pair(t);
      let record: SocketRecord | undefined;
      const replica = await startRawReplica(
        t,
        (socket, _, rest) => {
          record = new SocketRecord(socket, rest);
          socket.write(SWITCH);
          socket.on('end', () => setTimeout(() => socket.end('the last word'), 30));
        },
        tls,
      );
      const { tunnel, owner } = await openTunnel(t, replica.port, { ...(tls && { tls }) });
      tunnel.write('question');
      tunnel.end.end();
      await until(() => tunnel.closed === 1);
      assert.deepEqual([tunnel.text, tunnel.ended, owner.closed], ['the last word', 1, 1]);
      assert.deepEqual([record!.text, record!.ended, record!.error], ['question', true, undefined]);
    });

    test('pause() holds the replica back, write() says when the replica does', async (t) => {
      const tls = await pair(t);
      const SIZE = 64 * 1024 * 1024;
      const block = Buffer.alloc(1024 * 1024, 'x');
      let sent = 0;
      const replica = await startRawReplica(
        t,
        (socket) => {
          socket.write(SWITCH);
          const fill = (): void => {
            while (sent < SIZE) {
              sent += block.length;
              if (!socket.write(block)) return;
            }
          };
          socket.on('drain', fill);
          fill();
        },
        tls,
      );
      const { tunnel } = await openTunnel(t, replica.port, { ...(tls && { tls }) });
      await until(() => tunnel.size > 1024 * 1024);
      tunnel.end.pause();
      const held = tunnel.size;
      await until(() => tunnel.size - held <= 64 * 1024);
      const before = sent;
      tunnel.end.resume();
      await until(() => tunnel.size === SIZE, 20_000);
      assert.ok(before < SIZE, 'the replica was held back');

      // Its socket is not read: some megabytes fit into the kernel, the next byte does not.
      const piece = Buffer.alloc(16 * 1024, 'y');
      let written = 0;
      while (tunnel.end.write(piece, 0, piece.length, false)) {
        written += piece.length;
        assert.ok(written < SIZE, 'the pressure was never felt');
      }
      assert.ok(tunnel.end.pendingBytes > 0);
      assert.equal(tunnel.drains, 0);
      replica.sockets[0]!.resume();
      await until(() => tunnel.drains === 1, 20_000);
      assert.equal(tunnel.end.pendingBytes, 0);
    });
  });
}

suite('a tunnel ends', () => {
  const silent = (socket: import('node:net').Socket) => void socket.resume().write(SWITCH);

  test('with a reset of the replica: closed, not ended', async (t) => {
    const replica = await startRawReplica(t, silent);
    const { tunnel, owner } = await openTunnel(t, replica.port);
    replica.sockets[0]!.resetAndDestroy();
    await until(() => tunnel.closed === 1);
    assert.deepEqual([tunnel.ended, owner.closed], [0, 1]);
  });

  test('with destroy(): the replica sees a reset', async (t) => {
    let record: SocketRecord | undefined;
    const replica = await startRawReplica(t, (socket, _, rest) => {
      record = new SocketRecord(socket, rest);
      socket.write(SWITCH);
    });
    const { connection, tunnel, owner } = await openTunnel(t, replica.port);
    tunnel.write('half of it');
    connection.destroy();
    connection.destroy();
    assert.equal(owner.closed, 1);
    await until(() => record!.closed && tunnel.closed === 1);
    assert.deepEqual([record!.ended, record!.error?.code], [false, 'ECONNRESET']);
  });

  test('with finish(): what is queued arrives, and FIN', async (t) => {
    const SIZE = 8 * 1024 * 1024;
    let record: SocketRecord | undefined;
    const replica = await startRawReplica(t, (socket, _, rest) => {
      socket.write(SWITCH);
      setTimeout(() => {
        record = new SocketRecord(socket, rest);
        // Nobody wants it any more, and it must do no harm.
        socket.write('too late');
      }, 100);
    });
    const { tunnel, owner } = await openTunnel(t, replica.port);
    tunnel.end.write(Buffer.alloc(SIZE, 'x'), 0, SIZE, true);
    tunnel.end.finish();
    await until(() => record?.ended === true && tunnel.closed === 1, 10_000);
    assert.equal(record!.size, SIZE);
    assert.deepEqual([record!.ended, tunnel.text, owner.closed], [true, '', 1]);
  });

  test('by its own clock, not by that of the exchange', async (t) => {
    const replica = await startRawReplica(t, silent);
    const { connection, tunnel } = await openTunnel(t, replica.port);
    assert.equal(connection.deadline, Number.POSITIVE_INFINITY);
    connection.expire();
    assert.deepEqual([tunnel.expired, tunnel.closed], [1, 0]);
    tunnel.end.destroy();
    await until(() => tunnel.closed === 1);
  });

  test('before it begins when the handler does not want it', async (t) => {
    let record: SocketRecord | undefined;
    const replica = await startRawReplica(t, (socket, _, rest) => {
      record = new SocketRecord(socket, rest);
      socket.write(`${SWITCH}early`);
    });
    for (const destroys of [true, false]) {
      const owner = new RecordedOwner();
      const connection = openConnection(t, replica.port, { owner });
      const exchange = ask(connection, { head: UPGRADE, upgrade: true });
      exchange.upgrade = () => destroys && connection.destroy();
      await until(() => owner.closed === 1 && (record?.ended || record?.closed) === true);
      assert.deepEqual([exchange.over, exchange.body, owner.idle], [false, '', 0]);
    }
  });

  test('and may end with the very bytes of the 101', async (t) => {
    const replica = await startRawReplica(t, (socket) => {
      socket.end(`${SWITCH}all there is`);
      setTimeout(() => socket.destroy(), 50);
    });
    const { tunnel } = await openTunnel(t, replica.port);
    await until(() => tunnel.ended === 1);
    assert.equal(tunnel.text, 'all there is');
    tunnel.end.end();
    await until(() => tunnel.closed === 1);
  });
});

suite('no tunnel', () => {
  test('UM-10 comes of a 101 that nobody asked for', async (t) => {
    const replica = await startRawReplica(t, (socket) => void socket.write(`${SWITCH}x`));
    const exchange = ask(openConnection(t, replica.port), { head: UPGRADE });
    exchange.upgrade = () => assert.fail('onUpgrade');
    assert.equal((await exchange.done()).failure?.kind, 'malformed');
  });

  test('comes of any other answer, which is read as always', async (t) => {
    const replica = await startRawReplica(
      t,
      (socket) => void socket.write('HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno'),
    );
    const owner = new RecordedOwner();
    const connection = openConnection(t, replica.port, { owner });
    const exchange = await ask(connection, { head: UPGRADE, upgrade: true }).done();
    assert.deepEqual([exchange.head?.status, exchange.body, owner.idle], [426, 'no', 1]);
    assert.equal(connection.isIdle, true);
  });
});

suite('interrupt()', () => {
  const target = { host: '127.0.0.1', port: 0, tls: null, connectTimeout: 5000 };

  test('fails a connection that does not stand yet', async (t) => {
    const replica = await startRawReplica(t, () => {});
    const owner = new RecordedOwner();
    const connection = new Connection({ ...target, port: replica.port }, owner);
    const exchange = ask(connection);
    connection.interrupt('the check failed');
    assert.deepEqual(exchange.failure, { kind: 'connect-failed', detail: 'the check failed' });
    assert.equal(owner.closed, 1);
  });

  test('asks a handler that has no byte of its answer, which may wait or go', async (t) => {
    const replica = await startRawReplica(t, () => {});
    const owner = new RecordedOwner();
    const connection = openConnection(t, replica.port, { owner });
    const exchange = ask(connection);
    await until(() => replica.heads.length === 1);
    connection.interrupt('a doubt');
    assert.deepEqual([exchange.interruptions, exchange.over, owner.closed], [1, false, 0]);
    exchange.interrupted = () => connection.destroy();
    connection.interrupt('another');
    assert.deepEqual([exchange.interruptions, exchange.over, owner.closed], [2, false, 1]);
    connection.interrupt('nobody is there');
    assert.equal(exchange.interruptions, 2);
  });

  test('leaves alone what has begun to answer, what is idle, and tunnels', async (t) => {
    const replica = await startRawReplica(t, (socket) => void socket.write('HTTP/1.1 200 OK\r\nA: '));
    const connection = openConnection(t, replica.port);
    const exchange = ask(connection);
    await until(() => replica.sockets.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    connection.interrupt('a doubt');
    replica.sockets[0]!.write('b\r\nContent-Length: 0\r\n\r\n');
    await exchange.done();
    assert.deepEqual([exchange.failure, exchange.interruptions], [undefined, 0]);
    connection.interrupt('a doubt');
    assert.equal(connection.isIdle, true);

    const other = await startRawReplica(t, (socket) => void socket.resume().write(SWITCH));
    const opened = await openTunnel(t, other.port);
    opened.connection.interrupt('a doubt');
    assert.deepEqual([opened.tunnel.closed, opened.exchange.interruptions], [0, 0]);
  });
});
