// A connection of a listener that becomes a tunnel: what the client sent behind its request comes first, nothing is
// read as HTTP any more, and neither the listener's clock nor a drain touches it before the drain's deadline.
import assert from 'node:assert/strict';
import { subscribe } from 'node:diagnostics_channel';
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerResponse } from '../../src/listener/server-response.ts';
import type { TunnelEnd, TunnelObserver } from '../../src/wire/tunnel-end.ts';
import type { Scope } from '../support/fixtures.ts';
import type { RawConnection } from '../support/raw-client.ts';
import { SocketRecord } from '../support/raw-replica.ts';
import { listenBare, open, openDeaf, reply, until } from './bare-listener.ts';

const UPGRADE = 'GET /up HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n';
const GET = 'GET /plain HTTP/1.1\r\nHost: a.test\r\n\r\n';
const FIELDS = ['connection', 'Upgrade', 'upgrade', 'echo'];

/** The listener's side of each connection of this file, in order. */
const serverSockets: Socket[] = [];
subscribe('net.server.socket', (message) => void serverSockets.push((message as { socket: Socket }).socket));

class Echo implements TunnelObserver {
  readonly end: TunnelEnd;
  received = '';
  drains = 0;
  ended = 0;
  closed = 0;
  /** Sends back what comes. */
  echoes = true;

  constructor(end: TunnelEnd) {
    this.end = end;
    end.begin(this);
  }

  onData(bytes: Buffer, start: number, end: number, owned: boolean): void {
    assert.equal(this.ended + this.closed, 0, 'bytes after the end');
    this.received += bytes.toString('latin1', start, end);
    if (this.echoes) this.end.write(bytes, start, end, owned);
  }

  onDrain(): void {
    this.drains++;
  }

  onEnd(): void {
    this.ended++;
    if (this.echoes) this.end.end();
  }

  onExpired(): void {
    assert.fail('the listener keeps no time for tunnels');
  }

  onClosed(): void {
    this.closed++;
  }
}

/** A listener that switches on `/up`, after `delay` ms or at once, and answers everything else. */
async function listenSwitching(scope: Scope, delay?: number) {
  const tunnels: Echo[] = [];
  const responses: ServerResponse[] = [];
  const urls: string[] = [];
  const { listener, port } = await listenBare(scope, (req, res) => {
    urls.push(req.url);
    if (req.url !== '/up') return reply(res, req.url);
    responses.push(res);
    const go = (): void => {
      if (!res.ended) tunnels.push(new Echo(res.switchProtocols(FIELDS)));
    };
    if (delay === undefined) go();
    else setTimeout(go, delay);
  });
  return { listener, port, tunnels, responses, urls };
}

async function switched(client: RawConnection): Promise<void> {
  const response = await client.response();
  assert.equal(response.status, 101);
  assert.deepEqual(response.headers, FIELDS);
}

/** Waits until so many bytes have come, and takes them. */
async function take(client: RawConnection, size: number): Promise<string> {
  let text = '';
  while (text.length < size && client.closed === 'open')
    text += (await client.collect(20)).toString('latin1');
  return text;
}

for (const [when, delay] of [
  ['at once', undefined],
  ['later', 50],
] as const) {
  test(`WS-09 bytes behind the request come once and in order: switched ${when}`, async (t) => {
    const { port, tunnels, urls } = await listenSwitching(t, delay);
    const client = await open(t, port);
    await client.send(`${GET}${UPGRADE}${GET}one `, 10, 'two ', 10, 'three');
    assert.equal((await client.response()).body.toString(), '/plain');
    await switched(client);
    assert.equal(await take(client, GET.length + 13), `${GET}one two three`);
    assert.deepEqual(urls, ['/plain', '/up'], 'what looks like a request is none any more');
    assert.equal(tunnels[0]!.received, `${GET}one two three`);
    await client.send('four');
    assert.equal(await take(client, 4), 'four');
  });

  test(`TI-10 half-close behind the early bytes: switched ${when}`, async (t) => {
    const { port, tunnels } = await listenSwitching(t, delay);
    const client = await open(t, port);
    await client.send(`${UPGRADE}early`);
    client.end();
    await switched(client);
    assert.equal(await client.closing(), 'ended');
    assert.equal((await client.collect()).toString(), 'early');
    await until(() => tunnels[0]!.closed === 1);
    assert.deepEqual([tunnels[0]!.received, tunnels[0]!.ended], ['early', 1]);
  });
}

test('one byte at a time', async (t) => {
  const { port, tunnels } = await listenSwitching(t);
  const client = await open(t, port);
  const all = `${UPGRADE}hello`;
  for (let i = 0; i < all.length; i++) await client.send(all[i]!, 0);
  await switched(client);
  await until(() => tunnels[0]?.received === 'hello');
});

test('half-close by us: the client may go on', async (t) => {
  const { port, tunnels } = await listenSwitching(t);
  const client = await open(t, port);
  await client.send(UPGRADE);
  await switched(client);
  const tunnel = tunnels[0]!;
  tunnel.echoes = false;
  tunnel.end.end();
  assert.equal(await client.closing(), 'ended');
  await client.send('still here');
  await until(() => tunnel.received === 'still here');
  client.end();
  await until(() => tunnel.closed === 1);
  assert.equal(tunnel.ended, 1);
});

test('UP-07 a client that vanishes at any moment of the switch is closed once, and nothing else happens', async (t) => {
  const { port, tunnels, responses } = await listenSwitching(t, 5);
  for (let i = 0; i < 100; i++) {
    const client = await open(t, port);
    await client.send(`${UPGRADE}early`, i % 10);
    client.reset();
  }
  await until(() => responses.length > 50 && responses.every(({ ended }) => ended));
  await until(() => tunnels.every(({ closed }) => closed === 1));
  const client = await open(t, port);
  await client.send(GET);
  assert.equal((await client.response()).status, 200);
});

test('destroy() is a reset, finish() delivers first and then closes', async (t) => {
  const { port, tunnels } = await listenSwitching(t);
  const cut = await open(t, port);
  await cut.send(UPGRADE);
  await switched(cut);
  tunnels[0]!.end.destroy();
  assert.equal(await cut.closing(), 'reset');
  await until(() => tunnels[0]!.closed === 1);

  const SIZE = 16 * 1024 * 1024;
  const slow = await openDeaf(t, port);
  slow.write(UPGRADE);
  await until(() => tunnels.length === 2);
  const tunnel = tunnels[1]!;
  assert.equal(tunnel.end.write(Buffer.alloc(SIZE, 'x'), 0, SIZE, true), false);
  tunnel.end.finish();
  // Nobody hears of this any more, and it does not cut off what is on its way.
  slow.write('late');
  await sleep(50);
  assert.ok(tunnel.end.pendingBytes > 0);
  assert.equal(tunnel.closed, 0);
  const record = new SocketRecord(slow);
  await until(() => record.ended, 10_000);
  assert.ok(record.size > SIZE);
  slow.end();
  await until(() => tunnel.closed === 1);
  assert.deepEqual([tunnel.received, record.error], ['', undefined]);
});

test('a client that takes nothing of what was finished is given up by the clock of the listener', async (t) => {
  const { port, tunnels } = await listenSwitching(t);
  const deaf = await openDeaf(t, port);
  deaf.write(UPGRADE);
  await until(() => tunnels.length === 1);
  const { end } = tunnels[0]!;
  const SIZE = 16 * 1024 * 1024;
  end.write(Buffer.alloc(SIZE), 0, SIZE, true);
  await sleep(600);
  const socket = serverSockets.at(-1)!;
  assert.ok(!socket.timeout, 'a tunnel is timed by nobody here');
  end.finish();
  await until(() => socket.timeout === 60_000);
  socket.emit('timeout');
  await until(() => tunnels[0]!.closed === 1);
});

test('write() says when the client takes no more, onDrain when it does again', async (t) => {
  const { port, tunnels } = await listenSwitching(t);
  const deaf = await openDeaf(t, port);
  deaf.write(UPGRADE);
  await until(() => tunnels.length === 1);
  const tunnel = tunnels[0]!;
  const piece = Buffer.alloc(10_000, 'x');
  let written = 0;
  do {
    written += piece.length;
    assert.ok(written < 64 * 1024 * 1024, 'the pressure was never felt');
  } while (tunnel.end.write(piece, 0, piece.length, false));
  assert.ok(tunnel.end.pendingBytes <= piece.length);
  await sleep(20);
  assert.equal(tunnel.drains, 0);
  const record = new SocketRecord(deaf);
  await until(() => tunnel.drains === 1);
  await until(() => record.size > written);
  assert.equal(tunnel.end.pendingBytes, 0);
});

test('pause() holds the client back with a read or two', async (t) => {
  const { port, tunnels } = await listenSwitching(t);
  const client = await openDeaf(t, port);
  client.write(UPGRADE);
  await until(() => tunnels.length === 1);
  const tunnel = tunnels[0]!;
  tunnel.echoes = false;
  tunnel.end.pause();
  let sent = 0;
  const piece = Buffer.alloc(1024 * 1024, 'x');
  while (client.writableLength < 4 * piece.length && sent < 64 * piece.length) {
    client.write(piece);
    sent += piece.length;
    await sleep(0);
  }
  assert.ok(sent < 64 * piece.length, 'the client was never held back');
  await sleep(50);
  assert.equal(tunnel.received, '');
  assert.ok(serverSockets.at(-1)!.readableLength <= 128 * 1024);
  tunnel.end.resume();
  await until(() => tunnel.received.length === sent, 10_000);
});

test('WS-10 a drain leaves tunnels alone until its deadline, then cuts them', async (t) => {
  const { listener, port, tunnels } = await listenSwitching(t);
  const client = await open(t, port);
  await client.send(UPGRADE);
  await switched(client);
  const idle = await open(t, port);
  await idle.send(GET);
  await idle.response();
  const start = performance.now();
  const drained = listener.drain(700);
  assert.equal(await idle.closing(), 'ended');
  await client.send('still echoed');
  assert.equal(await take(client, 12), 'still echoed');
  assert.equal(client.closed, 'open');
  await drained;
  assert.ok(performance.now() - start > 650);
  assert.equal(await client.closing(), 'reset');
  await until(() => tunnels[0]!.closed === 1);
});

test('the kernel asks after a silent client', async (t) => {
  const { port, tunnels } = await listenSwitching(t);
  const client = await open(t, port);
  await client.send(UPGRADE);
  await switched(client);
  const local = client.socket.localPort!.toString(16).toUpperCase().padStart(4, '0');
  const server = port.toString(16).toUpperCase().padStart(4, '0');
  const table = await readFile('/proc/net/tcp', 'utf8');
  const line = table.split('\n').find((row) => row.includes(`:${server} 0100007F:${local} `));
  assert.ok(line, 'the connection is in the table');
  // "02" is the keep-alive timer; what follows is when it is due, in hundredths of a second.
  const [timer, due] = line.trim().split(/\s+/)[5]!.split(':');
  assert.equal(timer, '02', line);
  const seconds = Number.parseInt(due!, 16) / 100;
  assert.ok(seconds > 30 && seconds <= 61, `${seconds} s`);
  assert.equal(tunnels.length, 1);
});

test('switchProtocols is refused where an answer is under way or the request is not whole', async (t) => {
  const errors: unknown[] = [];
  const { port } = await listenBare(t, (req, res) => {
    try {
      if (req.url === '/answered') res.writeHead(200, ['content-length', '2']);
      res.switchProtocols(FIELDS);
    } catch (error) {
      errors.push(error);
    }
    if (req.url === '/answered') res.end('ok');
    else reply(res, 'no');
  });
  const client = await open(t, port);
  await client.send('GET /answered HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.equal((await client.response()).body.toString(), 'ok');
  await client.send('POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n');
  assert.equal((await client.response()).body.toString(), 'no');
  assert.equal(errors.length, 2);
});
