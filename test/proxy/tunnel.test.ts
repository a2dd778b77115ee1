// A tunnel between real sockets: the same bytes on both sides whatever their pieces, an end of one side that means
// the same to the other, and an account that is settled once.
// needs: openssl
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../listener/bare-listener.ts';
import { SeededRandom } from '../routing/seeded-random.ts';
import { selfSigned } from '../support/certificates.ts';
import type { Scope } from '../support/fixtures.ts';
import { type RawReplica, SocketRecord, startRawReplica } from '../support/raw-replica.ts';
import { type Joint, startJoint } from './tunnel-joint.ts';

const ASK = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n';

interface Pair {
  readonly client: Socket;
  readonly replica: Socket;
  /** What came behind the 101, and how it ended. */
  readonly atClient: SocketRecord;
  readonly atReplica: SocketRecord;
}

interface Rig {
  readonly joint: Joint;
  readonly replica: RawReplica;
  /** Opens one more tunnel; `early` goes out with the request, `greeting` with the 101. */
  pair(early?: string, greeting?: string): Promise<Pair>;
}

async function startRig(t: Scope, options: { idle?: number; tls?: boolean } = {}): Promise<Rig> {
  const tls = options.tls ? await selfSigned(t, '127.0.0.1') : undefined;
  let greeting = '';
  const rests: Buffer[] = [];
  const replica = await startRawReplica(
    t,
    (socket, _, rest) => {
      rests.push(rest);
      socket.write(SWITCH + greeting);
    },
    tls,
  );
  const joint = await startJoint(t, { port: replica.port, ...(tls && { ca: tls.cert }) }, options.idle);
  const pair = async (early = '', hello = ''): Promise<Pair> => {
    greeting = hello;
    const at = replica.sockets.length;
    const client = connect({ port: joint.port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    t.after(() => void client.destroy());
    client.on('error', () => {});
    client.write(ASK + early);
    let head: Buffer = Buffer.alloc(0);
    while (head.indexOf('\r\n\r\n') === -1) head = Buffer.concat([head, (await once(client, 'data'))[0]]);
    client.pause();
    const end = head.indexOf('\r\n\r\n') + 4;
    assert.match(head.toString('latin1', 0, end), /^HTTP\/1\.1 101 /);
    await until(() => replica.sockets.length > at);
    const socket = replica.sockets[at]!;
    const atClient = new SocketRecord(client, head.subarray(end));
    return { client, replica: socket, atClient, atReplica: new SocketRecord(socket, rests[at]!) };
  };
  return { joint, replica, pair };
}

/** Writes the bytes in pieces of random sizes, with and without pauses between them, and then ends. */
async function pour(socket: Socket, bytes: Buffer, random: SeededRandom): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const size = Math.min(
      bytes.length - at,
      random.below(10) === 0 ? random.below(300_000) + 1 : random.below(3000) + 1,
    );
    const more = socket.write(bytes.subarray(at, at + size));
    at += size;
    if (!more) await once(socket, 'drain');
    else if (random.below(20) === 0) await sleep(random.below(3));
  }
  socket.end();
}

for (const tls of [false, true]) {
  suite(`between a client and a ${tls ? 'TLS ' : ''}replica`, () => {
    test('the same bytes arrive in both directions at once, whatever their pieces', async (t) => {
      const { joint, pair } = await startRig(t, { tls });
      const random = new SeededRandom(tls ? 7 : 11);
      const noise = (size: number): Buffer => {
        const bytes = Buffer.alloc(size);
        for (let i = 0; i < size; i++) bytes[i] = random.below(256);
        return bytes;
      };
      for (let round = 0; round < 4; round++) {
        const up = noise(1_500_000);
        const down = noise(1_500_000);
        const { client, replica, atClient, atReplica } = await pair();
        await Promise.all([pour(client, up, random), pour(replica, down, random)]);
        await until(() => atClient.ended && atReplica.ended, 20_000);
        assert.ok(atReplica.bytes.equals(up), 'to the replica');
        assert.ok(atClient.bytes.equals(down), 'to the client');
        await until(() => joint.closed === round + 1);
        assert.deepEqual([atClient.error, atReplica.error], [undefined, undefined]);
      }
      assert.equal(joint.connections.size, 0);
    });

    test('WS-09 early bytes of both sides come once and in order', async (t) => {
      const { pair } = await startRig(t, { tls });
      const { client, replica, atClient, atReplica } = await pair(
        `${ASK}early `,
        'HTTP/1.1 200 OK\r\n\r\nhello ',
      );
      client.write('late');
      replica.write('again');
      await until(() => atReplica.size === ASK.length + 10 && atClient.size === 30);
      assert.equal(atReplica.text, `${ASK}early late`);
      assert.equal(atClient.text, 'HTTP/1.1 200 OK\r\n\r\nhello again');
    });

    for (const [first, second] of [
      ['client', 'replica'],
      ['replica', 'client'],
    ] as const) {
      test(`half-close by the ${first}: the other direction goes on until it ends too`, async (t) => {
        const { joint, pair } = await startRig(t, { tls });
        const it = await pair();
        const records = { client: it.atClient, replica: it.atReplica };
        it[first].end('all I have');
        await until(() => records[second].ended);
        assert.equal(records[second].text, 'all I have');
        await sleep(50);
        assert.deepEqual([records[first].ended, joint.closed], [false, 0]);
        it[second].write('still ');
        await until(() => records[first].text === 'still ');
        it[second].end('talking');
        await until(() => records[first].ended && joint.closed === 1);
        assert.equal(records[first].text, 'still talking');
        assert.deepEqual([it.atClient.error, it.atReplica.error], [undefined, undefined]);
      });
    }
  });
}

suite('when one side breaks off', () => {
  for (const [one, other] of [
    ['client', 'replica'],
    ['replica', 'client'],
  ] as const) {
    test(`the ${one}, the ${other} is reset at once and takes nothing for the whole`, async (t) => {
      const { joint, pair } = await startRig(t);
      const it = await pair();
      const records = { client: it.atClient, replica: it.atReplica };
      it[one].write('half of');
      await until(() => records[other].size === 7);
      it[one].resetAndDestroy();
      await until(() => records[other].closed && joint.closed === 1);
      assert.deepEqual([records[other].ended, records[other].error?.code], [false, 'ECONNRESET']);
      assert.equal(joint.connections.size, 0);
    });

    test(`the ${one} after its end, while the ${other} still has something of it to take`, async (t) => {
      const { joint, pair } = await startRig(t);
      const it = await pair();
      const records = { client: it.atClient, replica: it.atReplica };
      const SIZE = 24 * 1024 * 1024;
      it[other].pause();
      it[one].end(Buffer.alloc(SIZE, 'x'));
      await sleep(100);
      // More than the kernels hold is under way, so that part of it waits for the other side to read.
      it[other].resume();
      await until(() => records[other].ended, 10_000);
      assert.equal(records[other].size, SIZE);
      it[one].resetAndDestroy();
      it[other].write('to nobody');
      await until(() => joint.closed === 1 && joint.connections.size === 0);
    });
  }

  test('UP-07 at any moment of the switch, both sides: each tunnel that opened is closed once', async (t) => {
    const { joint, replica } = await startRig(t);
    for (let i = 0; i < 150; i++) {
      const client = connect({ port: joint.port, host: '127.0.0.1' });
      client.on('error', () => {});
      client.write(`${ASK}early`);
      await sleep(i % 5);
      if (i % 3 === 0) client.resetAndDestroy();
      else if (i % 3 === 1) client.end();
      else client.destroy();
      if (i % 2 === 0) replica.sockets.at(-1)?.resetAndDestroy();
    }
    // A client that only closed its side, or closed while nothing came, leaves the end to the replica.
    await until(() => replica.sockets.length >= joint.opened);
    for (const socket of replica.sockets) socket.destroy();
    await until(() => joint.closed === joint.opened && joint.connections.size === 0, 10_000);
    assert.ok(joint.opened > 0);
  });

  test('500 tunnels with random ends: every one is accounted for once', async (t) => {
    const { joint, pair } = await startRig(t);
    const random = new SeededRandom(5);
    const deeds: [client: 'end' | 'reset' | 'destroy' | '', replica: 'end' | 'reset' | ''][] = [
      ['reset', ''],
      ['', 'reset'],
      ['end', 'end'],
      ['end', 'reset'],
      ['reset', 'end'],
      ['destroy', ''],
    ];
    const act = (socket: Socket, what: string): void => {
      if (what === 'end') socket.end();
      else if (what === 'reset') socket.resetAndDestroy();
      else if (what === 'destroy') socket.destroy();
    };
    for (let i = 0; i < 500; i++) {
      const it = await pair();
      if (random.below(2) === 0) it.client.write(Buffer.alloc(random.below(200_000)));
      if (random.below(2) === 0) it.replica.write(Buffer.alloc(random.below(200_000)));
      if (random.below(3) === 0) await sleep(0);
      const [client, replica] = random.pick(deeds);
      act(it.client, client);
      act(it.replica, replica);
      // It takes a silent side that has closed for one that has only closed its half.
      if (client === 'destroy') it.replica.once('end', () => it.replica.end());
    }
    await until(() => joint.closed === 500 && joint.connections.size === 0, 10_000);
    assert.equal(joint.opened, 500);
  });
});

suite('WS-07 the idle timeout', () => {
  test('closes both sides when no byte has moved, and not before', async (t) => {
    const { joint, pair } = await startRig(t, { idle: 400 });
    const it = await pair();
    const quiet = await pair();
    // One direction is enough to keep the other one.
    for (let i = 0; i < 8; i++) {
      await sleep(100);
      (i < 4 ? it.client : it.replica).write('.');
    }
    await until(() => quiet.atClient.closed && quiet.atReplica.closed);
    assert.deepEqual([it.atClient.closed, it.atReplica.closed], [false, false]);
    await until(() => it.atReplica.text === '....' && it.atClient.text === '....');
    await until(() => it.atClient.closed && it.atReplica.closed);
    assert.equal(joint.closed, 2);
  });

  test('ends a half-closed tunnel too, and one whose reader is stuck', async (t) => {
    const { joint, pair } = await startRig(t, { idle: 300 });
    const half = await pair();
    half.client.end();
    const stuck = await pair();
    stuck.client.pause();
    stuck.replica.write(Buffer.alloc(24 * 1024 * 1024));
    await until(() => joint.closed === 2, 10_000);
    await until(() => half.atReplica.ended && stuck.atReplica.closed);
    assert.equal(stuck.atReplica.error?.code, 'ECONNRESET');
    assert.equal(joint.connections.size, 0);
  });
});
