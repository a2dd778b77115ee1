// UM: replicas whose answers are wrongly framed (RFC 9112 section 6.3) or are no HTTP at all.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { headerOf, headersOf, type RawResponse } from '../support/response-parser.ts';
import { assertUsable, GET1, H, leftovers, startRig } from './rig.ts';
import { assertNotReused, bytesOf, scripted, scriptedRefusals, withScript } from './scripted.ts';

const rig = await startRig();
const HEAD1 = `HEAD / HTTP/1.1\r\n${H}\r\n`;
const POISON = 'HTTP/1.1 200 OK¶Content-Length: 6¶¶poison';

for (const [what, extra] of Object.entries({
  'a byte': 'x',
  'a whole response': POISON,
  CRLF: '¶',
  '1 MB': 'x'.repeat(1024 * 1024),
})) {
  scripted(
    rig,
    `UM-05 body longer than CL by ${what}`,
    bytesOf(`HTTP/1.1 200 OK¶Content-Length: 5¶¶hello${extra}`),
    {
      answers: [200],
      upstream: ['A GET /'],
      notReused: true,
      check: ([response]) => assert.equal(response!.body.toString(), 'hello'),
    },
  );
}
const LONG = 200_000;
scripted(
  rig,
  'UM-05 a long body longer than CL',
  bytesOf(`HTTP/1.1 200 OK¶Content-Length: ${LONG}¶¶${'x'.repeat(LONG)}${POISON}`),
  {
    answers: [200],
    upstream: ['A GET /'],
    notReused: true,
    check: ([response]) => assert.equal(response!.body.toString(), 'x'.repeat(LONG)),
  },
);
scripted(
  rig,
  'UM-05 bytes behind the last chunk',
  bytesOf(`HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶5¶hello¶0¶¶${POISON}`),
  {
    answers: [200],
    upstream: ['A GET /'],
    notReused: true,
    check: ([response]) => assert.equal(response!.body.toString(), 'hello'),
  },
);

const chunked = (body: string) => `HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶${body}`;
scriptedRefusals(rig, 'UM-06', {
  'CL and TE': 'HTTP/1.1 200 OK¶Content-Length: 5¶Transfer-Encoding: chunked¶¶0¶¶',
  'TE and CL': 'HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶Content-Length: 5¶¶0¶¶',
  'two CLs': 'HTTP/1.1 200 OK¶Content-Length: 5¶Content-Length: 6¶¶hello',
  'two equal CLs': 'HTTP/1.1 200 OK¶Content-Length: 5¶Content-Length: 5¶¶hello',
  'a list of CLs': 'HTTP/1.1 200 OK¶Content-Length: 5, 5¶¶hello',
  'a negative CL': 'HTTP/1.1 200 OK¶Content-Length: -5¶¶hello',
  'an endless CL': `HTTP/1.1 200 OK¶Content-Length: ${'9'.repeat(400)}¶¶hello`,
  'TE gzip, chunked': 'HTTP/1.1 200 OK¶Transfer-Encoding: gzip, chunked¶¶0¶¶',
  'TE xchunked': 'HTTP/1.1 200 OK¶Transfer-Encoding: xchunked¶¶0¶¶',
  'TE chunked twice': 'HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶Transfer-Encoding: chunked¶¶0¶¶',
  'a space before the colon': 'HTTP/1.1 200 OK¶Content-Length : 5¶¶hello',
  'bad chunk size': chunked('x¶hello¶0¶¶'),
  'chunk size 0x5': chunked('0x5¶hello¶0¶¶'),
  'chunk size 2^64': chunked('10000000000000005¶hello¶0¶¶'),
  'chunk too long': chunked('5¶helloXX¶0¶¶'),
  'chunk ended by LF': chunked('5¶hello\n0¶¶'),
  'chunk size ended by LF': chunked('5\nhello¶0¶¶'),
  'LF in a chunk extension': chunked('5;a\nhello¶0¶¶'),
  'bad chunk after a good one': chunked('5¶hello¶x¶'),
});

scriptedRefusals(rig, 'UM-07', {
  'status 99': 'HTTP/1.1 99 X¶Content-Length: 0¶¶',
  'status 099': 'HTTP/1.1 099 X¶Content-Length: 0¶¶',
  'status 600': 'HTTP/1.1 600 X¶Content-Length: 0¶¶',
  'status 999': 'HTTP/1.1 999 X¶Content-Length: 0¶¶',
  'status 000': 'HTTP/1.1 000 X¶Content-Length: 0¶¶',
  'status text': 'HTTP/1.1 OK 200¶Content-Length: 0¶¶',
  'status 2000': 'HTTP/1.1 2000 X¶Content-Length: 0¶¶',
  'HTTP/0.9': '<html>hello</html>¶¶',
  'HTTP/2 text': 'HTTP/2 200 OK¶Content-Length: 0¶¶',
  'HTTP/2 bytes': '\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64\0\x04\0\x10\0\0¶¶',
  SSH: 'SSH-2.0-OpenSSH_9.6¶¶',
  'an empty line first': '¶HTTP/1.1 200 OK¶Content-Length: 0¶¶',
  'no colon': 'HTTP/1.1 200 OK¶foo¶¶',
});

for (const [what, text, status, request] of [
  ['HEAD', 'HTTP/1.1 200 OK¶Content-Length: 5¶¶hello', 200, HEAD1],
  ['HEAD, chunked', 'HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶5¶hello¶0¶¶', 200, HEAD1],
  ['HEAD, a response', `HTTP/1.1 200 OK¶Content-Length: ${POISON.length}¶¶${POISON}`, 200, HEAD1],
  ['204', 'HTTP/1.1 204 No Content¶¶hello', 204, GET1],
  ['304', `HTTP/1.1 304 Not Modified¶ETag: "x"¶Content-Length: 5¶¶hello`, 304, GET1],
  ['304, a response', `HTTP/1.1 304 Not Modified¶ETag: "x"¶¶${POISON}`, 304, GET1],
] as const) {
  const method = request === HEAD1 ? 'HEAD' : 'GET';
  scripted(
    rig,
    `UM-08 a body on ${what}`,
    bytesOf(text),
    { answers: [status], upstream: [`A ${method} /`], method, notReused: true },
    request,
  );
}
scriptedRefusals(rig, 'UM-08 a 204 that announces a body', {
  'by length': 'HTTP/1.1 204 No Content¶Content-Length: 5¶¶hello',
  'by chunks': 'HTTP/1.1 204 No Content¶Transfer-Encoding: chunked¶¶5¶hello¶0¶¶',
});
test('UM-08 a body on HEAD that comes a little later', async () => {
  const late = (text: string) =>
    withScript(
      rig,
      (_, on) => {
        on.write(bytesOf('HTTP/1.1 200 OK¶Content-Length: 5¶¶'));
        setTimeout(() => on.write(bytesOf(text)), 30);
      },
      () =>
        rig.watch({ upstream: ['A HEAD /'] }, async (connection) => {
          await connection.send(HEAD1);
          const response = await connection.response('HEAD');
          assert.equal(response.status, 200);
          await assertNotReused(rig);
          await assertUsable(connection);
          return [response];
        }),
    );
  await late('hello');
  await late(POISON);
});

/** Sends GET1 and reads on to the final answer; the interim ones come first. */
async function readAll(text: string): Promise<RawResponse[]> {
  const responses: RawResponse[] = [];
  await withScript(rig, bytesOf(text), () =>
    rig.watch({ upstream: ['A GET /'] }, async (connection) => {
      await connection.send(GET1);
      do responses.push(await connection.response());
      while (responses.at(-1)!.status < 200);
      return responses;
    }),
  );
  return responses;
}
for (const status of [100, 102, 103]) {
  test(`UM-09 ${status} a thousand times`, async () => {
    const one = `HTTP/1.1 ${status} X¶Link: </a.css>¶¶`;
    const responses = await readAll(`${one.repeat(1000)}HTTP/1.1 200 OK¶Content-Length: 2¶¶hi`);
    assert.ok(responses.length <= 20, `${responses.length} responses`);
    assert.ok([200, 502].includes(responses.at(-1)!.status));
    if (responses.at(-1)!.status === 502) await assertNotReused(rig);
  });
}
test('UM-09 103 is passed on without hop-by-hop fields, 100 is not', async () => {
  const responses = await readAll(
    'HTTP/1.1 100 Continue¶¶HTTP/1.1 103 Early Hints¶Link: </a.css>¶Link: </b.css>¶Connection: x-a¶X-A: 1¶' +
      'Keep-Alive: timeout=1¶Upgrade: h2¶¶HTTP/1.1 200 OK¶Content-Length: 2¶¶hi',
  );
  assert.deepEqual(
    responses.map(({ status }) => status),
    [103, 200],
  );
  assert.deepEqual(headersOf(responses[0]!, 'link'), ['</a.css>', '</b.css>']);
  for (const name of ['connection', 'x-a', 'keep-alive', 'upgrade']) {
    assert.equal(headerOf(responses[0]!, name), undefined, name);
  }
  assert.equal(responses[1]!.body.toString(), 'hi');
});
test('UM-09 interim answers are kept from HTTP/1.0 clients', async () => {
  const hints = bytesOf('HTTP/1.1 103 Early Hints¶Link: </a.css>¶¶HTTP/1.1 200 OK¶Content-Length: 2¶¶hi');
  await withScript(rig, hints, () =>
    rig.run(`GET / HTTP/1.0\r\n${H}\r\n`, { answers: [200], closes: true, upstream: ['A GET /'] }),
  );
});
scriptedRefusals(rig, 'UM-09', {
  'an interim head with a bad field': 'HTTP/1.1 103 X¶A: \x01¶¶HTTP/1.1 200 OK¶Content-Length: 0¶¶',
});

scriptedRefusals(rig, 'UM-10 101 unsolicited', {
  alone: 'HTTP/1.1 101 Switching Protocols¶Upgrade: websocket¶Connection: Upgrade¶¶',
  'with an answer behind it': `HTTP/1.1 101 Switching Protocols¶Upgrade: h2c¶¶${POISON}`,
});

for (const [what, late] of Object.entries({
  'an extra response': POISON,
  'a 408 before a close': 'HTTP/1.1 408 Request Timeout¶Connection: close¶Content-Length: 0¶¶',
  'one byte': 'H',
})) {
  test(`UM-11 ${what} on the idle socket, then the next client`, async () => {
    await rig.run(`GET /before HTTP/1.1\r\n${H}\r\n`, { answers: [200], upstream: ['A GET /before'] });
    // Every connection the gateway keeps is poisoned.
    const kept = rig.a.connections.filter((connection) => !connection.closed);
    assert.ok(kept.length > 0);
    for (const connection of kept) connection.write(bytesOf(late));
    await rig.a.until(() => kept.every((connection) => connection.closed), 1000);
    for (let i = 0; i < 3; i++) {
      await rig.run(`GET /after HTTP/1.1\r\n${H}\r\n`, {
        answers: [200],
        upstream: ['A GET /after'],
        check: ([response]) => assert.equal(response!.body.toString(), 'GET /after'),
      });
    }
  });
}

test('UM-13 infinite headers', async () => {
  let endless: NodeJS.Timeout | undefined;
  await withScript(
    rig,
    (_, on) => {
      on.write('HTTP/1.1 200 OK\r\n');
      endless = setInterval(() => on.write(`X-Endless: ${'a'.repeat(10_000)}\r\n`), 1);
    },
    async () => {
      await rig.run(GET1, { answers: [502], upstream: ['A GET /'] });
      await assertNotReused(rig);
    },
  ).finally(() => clearInterval(endless));
});
test('UM-13 an infinite body is streamed with flat memory', async () => {
  const block = Buffer.alloc(256 * 1024, 'x');
  const before = await rig.gateway.memory();
  await withScript(
    rig,
    async (_, on) => {
      on.write('HTTP/1.1 200 OK\r\n\r\n');
      while (!on.socket.destroyed) if (!on.write(block)) await sleep(1);
    },
    () =>
      rig.watch({ upstream: ['A GET /'] }, async (connection) => {
        connection.keeping = false;
        await connection.send(GET1);
        while (connection.received < 200 * 1024 * 1024) await sleep(20);
        const grown = (await rig.gateway.memory()) - before;
        assert.ok(grown < 60 * 1024 * 1024, `${grown >> 20} MB more`);
        connection.destroy();
        await assertNotReused(rig);
        return [];
      }),
  );
});

leftovers(rig);
