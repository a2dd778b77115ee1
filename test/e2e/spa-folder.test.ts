// The `spa` action over a folder: the document, cache classes, validators, and a mount below a prefix. What of a
// folder can be reached at all is in conformance/st-*.test.ts, ranges and variants are in conformance/co-static.test.ts.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';
import { type Ask, ask, NAVIGATION, type Reply } from '../support/plain-request.ts';
import { exchangeRaw } from '../support/raw-client.ts';
import { headersOf } from '../support/response-parser.ts';
import { suiteScope } from '../support/suite-scope.ts';

const INDEX = '<!doctype html><title>app</title>';
const YEAR = 'public, max-age=31536000, immutable';
const NEVER = 'no-cache, no-store, must-revalidate';
const ASK_FIRST = 'public, no-cache';
const HTML = { Accept: NAVIGATION };

const scope = suiteScope();
let gateway: GatewayProcess;

before(async () => {
  const dist = {
    'index.html': INDEX,
    'desk.html': 'desk',
    'sw.js': 'worker',
    'site.webmanifest': '{}',
    'manifest.json': '{}',
    'logo.png': 'png',
    'robots.txt': 'robots',
    'assets/index-BxY3k_9Z.js': 'hashed',
    'assets/index-BxY3k_9Z.css': 'hashed',
    'static/js/main.8d0fa1b2.js': 'hashed',
    'static/font.woff2': 'font',
    'static/page.html': 'page',
    'docs/index.html': 'docs',
  };
  const files = Object.fromEntries(Object.entries(dist).map(([name, text]) => [`dist/${name}`, text]));
  gateway = await startGateway(
    scope,
    {
      workers: 1,
      hosts: {
        'a.test': { routes: { '/*': { spa: { root: 'dist' } } } },
        'wide.test': { routes: { '/*': { spa: { root: 'dist', immutable: ['/static/*', '/robots.txt'] } } } },
        'mounted.test': {
          routes: {
            '/desk/*': { spa: { root: 'dist', immutable: ['/static/*'] } },
            '/one': { spa: { root: 'dist' } },
          },
        },
        'other.test': { routes: { '/*': { spa: { root: 'dist', index: 'desk.html' } } } },
        'cached.test': { routes: { '/*': { spa: { root: 'dist' }, cache: 'public, max-age=60' } } },
      },
    },
    { files },
  );
});

const get = (target: string, options?: Ask): Promise<Reply> => ask(gateway.port, target, options);

test('every class of file has its Cache-Control', async () => {
  const classes: Record<string, string> = {
    '/': NEVER,
    '/index.html': NEVER,
    '/desk.html': NEVER,
    '/sw.js': NEVER,
    '/site.webmanifest': NEVER,
    '/manifest.json': NEVER,
    '/logo.png': ASK_FIRST,
    '/robots.txt': ASK_FIRST,
    '/static/font.woff2': ASK_FIRST,
    '/assets/index-BxY3k_9Z.js': YEAR,
    '/static/js/main.8d0fa1b2.js': YEAR,
  };
  for (const [target, control] of Object.entries(classes)) {
    const reply = await get(target);
    assert.deepEqual([reply.status, reply.header('cache-control')], [200, control], target);
    const head = await get(target, { method: 'HEAD' });
    assert.deepEqual([head.status, head.header('cache-control')], [200, control], target);
    const etag = reply.header('etag')!;
    const unchanged = await get(target, { headers: { 'If-None-Match': etag } });
    assert.deepEqual([unchanged.status, unchanged.header('cache-control')], [304, control], target);
    assert.equal(unchanged.header('etag'), etag);
  }
});

test('a navigation gets the document with the cache rules of a document', async () => {
  const reply = await get('/orders/42?tab=1', { headers: HTML });
  assert.deepEqual([reply.status, reply.text, reply.header('cache-control')], [200, INDEX, NEVER]);
  assert.equal(reply.header('content-type'), 'text/html; charset=utf-8');
});

test('spa.immutable widens the class by whole segments, but not over documents', async () => {
  const control = async (target: string) =>
    (await get(target, { host: 'wide.test' })).header('cache-control');
  assert.equal(await control('/static/font.woff2'), YEAR);
  assert.equal(await control('/robots.txt'), YEAR);
  assert.equal(await control('/static/page.html'), NEVER);
  assert.equal(await control('/logo.png'), ASK_FIRST);
});

test('a missing asset is 404 and JSON, whatever the client accepts', async () => {
  for (const headers of [HTML, { Accept: '*/*' }, {}]) {
    for (const method of ['GET', 'HEAD']) {
      const reply = await get('/assets/gone-Cx7Yb2_1.js', { headers, method });
      assert.deepEqual([reply.status, reply.header('cache-control')], [404, 'no-store']);
      assert.match(reply.header('content-type')!, /^application\/json/);
      assert.equal(/html/i.test(reply.text), false);
    }
  }
});

test('If-None-Match: lists, weak tags and the star', async () => {
  const etag = (await get('/logo.png')).header('etag')!;
  for (const value of [etag, `W/${etag}`, `"x", ${etag}`, '*', `W/"x",W/${etag}`]) {
    const reply = await get('/logo.png', { headers: { 'If-None-Match': value } });
    assert.deepEqual([reply.status, reply.text], [304, ''], value);
    assert.equal(reply.header('content-length'), undefined);
  }
  for (const value of ['"x"', 'x', etag.slice(1), '']) {
    assert.equal((await get('/logo.png', { headers: { 'If-None-Match': value } })).status, 200, value);
  }
});

test('If-Modified-Since counts where there is no If-None-Match', async () => {
  const date = (await get('/logo.png')).header('last-modified')!;
  const later = new Date(Date.parse(date) + 3_600_000).toUTCString();
  const earlier = new Date(Date.parse(date) - 3_600_000).toUTCString();
  const status = async (headers: Record<string, string>) => (await get('/logo.png', { headers })).status;
  assert.equal(await status({ 'If-Modified-Since': date }), 304);
  assert.equal(await status({ 'If-Modified-Since': later }), 304);
  assert.equal(await status({ 'If-Modified-Since': earlier }), 200);
  assert.equal(await status({ 'If-Modified-Since': 'soon' }), 200);
  assert.equal(await status({ 'If-Modified-Since': date, 'If-None-Match': '"other"' }), 200);
  assert.equal(await status({ 'If-Unmodified-Since': earlier }), 412);
  assert.equal(await status({ 'If-Match': '"other"' }), 412);
});

test('HEAD has every field of GET and no body', async () => {
  for (const target of ['/', '/logo.png', '/gone.png', '/orders']) {
    const options = { headers: HTML };
    const [full, head] = [await get(target, options), await get(target, { ...options, method: 'HEAD' })];
    assert.equal(head.status, full.status);
    const names = full.headers.filter((_, i) => i % 2 === 0 && !/^date$/i.test(full.headers[i]!));
    for (const name of names)
      assert.deepEqual(headersOf(head, name), headersOf(full, name), `${target} ${name}`);
  }
});

test('below a prefix, the folder begins where the prefix ends', async () => {
  const at = (target: string, headers = {}) => get(target, { host: 'mounted.test', headers });
  assert.equal((await at('/desk/logo.png')).text, 'png');
  assert.equal((await at('/desk/static/font.woff2')).header('cache-control'), YEAR);
  for (const target of ['/desk', '/desk/', '/desk/orders/1']) {
    assert.equal((await at(target, HTML)).text, INDEX, target);
  }
  assert.equal((await at('/desk/docs')).header('location'), '/desk/docs/');
  assert.equal((await at('/desk/gone.js', HTML)).status, 404);
  // A longer word is not the prefix, and the folder is not reachable beside it.
  for (const target of ['/desktop', '/logo.png', '/desk/desk/logo.png'])
    assert.equal((await at(target)).status, 404);
});

test('another document may be named', async () => {
  for (const target of ['/', '/orders']) {
    const reply = await get(target, { host: 'other.test', headers: HTML });
    assert.deepEqual([reply.text, reply.header('cache-control')], ['desk', NEVER], target);
  }
});

test('a cache policy takes the place of "revalidate" alone', async () => {
  const control = async (target: string, headers = {}) =>
    (await get(target, { host: 'cached.test', headers })).header('cache-control');
  assert.equal(await control('/logo.png'), 'public, max-age=60');
  assert.equal(await control('/logo.png', { Range: 'bytes=0-0' }), 'public, max-age=60');
  assert.equal(await control('/'), NEVER);
  assert.equal(await control('/assets/index-BxY3k_9Z.js'), YEAR);
  assert.equal(await control('/gone.png'), 'no-store');
});

test('SM-31: a body that nobody wants is not the next request', async () => {
  const inner = 'GET /admin HTTP/1.1\r\nX: y\r\n\r\n';
  for (const [target, status] of [
    ['/logo.png', 405],
    ['/gone.js', 405],
    ['/', 405],
  ] as const) {
    const bytes = `POST ${target} HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${inner.length}\r\n\r\n${inner}`;
    const { responses } = await exchangeRaw(gateway.port, bytes);
    assert.deepEqual(
      responses.map((reply) => reply.status),
      [status],
      target,
    );
  }
  const bytes = `GET /logo.png HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${inner.length}\r\n\r\n${inner}`;
  const { responses } = await exchangeRaw(gateway.port, bytes);
  assert.deepEqual(
    responses.map((reply) => reply.status),
    [200],
  );
});
