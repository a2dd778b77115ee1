// SM: what one side says before the other has finished: Expect, early answers, bodies nobody asked for,
// pipelining, and bodies that never end.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectRaw, RawConnection } from '../support/raw-client.ts';
import { answer, startReplica } from '../support/recording-replica.ts';
import { headerOf } from '../support/response-parser.ts';
import { suiteScope } from '../support/suite-scope.ts';
import { assertSilentClose, assertUsable, echo, GET1, H, leftovers, startRig } from './rig.ts';

// Answers 403 as soon as it has seen a head.
const hasty = await startReplica(suiteScope(), answer('no', {}, 403), { when: 'head' });
const rig = await startRig({
  upstreams: { hasty: { replicas: [hasty.url] } },
  hosts: { 'hasty.test': { routes: { '/*': { proxy: 'hasty' } } } },
});
const expecting = (value: string, body = '', host = 'a.test') =>
  `POST / HTTP/1.1\r\nHost: ${host}\r\nExpect: ${value}\r\nContent-Length: 5\r\n\r\n${body}`;

test('SM-29 Expect early final: 403, both connections closed', async () => {
  await rig.watch({}, async (connection) => {
    await connection.send(expecting('100-continue', '', 'hasty.test'));
    const responses = [await connection.response('POST')];
    // We asked for the body as soon as it had somewhere to go; whether that was before the 403 is chance.
    if (responses[0]!.status === 100) responses.push(await connection.response('POST'));
    const final = responses.at(-1)!;
    assert.equal(final.status, 403);
    assert.equal(headerOf(final, 'connection'), 'close');
    await assertSilentClose(connection);
    return responses;
  });
  await hasty.until((replica) => replica.openConnections === 0);
  assert.equal(hasty.requests.length, 1);
  assert.equal(hasty.requests[0]!.bodySize, 0);
  assert.equal(headerOf(hasty.requests[0]!, 'expect'), undefined);
});

test('SM-29 Expect: 100 once the connection to the replica stands, then the body', async () => {
  const outcome = { upstream: ['A POST /'] };
  await rig.watch(outcome, async (connection) => {
    await connection.send(expecting('100-continue'));
    const responses = [await connection.response('POST')];
    assert.equal(responses[0]!.status, 100);
    await connection.send('hello');
    responses.push(await connection.response('POST'));
    assert.equal(responses[1]!.status, 200);
    assert.equal(rig.a.requests.findLast((request) => request.method === 'POST')!.body.toString(), 'hello');
    await assertUsable(connection);
    return responses;
  });
});

rig.exchange(
  'SM-29 Expect in HTTP/1.0 is not answered with 100',
  `POST / HTTP/1.0\r\n${H}Expect: 100-continue\r\n\r\n`,
  {
    answers: [200],
    closes: true,
    upstream: ['A POST /'],
  },
);

rig.refusals(
  'SM-30 Expect obfuscated',
  {
    'y 100-continue': expecting('y 100-continue', 'hello'),
    '100-continue, x': expecting('100-continue, x', 'hello'),
    foo: expecting('foo', 'hello'),
    empty: expecting('', 'hello'),
    twice: expecting('100-continue\r\nExpect: 100-continue', 'hello'),
  },
  417,
);

const CL0 = 'GET /admin HTTP/1.1\r\nX: y\r\n\r\n';
const withBody = (line: string, host: string, body = CL0) =>
  `${line} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
for (const [where, bytes, status] of [
  ['static', withBody('POST /app.js', 'spa.test'), 405],
  ['redirect', withBody('POST /old', 'spa.test'), 308],
  ['404 of a folder', withBody('GET /none.js', 'spa.test'), 404],
  ['404 of a host', withBody('POST /nothing', 'part.test'), 404],
  ['an unknown host', withBody('POST /x', 'nope.test'), 404],
  ['respond', withBody('POST /ping', 'ping.test'), 200],
] as const) {
  rig.exchange(`SM-31 CL.0 on ${where}`, bytes, { answers: [status] });
}
rig.exchange(
  'SM-31 CL.0 with more than is worth reading',
  withBody('POST /app.js', 'spa.test', 'x'.repeat(200_000)),
  {
    answers: [405],
    closes: true,
  },
);

rig.exchange('SM-32 GET with body', withBody('GET /', 'a.test', 'GET /admin HTTP/1.1\r\nX: yy\r\n\r\n'), {
  answers: [200],
  upstream: ['A GET /'],
  check: (_, [request]) => {
    assert.equal(request!.framing, 'none');
    assert.equal(request!.bodySize, 0);
  },
});

test('SM-33 pipelining: three answers in order, one request at a time', async () => {
  let underWay = 0;
  let most = 0;
  const waits: Record<string, number> = { '/1': 60, '/2': 0, '/3': 20 };
  rig.a.script = async (request) => {
    most = Math.max(most, ++underWay);
    await sleep(waits[request.target] ?? 0);
    underWay--;
    return echo('A')(request);
  };
  const targets = ['/1', '/2', '/3'];
  await rig.watch({ upstream: targets.map((target) => `A GET ${target}`) }, async (connection) => {
    await connection.send(targets.map((target) => `GET ${target} HTTP/1.1\r\n${H}\r\n`).join(''));
    const responses = [];
    for (const target of targets) {
      const response = await connection.response();
      assert.equal(response.body.toString(), `GET ${target}`);
      responses.push(response);
    }
    await assertUsable(connection);
    return responses;
  });
  assert.equal(most, 1);
  rig.a.script = echo('A');
});

rig.exchange('SM-33 pipelining: GET1 three times in one write', GET1.repeat(3), {
  answers: [200, 200, 200],
  upstream: ['A GET /', 'A GET /', 'A GET /'],
});
rig.exchange('SM-33 pipelining: garbage behind whole requests', `${GET1.repeat(2)}GARBAGE\r\n\r\n${GET1}`, {
  answers: [200, 200, 400],
  closes: true,
  upstream: ['A GET /', 'A GET /'],
});
rig.exchange(
  'SM-33 pipelining: a broken body behind whole requests is not sent',
  `${GET1.repeat(2)}POST /broken HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\nxyz\r\n`,
  { answers: [200, 200, 400], closes: true, upstream: ['A GET /', 'A GET /'] },
);
rig.exchange(
  'SM-33 pipelining: nothing is acted on behind an answer that closes',
  `GET / HTTP/1.1\r\n${H}Connection: close\r\n\r\nDELETE /behind HTTP/1.1\r\n${H}\r\n`,
  { answers: [200], closes: true, upstream: ['A GET /'] },
);

test('SM-33 pipelining: a flood behind a slow answer is not read, and answered in order afterwards', async () => {
  const flood = 5_000;
  let release = () => {};
  rig.a.script = (request) =>
    new Promise((resolve) => {
      if (request.target !== '/slow') resolve(echo('A')(request));
      else release = () => resolve(echo('A')(request));
    });
  const connection = await RawConnection.open(rig.gateway.port);
  const seen = rig.a.requests.length;
  await connection.send(`GET /slow HTTP/1.1\r\n${H}\r\n${GET1.repeat(flood)}`);
  await rig.a.until((replica) => replica.requests.at(-1)?.target === '/slow');
  // Others are served meanwhile, and nothing of the flood is acted on.
  await rig.run(GET1, { answers: [200], upstream: ['A GET /'] });
  assert.deepEqual(
    rig.a.requests.slice(seen).filter(({ target }) => target === '/').length,
    1,
    'requests behind a slow one were forwarded',
  );
  release();
  for (let i = 0; i <= flood; i++) assert.equal((await connection.response()).status, 200);
  connection.destroy();
  rig.a.script = echo('A');
});

test('SM-37 body shorter than CL: the replica sees the break within a second', async (t) => {
  const head = `POST /short HTTP/1.1\r\n${H}Content-Length: 10\r\n\r\nabc`;
  for (const leave of ['end', 'reset'] as const) {
    await rig.watch({ brokenOff: 'A POST /short' }, async (connection) => {
      await connection.send(head);
      await rig.a.until((replica) => replica.requests.at(-1)?.bodySize === 3);
      connection[leave]();
      const request = rig.a.requests.at(-1)!;
      await rig.a.until((replica) => replica.connections[request.connection]!.closed, 1000);
      return [];
    });
  }
  const late = await connectRaw(t, rig.gateway.port);
  await assertUsable(late);
});

test('I3 the answer to a refused upload arrives although the upload goes on', async () => {
  const upload = 'x'.repeat(1_000_000);
  for (const [target, host] of [
    ['//x', 'a.test'],
    ['/x', 'no host'],
  ]) {
    const connection = await RawConnection.open(rig.gateway.port);
    try {
      await connection.send(
        `POST ${target} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 1000000\r\n\r\n`,
        20,
        upload,
      );
      assert.equal((await connection.response('POST')).status, 400);
      await connection.closing();
    } finally {
      connection.destroy();
    }
  }
});

leftovers(rig);
