// The `files` action: a folder without a fallback document, its index, and large files from the disk.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';
import { type Ask, ask, NAVIGATION, type Reply, requestBytes } from '../support/plain-request.ts';
import { connectRaw } from '../support/raw-client.ts';
import { suiteScope } from '../support/suite-scope.ts';

const LARGE = randomBytes(24 * 1024 * 1024);
const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const scope = suiteScope();
let gateway: GatewayProcess;

before(async () => {
  gateway = await startGateway(
    scope,
    {
      workers: 1,
      hosts: {
        'a.test': {
          policies: { security: { csp: "default-src 'self'" } },
          routes: {
            '/*': { files: { root: 'public' } },
            '/listed/*': { files: { root: 'public', index: false } },
            '/favicon.ico': { files: { root: 'public' } },
            '/maps/*': { files: { root: 'public', sourceMaps: true, immutable: ['/report.txt'] } },
          },
        },
      },
    },
    {
      files: {
        'public/index.html': 'home',
        'public/report.txt': 'report',
        'public/app.js.map': '{}',
        'public/favicon.ico': 'icon',
        'public/caf\u00e9 cr\u00e8me.txt': 'coffee',
        'public/sub/index.html': 'sub',
        'public/sub/x.txt': 'x',
        'public/large.bin': LARGE,
      },
    },
  );
});

const get = (target: string, options?: Ask): Promise<Reply> => ask(gateway.port, target, options);

test('files, the index of a folder, and no fallback', async () => {
  assert.equal((await get('/report.txt')).text, 'report');
  assert.equal((await get('/')).text, 'home');
  assert.equal((await get('/sub/')).text, 'sub');
  assert.equal((await get('/sub?a=b')).header('location'), '/sub/?a=b');
  assert.equal((await get('/favicon.ico')).text, 'icon');
  assert.equal((await get('/caf%C3%A9%20cr%c3%a8me.txt')).text, 'coffee');
  assert.equal((await get('/orders', { headers: { Accept: NAVIGATION } })).status, 404);
});

test('a person who meets nothing gets a page, a program JSON', async () => {
  const person = await get('/orders', { headers: { Accept: NAVIGATION } });
  assert.match(person.header('content-type')!, /^text\/html/);
  const program = await get('/orders');
  assert.equal(JSON.parse(program.text).error.code, 'NOT_FOUND');
});

test('index: false answers for no folder', async () => {
  for (const target of ['/listed/', '/listed', '/listed/sub/', '/listed/sub']) {
    assert.equal((await get(target)).status, 404, target);
  }
  assert.equal((await get('/listed/sub/x.txt')).text, 'x');
  assert.equal((await get('/listed/index.html')).text, 'home');
});

test('source maps and immutable files are opted into', async () => {
  assert.equal((await get('/app.js.map')).status, 404);
  assert.equal((await get('/maps/app.js.map')).status, 200);
  assert.equal(
    (await get('/maps/report.txt')).header('cache-control'),
    'public, max-age=31536000, immutable',
  );
  assert.equal((await get('/report.txt')).header('cache-control'), 'public, no-cache');
});

test('a file over 8 MB comes from the disk, whole and in parts', async () => {
  const whole = await get('/large.bin');
  assert.equal(sha(whole.body), sha(LARGE));
  assert.equal(whole.header('content-length'), String(LARGE.length));
  assert.equal(whole.header('accept-ranges'), 'bytes');
  assert.equal(whole.header('content-security-policy'), "default-src 'self'");
  const etag = whole.header('etag')!;
  assert.equal(etag, `"${createHash('sha256').update(LARGE).digest('base64url').slice(0, 22)}"`);
  const part = await get('/large.bin', { headers: { Range: 'bytes=10000000-19999999', 'If-Range': etag } });
  assert.equal(part.status, 206);
  assert.equal(sha(part.body), sha(LARGE.subarray(10_000_000, 20_000_000)));
  assert.equal(part.header('content-security-policy'), "default-src 'self'");
  assert.equal((await get('/large.bin', { headers: { 'If-None-Match': etag } })).status, 304);
  const head = await get('/large.bin', { method: 'HEAD' });
  assert.deepEqual(
    [head.status, head.header('content-length'), head.header('etag')],
    [200, String(LARGE.length), etag],
  );
});

test('a slow reader of a large file costs no memory, and one who leaves no file descriptor', async (t) => {
  await get('/large.bin');
  const files = await gateway.openFiles();
  const memory = await gateway.memory();
  const clients = await Promise.all(Array.from({ length: 20 }, () => connectRaw(t, gateway.port)));
  for (const client of clients) {
    client.pause();
    await client.send(requestBytes('/large.bin'));
  }
  await sleep(500);
  assert.ok((await gateway.memory()) - memory < 60e6);
  for (const client of clients) client.reset();
  const until = performance.now() + 3000;
  while ((await gateway.openFiles()) > files && performance.now() < until) await sleep(20);
  assert.ok((await gateway.openFiles()) <= files);
});

test('requests in a row on one connection stay apart', async (t) => {
  const client = await connectRaw(t, gateway.port);
  await client.send(
    ['/report.txt', '/large.bin', '/gone', '/sub/x.txt'].map((path) => requestBytes(path)).join(''),
  );
  assert.equal((await client.response()).body.toString(), 'report');
  assert.equal(sha((await client.response()).body), sha(LARGE));
  assert.equal((await client.response()).status, 404);
  assert.equal((await client.response()).body.toString(), 'x');
});
