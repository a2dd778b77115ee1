// Connections of a bare listener on real sockets: order, states, what ends them, and what a peer can do to them
// at any moment.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClientConnection } from '../../src/listener/client-connection.ts';
import { ServerConnection } from '../../src/listener/server-connection.ts';
import type { ServerRequest } from '../../src/listener/server-request.ts';
import type { ServerResponse } from '../../src/listener/server-response.ts';
import { Networks } from '../../src/routing/networks.ts';
import { RawConnection } from '../support/raw-client.ts';
import { headerOf } from '../support/response-parser.ts';
import { type Answer, collect, listenBare, open, openDeaf, reply, until } from './bare-listener.ts';

const H = 'Host: a.test\r\n';
const get = (path: string, fields = '', version = '1.1') =>
  `GET ${path} HTTP/${version}\r\n${H}${fields}\r\n`;
const post = (body: string, fields = '') =>
  `POST /p HTTP/1.1\r\n${H}${fields}Content-Length: ${body.length}\r\n\r\n${body}`;

const echoPath: Answer = (req, res) => reply(res, req.url);

/** One connection of our own making, with its object, for states that only time would bring about. */
async function lone(
  t: TestContext,
  answer: Answer,
): Promise<{ ours: ServerConnection; client: RawConnection }> {
  const made = Promise.withResolvers<ServerConnection>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket: Socket) => {
    const client = new ClientConnection(socket, false, new Networks([]));
    made.resolve(new ServerConnection(socket, client, answer, () => {}));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => void server.close());
  const client = await open(t, (server.address() as { port: number }).port);
  const ours = await made.promise;
  t.after(() => void ours.socket.destroy());
  return { ours, client };
}

test('pipelined requests: one at a time, answered in order', async (t) => {
  const waiting: [ServerRequest, ServerResponse][] = [];
  const { port } = await listenBare(t, (req, res) => void waiting.push([req, res]));
  const client = await open(t, port);
  await client.send(get('/1') + post('body') + get('/3'));
  for (const path of ['/1', '/p', '/3']) {
    await until(() => waiting.length === 1);
    await sleep(20);
    const [[req, res]] = waiting.splice(0) as [[ServerRequest, ServerResponse]];
    assert.equal(waiting.length, 0, 'the next one waits');
    assert.equal(req.url, path);
    if (path === '/p') collect(req, (body) => reply(res, `p ${body}`));
    else reply(res, path);
    assert.equal((await client.response()).body.toString(), path === '/p' ? 'p body' : path);
  }
  assert.equal(client.closed, 'open');
});

test('requests come in single bytes', async (t) => {
  const { port } = await listenBare(t, (req, res) =>
    collect(req, (body) => reply(res, `${req.url} ${body}`)),
  );
  const client = await open(t, port);
  const chunked = `POST /c HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n1\r\nd\r\n0\r\nT: u\r\n\r\n`;
  for (const byte of get('/1') + post('hello') + chunked) {
    await client.send(byte);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal((await client.response()).body.toString(), '/1 ');
  assert.equal((await client.response()).body.toString(), '/p hello');
  assert.equal((await client.response()).body.toString(), '/c abcd');
});

test('a body in tiny chunks is handed on in few pieces, whole and in order', async (t) => {
  let pieces = 0;
  const { port } = await listenBare(t, (req, res) => {
    const parts: Buffer[] = [];
    req.readTo({
      onData: (chunk) => {
        pieces++;
        parts.push(Buffer.from(chunk));
      },
      onEnd: () => reply(res, Buffer.concat(parts).toString('latin1')),
      onAborted: () => {},
    });
  });
  const client = await open(t, port);
  const words = Array.from({ length: 5000 }, (_, i) => (i % 100 === 99 ? 'l'.repeat(3000) : String(i)));
  const chunks = words.map((word) => `${word.length.toString(16)}\r\n${word}\r\n`).join('');
  await client.send(
    `POST / HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`,
    get('/next'),
  );
  assert.equal((await client.response()).body.toString(), words.join(''));
  assert.ok(pieces < 250, `${pieces} pieces`);
  assert.equal((await client.response()).status, 200);
});

test('a flood of pipelined requests from a client that does not read: answers stop being made', async (t) => {
  let asked = 0;
  const body = Buffer.alloc(64 * 1024, 'x');
  const { port } = await listenBare(t, (_req, res) => {
    asked++;
    res.writeHead(200, ['content-length', String(body.length)]);
    res.end(body);
  });
  const deaf = await openDeaf(t, port);
  deaf.pause();
  for (let i = 0; i < 20; i++) deaf.write(get('/').repeat(1000));
  let before = -1;
  while (asked !== before) {
    before = asked;
    await sleep(200);
  }
  assert.ok(asked < 400, `${asked} answers were made`);
  deaf.resume();
  await until(() => asked > before);
});

test('keep-alive: HTTP/1.1 unless close, HTTP/1.0 only when asked', async (t) => {
  const { port } = await listenBare(t, echoPath);
  const cases: [request: string, closes: boolean, connection: string | undefined][] = [
    [get('/'), false, undefined],
    [get('/', 'Connection: close\r\n'), true, 'close'],
    [get('/', '', '1.0'), true, 'close'],
    [get('/', 'Connection: keep-alive\r\n', '1.0'), false, 'keep-alive'],
  ];
  for (const [request, closes, connection] of cases) {
    const client = await open(t, port);
    await client.send(request);
    const response = await client.response();
    assert.equal(headerOf(response, 'connection'), connection, request);
    if (closes) assert.equal(await client.closing(1000), 'ended');
    else {
      await client.send(get('/again'));
      assert.equal((await client.response()).body.toString(), '/again');
    }
  }
});

test('half-close: what was asked for is answered, pipelined requests too', async (t) => {
  const { port } = await listenBare(t, (req, res) => void setTimeout(() => reply(res, req.url), 50));
  const client = await open(t, port);
  await client.send(get('/1') + get('/2') + get('/3'));
  client.end();
  for (const path of ['/1', '/2', '/3']) assert.equal((await client.response()).body.toString(), path);
  assert.equal(await client.closing(1000), 'ended');
});

test('half-close behind a body that nobody has read yet: it is still read and answered', async (t) => {
  // As when the connection to the replica is still being made.
  const { port } = await listenBare(t, (req, res) => {
    setTimeout(() => collect(req, (body) => reply(res, String(body))), 100);
  });
  for (const request of [
    post('hello'),
    `POST / HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
  ]) {
    const client = await open(t, port);
    await client.send(request);
    client.end();
    assert.equal((await client.response()).body.toString(), 'hello');
    assert.equal(await client.closing(1000), 'ended');
  }
});

test('half-close while an answer flows: it flows to its end; a silent one is given up in time', async (t) => {
  let gone = 0;
  const { port } = await listenBare(t, (req, res) => {
    res.observer = { onDrain: () => {}, onGone: () => void gone++ };
    if (req.url === '/silent') return;
    res.writeHead(200, []);
    let left = 8;
    const timer = setInterval(() => {
      if (--left > 0) return void res.write('piece');
      clearInterval(timer);
      res.end();
    }, 200);
  });
  const client = await open(t, port);
  await client.send(get('/flows'));
  client.end();
  assert.equal((await client.response()).body.toString(), 'piece'.repeat(7));
  assert.equal(gone, 0);

  const silent = await open(t, port);
  await silent.send(get('/silent'));
  silent.end();
  await until(() => gone === 1, 1000);
});

test('a long answer reaches a slow client whole, though the connection is to be closed', async (t) => {
  const SIZE = 24 * 1024 * 1024;
  const body = Buffer.alloc(SIZE, 'x');
  const { port } = await listenBare(t, (_req, res) => {
    res.writeHead(200, ['content-length', String(SIZE)]);
    res.end(body);
  });
  for (const [fields, end] of [
    ['Connection: close\r\n', false],
    ['Connection: close\r\n', true],
    ['', true],
  ] as const) {
    const client = await open(t, port);
    client.keeping = false;
    client.pause();
    await client.send(get('/', fields));
    if (end) client.end();
    // Longer than the connection lingers after its last byte.
    await sleep(2600);
    client.resume();
    await until(() => client.received >= SIZE || client.closed !== 'open', 10_000);
    assert.ok(client.received >= SIZE, `only ${client.received} bytes came`);
    await client.closing(4000);
  }
});

test('FIN in the middle: of a head 400, of a body the exchange is over', async (t) => {
  let aborted = 0;
  let gone = 0;
  const { port } = await listenBare(t, (req, res) => {
    res.observer = { onDrain: () => {}, onGone: () => void gone++ };
    collect(
      req,
      () => assert.fail('it is not whole'),
      () => void aborted++,
    );
  });
  const head = await open(t, port);
  await head.send('GET / HT');
  head.end();
  assert.equal((await head.response()).status, 400);
  assert.equal(await head.closing(1000), 'ended');

  const body = await open(t, port);
  await body.send(`POST / HTTP/1.1\r\n${H}Content-Length: 10\r\n\r\nabc`);
  await sleep(50);
  body.end();
  await until(() => aborted === 1 && gone === 1, 1000);
  await body.closing(1000);
});

test('a client that says nothing, or stops in a head, a body or a read-over, meets its deadline', async (t) => {
  const silent = await lone(t, echoPath);
  assert.ok(silent.ours.deadline.at - performance.now() < 10_001);
  silent.ours.expire();
  assert.notEqual(await silent.client.closing(1000), 'open');

  const head = await lone(t, echoPath);
  await head.client.send('GET / HTTP/1.1\r\nHo');
  await until(() => !head.ours.isIdle);
  const due = head.ours.deadline.at;
  await head.client.send('st: a');
  await sleep(50);
  assert.equal(head.ours.deadline.at, due, 'more bytes do not postpone it');
  head.ours.expire();
  assert.equal((await head.client.response()).status, 408);
  await head.client.closing(1000);

  let aborted = 0;
  const body = await lone(t, (req) =>
    collect(
      req,
      () => assert.fail(),
      () => void aborted++,
    ),
  );
  await body.client.send(`POST / HTTP/1.1\r\n${H}Content-Length: 100000\r\n\r\n${'x'.repeat(2000)}`);
  await until(() => body.ours.socket.bytesRead > 2000);
  assert.ok(body.ours.deadline.at - performance.now() < 60_001);
  await body.client.send('y'.repeat(2000));
  await until(() => body.ours.socket.bytesRead > 4000);
  body.ours.expire();
  assert.equal(aborted, 0, 'it makes progress');
  body.ours.expire();
  assert.equal(aborted, 1);
  assert.equal((await body.client.response()).status, 408);

  const over = await lone(t, echoPath);
  await over.client.send(`POST /over HTTP/1.1\r\n${H}Content-Length: 10\r\n\r\nabc`);
  assert.equal((await over.client.response()).body.toString(), '/over');
  assert.ok(over.ours.deadline.at - performance.now() < 10_001);
  over.ours.expire();
  assert.notEqual(await over.client.closing(1000), 'open');
});

test('a body that the reader does not take is not late', async (t) => {
  const { ours, client } = await lone(t, (req) => {
    collect(req, () => {});
    req.pause();
  });
  await client.send(`POST / HTTP/1.1\r\n${H}Content-Length: 10\r\n\r\n`);
  await until(() => Number.isFinite(ours.deadline.at) && ours.socket.bytesRead > 50);
  await sleep(20);
  ours.expire();
  assert.equal(ours.socket.destroyed, false);
});

test('an idle connection between requests ends in silence', async (t) => {
  const { ours, client } = await lone(t, echoPath);
  await client.send(get('/'));
  await client.response();
  assert.ok(ours.isIdle);
  assert.ok(ours.deadline.at - performance.now() > 60_000);
  ours.expire();
  assert.equal((await client.collect()).length, 0);
  assert.notEqual(client.closed, 'open');
});

test('a client that takes nothing is cut by the stall timer, not by the others', async (t) => {
  const { ours, client } = await lone(t, (_req, res) => {
    res.writeHead(200, []);
    res.write(Buffer.alloc(32 * 1024 * 1024));
  });
  client.pause();
  await client.send(get('/'));
  await until(() => ours.socket.writableLength > 0);
  assert.equal(ours.deadline.isOver(Number.POSITIVE_INFINITY), false);
  assert.equal(ours.socket.timeout, 60_000);
  ours.socket.emit('timeout');
  await until(() => ours.socket.destroyed);
});

test('drain: an idle connection closes at once, a busy one after its answer', async (t) => {
  const answers: ServerResponse[] = [];
  const { listener, port } = await listenBare(t, (req, res) => {
    if (req.url === '/slow') answers.push(res);
    else reply(res, 'quick');
  });
  const idle = await open(t, port);
  await idle.send(get('/'));
  await idle.response();
  const busy = await open(t, port);
  await busy.send(get('/slow') + get('/never'));
  await until(() => answers.length === 1);
  const drained = listener.drain(5000);
  assert.equal(await idle.closing(1000), 'ended');
  idle.destroy();
  reply(answers[0]!, 'late');
  const response = await busy.response();
  assert.equal(headerOf(response, 'connection'), 'close');
  assert.equal((await busy.collect()).length, 0, 'the next request is not answered');
  busy.destroy();
  await drained;
});

test('an early answer: a short rest is read over, and the connection goes on', async (t) => {
  const { port } = await listenBare(t, echoPath);
  const client = await open(t, port);
  // What looks like a request is the body of the first.
  const inner = get('/smuggled');
  await client.send(post(inner), 30, get('/next'));
  assert.equal((await client.response()).body.toString(), '/p');
  assert.equal((await client.response()).body.toString(), '/next');
  await client.send(`POST /c HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n3\r\nab`);
  assert.equal((await client.response()).body.toString(), '/c');
  await client.send('c\r\n0\r\n\r\n', get('/after'));
  assert.equal((await client.response()).body.toString(), '/after');
  // A rest that is broken ends it, without a second answer.
  await client.send(`POST /c HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n3\r\nab`);
  await client.response();
  await client.send('cX');
  assert.equal((await client.collect()).length, 0);
  assert.equal(await client.closing(3000), 'ended');
});

test('an early answer that closes: the client gets it whatever it still sends', async (t) => {
  const { port } = await listenBare(t, (_req, res) => {
    res.keepAlive = false;
    reply(res, 'no');
  });
  const client = await open(t, port);
  await client.send(`POST / HTTP/1.1\r\n${H}Content-Length: 1000000\r\n\r\n`);
  for (let i = 0; i < 10; i++) await client.send('x'.repeat(50_000));
  assert.equal((await client.response()).body.toString(), 'no');
  assert.equal(await client.closing(3000), 'ended');
});

test('chunked answers, trailers, interim heads, and answers without a body', async (t) => {
  const { port } = await listenBare(t, (req, res) => {
    const [, what] = req.url.split('/') as [string, string];
    if (what === 'chunked') {
      res.writeInterim(103, ['link', '<a>']);
      res.writeHead(200, []);
      res.writeInterim(103, ['too', 'late']);
      res.write('ab');
      res.write('');
      res.write(Buffer.from('cd'));
      res.end('ef', ['x-sum', '1']);
      res.writeInterim(103, ['too', 'late']);
      res.write('after the end');
      res.end('twice');
    } else {
      const status = Number(what);
      res.writeHead(status, status === 200 ? ['content-length', '4'] : []);
      res.write('body');
      res.end('body');
    }
  });
  const client = await open(t, port);
  await client.send(get('/chunked'));
  assert.equal((await client.response()).status, 103);
  const chunked = await client.response();
  assert.equal(chunked.framing, 'chunked');
  assert.equal(chunked.body.toString(), 'abcdef');
  assert.deepEqual(chunked.trailers, ['x-sum', '1']);
  await client.send(get('/204'), get('/304'), `HEAD /200 HTTP/1.1\r\n${H}\r\n`, get('/304'));
  assert.equal((await client.response()).status, 204);
  assert.equal((await client.response()).status, 304);
  const head = await client.response('HEAD');
  assert.equal(headerOf(head, 'content-length'), '4');
  assert.equal((await client.response()).status, 304);

  const old = await open(t, port);
  await old.send(get('/chunked', 'Connection: keep-alive\r\n', '1.0'));
  const bytes = (await old.collect()).toString('latin1');
  assert.match(bytes, /\r\n\r\nabcdef$/);
  assert.match(bytes, /connection: close\r\n/);
  assert.equal(old.closed, 'ended', 'the close is the end of the body');
});

test('abort is a reset, so that nobody takes a part for the whole', async (t) => {
  const { port } = await listenBare(t, (_req, res) => {
    res.writeHead(200, []);
    res.write('part');
    setTimeout(() => res.abort(), 50);
  });
  const client = await open(t, port);
  await client.send(get('/', '', '1.0'));
  await client.collect();
  assert.equal(client.closed, 'reset');
});

test('a broken body: 400 before an answer, a reset in the middle of one', async (t) => {
  let aborted = 0;
  const { port } = await listenBare(t, (req, res) => {
    if (req.url === '/started') {
      res.writeHead(200, []);
      res.write('part');
    }
    collect(
      req,
      () => assert.fail(),
      () => void aborted++,
    );
  });
  const start = (path: string) => `POST ${path} HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n3\r\nabc`;
  const client = await open(t, port);
  await client.send(start('/'), 30, 'X', get('/never'));
  assert.equal((await client.response()).status, 400);
  assert.equal((await client.collect()).length, 0);
  await client.closing(3000);
  const started = await open(t, port);
  await started.send(start('/started'), 50, 'X');
  await started.collect();
  assert.equal(started.closed, 'reset');
  assert.equal(aborted, 2);
});

test('resets at every moment harm nobody and leave nothing behind', async (t) => {
  let open = 0;
  const { listener, port } = await listenBare(t, (req, res) => {
    open++;
    let over = false;
    const end = () => {
      if (!over) open--;
      over = true;
    };
    res.observer = { onDrain: () => {}, onGone: end };
    collect(req, (body) => {
      res.writeHead(200, []);
      res.write(body);
      setTimeout(() => {
        if (!res.ended) {
          res.write(Buffer.alloc(200_000));
          res.end();
        }
        end();
      }, 2);
    });
  });
  const body = `POST / HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`;
  const text = get('/1') + post('hello') + body + get('/2');
  const clients: Promise<void>[] = [];
  for (let cut = 0; cut <= text.length; cut += 3) {
    clients.push(
      (async () => {
        const client = await RawConnection.open(port);
        client.keeping = false;
        if (cut % 2 === 0) client.pause();
        await client.send(text.slice(0, cut), cut % 5);
        // Node cannot reset what it has begun to shut down.
        if (cut % 4 !== 0) return client.reset();
        client.end();
        client.destroy();
      })(),
    );
  }
  await Promise.all(clients);
  await until(() => open === 0);
  const last = await RawConnection.open(port);
  await last.send(post('alive', 'Connection: close\r\n'));
  assert.equal((await last.response()).body.toString('latin1', 0, 5), 'alive');
  last.destroy();
  const start = performance.now();
  await listener.drain(3000);
  assert.ok(performance.now() - start < 2500, 'no connection was left');
});

test('a connection has the same listeners after many exchanges as before', async (t) => {
  const { ours, client } = await lone(t, (req, res) => collect(req, () => reply(res, 'x')));
  const count = () => ours.socket.eventNames().map((name) => [name, ours.socket.listenerCount(name)]);
  await client.send(get('/'));
  await client.response();
  const before = count();
  for (let i = 0; i < 50; i++) {
    await client.send(i % 2 === 0 ? get('/') : post('body'));
    await client.response();
  }
  assert.deepEqual(count(), before);
});
