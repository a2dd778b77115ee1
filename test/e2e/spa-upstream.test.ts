// The `spa` action over a container: the rules of a folder applied to what the container answers, and immutable
// files served from memory. What must never be kept is in conformance/ca-asset-cache.test.ts.

import assert from 'node:assert/strict';
import { before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';
import { type Ask, ask, NAVIGATION, type Reply } from '../support/plain-request.ts';
import { closedPort } from '../support/ports.ts';
import { answer, type RecordingReplica, startReplica } from '../support/recording-replica.ts';
import { suiteScope } from '../support/suite-scope.ts';
import { container, FILES, HASHED, INDEX, SCRIPT } from './spa-container.ts';

const YEAR = 'public, max-age=31536000, immutable';
const NEVER = 'no-cache, no-store, must-revalidate';
const ASK_FIRST = 'public, no-cache';
const HTML = { Accept: NAVIGATION };
const PART: Record<string, string> = { Accept: '*/*', Range: 'bytes=0-5' };
const scope = suiteScope();
let replica: RecordingReplica;
let gateway: GatewayProcess;

before(async () => {
  replica = await startReplica(scope);
  gateway = await startGateway(scope, {
    workers: 1,
    upstreams: {
      app: { replicas: [replica.url] },
      down: { replicas: [`http://127.0.0.1:${await closedPort()}`] },
    },
    hosts: {
      'a.test': { routes: { '/*': { spa: { upstream: 'app' } } } },
      'wide.test': { routes: { '/*': { spa: { upstream: 'app', immutable: ['/static/*'] } } } },
      'mounted.test': { routes: { '/desk/*': { spa: { upstream: 'app', immutable: ['/static/*'] } } } },
      'maps.test': { routes: { '/*': { spa: { upstream: 'app', sourceMaps: true } } } },
      'down.test': { routes: { '/*': { spa: { upstream: 'down' } } } },
      'framed.test': {
        policies: { headers: { response: { set: { 'X-A': 'ours' }, remove: ['X-B'] } } },
        routes: { '/*': { spa: { upstream: 'app' } } },
      },
    },
  });
});

beforeEach(() => {
  replica.script = container(true);
});

const get = (target: string, options?: Ask): Promise<Reply> => ask(gateway.port, target, options);

async function requestsDuring(run: () => Promise<unknown>): Promise<number> {
  const before = replica.requests.length;
  await run();
  return replica.requests.length - before;
}

for (const own of [true, false]) {
  const which = own ? 'a container with a fallback of its own' : 'a container without a fallback';

  test(`${which}: navigations get the document`, async () => {
    replica.script = container(own);
    for (const target of ['/', '/orders/42?tab=1', '/release/1.2']) {
      const reply = await get(target, { headers: HTML });
      assert.deepEqual(
        [reply.status, reply.text, reply.header('cache-control')],
        [200, INDEX, NEVER],
        target,
      );
      assert.equal(reply.header('expires'), undefined);
      const head = await get(target, { headers: HTML, method: 'HEAD' });
      assert.deepEqual([head.status, head.text, head.header('cache-control')], [200, '', NEVER], target);
      const again = await get(target, { headers: { ...HTML, 'If-None-Match': '"v1"' } });
      assert.deepEqual([again.status, again.header('cache-control')], [304, NEVER], target);
    }
  });

  test(`${which}: a missing asset is 404, never HTML`, async () => {
    replica.script = container(own);
    const targets = [
      '/gone.png',
      '/assets/gone-Cx7Yb2_1.js',
      '/assets/gone.css?v=1',
      '/data.json',
      '/favicon.ico',
    ];
    for (const target of targets) {
      for (const headers of [{ Accept: '*/*' }, HTML, PART]) {
        for (const method of ['GET', 'HEAD']) {
          const reply = await get(target, { headers, method });
          assert.deepEqual(
            [reply.status, reply.header('cache-control')],
            [404, 'no-store'],
            `${method} ${target}`,
          );
          assert.match(reply.header('content-type')!, /^application\/json/);
          assert.equal(/doctype|<h1>/i.test(reply.text), false);
        }
      }
    }
    // A page of the application asked for by a program is not there either.
    assert.equal((await get('/orders', { headers: { Accept: 'application/json' } })).status, 404);
  });

  test(`${which}: below a prefix`, async () => {
    replica.script = container(own);
    const reply = await get('/desk/orders', { host: 'mounted.test', headers: HTML });
    assert.deepEqual([reply.status, reply.text], [200, own ? INDEX : 'desk']);
    const font = await get('/desk/static/font.woff2', { host: 'mounted.test' });
    assert.deepEqual([font.text, font.header('cache-control')], ['font', YEAR]);
  });
}

test('cache classes replace what the container says', async () => {
  const classes: Record<string, string> = {
    '/': NEVER,
    '/index.html': NEVER,
    '/page.html': NEVER,
    '/sw.js': NEVER,
    '/site.webmanifest': NEVER,
    '/logo.png': ASK_FIRST,
    '/static/font.woff2': ASK_FIRST,
    [HASHED]: YEAR,
  };
  for (const [target, control] of Object.entries(classes)) {
    for (const method of ['GET', 'HEAD']) {
      const reply = await get(target, { method });
      assert.deepEqual([reply.status, reply.header('cache-control')], [200, control], `${method} ${target}`);
      assert.equal(reply.header('expires'), undefined, target);
    }
  }
  assert.equal((await get('/static/font.woff2', { host: 'wide.test' })).header('cache-control'), YEAR);
});

test('hidden paths do not reach the container', async () => {
  const asked = await requestsDuring(async () => {
    for (const target of ['/.env', '/.git/config', '/app.js.map', '/main.ts', '/package.json', '/old.bak']) {
      const reply = await get(target, { headers: HTML });
      assert.equal(reply.status, 404, target);
      assert.match(reply.header('content-type')!, /^application\/json/);
    }
  });
  assert.equal(asked, 0);
  FILES['/.well-known/x'] = ['text/plain', 'known'];
  assert.equal((await get('/.well-known/x')).text, 'known');
  FILES['/app.js.map'] = ['application/json', '{}'];
  assert.equal((await get('/app.js.map', { host: 'maps.test' })).text, '{}');
});

test('nothing but GET and HEAD', async () => {
  const asked = await requestsDuring(async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      const reply = await get('/logo.png', { method });
      assert.deepEqual([reply.status, reply.header('allow')], [405, 'GET, HEAD']);
    }
  });
  assert.equal(asked, 0);
});

test('an immutable asset comes from memory the second time, compressed as the client likes', async () => {
  const target = `${HASHED}?memory`;
  const first = await get(target, { headers: { 'Accept-Encoding': 'gzip' } });
  assert.equal(first.status, 200);
  const decoders = { gzip: gunzipSync, br: brotliDecompressSync, zstd: zstdDecompressSync };
  const asked = await requestsDuring(async () => {
    const tags = new Set<string>();
    for (const [coding, decode] of Object.entries(decoders)) {
      const headers = { 'Accept-Encoding': coding };
      const until = performance.now() + 5000;
      let reply = await get(target, { headers });
      // Variants are made after the first answer.
      while (reply.header('content-encoding') === undefined && performance.now() < until) {
        await sleep(10);
        reply = await get(target, { headers });
      }
      assert.equal(reply.header('content-encoding'), coding);
      assert.equal(decode(reply.body).toString(), SCRIPT);
      assert.equal(reply.header('vary'), 'accept-encoding');
      assert.equal(reply.header('cache-control'), YEAR);
      const etag = reply.header('etag')!;
      tags.add(etag);
      const unchanged = await get(target, { headers: { ...headers, 'If-None-Match': etag } });
      assert.deepEqual([unchanged.status, unchanged.header('vary')], [304, 'accept-encoding']);
    }
    const plain = await get(target);
    assert.equal(plain.text, SCRIPT);
    const part = await get(target, { headers: { Range: 'bytes=0-11', 'If-Range': plain.header('etag')! } });
    assert.deepEqual([part.status, part.text], [206, 'console.log(']);
    tags.add(plain.header('etag')!);
    assert.equal(tags.size, 4);
  });
  assert.equal(asked, 0);
});

test('what the container said beside the bytes is kept with them, under the policies of each route', async () => {
  const own = {
    'Content-Type': 'text/javascript',
    'X-Frame-Options': 'DENY',
    'X-A': 'theirs',
    'X-B': 'theirs',
    'X-C': 'theirs',
    'X-D': 'for one connection',
    Connection: 'keep-alive, X-D',
    Date: 'Thu, 01 Jan 2015 00:00:00 GMT',
    Age: '5',
    Server: 'nginx',
  };
  replica.script = () => answer('x', own);
  for (const [host, a, b] of [
    ['a.test', 'theirs', 'theirs'],
    ['framed.test', 'ours', undefined],
  ] as const) {
    for (let i = 0; i < 2; i++) {
      const reply = await get(`${HASHED}?fields`, { host });
      const values = ['x-frame-options', 'x-a', 'x-b', 'x-c', 'x-d', 'age'].map((name) => reply.header(name));
      assert.deepEqual(values, ['DENY', a, b, 'theirs', undefined, undefined], `${host}, request ${i + 1}`);
      assert.notEqual(reply.header('date'), own.Date);
      assert.equal(reply.header('x-content-type-options'), 'nosniff');
      assert.equal(reply.header('server'), host === 'a.test' ? undefined : 'nginx');
    }
  }
});

test('an asset too large to keep passes through, with and without a length', async () => {
  const body = Buffer.alloc(5 * 1024 * 1024, 'z');
  const whole = answer(body, { 'Content-Type': 'image/png' });
  const head = 'HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n';
  const chunked = Buffer.concat([
    Buffer.from(`${head}${body.length.toString(16)}\r\n`),
    body,
    Buffer.from('\r\n0\r\n\r\n'),
  ]);
  for (const [name, bytes] of Object.entries({ whole, chunked })) {
    replica.script = () => bytes;
    const asked = await requestsDuring(async () => {
      for (let i = 0; i < 2; i++) {
        const reply = await get(`/assets/large-BxY3k_9Z.png?${name}`);
        assert.equal(reply.body.equals(body), true);
        assert.equal(reply.header('cache-control'), YEAR);
      }
    });
    assert.equal(asked, 2, name);
  }
});

test('a container that is down: a page for people, JSON for programs, and memory goes on', async () => {
  const page = await get('/orders', { host: 'down.test', headers: HTML });
  assert.deepEqual([page.status, page.header('cache-control')], [503, 'no-store']);
  assert.match(page.header('content-type')!, /^text\/html/);
  assert.equal(/127\.0\.0\.1|ECONN|:\d{4}/.test(page.text), false);
  const script = await get(HASHED, { host: 'down.test' });
  assert.equal(script.status, 503);
  assert.match(script.header('content-type')!, /^application\/json/);

  await get(`${HASHED}?down`);
  replica.refuse();
  for (const connection of replica.connections) connection.reset();
  assert.equal((await get(`${HASHED}?down`)).text, SCRIPT);
  assert.equal((await get('/logo.png')).status, 503);
  await replica.accept();
  assert.equal((await get('/logo.png')).status, 200);
});

test('SS-01, SS-02: a redirect of the container is passed on, not followed', async () => {
  for (const location of ['http://169.254.169.254/', `${replica.url}/x/`, '/x/']) {
    replica.script = () => answer('', { Location: location }, 302);
    const asked = await requestsDuring(async () => {
      const reply = await get('/x', { headers: HTML });
      assert.deepEqual([reply.status, reply.header('location')], [302, location]);
    });
    assert.equal(asked, 1);
  }
});
