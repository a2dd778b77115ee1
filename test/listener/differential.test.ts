// Mutated requests to our listener with the gate, and to `node:http`, whose parser is another one (llhttp, strict).
// Whatever we accept must be accepted there as the same requests: what two parsers read in two ways is how
// requests are smuggled. What we refuse and they accept is fine.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { test } from 'node:test';
import { ClientConnection } from '../../src/listener/client-connection.ts';
import { ServerConnection } from '../../src/listener/server-connection.ts';
import { canonicalize } from '../../src/routing/canonical.ts';
import { Networks } from '../../src/routing/networks.ts';
import { SeededRandom } from '../routing/seeded-random.ts';
import { suiteScope } from '../support/suite-scope.ts';
import { type Answer, collect } from './bare-listener.ts';

const ROUNDS = 4000;
/** Sent at once, so that a round costs a fraction of its waiting. */
const AT_ONCE = 32;

/** `¶` stands for CRLF. */
const bytesOf = (text: string): Buffer => Buffer.from(text.replaceAll('¶', '\r\n'), 'latin1');

/** What a server made of one request. */
interface Seen {
  readonly method: string;
  readonly target: string;
  readonly fields: readonly string[];
  readonly body: string;
  readonly trailers: readonly string[];
}

const H = 'Host: a.test¶';
const CORPUS = [
  `GET /a?b=c HTTP/1.1¶${H}Accept: */*¶¶`,
  `GET /a HTTP/1.0¶${H}Connection: keep-alive¶¶`,
  `POST /l HTTP/1.1¶${H}Content-Length: 5¶¶hello`,
  `POST /c HTTP/1.1¶${H}Transfer-Encoding: chunked¶¶5;a=b¶hello¶6¶ world¶0¶¶`,
  `PUT /t HTTP/1.1¶${H}Transfer-Encoding: chunked¶Trailer: X-Sum¶¶a¶0123456789¶0¶X-Sum: 1¶¶`,
  `DELETE http://a.test/x HTTP/1.1¶${H}Content-Length: 0¶¶`,
  `GET / HTTP/1.1¶${H}X-A: b¶X-A: c¶Cookie: d=e¶¶GET /second HTTP/1.1¶${H}¶`,
  `POST /l HTTP/1.1¶${H}Content-Length: 5¶¶helloGET /second HTTP/1.1¶${H}¶`,
  `HEAD /h HTTP/1.1¶${H}Expect: 100-continue¶Connection: close¶¶`,
  // Attacks by themselves, so that mutations come near them.
  `POST / HTTP/1.1¶${H}Content-Length: 6¶Transfer-Encoding: chunked¶¶0¶¶X`,
  `POST / HTTP/1.1¶${H}Transfer-Encoding: chunked¶Transfer-Encoding: identity¶¶0¶¶`,
  `GET / HTTP/1.1¶${H}Foo: bar¶ folded¶¶`,
];

const PIECES = [
  ...['\r', '\n', '\0', '\t', ' ', ':', ';', ',', '"', '\x0b', '\x7f', '\x80', '\xa0', '\xff', '0', '1', 'x'],
  ...['\r\n', '\r\n\r\n', '\n\n', '\r\n ', '\r\n\t', '\n\r', 'chunked', 'Content-Length: 5\r\n'],
  ...['Transfer-Encoding: chunked\r\n', 'Transfer-Encoding : chunked\r\n', 'Content-Length: 1\r\n'],
  ...[
    'Connection: close\r\n',
    'Upgrade: h2c\r\n',
    'Host: b.test\r\n',
    'HTTP/1.1',
    'HTTP/1.0',
    'GET / ',
    '+5',
  ],
  ...[
    '-1',
    '0x5',
    '5, 5',
    '00',
    'ffffffffffffffff',
    '5;',
    '5 ;a',
    ';a="\r\n"',
    '0\r\n\r\n',
    '__proto__: a\r\n',
  ],
];

/** One to three small changes. */
function mutate(text: string, random: SeededRandom): string {
  let out = text;
  for (let left = 1 + random.below(3); left > 0; left--) {
    const at = random.below(out.length + 1);
    const length = random.below(4) === 0 ? random.below(14) : random.below(2);
    switch (random.below(5)) {
      case 0:
        out = out.slice(0, at) + out.slice(at + 1 + length);
        break;
      case 1:
      case 2:
        out = out.slice(0, at) + random.pick(PIECES) + out.slice(at);
        break;
      case 3:
        out = out.slice(0, at) + String.fromCharCode(random.below(256)) + out.slice(at + 1);
        break;
      default:
        out = out.slice(0, at) + out.slice(at, at + length) + out.slice(at);
    }
  }
  return out;
}

const scope = suiteScope();
/** By local port of the client. */
const ours = new Map<number, Seen[]>();
const theirs = new Map<number, Seen[]>();
const note = (log: Map<number, Seen[]>, port: number, seen: Seen) =>
  log.set(port, [...(log.get(port) ?? []), seen]);

function answer(client: number): Answer {
  return (req, res) => {
    const verdict = canonicalize(req);
    if (typeof verdict === 'string') {
      res.keepAlive = false;
      res.writeHead(400, ['content-length', '0']);
      return res.end();
    }
    assert.ok(req.complete || verdict.body !== 'none', 'the gate and the parser agree on the body');
    collect(req, (body) => {
      note(ours, client, {
        method: req.method,
        target: req.url,
        fields: req.rawHeaders,
        body: body.toString('latin1'),
        trailers: req.rawTrailers,
      });
      res.writeHead(200, ['content-length', '0']);
      res.end();
    });
  };
}

const bare = createTcpServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
  const client = new ClientConnection(socket, false, new Networks([]));
  new ServerConnection(socket, client, answer(socket.remotePort!), () => {});
});
bare.listen(0, '127.0.0.1');
await once(bare, 'listening');
scope.after(() => void bare.close());
const ourPort = (bare.address() as AddressInfo).port;

const reference = createServer({ requireHostHeader: false, keepAliveTimeout: 0 });
const onRequest = (req: IncomingMessage, res: { writeHead(s: number, h: object): void; end(): void }) => {
  const client = req.socket.remotePort!;
  const pieces: Buffer[] = [];
  req.on('data', (piece: Buffer) => void pieces.push(piece));
  req.on('end', () => {
    note(theirs, client, {
      method: req.method!,
      target: req.url!,
      fields: req.rawHeaders,
      body: Buffer.concat(pieces).toString('latin1'),
      trailers: req.rawTrailers,
    });
    res.writeHead(200, { 'content-length': '0' });
    res.end();
  });
};
reference.on('request', onRequest);
reference.on('checkContinue', onRequest);
reference.on('checkExpectation', onRequest);
reference.listen(0, '127.0.0.1');
await once(reference, 'listening');
scope.after(() => {
  reference.closeAllConnections();
  reference.close();
});
const theirPort = (reference.address() as AddressInfo).port;

/** Sends, half-closes, and waits for the end; returns what the server saw. */
async function send(port: number, bytes: Buffer, log: Map<number, Seen[]>): Promise<Seen[]> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => {});
  await once(socket, 'connect');
  const local = socket.localPort!;
  log.delete(local);
  socket.resume();
  socket.end(bytes);
  await new Promise((resolve) => {
    socket.once('end', resolve);
    socket.once('close', resolve);
  });
  socket.destroy();
  return log.get(local) ?? [];
}

/** Differences that are meant; each says why it is safe. */
function normal(seen: Seen): Seen {
  return {
    ...seen,
    // llhttp leaves blanks at the end of some values; without them it is the same value to everybody.
    fields: seen.fields.map((text, i) => (i % 2 === 1 ? text.replace(/[ \t]+$/, '') : text)),
    trailers: seen.trailers.map((text, i) => (i % 2 === 1 ? text.trim() : text)),
  };
}

/**
 * Chunk extensions: llhttp has no blanks around `;` and `=`, which RFC 9112 section 7.1.1 allows, and takes an empty
 * value. We throw extensions away and never pass one on, so what we took must be what it takes without them.
 */
const withoutExtensions = (text: string): string =>
  text.replace(/(\r\n[0-9a-fA-F]+);[^\r\n]*(?=\r\n)/g, '$1');

async function compare(text: string): Promise<'same' | 'stricter'> {
  const plain = text.replaceAll('¶', '\r\n');
  const shown = JSON.stringify(plain);
  let [we, they] = await Promise.all([
    send(ourPort, bytesOf(text), ours),
    send(theirPort, bytesOf(text), theirs),
  ]);
  if (we.length > they.length) they = await send(theirPort, bytesOf(withoutExtensions(plain)), theirs);
  // Ours may stop earlier, never go further or see something else.
  assert.ok(we.length <= they.length, `we took ${we.length} requests, they ${they.length}: ${shown}`);
  for (let i = 0; i < we.length; i++) assert.deepEqual(normal(we[i]!), normal(they[i]!), shown);
  return we.length === they.length ? 'same' : 'stricter';
}

test('the corpus itself', async () => {
  const accepted: number[] = [];
  for (const text of CORPUS) {
    await compare(text);
    accepted.push((await send(ourPort, bytesOf(text), ours)).length);
  }
  assert.deepEqual(accepted, [1, 1, 1, 1, 1, 1, 2, 2, 1, 0, 0, 0]);
});

test('what we accept of mutated requests, node:http accepts as the same', async () => {
  const random = new SeededRandom(0x9a1f5);
  const counts = { same: 0, stricter: 0 };
  for (let round = 0; round < ROUNDS; round += AT_ONCE) {
    const texts = Array.from({ length: AT_ONCE }, () => mutate(random.pick(CORPUS), random));
    for (const verdict of await Promise.all(texts.map(compare))) counts[verdict]++;
  }
  // Else the fuzzer would prove nothing.
  assert.ok(counts.same > ROUNDS / 4 && counts.stricter > 20, JSON.stringify(counts));
});
