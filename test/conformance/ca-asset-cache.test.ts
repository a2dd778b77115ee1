// Section CA of the attack cases: what is kept of an SPA container's answers. The replica counts what reaches it.

import assert from 'node:assert/strict';
import { before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';
import { type Ask, ask, NAVIGATION, type Reply, requestBytes } from '../support/plain-request.ts';
import { connectRaw } from '../support/raw-client.ts';
import { answer, type RecordingReplica, type Script, startReplica } from '../support/recording-replica.ts';
import { headersOf } from '../support/response-parser.ts';
import { suiteScope } from '../support/suite-scope.ts';

const YEAR = 'public, max-age=31536000, immutable';
const JS = { 'Content-Type': 'application/javascript' };

const scope = suiteScope();
let replica: RecordingReplica;
let gateway: GatewayProcess;
let file = 0;

before(async () => {
  replica = await startReplica(scope);
  gateway = await startGateway(scope, {
    workers: 1,
    trustedProxies: ['127.0.0.1'],
    upstreams: { app: { replicas: [replica.url] } },
    hosts: {
      'a.test': { aliases: ['alias.test'], routes: { '/*': { spa: { upstream: 'app' } } } },
      'b.test': { routes: { '/*': { spa: { upstream: 'app', immutable: ['/static/*'] } } } },
    },
  });
});

/** A hashed name that no test has used before. */
const fresh = (): string => `/assets/app-BxY3k_${10 + (file++ % 90)}.js?${file}`;

const respond: Script = ({ method, target, headers }) => {
  const bytes = answer(`${target} ${headersOf({ headers }, 'host')}`, JS);
  return method === 'HEAD' ? bytes.subarray(0, bytes.indexOf('\r\n\r\n') + 4) : bytes;
};

beforeEach(() => {
  replica.script = respond;
});

const get = (target: string, options?: Ask): Promise<Reply> => ask(gateway.port, target, options);

/** How many requests reach the container while `run` runs. */
async function requestsDuring(run: () => Promise<unknown>): Promise<number> {
  const before = replica.requests.length;
  await run();
  return replica.requests.length - before;
}

/** Asks twice, and says whether the second answer came from memory. */
async function isKept(target: string, options: Ask = {}, second: Ask = options): Promise<boolean> {
  await get(target, options);
  return (await requestsDuring(() => get(target, second))) === 0;
}

test('CA-01: hosts, ports and schemes have entries of their own', async () => {
  const target = fresh();
  const seen = new Set<string>();
  for (const host of ['a.test', 'alias.test', 'b.test', 'a.test:8080', 'a.test:1234']) {
    const reply = await get(target, { host });
    assert.ok(reply.text.endsWith(` ${host}`), reply.text);
    seen.add(reply.text);
  }
  assert.equal(seen.size, 5);
  const secure = { 'X-Forwarded-Proto': 'https' };
  assert.equal(await requestsDuring(() => get(target, { headers: secure })), 1);
  assert.equal(await requestsDuring(() => get(target)), 0);
});

test('CA-01: another method is not answered from memory, nor kept', async () => {
  const target = fresh();
  assert.equal((await get(target, { method: 'POST' })).status, 405);
  assert.equal(await requestsDuring(() => get(target)), 1);
});

test('CA-02: what names another host or path never reaches the container', async () => {
  const headers = {
    'X-Forwarded-Scheme': 'evil',
    'X-Original-URL': '/evil',
    'X-Rewrite-URL': '/evil',
    'X-Host': 'evil.test',
    'X-Forwarded-Server': 'evil.test',
    // Unkeyed fields that some container might obey: none goes with a request whose answer is kept for everybody.
    'X-HTTP-Method-Override': 'evil',
    'X-Anything': 'evil',
  };
  const target = fresh();
  await get(target, { headers });
  const { head } = replica.requests.at(-1)!;
  assert.equal(/evil/.test(head), false, head);
});

test('CA-03: nothing is kept for its extension', async () => {
  for (const target of [
    '/account.css',
    '/account/x.js',
    '/account;a.css',
    '/account?x.css',
    '/account/logo.png',
  ]) {
    assert.equal(await isKept(target), false, target);
  }
  for (const target of ['/account%2Fx.css', '/account%0Ax.css'])
    assert.equal((await get(target)).status, 400);
});

test('CA-03: an answer to credentials is not kept, and not given to others', async () => {
  const target = fresh();
  const options = { headers: { Authorization: 'Bearer secret' } };
  assert.equal(await isKept(target, options), false);
  assert.deepEqual(headersOf(replica.requests.at(-1)!, 'authorization'), ['Bearer secret']);
  assert.equal(await requestsDuring(() => get(target)), 1);
});

test('CA-03: a cookie does not reach the container when the answer may be kept', async () => {
  const target = fresh();
  assert.equal(await isKept(target, { headers: { Cookie: 'session=1' } }, {}), true);
  assert.deepEqual(headersOf(replica.requests.at(-1)!, 'cookie'), []);
  // Elsewhere it does: the answer is passed on and not kept.
  await get('/account.css', { headers: { Cookie: 'session=1' } });
  assert.deepEqual(headersOf(replica.requests.at(-1)!, 'cookie'), ['session=1']);
});

const NEVER_KEPT: [name: string, fields: Record<string, string>][] = [
  ['CA-04: Set-Cookie', { 'Set-Cookie': 'session=1' }],
  ['CA-03: Cache-Control: private', { 'Cache-Control': 'private' }],
  ['CA-03: Cache-Control: no-store', { 'cache-control': 'max-age=5,No-Store' }],
  ['CA-05: Vary: *', { Vary: '*' }],
  ['CA-05: Vary: Cookie', { Vary: 'Cookie' }],
  ['CA-05: Vary: Accept-Encoding, Origin', { Vary: 'Accept-Encoding, Origin' }],
  ['CA-08: an encoded answer to a plain request', { 'Content-Encoding': 'gzip' }],
];

for (const [name, fields] of NEVER_KEPT) {
  test(`${name} is passed on and not kept`, async () => {
    replica.script = () => answer('x', { ...JS, ...fields });
    const target = fresh();
    const reply = await get(target);
    assert.equal(reply.status, 200);
    for (const [field, value] of Object.entries(fields)) {
      if (!/cache-control/i.test(field)) assert.equal(reply.header(field), value);
      else assert.equal(reply.header(field), value, 'what is private stays private');
    }
    assert.equal(await requestsDuring(() => get(target)), 1);
  });
}

test('CA-05: Vary: Accept-Encoding alone is ours to answer', async () => {
  replica.script = () => answer('x'.repeat(3000), { ...JS, Vary: 'Accept-Encoding' });
  const target = fresh();
  assert.equal(await isKept(target, { headers: { 'Accept-Encoding': 'gzip' } }, {}), true);
  assert.equal((await get(target)).header('vary'), 'accept-encoding');
});

for (const status of [400, 401, 403, 404, 410, 500, 503, 301]) {
  test(`CA-06: a ${status} is not kept, nor called immutable`, async () => {
    replica.script = () => answer('no', JS, status);
    const target = fresh();
    const reply = await get(target);
    assert.equal(reply.status, status);
    assert.notEqual(reply.header('cache-control'), YEAR);
    replica.script = respond;
    assert.equal((await get(target)).status, 200);
  });
}

test('CA-07: the key is what is forwarded, byte for byte', async () => {
  const path = '/assets/app-BxY3k_9Z.js';
  const targets = [
    path,
    `${path}?`,
    `${path}?a=1&b=2`,
    `${path}?b=2&a=1`,
    `${path}?a=%41`,
    '/assets/App-BxY3k_9Z.js',
  ];
  for (const target of targets) assert.ok((await get(target)).text.startsWith(`${target} `), target);
  assert.equal(await requestsDuring(() => Promise.all(targets.map((target) => get(target)))), 0);
  // Two spellings of one path are one path already at the gate.
  assert.equal(await requestsDuring(() => get('/%61ssets/app-BxY3k_9Z.js')), 0);
  for (const target of [`/${path}`, path.replace('s/', 's%2F')])
    assert.equal((await get(target)).status, 400);
});

test('CA-08: a part is not kept as the whole', async () => {
  replica.script = () => answer('part', { ...JS, 'Content-Range': 'bytes 0-3/100' }, 206);
  const target = fresh();
  assert.equal(await isKept(target), false);
});

test('CA-08: a Range is answered from the whole, which is asked for without it', async () => {
  const target = fresh();
  const options = { headers: { Range: 'bytes=0-3', 'If-Range': '"x"', 'If-None-Match': '"x"' } };
  await get(target, options);
  const request = replica.requests.at(-1)!;
  for (const name of ['range', 'if-range', 'if-none-match']) assert.deepEqual(headersOf(request, name), []);
  const part = await get(target, { headers: { Range: 'bytes=0-3' } });
  assert.deepEqual([part.status, part.text], [206, target.slice(0, 4)]);
  assert.equal((await get(target)).text, `${target} a.test`);
});

test('CA-08: a body that breaks off is not kept, and not given as whole', async () => {
  for (const framing of ['Content-Length: 100', 'Transfer-Encoding: chunked']) {
    replica.script = (_, on) =>
      on.end(`HTTP/1.1 200 OK\r\nContent-Type: text/javascript\r\n${framing}\r\n\r\n5\r\nhello`);
    const target = fresh();
    assert.equal((await get(target)).status, 502);
    replica.script = respond;
    assert.equal(await requestsDuring(() => get(target)), 1);
  }
});

test('CA-09: a HEAD does not fill, and is answered from what a GET has filled', async () => {
  const target = fresh();
  await get(target, { method: 'HEAD' });
  assert.equal(await requestsDuring(() => get(target)), 1);
  let head: Reply | undefined;
  const asked = await requestsDuring(async () => (head = await get(target, { method: 'HEAD' })));
  assert.equal(asked, 0);
  assert.equal(head!.header('content-length'), String(`${target} a.test`.length));
  assert.equal(head!.header('cache-control'), YEAR);
});

test('CA-10: a flood of names is bounded by bytes', async () => {
  const body = Buffer.alloc(1024 * 1024, 'x');
  replica.script = () => answer(body, { 'Content-Type': 'image/png' });
  const before = await gateway.memory();
  for (let i = 0; i < 200; i++) await get(`/assets/image-BxY3k_9Z.png?${i}`);
  // 64 MB are kept; the rest of the allowance is for garbage.
  assert.ok((await gateway.memory()) - before < 170e6);
  assert.equal(await requestsDuring(() => get('/assets/image-BxY3k_9Z.png?199')), 0);
  assert.equal(await requestsDuring(() => get('/assets/image-BxY3k_9Z.png?0')), 1);
});

// Each miss asks the container by itself: a file is fetched a few times in the first moments of a deploy, in return
// nobody ever waits for another client's request.
test('CA-11: nobody waits for the one who asked first', async (t) => {
  let release = (): void => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  const target = fresh();
  let asked = 0;
  replica.script = async () => {
    if (asked++ === 0) await held;
    return answer('done', JS);
  };
  const first = await connectRaw(t, gateway.port);
  await first.send(requestBytes(target));
  await replica.until((all) => all.requests.at(-1)?.target === target);
  const others = await Promise.all(Array.from({ length: 20 }, () => get(target, { deadline: 2000 })));
  for (const reply of others) assert.equal(reply.text, 'done');
  first.reset();
  release();
  await sleep(50);
  assert.equal(await requestsDuring(() => get(target)), 0);
});

test('CA-11: a reader who takes his time, or leaves, holds nobody up', async (t) => {
  const body = Buffer.alloc(3 * 1024 * 1024, 'y');
  replica.script = () => answer(body, { 'Content-Type': 'image/png' });
  const target = '/assets/slow-BxY3k_9Z.png';
  const slow = await connectRaw(t, gateway.port);
  slow.pause();
  await slow.send(requestBytes(target));
  await replica.until((all) => all.requests.at(-1)?.target === target);
  assert.equal((await get(target, { deadline: 3000 })).body.length, body.length);
  slow.reset();
  assert.equal((await get(target)).body.length, body.length);
});

test('CA-12: the document of a container that answers everything is not kept under the name of an asset', async () => {
  replica.script = () => answer('<!doctype html>', { 'Content-Type': 'text/html' });
  for (const accept of ['*/*', NAVIGATION]) {
    const target = fresh();
    const missing = await get(target, { headers: { Accept: accept } });
    assert.equal(missing.status, 404);
    assert.equal(missing.header('cache-control'), 'no-store');
    assert.match(missing.header('content-type')!, /json/);
    replica.script = respond;
    const found = await get(target);
    assert.deepEqual([found.status, found.header('cache-control')], [200, YEAR]);
    replica.script = () => answer('<!doctype html>', { 'Content-Type': 'text/html' });
  }
  const document = await get('/orders', { headers: { Accept: NAVIGATION } });
  assert.equal(document.header('cache-control'), 'no-cache, no-store, must-revalidate');
});
