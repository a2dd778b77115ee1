// `maintenance`: who gets the page, who does not, and that nothing else answers meanwhile.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startGateway } from '../support/gateway-process.ts';
import { type Ask, ask, asReply, NAVIGATION, type Reply, requestBytes } from '../support/plain-request.ts';
import { connectRaw } from '../support/raw-client.ts';
import { answer, startReplica } from '../support/recording-replica.ts';
import { suiteScope } from '../support/suite-scope.ts';

const PAGE = `<!doctype html>\n<title>Closed</title>\n<p>Back soon: 10 o\u2019clock, caf\u00e9 first.</p>\n<!-- ${'x'.repeat(2000)} -->\n`;
const NOBODY = ['203.0.113.0/24'];

/** As latin1, which is how replies have their text. */
const PAGE_TEXT = Buffer.from(PAGE).toString('latin1');

const scope = suiteScope();
const replica = await startReplica(scope, answer('open', { 'X-Own': '1' }));
const maintenance = { page: 'closed.html', retryAfter: '10m' };
const own = { maintenance: { allow: ['127.0.0.1'] } };
const config = {
  workers: 2,
  upstreams: { api: { replicas: [replica.url] }, gone: { replicas: ['http://127.0.27.1:9'] } },
  hosts: {
    'a.test': {
      policies: { maintenance, security: { csp: { 'default-src': ["'self'"] } } },
      routes: {
        '/api/*': { proxy: 'api' },
        '/gone/*': { proxy: 'gone', hold: '5s' },
        '/spa/*': { spa: { root: 'dist' } },
        '/spa-upstream/*': { spa: { upstream: 'api' } },
        '/files/*': { files: { root: 'dist' } },
        '/moved/*': { redirect: { to: '/files/*' } },
        '/said': { respond: { body: 'said' } },
        '/half/*': { proxy: { split: { api: 50, gone: 50 } } },
        '/open/*': { proxy: 'api', maintenance: false },
        '/health': { respond: { body: 'fine' }, maintenance: false },
        '/mine/*': { proxy: 'api', ...own },
        '/strangers/*': { proxy: 'api', maintenance: { allow: NOBODY, retryAfter: '30s' } },
      },
    },
    'b.test': {
      routes: {
        '/*': { proxy: 'api' },
        '/closed/*': { proxy: 'api', maintenance: true },
      },
    },
    'allowing.test': {
      policies: { maintenance: { allow: ['10.0.0.0/8', '2001:db8::/32'] } },
      routes: { '/*': { proxy: 'api' } },
    },
  },
};
const files = { 'closed.html': PAGE, 'dist/index.html': '<h1>app</h1>', 'dist/app.js': 'let x;' };
const gateway = await startGateway(scope, config, { files });
const trusting = await startGateway(scope, { ...config, trustedProxies: ['127.0.0.1'] }, { files });
const get = (target: string, options: Ask = {}) => ask(gateway.port, target, options);
const page = (target: string, options: Ask = {}) =>
  get(target, { ...options, headers: { accept: NAVIGATION, ...options.headers } });

function assertPage(reply: Reply): void {
  assert.equal(reply.status, 503);
  assert.equal(reply.text, PAGE_TEXT);
  assert.equal(reply.header('content-type'), 'text/html; charset=utf-8');
  assert.equal(reply.header('retry-after'), '600');
  assert.equal(reply.header('cache-control'), 'no-store');
}

for (const target of [
  '/api/x',
  '/gone/x',
  '/spa/',
  '/spa/app.js',
  '/spa-upstream/',
  '/files/app.js',
  '/moved/x',
  '/said',
  '/half/x',
]) {
  test(`${target}: the page for people, JSON for programs, and nobody else is asked`, async () => {
    const before = replica.requests.length;
    assertPage(await page(target));
    const json = await get(target);
    assert.equal(json.status, 503);
    assert.match(json.header('content-type')!, /^application\/json/);
    assert.equal((JSON.parse(json.text) as { error: { code: string } }).error.code, 'MAINTENANCE');
    assert.equal(json.header('retry-after'), '600');
    assert.equal(json.header('cache-control'), 'no-store');
    assert.equal(replica.requests.length, before);
  });
}

test('HEAD has the same head and no body', async () => {
  for (const ask of [page, get]) {
    const whole = await ask('/api/x');
    const bare = await ask('/api/x', { method: 'HEAD' });
    assert.equal(bare.status, 503);
    assert.equal(bare.body.length, 0);
    for (const name of ['content-type', 'content-length', 'retry-after', 'cache-control'])
      assert.equal(bare.header(name), whole.header(name), name);
  }
});

test('security headers of the host are on the page and on the JSON', async () => {
  for (const reply of [await page('/api/x'), await get('/api/x'), await page('/moved/x')]) {
    assert.equal(reply.header('content-security-policy'), "default-src 'self'");
    assert.equal(reply.header('x-content-type-options'), 'nosniff');
    assert.equal(reply.header('x-frame-options'), 'SAMEORIGIN');
    assert.equal(reply.header('referrer-policy'), 'strict-origin-when-cross-origin');
    assert.equal(reply.header('server'), undefined);
    assert.equal(reply.header('location'), undefined);
  }
});

test('conditions and ranges make nothing else of it', async () => {
  const conditions: Record<string, string>[] = [
    { 'If-None-Match': '*' },
    { Range: 'bytes=0-3' },
    { 'If-Modified-Since': 'Fri, 01 Jan 2100 00:00:00 GMT' },
  ];
  for (const headers of conditions) assertPage(await page('/files/app.js', { headers }));
  const packed = await page('/api/x', { headers: { 'Accept-Encoding': 'gzip' } });
  assert.equal(packed.status, 503);
});

test('a route may open, or say more; what it leaves out is the host’s', async () => {
  assert.equal((await get('/open/x')).text, 'open');
  assert.equal((await get('/health')).text, 'fine');
  assert.equal((await get('/mine/x')).text, 'open');
  const strangers = await page('/strangers/x');
  assert.equal(strangers.text, PAGE_TEXT);
  assert.equal(strangers.header('retry-after'), '30');
});

test('one route of a host, with all of the defaults', async () => {
  assert.equal((await get('/x', { host: 'b.test' })).text, 'open');
  const closed = await page('/closed/x', { host: 'b.test' });
  assert.equal(closed.status, 503);
  assert.match(closed.header('content-type')!, /^text\/html/);
  assert.match(closed.text, /MAINTENANCE/);
  assert.equal(closed.header('retry-after'), '300');
});

for (const [forwarded, isTrusted, status] of [
  ['10.1.2.3', true, 200],
  ['2001:db8::5', true, 200],
  ['10.1.2.3, 127.0.0.1', true, 200],
  ['203.0.113.5', true, 503],
  // The right-most one is what the proxy saw; what stands before it the client wrote itself.
  ['10.1.2.3, 203.0.113.5', true, 503],
  ['garbage', true, 503],
  ['10.1.2.3.4', true, 503],
  ['010.1.2.3', true, 503],
  ['', true, 503],
  // From who is no trusted proxy, it means nothing.
  ['10.1.2.3', false, 503],
  ['2001:db8::5', false, 503],
] as const) {
  const who = isTrusted ? 'a trusted proxy' : 'a stranger';
  test(`X-Forwarded-For: ${JSON.stringify(forwarded)} from ${who}: ${status}`, async () => {
    const { port } = isTrusted ? trusting : gateway;
    for (const name of ['X-Forwarded-For', 'x-forwarded-for']) {
      const reply = await ask(port, '/x', { host: 'allowing.test', headers: { [name]: forwarded } });
      assert.equal(reply.status, status);
    }
  });
}

test('no other header names a client', async () => {
  for (const name of ['X-Real-IP', 'Forwarded', 'X-Client-IP', 'True-Client-IP', 'CF-Connecting-IP']) {
    const value = name === 'Forwarded' ? 'for=10.1.2.3' : '10.1.2.3';
    for (const { port } of [gateway, trusting]) {
      const reply = await ask(port, '/x', { host: 'allowing.test', headers: { [name]: value } });
      assert.equal(reply.status, 503, name);
    }
  }
});

test('a small body is read over, and the connection goes on', async (t) => {
  const client = await connectRaw(t, gateway.port);
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'GET']) {
    await client.send(`${method} /api/x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\n`, 20, 'hello');
    assert.equal((await client.response(method)).status, 503);
  }
  // Nothing of the bodies was taken for a request.
  await client.send(requestBytes('/open/after'));
  assert.equal((await client.response()).body.toString(), 'open');
});

test('a body of unknown length costs the connection, in good order', async (t) => {
  const client = await connectRaw(t, gateway.port);
  await client.send(
    'POST /api/x HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
  );
  const reply = asReply(await client.response('POST'));
  assert.equal(reply.status, 503);
  assert.equal(reply.header('connection'), 'close');
  await client.send('0\r\n\r\n');
  assert.equal(await client.closing(10_000), 'ended');
});

test('who sends a large body sees the answer too', async (t) => {
  const client = await connectRaw(t, gateway.port);
  await client.send(`POST /api/x HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${8 * 1024 ** 2}\r\n\r\n`);
  for (let i = 0; i < 128 && client.closed === 'open'; i++) await client.send(Buffer.alloc(64 * 1024), 1);
  assert.equal((await client.response('POST')).status, 503);
  assert.notEqual(await client.closing(10_000), 'open');
});

test('who asks before sending is told, and not told to go on', async (t) => {
  const client = await connectRaw(t, gateway.port);
  await client.send(
    'POST /api/x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n',
  );
  assert.equal((await client.response('POST')).status, 503);
});

test('no upgrade either', async () => {
  const headers = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
  };
  const before = replica.requests.length;
  assert.equal((await get('/api/x', { headers })).status, 503);
  assert.equal(replica.requests.length, before);
});

test('who is allowed is served as always, under the policies of the route', async () => {
  const reply = await get('/mine/x', { method: 'POST', body: 'order' });
  assert.equal(reply.status, 200);
  assert.equal(reply.header('x-own'), '1');
  assert.equal(reply.header('content-security-policy'), "default-src 'self'");
  assert.equal(replica.requests.at(-1)!.body.toString(), 'order');
});
