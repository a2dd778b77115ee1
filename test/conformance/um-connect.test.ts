// UM: replicas that cannot be reached, do not answer, or close a kept connection under a request.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { closedPort } from '../support/ports.ts';
import { answer, type Script, startReplica } from '../support/recording-replica.ts';
import { suiteScope } from '../support/suite-scope.ts';
import { leftovers, type Outcome, startRig } from './rig.ts';
import { scripted } from './scripted.ts';

const scope = suiteScope();
const other = await startReplica(scope, answer('other'));
const closed = `http://127.0.0.1:${await closedPort()}`;

// Takes TCP connections and never answers the TLS handshake: for the gateway no connection ever stands.
const silent = createServer((socket) => socket.on('error', () => socket.destroy()).resume());
silent.listen(0, '127.0.0.1');
await once(silent, 'listening');
scope.after(() => void silent.close());
const blackHole = `https://127.0.0.1:${(silent.address() as AddressInfo).port}`;

const connect = { timeouts: { connect: '300ms' } };
const proxy = (upstream: string, more = {}) => ({ routes: { '/*': { proxy: upstream, ...more } } });
const rig = await startRig({
  upstreams: {
    closed: { replicas: [closed] },
    closedNext: { replicas: [closed, other.url] },
    mostlyClosed: { replicas: [closed, `${closed.replace('127.0.0.1', '127.0.0.2')}`, other.url] },
    hole: { replicas: [blackHole], ...connect },
    holeNext: { replicas: [blackHole, other.url], ...connect },
    noName: { replicas: ['http://nowhere.invalid:80'] },
    noNameNext: { replicas: ['http://nowhere.invalid:80', other.url] },
    dual: { replicas: [`http://localhost:${other.port}`] },
  },
  hosts: {
    'closed.test': proxy('closed'),
    'closed-next.test': proxy('closedNext'),
    'mostly-closed.test': proxy('mostlyClosed'),
    'hole.test': proxy('hole'),
    'hole-next.test': proxy('holeNext'),
    'no-name.test': proxy('noName'),
    'no-name-next.test': proxy('noNameNext'),
    'dual.test': proxy('dual'),
    'quick.test': proxy('a', { timeouts: { response: '300ms', idle: '300ms' } }),
  },
});

const request = (host: string, method = 'GET', body?: string) =>
  `${method} /x HTTP/1.1\r\nHost: ${host}\r\n${body === undefined ? '' : `Content-Length: ${body.length}\r\n`}\r\n${body ?? ''}`;

/** Sends, and checks that the answer took between `least` and `most` ms. */
function timed(title: string, bytes: string, outcome: Outcome, least: number, most: number): void {
  test(title, async () => {
    const start = performance.now();
    let took = 0;
    await rig.run(bytes, {
      ...outcome,
      check: (...seen) => {
        outcome.check?.(...seen);
      },
      answers: outcome.answers,
    });
    took = performance.now() - start;
    assert.ok(took >= least && took < most, `${Math.round(took)} ms`);
  });
}

/** The request reaches the replica that works, whole and once, whichever is asked first. */
function reachesOther(title: string, host: string): void {
  // Two rounds with each method: the turn is at the dead replica first, and at the live one first.
  // Nothing of a request was sent before a connection stood, so any method may go on to the next replica
  // (RFC 9110 section 9.2.2: "some means to detect that the original request was never applied").
  for (const [method, body] of [['GET'], ['POST', 'hello'], ['DELETE']] as [string, string?][]) {
    for (const round of [1, 2]) {
      test(`${title}: ${method}, round ${round}`, async () => {
        const before = other.requests.length;
        await rig.run(request(host, method, body), {
          answers: [200],
          check: ([response]) => assert.equal(response!.body.toString(), 'other'),
        });
        assert.deepEqual(
          other.requests.slice(before).map((seen) => [seen.method, seen.body.toString()]),
          [[method, body ?? '']],
        );
      });
    }
  }
}

timed('UM-01 refused', request('closed.test'), { answers: [503] }, 0, 1000);
timed('UM-01 refused, with a body', request('closed.test', 'POST', 'hello'), { answers: [503] }, 0, 1000);
timed('UM-01 black hole', request('hole.test'), { answers: [503] }, 250, 2000);
timed('UM-01 black hole, with a body', request('hole.test', 'POST', 'hello'), { answers: [503] }, 250, 2000);
reachesOther('UM-01 refused, next replica', 'closed-next.test');
reachesOther('UM-01 black hole, next replica', 'hole-next.test');
reachesOther('UM-01 refused by two of three', 'mostly-closed.test');

const mute: Script = () => undefined;
// The replica reads on and is not at fault: the client is told, and the connection is not kept.
timed(
  'UM-02 the client stops in the middle of its upload: 408',
  'POST /x HTTP/1.1\r\nHost: quick.test\r\nContent-Length: 100000\r\n\r\nhello',
  { answers: [408], brokenOff: 'A POST /x', closes: true },
  250,
  2000,
);

for (const [method, body] of [['GET'], ['POST', 'hello']] as [string, string?][]) {
  scripted(
    rig,
    `UM-02 accepts, never answers: ${method}`,
    mute,
    { answers: [504], upstream: [`A ${method} /x`], notReused: true },
    request('quick.test', method, body),
  );
}
scripted(
  rig,
  'UM-02 the head never ends',
  'HTTP/1.1 200 OK\r\nX-A: ',
  { answers: [504], upstream: ['A GET /x'], notReused: true },
  request('quick.test'),
);

/** Answers the first request of a connection and does `then` at every later one. */
const onSecond =
  (then: Script): Script =>
  (seen, on) => {
    if (seen.target === '/first') return answer('first');
    return typeof then === 'function' ? then(seen, on) : then;
  };
/** First a request that leaves a kept connection behind, then the one of the case on that connection. */
const onKept = (method: string, body?: string) => [
  'GET /first HTTP/1.1\r\nHost: a.test\r\n\r\n',
  50,
  request('a.test', method, body),
];

const failOnce = (fail: 'reset' | 'end'): Script => {
  let failed = false;
  return onSecond((_, on) => {
    failed = !failed;
    if (failed) return on[fail]();
    return answer('again');
  });
};
for (const fail of ['reset', 'end'] as const) {
  for (const method of ['GET', 'DELETE', 'PUT', 'OPTIONS']) {
    scripted(
      rig,
      `UM-14 ${fail} under a request on a kept connection: ${method} is sent once more`,
      failOnce(fail),
      { answers: [200, 200], upstream: ['A GET /first', `A ${method} /x`, `A ${method} /x`] },
      onKept(method),
    );
  }
  for (const [method, body] of [
    ['POST', undefined],
    ['POST', 'hello'],
    ['PATCH', 'hello'],
    ['PUT', 'hello'],
  ] as const) {
    scripted(
      rig,
      `UM-14 ${fail} under a request on a kept connection: ${method} with ${body ?? 'no body'} is not`,
      failOnce(fail),
      { answers: [200, 502], upstream: ['A GET /first', `A ${method} /x`] },
      onKept(method, body),
    );
  }
}
scripted(
  rig,
  'UM-14 a second failure is final',
  onSecond((_, on) => on.reset()),
  { answers: [200, 502], upstream: ['A GET /first', 'A GET /x', 'A GET /x'] },
  onKept('GET'),
);
scripted(
  rig,
  'UM-14 a reset on a fresh connection is not repeated',
  (seen, on) => (seen.target === '/first' ? answer('first', { Connection: 'close' }) : on.reset()),
  // A kept connection of the rig may be met first; then the one repetition is on a fresh one.
  {
    answers: [200, 502],
    upstream: ['A GET /first', 'A POST /x'],
  },
  onKept('POST'),
);
scripted(
  rig,
  'UM-14 nothing is repeated once a byte of the answer is here',
  onSecond((_, on) => on.end('HTTP/1.1 200 OK\r\n')),
  { answers: [200, 502], upstream: ['A GET /first', 'A GET /x'] },
  onKept('GET'),
);

timed('UM-18 the name does not resolve', request('no-name.test'), { answers: [503] }, 0, 3000);
reachesOther('UM-18 the name does not resolve, next replica', 'no-name-next.test');
test('UM-18 a name with a dead IPv6 address', async () => {
  await rig.run(request('dual.test'), {
    answers: [200],
    check: ([response]) => assert.equal(response!.body.toString(), 'other'),
  });
});

leftovers(rig);
