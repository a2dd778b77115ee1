// UM: exchanges that break off, on either side. A client never takes half an answer for a whole one, and
// nobody works on for somebody who has left.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { RawConnection } from '../support/raw-client.ts';
import { answer, type Script, startReplica } from '../support/recording-replica.ts';
import { headerOf, parseResponse, TruncatedResponse } from '../support/response-parser.ts';
import { suiteScope } from '../support/suite-scope.ts';
import { assertUsable, leftovers, startRig } from './rig.ts';
import { assertNotReused, bytesOf, withScript } from './scripted.ts';

const scope = suiteScope();
// Answers as soon as it has the head of a request.
const early = await startReplica(scope, answer('too large', {}, 413), { when: 'head' });
const rig = await startRig({
  upstreams: { early: { replicas: [early.url] } },
  hosts: {
    'early.test': { routes: { '/*': { proxy: 'early' } } },
    'quick.test': { routes: { '/*': { proxy: 'a', timeouts: { response: '300ms', idle: '300ms' } } } },
    'packed.test': { routes: { '/*': { proxy: 'a', compress: {} } } },
  },
});

/** The client's connection ends before the answer does, and soon; no replica is asked a second time. */
function breaksOff(title: string, script: Script, host: string, fields = ''): void {
  test(title, () =>
    withScript(rig, script, async () => {
      await rig.watch({ upstream: ['A GET /'] }, async (connection) => {
        await connection.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n${fields}\r\n`);
        await connection.closing(2000);
        const bytes = await connection.collect();
        assert.throws(
          () => parseResponse(bytes, 'GET', true),
          TruncatedResponse,
          bytes.toString('latin1', 0, 200),
        );
        await assertNotReused(rig);
        return [];
      });
    }),
  );
}

const LENGTH = bytesOf('HTTP/1.1 200 OK¶Content-Type: text/plain¶Content-Length: 9¶¶hello');
const CHUNKED = bytesOf('HTTP/1.1 200 OK¶Content-Type: text/plain¶Transfer-Encoding: chunked¶¶5¶hello¶');
const CLOSE = bytesOf('HTTP/1.1 200 OK¶Content-Type: text/plain¶¶hello');
const framings = { 'with CL': LENGTH, chunked: CHUNKED, 'delimited by close': CLOSE };
for (const [what, bytes] of Object.entries(framings)) {
  breaksOff(`UM-03 headers, then stalls: ${what}`, bytes, 'quick.test');
  breaksOff(
    `UM-04 reset mid-body: ${what}`,
    (_, on) => {
      on.write(bytes);
      setTimeout(() => on.reset(), 50);
    },
    'a.test',
  );
  if (bytes === CLOSE) continue;
  breaksOff(
    `UM-04 closes mid-body: ${what}`,
    (_, on) => {
      on.write(bytes);
      setTimeout(() => on.end(), 50);
    },
    'a.test',
  );
  breaksOff(
    `UM-04 closes mid-body, compressed: ${what}`,
    (_, on) => {
      on.write(bytes);
      setTimeout(() => on.end(), 50);
    },
    'packed.test',
    'Accept-Encoding: gzip\r\n',
  );
}
breaksOff(
  'UM-04 closes after 1 MB of 2',
  (_, on) => {
    on.end(Buffer.concat([bytesOf('HTTP/1.1 200 OK¶Content-Length: 2097152¶¶'), Buffer.alloc(1048576)]));
  },
  'a.test',
);
breaksOff(
  'UM-06 a bad chunk after a good one was passed on',
  async (_, on) => {
    on.write(CHUNKED);
    await sleep(50);
    on.write('xyz\r\n');
  },
  'a.test',
);

test('UM-04 closed inside the head: a clean 502', async () => {
  await withScript(
    rig,
    (_, on) => on.end(LENGTH.subarray(0, 40)),
    () => rig.run('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n', { answers: [502], upstream: ['A GET /'] }),
  );
});

/** A client that uploads to the early replica; returns the answer and the connection. */
async function upload(fields: string, body: string | number): Promise<RawConnection> {
  const connection = await RawConnection.open(rig.gateway.port);
  scope.after(() => connection.destroy());
  await connection.send(`POST /up HTTP/1.1\r\nHost: early.test\r\n${fields}\r\n\r\n`, body);
  return connection;
}

test('UM-12 413 early, the client waits: it gets the answer at once', async () => {
  const start = performance.now();
  const connection = await upload('Content-Length: 1000000', 'hello');
  const response = await connection.response();
  assert.equal(response.status, 413);
  assert.equal(response.body.toString(), 'too large');
  assert.equal(headerOf(response, 'connection'), 'close');
  assert.ok(performance.now() - start < 1000);
  await connection.closing();
  await early.until((it) => it.openConnections === 0, 1000);
});

test('UM-12 413 early, a short body: read to its end, and the connection goes on', async () => {
  const connection = await upload('Content-Length: 10', 'hello');
  assert.equal((await connection.response()).status, 413);
  await connection.send('world');
  await assertUsable(connection);
  await early.until((it) => it.openConnections === 0, 1000);
});

for (const [what, framing, chunk] of [
  ['by length', `Content-Length: ${64 * 1024 * 1024}`, 'x'.repeat(65536)],
  ['chunked', 'Transfer-Encoding: chunked', `10000\r\n${'x'.repeat(65536)}\r\n`],
] as const) {
  for (const [how, script] of [
    ['and reads on', (_, on) => void on.write(answer('too large', {}, 413))],
    ['and closes', (_, on) => on.end(answer('too large', { Connection: 'close' }, 413))],
    [
      'and stops reading',
      (_, on) => {
        on.pause();
        on.write(answer('too large', {}, 413));
      },
    ],
  ] as [string, Script][]) {
    test(`UM-12 413 early ${how}, the client goes on sending ${what}`, async () => {
      early.script = script;
      const connection = await upload(framing, 0);
      let status: number | undefined;
      const answered = connection.response('GET', 4000).then((response) => {
        status = response.status;
      });
      for (let i = 0; i < 1024 && status === undefined && connection.closed === 'open'; i++) {
        await connection.send(chunk, 1);
      }
      await answered;
      assert.equal(status, 413);
      await connection.closing();
      // A paused socket hears of its end only when it reads again.
      for (const on of early.connections) on.resume();
      await early.until((it) => it.openConnections === 0, 1000);
      early.script = answer('too large', {}, 413);
    });
  }
}

const slow: Script = () => undefined;
const stalled: Script = (_, on) => {
  on.pause();
};
for (const leave of ['reset', 'destroy'] as const) {
  for (const [what, script, request] of [
    ['before the answer', slow, 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n'],
    ['in the middle of the answer', CHUNKED, 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n'],
    ['after a whole upload', slow, 'POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello'],
    ['in the middle of an upload', slow, 'POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 9\r\n\r\nhello'],
    [
      'in the middle of a chunk',
      slow,
      'POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhel',
    ],
  ] as const) {
    test(`UM-17 client gone ${what} (${leave}): the replica's request is aborted`, () =>
      withScript(rig, script, async () => {
        const method = request.slice(0, request.indexOf(' '));
        await rig.watch({ upstream: [`A ${method} /`] }, async (connection) => {
          const before = rig.a.requests.length;
          await connection.send(request);
          await rig.a.until((it) => it.requests.length > before);
          await sleep(50);
          connection[leave]();
          await assertNotReused(rig);
          return [];
        });
      }));
  }
}
test('UM-17 client gone while a replica does not read the upload', () =>
  withScript(rig, stalled, async () => {
    const connection = await RawConnection.open(rig.gateway.port);
    const before = rig.a.requests.length;
    await connection.send('POST /big HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000000\r\n\r\n');
    await rig.a.until((it) => it.requests.length > before);
    const on = rig.a.connections[rig.a.requests.at(-1)!.connection]!;
    on.pause();
    const block = 'x'.repeat(1024 * 1024);
    for (let i = 0; i < 40; i++) await connection.send(block, 2);
    connection.reset();
    await sleep(200);
    on.resume();
    await rig.a.until(() => on.closed, 1000);
    assert.equal(rig.a.requests.at(-1)!.complete, false);
  }));

leftovers(rig);
