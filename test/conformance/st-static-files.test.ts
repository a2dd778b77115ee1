// Section ST of the attack cases: which files of a folder can be reached, under which paths, and as what.
// One application at `/*` and one plain folder at `/files/*` over the same tree.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { constants } from 'node:fs';
import { access, chmod, link, mkdir, readdir, rename, symlink, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { temporaryFolder } from '../support/fixtures.ts';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';
import { type Ask, ask, NAVIGATION, type Reply } from '../support/plain-request.ts';
import { exchangeRaw } from '../support/raw-client.ts';
import { suiteScope } from '../support/suite-scope.ts';

const INDEX = '<!doctype html><title>app</title>';
const BIG = 64 * 1024 * 1024;
const csp = "default-src 'self'";

const scope = suiteScope();
let gateway: GatewayProcess;
let root: string;

before(async () => {
  const outside = await temporaryFolder(scope, { 'secret.txt': 'secret', 'folder/secret.txt': 'secret' });
  root = await temporaryFolder(scope, {
    'index.html': INDEX,
    'app.js': 'app',
    'app.js.map': '{}',
    'main.ts': 'source',
    'old.bak': 'old',
    'app.js~': 'old',
    'package.json': '{}',
    '.env': 'KEY=1',
    '.git/config': 'git',
    '.well-known/x': 'known',
    'empty.txt': '',
    'image.svg': '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    'upload.html': '<script>alert(1)</script>',
    'thing.unknown': '<html>',
    'no-extension': '<html>',
    'docs/index.html': 'docs',
    'docs/a b.txt': 'blank',
    'bare/file.txt': 'file',
    'real/inside.txt': 'inside',
    'unreadable.txt': 'unreadable',
  });
  await symlink('/etc/passwd', join(root, 'passwd'));
  await symlink('/dev/zero', join(root, 'zero'));
  await symlink(join(outside, 'folder'), join(root, 'linked'));
  await symlink('real', join(root, 'alias'));
  await symlink('loop', join(root, 'loop'));
  await link(join(root, 'real/inside.txt'), join(root, 'hard.txt'));
  await chmod(join(root, 'unreadable.txt'), 0);
  await writeFile(join(root, 'big.bin'), '');
  await truncate(join(root, 'big.bin'), BIG);
  const fifo = spawnSync('mkfifo', [join(root, 'fifo.txt')]);
  assert.equal(fifo.status, 0, String(fifo.stderr));
  const socket = createServer().listen(join(root, 'socket.txt'));
  scope.after(() => void socket.close());
  gateway = await startGateway(scope, {
    workers: 1,
    hosts: {
      'a.test': {
        policies: { security: { csp } },
        routes: { '/*': { spa: { root } }, '/files/*': { files: { root } } },
      },
      'maps.test': { routes: { '/*': { spa: { root, sourceMaps: true } } } },
    },
  });
});

const get = (target: string, options?: Ask): Promise<Reply> => ask(gateway.port, target, options);

/** Asks as a browser and as a program, in the application and in the folder. */
async function assertMissing(path: string): Promise<void> {
  for (const target of [path, `/files${path}`]) {
    for (const accept of ['*/*', NAVIGATION]) {
      const reply = await get(target, { headers: { Accept: accept } });
      assert.equal(reply.status, 404, `${target} for ${accept}: ${reply.text.slice(0, 200)}`);
      assert.equal(reply.text.includes('secret'), false);
    }
  }
}

test('ST-01: a symlink that leaves the root is not there', async () => {
  for (const path of ['/passwd', '/linked/secret.txt', '/zero', '/loop']) {
    for (const target of [path, `/files${path}`]) {
      const reply = await get(target);
      assert.equal(reply.status, 404, target);
    }
  }
});

test('ST-01: a symlink inside the root is what it points at, and a hard link is the file', async () => {
  for (const path of ['/alias/inside.txt', '/hard.txt', '/real/inside.txt']) {
    assert.equal((await get(path)).text, 'inside', path);
    assert.equal((await get(`/files${path}`)).text, 'inside', path);
  }
});

test('ST-02: dotfiles are hidden, .well-known is not', async () => {
  for (const path of ['/.env', '/.git/config', '/.git', '/.git/']) await assertMissing(path);
  assert.equal((await get('/.well-known/x')).text, 'known');
  assert.equal((await get('/files/.well-known/x')).text, 'known');
});

test('ST-03: sources, maps and leftovers are hidden', async () => {
  for (const path of ['/app.js.map', '/main.ts', '/old.bak', '/app.js~', '/package.json'])
    await assertMissing(path);
});

test('ST-03: source maps are served where they are asked for', async () => {
  assert.equal((await get('/app.js.map', { host: 'maps.test' })).status, 200);
  assert.equal((await get('/main.ts', { host: 'maps.test' })).status, 404);
});

test('ST-04: no spelling of a path leaves the root or names a file twice', async () => {
  const targets = [
    '/%2e%2e%2fetc%2fpasswd',
    '/..%5cetc%5cpasswd',
    '//app.js',
    '/docs//index.html',
    '/./app.js',
    '/docs/../app.js',
    '/docs/%2e%2e/app.js',
    '/app.js%00',
    '/app.js%00.png',
    '/app.js%20',
    '/app.js.',
    '/app.js/',
    '/app.js/x.js',
    '/upload.html%20',
    '/app.js;x',
    '/app.js::$DATA',
  ];
  for (const path of targets) {
    for (const target of [path, `/files${path}`]) {
      const { responses } = await exchangeRaw(gateway.port, `GET ${target} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
      const [reply] = responses;
      assert.ok([400, 403, 404].includes(reply!.status), `${target}: ${reply!.status}`);
      assert.equal(reply!.body.includes('root:'), false);
    }
  }
});

test('ST-05: a folder is never listed', async () => {
  for (const target of ['/files/bare', '/files/bare/', '/bare/', '/files/real']) {
    const reply = await get(target);
    assert.equal(reply.status, 404, target);
    for (const name of await readdir(root)) assert.equal(reply.text.includes(name), false);
  }
});

test('ST-05: the redirect to the slash stays on the host and escapes what it repeats', async () => {
  for (const prefix of ['', '/files']) {
    const reply = await get(`${prefix}/docs?a=%2F&b`, { host: 'a.test:8080' });
    assert.equal(reply.status, 308);
    assert.equal(reply.header('location'), `${prefix}/docs/?a=%2F&b`);
    assert.equal((await get(`${prefix}/docs/`)).text, 'docs');
  }
  assert.equal((await get('/files')).header('location'), '/files/');
  assert.equal((await get('/docs/a%20b.txt')).text, 'blank');
});

test('ST-06: files are read-only', async () => {
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
    for (const target of ['/app.js', '/', '/files/app.js', '/gone.js']) {
      const reply = await get(target, { method });
      assert.equal(reply.status, 405, `${method} ${target}`);
      assert.equal(reply.header('allow'), 'GET, HEAD');
    }
  }
  assert.equal((await get('/app.js')).text, 'app');
});

test('ST-09: neither a FIFO nor a socket hangs', async () => {
  for (const path of ['/fifo.txt', '/socket.txt']) await assertMissing(path);
});

test('ST-09: an empty file is a file', async () => {
  const reply = await get('/empty.txt');
  assert.deepEqual([reply.status, reply.header('content-length'), reply.text], [200, '0', '']);
  // A range of nothing cannot be named in Content-Range.
  assert.equal((await get('/empty.txt', { headers: { Range: 'bytes=0-0' } })).status, 416);
  assert.equal((await get('/empty.txt', { headers: { Range: 'bytes=-5' } })).status, 200);
});

test('ST-09: a file that cannot be read is not there', async () => {
  // Root reads everything.
  const readable = await access(join(root, 'unreadable.txt'), constants.R_OK).then(
    () => true,
    () => false,
  );
  assert.equal((await get('/unreadable.txt')).status, readable ? 200 : 404);
});

test('ST-09: a very large file is sent in ranges without being held', async () => {
  const start = await gateway.memory();
  const whole = await get('/big.bin', { deadline: 60_000 });
  assert.equal(whole.body.length, BIG);
  const middle = await get('/big.bin', { headers: { Range: `bytes=${BIG - 10}-` } });
  assert.deepEqual([middle.status, middle.body.length], [206, 10]);
  assert.equal(middle.header('content-range'), `bytes ${BIG - 10}-${BIG - 1}/${BIG}`);
  assert.ok((await gateway.memory()) - start < BIG / 2);
});

test('ST-11: a path in another case is another path', async () => {
  for (const path of ['/INDEX.html', '/App.js', '/DOCS/index.html']) await assertMissing(path);
});

test('ST-12: whatever the type, browsers are told not to guess, and the policy holds', async () => {
  const types = {
    '/image.svg': 'image/svg+xml; charset=utf-8',
    '/upload.html': 'text/html; charset=utf-8',
    '/thing.unknown': 'application/octet-stream',
    '/no-extension': 'application/octet-stream',
    '/app.js': 'text/javascript; charset=utf-8',
  };
  for (const [path, type] of Object.entries(types)) {
    for (const target of [path, `/files${path}`]) {
      const reply = await get(target);
      assert.equal(reply.status, 200, target);
      assert.equal(reply.header('content-type'), type, target);
      assert.equal(reply.header('x-content-type-options'), 'nosniff');
      assert.equal(reply.header('content-security-policy'), csp);
    }
  }
});

test('ST-13: without its disk the gateway answers from memory and holds nobody up', async (t) => {
  const parent = await temporaryFolder(t);
  const folder = join(parent, 'site');
  await mkdir(folder);
  await writeFile(join(folder, 'small.txt'), 'small');
  await writeFile(join(folder, 'large.bin'), Buffer.alloc(9 * 1024 * 1024));
  const own = await startGateway(t, {
    workers: 1,
    hosts: { 'a.test': { routes: { '/*': { files: { root: folder } } } } },
  });
  await rename(folder, join(parent, 'elsewhere'));
  // In place of the large file something that would block whoever opens it.
  await mkdir(folder);
  spawnSync('mkfifo', [join(folder, 'large.bin')]);
  const large = Array.from({ length: 20 }, () => ask(own.port, '/large.bin'));
  const small = await ask(own.port, '/small.txt', { deadline: 2000 });
  assert.equal(small.text, 'small');
  for (const reply of await Promise.all(large)) assert.equal(reply.status, 503);
});
