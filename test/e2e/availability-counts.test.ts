// What is counted over all workers ends at zero, whatever either side does; and retries stay within their budget.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Scope } from '../support/fixtures.ts';
import { startGateway } from '../support/gateway-process.ts';
import { ask } from '../support/plain-request.ts';
import { answer, startReplica } from '../support/recording-replica.ts';
import { startSupervised } from '../support/supervised-gateway.ts';

const EXCHANGES = 100_000;
const CLIENTS = 64;
const HEAD_END = '\r\n\r\n';
const BODY = 'x'.repeat(300);
const WHOLE = `HTTP/1.1 200 OK\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`;
const REQUEST = `GET /x HTTP/1.1\r\nHost: a.test${HEAD_END}`;

/** A replica as raw as possible that fails in all ways: 3 % before the answer, 3 % in it, 2 % late. */
async function moodyReplica(scope: Scope): Promise<{ url: string; seen: () => number }> {
  let seen = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let held = '';
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (bytes) => {
      held += bytes.toString('latin1');
      for (let end = held.indexOf(HEAD_END); end !== -1; end = held.indexOf(HEAD_END)) {
        held = held.slice(end + HEAD_END.length);
        seen++;
        const mood = Math.random();
        if (mood < 0.03) socket.resetAndDestroy();
        else if (mood < 0.06) socket.end(WHOLE.slice(0, WHOLE.length - 100));
        else if (mood < 0.08) setTimeout(() => socket.write(WHOLE), 15);
        else socket.write(WHOLE);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen: () => seen };
}

/** Whatever the status: errors of the gateway have a length too. */
function isWhole(answer: string): boolean {
  const head = answer.indexOf(HEAD_END);
  const length = /content-length: (\d+)/i.exec(answer.slice(0, Math.max(0, head)));
  return length !== null && answer.length >= head + HEAD_END.length + Number(length[1]);
}

/** Sends one request after the other, on as many connections as it takes; one in ten it leaves alone at some point. */
function moodyClient(port: number, next: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const again = (): void => {
      if (!next()) return resolve();
      const socket = connect(port, '127.0.0.1');
      let left = Math.random();
      socket.on('error', () => {});
      socket.on('close', again);
      let received = '';
      socket.on('data', (bytes) => {
        // In the middle of the answer.
        if (left < 0.05) return void socket.resetAndDestroy();
        received += bytes.toString('latin1');
        if (!isWhole(received)) return;
        received = '';
        left = Math.random();
        if (next()) send();
        else socket.destroy();
      });
      const send = (): void => {
        socket.write(REQUEST);
        if (left > 0.95) setImmediate(() => (left > 0.975 ? socket.destroy() : socket.resetAndDestroy()));
      };
      socket.on('connect', send);
    };
    again();
  });
}

test(`in-flight counts return to zero after ${EXCHANGES} exchanges with aborts on both sides`, async (t) => {
  const replicas = await Promise.all([1, 2, 3].map(() => moodyReplica(t)));
  const { gateway, status } = await startSupervised(t, {
    workers: 2,
    upstreams: { api: { replicas: replicas.map(({ url }) => url), connections: { max: 12 } } },
    hosts: { 'a.test': { routes: { '/*': { proxy: 'api' } } } },
  });
  let left = EXCHANGES;
  const next = () => left-- > 0;
  let busiest = 0;
  let connections = 0;
  const watch = setInterval(async () => {
    const [api] = await status();
    busiest = Math.max(busiest, ...api!.replicas.map(({ inFlight }) => inFlight));
    connections = Math.max(connections, ...api!.replicas.map((replica) => replica.connections));
  }, 500);
  await Promise.all(Array.from({ length: CLIENTS }, () => moodyClient(gateway.port, next)));
  clearInterval(watch);
  const seen = replicas.reduce((sum, replica) => sum + replica.seen(), 0);
  assert.ok(seen > EXCHANGES * 0.9, `${seen} requests reached the replicas`);
  assert.ok(busiest > 2, 'something was under way');
  assert.ok(connections <= 12, `${connections} connections to a replica that may have 12`);
  // Who half-closed is given a moment.
  let now = await status();
  for (let i = 0; i < 100 && now[0]!.replicas.some(({ inFlight }) => inFlight !== 0); i++) {
    await sleep(50);
    now = await status();
  }
  assert.deepEqual(
    now.map(({ queued, held, replicas }) => [queued, held, replicas.map(({ inFlight }) => inFlight)]),
    [[0, 0, [0, 0, 0]]],
  );
  // Idle connections are closed after four seconds.
  for (let i = 0; i < 140 && now[0]!.replicas.some((replica) => replica.connections !== 0); i++) {
    await sleep(50);
    now = await status();
  }
  assert.deepEqual(
    now[0]!.replicas.map((replica) => replica.connections),
    [0, 0, 0],
  );
});

for (const [title, script, retry] of [
  ['resets', undefined, { attempts: 5 }],
  ['answers 503', answer('no', {}, 503), { attempts: 5, on: ['connect', 'reset', 503] }],
] as const) {
  test(`the budget: every replica ${title}, and they see at most 1.2 times the exchanges`, async (t) => {
    const replicas = await Promise.all(
      [1, 2, 3].map(() => startReplica(t, script ?? ((_, on) => on.reset()), { keep: 0 })),
    );
    const gateway = await startGateway(t, {
      workers: 2,
      upstreams: { api: { replicas: replicas.map(({ url }) => url), retry, eject: false } },
      hosts: { 'a.test': { routes: { '/*': { proxy: 'api' } } } },
    });
    const exchanges = 2000;
    let left = exchanges;
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        while (left-- > 0) assert.ok((await ask(gateway.port, '/x')).status >= 502);
      }),
    );
    const seen = replicas.reduce((sum, { requests }) => sum + requests.length, 0);
    assert.ok(seen <= exchanges * 1.2, `${seen} requests for ${exchanges} exchanges`);
    assert.ok(seen >= exchanges * 1.1, `${seen}: the budget was used`);
  });
}
