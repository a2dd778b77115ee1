// WebSockets through the gateway, with the `ws` library on both sides: what two programs say to each other is the
// same as without it, a replica's refusal reaches the client, and nobody is believed who only pretends to agree.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket, WebSocketServer } from 'ws';
import { until } from '../listener/bare-listener.ts';
import { SeededRandom } from '../routing/seeded-random.ts';
import { startGateway } from '../support/gateway-process.ts';
import { RawConnection } from '../support/raw-client.ts';
import { answer, startReplica } from '../support/recording-replica.ts';
import { headerOf, headersOf } from '../support/response-parser.ts';
import { suiteScope } from '../support/suite-scope.ts';

const scope = suiteScope();

// ---- a program that speaks WebSocket ----

/** Every handshake that the program saw. */
const handshakes: IncomingMessage[] = [];
const sockets: WebSocket[] = [];
const http = createServer((_, res) => res.end('plain'));
const program = new WebSocketServer({
  server: http,
  perMessageDeflate: { threshold: 0 },
  handleProtocols: (offered) => (offered.has('a') ? 'a' : false),
  verifyClient: ({ req }, done) => {
    handshakes.push(req);
    if (req.url === '/forbidden') done(false, 403, 'no', { 'x-why': 'no badge' });
    else done(true);
  },
});
program.on('headers', (headers) => headers.push('Set-Cookie: a=1', 'Set-Cookie: b=2', 'X-Powered-By: ws'));
program.on('connection', (socket, req) => {
  sockets.push(socket);
  // At once: the first frame leaves with the 101, or right behind it.
  if (req.url === '/greets') socket.send('hello from the replica');
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
});
http.listen(0, '127.0.0.1');
await once(http, 'listening');
scope.after(() => {
  for (const client of program.clients) client.terminate();
  http.close();
});
const direct = (http.address() as AddressInfo).port;

// Before the gateway is stopped, because it waits for tunnels that are open.
const dialled: WebSocket[] = [];
const opened: RawConnection[] = [];
scope.after(() => {
  for (const socket of dialled) socket.terminate();
  for (const connection of opened) connection.destroy();
});

// ---- a replica that does what a test says, and the gateway before both ----

const raw = await startReplica(scope);
const slow = await startReplica(scope, () => undefined);
const gateway = await startGateway(scope, {
  upstreams: {
    program: { replicas: [`http://127.0.0.1:${direct}`] },
    raw: { replicas: [raw.url], timeouts: { tunnel: '1s' } },
    slow: { replicas: [slow.url], timeouts: { response: '300ms' }, retry: false },
  },
  hosts: {
    'a.test': { routes: { '/*': { proxy: 'program' } } },
    'raw.test': { routes: { '/*': { proxy: 'raw' } } },
    'slow.test': { routes: { '/*': { proxy: 'slow' } } },
  },
});

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = createHash('sha1').update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
const handshake = (host: string, fields = '') =>
  `GET /chat?x=1 HTTP/1.1\r\nHost: ${host}\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n` +
  `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n${fields}\r\n`;
const SWITCH = `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`;

async function open(): Promise<RawConnection> {
  const connection = await RawConnection.open(gateway.port);
  opened.push(connection);
  return connection;
}

interface DialOptions {
  origin?: string;
  cookie?: string;
  maxPayload?: number;
  perMessageDeflate?: boolean;
}

function dial(port: number, path: string, { cookie, ...options }: DialOptions = {}): WebSocket {
  const headers = { host: 'a.test', ...(cookie !== undefined && { cookie }) };
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, ['b', 'a'], { ...options, headers });
  dialled.push(socket);
  return socket;
}

/** Says what `ws` heard, in order: frames by their kind and content, and the end. */
async function transcript(port: number, script: (socket: WebSocket) => Promise<void>): Promise<string[]> {
  const lines: string[] = [];
  const digest = (data: Buffer) =>
    data.length < 60
      ? JSON.stringify(data.toString('latin1'))
      : createHash('sha256').update(data).digest('hex');
  const socket = dial(port, '/greets');
  socket.on('upgrade', ({ headers }) => {
    const {
      connection,
      upgrade,
      'sec-websocket-protocol': protocol,
      'sec-websocket-extensions': all,
    } = headers;
    lines.push(
      `upgrade ${upgrade} ${String(connection).toLowerCase()} ${protocol} ${all} ${headers['set-cookie']}`,
    );
  });
  socket.on('message', (data, isBinary) =>
    lines.push(`${isBinary ? 'binary' : 'text'} ${digest(data as Buffer)}`),
  );
  socket.on('pong', (data) => lines.push(`pong ${digest(data)}`));
  socket.on('close', (code, reason) => lines.push(`close ${code} ${reason}`));
  await once(socket, 'open');
  await script(socket);
  if (socket.readyState !== WebSocket.CLOSED) await once(socket, 'close');
  return lines;
}

suite('two programs that speak WebSocket', () => {
  test('say the same to each other directly and through the gateway', async () => {
    const script = async (socket: WebSocket): Promise<void> => {
      const random = new SeededRandom(42);
      for (let i = 0; i < 200; i++) {
        const size = random.pick([0, 1, 125, 126, 4000, 65_535, 65_536, 200_000]);
        const bytes = Buffer.alloc(size, i);
        if (random.below(10) === 0) socket.ping(Buffer.from(`ping ${i}`));
        else if (random.below(3) > 0) socket.send(bytes, { binary: true });
        else {
          // A message in fragments.
          socket.send('a', { fin: false });
          socket.send('b'.repeat(random.below(300)), { fin: false });
          socket.send('c', { fin: true });
        }
        if (random.below(10) === 0) await sleep(random.below(5));
      }
      socket.send('the last one');
      for await (const [data] of messages(socket)) if (String(data) === 'the last one') break;
      socket.close(4321, 'enough');
    };
    const expected = await transcript(direct, script);
    const seen = await transcript(gateway.port, script);
    assert.ok(expected.length > 150);
    assert.deepEqual(seen, expected);
    assert.match(expected[0]!, / upgrade a permessage-deflate/);
  });

  test('WS-06 a message of 100 MB and ten thousand small ones arrive', async () => {
    const socket = dial(gateway.port, '/', { maxPayload: 128 * 1024 * 1024, perMessageDeflate: false });
    await once(socket, 'open');
    let size = 0;
    let count = 0;
    socket.on('message', (data) => {
      count++;
      size += (data as Buffer).length;
    });
    socket.send(Buffer.alloc(100 * 1024 * 1024, 'x'));
    for (let i = 0; i < 10_000; i++) socket.send('y');
    await until(() => count === 10_001, 60_000);
    assert.equal(size, 100 * 1024 * 1024 + 10_000);
    socket.close();
    await once(socket, 'close');
  });

  test('WS-01 WS-02 WS-03 what the client asks for reaches the replica as it is, and its choice comes back', async () => {
    const origin = 'https://evil.test';
    const socket = dial(gateway.port, '/p?q=%20', { origin, cookie: 'c=1; d=2' });
    const [[response]] = await Promise.all([once(socket, 'upgrade'), once(socket, 'open')]);
    const { url, headers } = handshakes.at(-1)!;
    assert.equal(url, '/p?q=%20');
    assert.deepEqual(
      [headers.origin, headers.cookie, headers.host, headers['sec-websocket-protocol']],
      [origin, 'c=1; d=2', 'a.test', 'b,a'],
    );
    assert.deepEqual([headers.connection, headers.upgrade], ['upgrade', 'websocket']);
    assert.match(headers['sec-websocket-extensions']!, /^permessage-deflate/);
    assert.equal(headers['x-forwarded-for'], '127.0.0.1');
    assert.equal(socket.protocol, 'a');
    assert.match(socket.extensions, /^permessage-deflate/);
    const { headers: answered } = response as IncomingMessage;
    assert.deepEqual(answered['set-cookie'], ['a=1', 'b=2']);
    assert.equal(answered['x-powered-by'], undefined);
    socket.close();
    await once(socket, 'close');
  });

  test('see each other vanish within a second', async () => {
    const one = dial(gateway.port, '/');
    await once(one, 'open');
    const server = sockets.at(-1)!;
    const gone = once(server, 'close', { signal: AbortSignal.timeout(5000) });
    one.terminate();
    assert.equal((await gone)[0], 1006);

    const two = dial(gateway.port, '/');
    await once(two, 'open');
    const left = once(two, 'close', { signal: AbortSignal.timeout(5000) });
    sockets.at(-1)!.terminate();
    assert.equal((await left)[0], 1006);
  });
});

async function* messages(socket: WebSocket): AsyncGenerator<[unknown]> {
  for (;;) yield (await once(socket, 'message')) as [unknown];
}

suite('no tunnel is opened', () => {
  test('UP-03 when the replica refuses: its status and headers reach the client, whose connection goes on', async () => {
    const connection = await open();
    await connection.send(handshake('a.test').replace('/chat?x=1', '/forbidden'));
    const refused = await connection.response();
    assert.deepEqual([refused.status, headerOf(refused, 'x-why')], [403, 'no badge']);
    assert.equal(headerOf(refused, 'upgrade'), undefined);
    await connection.send('GET /plain HTTP/1.1\r\nHost: a.test\r\n\r\n');
    assert.equal((await connection.response()).body.toString(), 'plain');
  });

  test('UP-04 when the version is wrong: what is pipelined behind it is a request like any other', async () => {
    const seen = raw.requests.length;
    raw.script = ({ target }) =>
      target === '/chat?x=1' ? answer('', { 'Sec-WebSocket-Version': '13' }, 426) : answer('admin');
    const connection = await open();
    const behind = 'GET /admin HTTP/1.1\r\nHost: raw.test\r\n\r\n';
    await connection.send(handshake('raw.test').replace('Version: 13', 'Version: 777') + behind);
    const refused = await connection.response();
    assert.deepEqual([refused.status, headerOf(refused, 'sec-websocket-version')], [426, '13']);
    assert.equal((await connection.response()).body.toString(), 'admin');
    const [first, second] = raw.requests.slice(seen);
    assert.deepEqual(headersOf(first!, 'sec-websocket-version'), ['777']);
    // Made by the gateway, not passed on as it came.
    assert.deepEqual(headersOf(second!, 'x-forwarded-for'), ['127.0.0.1']);
  });

  for (const [what, bytes] of [
    ['without Sec-WebSocket-Accept', SWITCH.replace(/Sec-.*\r\n/, '')],
    ['with a wrong Sec-WebSocket-Accept', SWITCH.replace(ACCEPT, `A${ACCEPT.slice(1)}`)],
    ['for another protocol', SWITCH.replace('Upgrade: websocket', 'Upgrade: foo')],
    ['without Connection', SWITCH.replace('Connection: Upgrade\r\n', '')],
  ] as const) {
    test(`UP-05 when the replica only pretends: a 101 ${what} is 502`, async () => {
      raw.script = `${bytes}secret of the replica`;
      const connection = await open();
      await connection.send(`${handshake('raw.test')}secret of the client`);
      const refused = await connection.response();
      assert.equal(refused.status, 502);
      assert.match(refused.body.toString(), /UPSTREAM_BAD_RESPONSE/);
      assert.doesNotMatch(refused.body.toString(), /secret/);
      const request = raw.requests.at(-1)!;
      const spoiled = raw.connections[request.connection]!;
      await raw.until(() => spoiled.closed || spoiled.ended);
      assert.doesNotMatch(spoiled.bytes.toString(), /secret/);
    });
  }

  test('UP-05 when nobody asked: a 101 to a plain GET is 502', async () => {
    raw.script = SWITCH;
    const connection = await open();
    await connection.send('GET / HTTP/1.1\r\nHost: raw.test\r\n\r\n');
    assert.equal((await connection.response()).status, 502);
  });

  test('WS-04 when the replica does not answer: 504', async () => {
    const connection = await open();
    await connection.send(handshake('slow.test'));
    assert.equal((await connection.response()).status, 504);
  });
});

suite('a tunnel', () => {
  test('WS-09 passes early bytes of both sides once and in order, each only after the 101', async () => {
    raw.script = (_, on) => void on.write(`${SWITCH}early frames of the replica`);
    const connection = await open();
    await connection.send(`${handshake('raw.test')}early `, 5, 'frames');
    const switched = await connection.response();
    assert.equal(switched.status, 101);
    assert.equal(headerOf(switched, 'sec-websocket-accept'), ACCEPT);
    assert.equal((await connection.collect(100)).toString(), 'early frames of the replica');
    const request = raw.requests.at(-1)!;
    const tunnel = raw.connections[request.connection]!;
    await raw.until(() => tunnel.bytes.toString().endsWith('\r\n\r\nearly frames'));
  });

  test('WS-07 ends on both sides when nothing moves', async () => {
    raw.script = (_, on) => void on.write(SWITCH);
    const connection = await open();
    await connection.send(handshake('raw.test'));
    assert.equal((await connection.response()).status, 101);
    const tunnel = raw.connections[raw.requests.at(-1)!.connection]!;
    const start = performance.now();
    await connection.closing();
    const took = performance.now() - start;
    assert.ok(took > 800, `${took} ms`);
    await raw.until(() => tunnel.closed);
  });

  test('UP-07 of a client that is gone at any moment of the switch leaves nothing behind', async () => {
    raw.script = async (_, on) => {
      await sleep(Math.random() * 5);
      on.write(SWITCH);
    };
    const idle = await gateway.openFiles();
    for (let i = 0; i < 100; i++) {
      const connection = await RawConnection.open(gateway.port);
      await connection.send(`${handshake('raw.test')}early`, i % 8);
      connection.reset();
    }
    let open = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 100 && open > idle + 10; i++) {
      await sleep(50);
      open = await gateway.openFiles();
    }
    assert.ok(open <= idle + 10, `${open} open files, ${idle} before`);
    assert.equal(gateway.exit, undefined);
    const log = gateway.stdout + gateway.stderr;
    assert.doesNotMatch(log, /INTERNAL|uncaught|Unhandled|worker died/i);
  });

  test('WS-10 is left alone by a shutdown, which waits for its end', async (t) => {
    const own = await startGateway(t, {
      upstreams: { program: { replicas: [`http://127.0.0.1:${direct}`] } },
      hosts: { 'a.test': { routes: { '/*': { proxy: 'program' } } } },
    });
    const socket = dial(own.port, '/');
    await once(socket, 'open');
    own.signal('SIGTERM');
    await sleep(300);
    socket.send('still here');
    const [data] = (await once(socket, 'message')) as [Buffer];
    assert.equal(data.toString(), 'still here');
    assert.equal(own.exit, undefined);
    socket.close();
    assert.equal((await own.exited).code, 0);
  });
});
