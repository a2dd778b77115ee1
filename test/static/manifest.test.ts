import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, linkSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer as createUnixServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Manifest, readManifest, type StaticFile } from '../../src/static/manifest.ts';
import { makeFolder, proseOf, rootAt } from './folder.ts';

const PLENTY = { bytes: 64e6, maxFile: 8e6 };

function fileAt(manifest: Manifest, path: string): StaticFile {
  const file = manifest.files.get(path);
  assert.ok(file, `no ${path}`);
  return file;
}

const reasons = (manifest: Manifest): Record<string, string> =>
  Object.fromEntries(manifest.skipped.map((s) => [s.path, s.reason]));

test('a build folder becomes a map of paths with headers, bytes and variants', async (t) => {
  const script = proseOf(20_000);
  const folder = makeFolder(t, {
    'index.html': '<!doctype html>',
    'assets/app-BxY3k_9Z.js': script,
    'docs/index.html': '<p>docs</p>',
    'empty.txt': '',
    'caf\u00e9 menu.txt': 'coffee',
  });
  const time = new Date('2026-03-04T05:06:07.890Z');
  utimesSync(join(folder, 'index.html'), time, time);
  const manifest = await readManifest(rootAt(folder), PLENTY);

  const index = fileAt(manifest, '/index.html');
  assert.equal(index.type, 'text/html; charset=utf-8');
  assert.equal(index.cacheControl, 'no-cache, no-store, must-revalidate');
  assert.equal(index.lastModified, time.getTime());
  assert.equal(index.lastModifiedDate, 'Wed, 04 Mar 2026 05:06:07 GMT');
  assert.match(index.etag, /^"[A-Za-z0-9_-]{22}"$/);
  assert.equal(String(Buffer.from(index.identity!)), '<!doctype html>');
  assert.deepEqual(index.variants, { zstd: null, br: null, gzip: null });

  const app = fileAt(manifest, '/assets/app-BxY3k_9Z.js');
  assert.equal(app.cacheClass, 'immutable');
  assert.equal(app.size, script.length);
  assert.ok(app.variants.gzip && app.variants.br && app.variants.zstd);

  assert.equal(fileAt(manifest, '/empty.txt').identity?.length, 0);
  assert.ok(manifest.files.has('/caf\u00e9 menu.txt'));
  assert.deepEqual(manifest.skipped, []);
  assert.deepEqual([...manifest.directories], ['/docs']);
});

test('CO-06 each variant has a strong ETag of its own', async (t) => {
  const folder = makeFolder(t, { 'a.js': proseOf(5000), 'b.js': proseOf(5000, 2) });
  const manifest = await readManifest(rootAt(folder), PLENTY);
  const tags = [...manifest.files.values()].flatMap((file) => [
    file.etag,
    ...Object.values(file.variants).map((variant) => variant!.etag),
  ]);
  assert.equal(tags.length, 8);
  assert.equal(new Set(tags).size, 8);
  for (const tag of tags) assert.match(tag, /^"[A-Za-z0-9_-]+"$/);
});

test('ST-01 symlinks are followed inside the root only, hard links are files', async (t) => {
  const outside = makeFolder(t, { 'secret.txt': 'secret', 'dir/more.txt': 'more' });
  const folder = makeFolder(t, { 'real.txt': 'real', 'sub/page.txt': 'page' });
  symlinkSync('real.txt', join(folder, 'inside.txt'));
  symlinkSync('sub', join(folder, 'sub-again'));
  symlinkSync('/etc/passwd', join(folder, 'passwd.txt'));
  symlinkSync(outside, join(folder, 'outside'));
  symlinkSync(join(outside, 'dir'), join(folder, 'sub/dir'));
  symlinkSync('../outside/../../../../etc/passwd', join(folder, 'sub/up.txt'));
  symlinkSync('nowhere', join(folder, 'dangling.txt'));
  symlinkSync('loop.txt', join(folder, 'loop.txt'));
  symlinkSync('..', join(folder, 'sub/parent'));
  symlinkSync('.', join(folder, 'self'));
  // A name beside the root that starts like it.
  mkdirSync(`${folder}-beside`);
  t.after(() => spawnSync('rm', ['-rf', `${folder}-beside`]));
  writeFileSync(`${folder}-beside/x.txt`, 'x');
  symlinkSync(`${folder}-beside/x.txt`, join(folder, 'beside.txt'));
  linkSync(join(outside, 'secret.txt'), join(folder, 'hard.txt'));

  const manifest = await readManifest(rootAt(folder), PLENTY);
  assert.deepEqual(
    [...manifest.files.keys()].sort(),
    ['/hard.txt', '/inside.txt', '/real.txt', '/sub-again/page.txt', '/sub/page.txt'].sort(),
  );
  const why = reasons(manifest);
  for (const path of ['/passwd.txt', '/outside', '/sub/dir', '/beside.txt']) {
    assert.equal(why[path], 'symlink to something outside the folder', path);
  }
  for (const path of ['/self', '/sub/parent', '/sub-again/parent']) {
    assert.equal(why[path], 'symlink to a folder above it', path);
  }
  assert.match(why['/dangling.txt']!, /ENOENT/);
  assert.match(why['/loop.txt']!, /ELOOP/);
  assert.equal(fileAt(manifest, '/inside.txt').absolute, fileAt(manifest, '/real.txt').absolute);
});

test('ST-02 ST-03 hidden files are not in the manifest', async (t) => {
  const folder = makeFolder(t, {
    '.env': 'SECRET=1',
    '.git/config': 'x',
    'sub/.hidden/x.txt': 'x',
    '.well-known/security.txt': 'Contact: mailto:a@b.c',
    '.well-known/.env': 'x',
    'app.js': 'x',
    'app.js.map': '{}',
    'app.ts': 'x',
    'old.bak': 'x',
    'note~': 'x',
    'package.json': '{}',
    'package.json.d/x.txt': 'x',
    'lib.ts/x.txt': 'x',
  });
  const shown = ['/.well-known/security.txt', '/app.js', '/lib.ts/x.txt', '/package.json.d/x.txt'];
  const manifest = await readManifest(rootAt(folder), PLENTY);
  assert.deepEqual([...manifest.files.keys()].sort(), shown);
  const mapped = await readManifest(rootAt(folder, { sourceMaps: true }), PLENTY);
  assert.ok(mapped.files.has('/app.js.map'));
});

test('ST-05 only folders with an index document are known as folders', async (t) => {
  const folder = makeFolder(t, {
    'index.html': 'x',
    'a/b/index.html': 'x',
    'c/x.txt': 'x',
    'd/home.htm': 'x',
  });
  assert.deepEqual([...(await readManifest(rootAt(folder), PLENTY)).directories], ['/a/b']);
  const home = await readManifest(rootAt(folder, { index: 'home.htm' }), PLENTY);
  assert.deepEqual([...home.directories], ['/d']);
  const none = await readManifest(rootAt(folder, { index: false }), PLENTY);
  assert.deepEqual([...none.directories], []);
});

test('ST-08 same size and time but other content gives another ETag, and packer times are no date', async (t) => {
  const first = makeFolder(t, { 'index.html': '<script src=a-11111111.js>' });
  const second = makeFolder(t, { 'index.html': '<script src=a-22222222.js>' });
  for (const folder of [first, second]) utimesSync(join(folder, 'index.html'), 0, 0);
  const [a, b] = await Promise.all([first, second].map((folder) => readManifest(rootAt(folder), PLENTY)));
  const [one, two] = [fileAt(a!, '/index.html'), fileAt(b!, '/index.html')];
  assert.equal(one.size, two.size);
  assert.equal(one.mtimeMs, two.mtimeMs);
  assert.notEqual(one.etag, two.etag);
  assert.equal(one.lastModified, null);
  assert.equal(one.lastModifiedDate, null);
  const streamed = await readManifest(rootAt(first), { bytes: 0, maxFile: 0 });
  assert.equal(fileAt(streamed, '/index.html').etag, one.etag);
});

test('ST-09 FIFO, socket and device are left out and reported, and nothing waits for them', async (t) => {
  const folder = makeFolder(t, { 'a.txt': 'a' });
  assert.equal(spawnSync('mkfifo', [join(folder, 'pipe.txt')]).status, 0);
  symlinkSync('pipe.txt', join(folder, 'to-pipe.txt'));
  symlinkSync('/dev/zero', join(folder, 'zero.txt'));
  const server = createUnixServer().listen(join(folder, 'sock.txt'));
  await once(server, 'listening');
  t.after(() => server.close());
  const manifest = await readManifest(rootAt(folder), PLENTY);
  assert.deepEqual([...manifest.files.keys()], ['/a.txt']);
  const why = reasons(manifest);
  for (const path of ['/pipe.txt', '/to-pipe.txt', '/sock.txt'])
    assert.equal(why[path], 'not a regular file', path);
  assert.equal(why['/zero.txt'], 'symlink to something outside the folder');
});

test('ST-09 an unreadable file or folder is left out and reported', (t) => {
  const folder = makeFolder(t, { 'a.txt': 'a', 'locked.txt': 'x', 'closed/x.txt': 'x' });
  for (const path of ['', 'a.txt']) chmodSync(join(folder, path), 0o755);
  for (const path of ['locked.txt', 'closed']) chmodSync(join(folder, path), 0);
  // Nothing is unreadable to root: the manifest is read by a process of another user.
  const script = `
    if (process.getuid() === 0) { process.setgroups([]); process.setgid(65534); process.setuid(65534); }
    const m = await readManifest(${JSON.stringify(rootAt(folder))}, ${JSON.stringify(PLENTY)});
    console.log(JSON.stringify({ files: [...m.files.keys()], skipped: m.skipped }));`;
  const module = new URL('../../src/static/manifest.ts', import.meta.url).href;
  const child = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', `import { readManifest } from ${JSON.stringify(module)};${script}`],
    { encoding: 'utf8' },
  );
  // Whoever may not enter a folder cannot remove it either.
  chmodSync(join(folder, 'closed'), 0o755);
  assert.equal(child.stderr, '');
  assert.deepEqual(JSON.parse(child.stdout), {
    files: ['/a.txt'],
    skipped: [
      { path: '/closed', reason: 'cannot be read: EACCES' },
      { path: '/locked.txt', reason: 'cannot be read: EACCES' },
    ],
  });
});

test('a root that does not exist is an error', async (t) => {
  const folder = makeFolder(t);
  await assert.rejects(readManifest(rootAt(join(folder, 'none')), PLENTY), { code: 'ENOENT' });
  writeFileSync(join(folder, 'file'), 'x');
  await assert.rejects(readManifest(rootAt(join(folder, 'file')), PLENTY), { code: 'ENOTDIR' });
});

test('the budget goes to the smallest files first, larger ones are streamed', async (t) => {
  const noise = (n: number): Buffer => Buffer.alloc(n, 'x');
  const folder = makeFolder(t, {
    'a.png': noise(100),
    'b.png': noise(200),
    'c.png': noise(300),
    'd.png': noise(50),
  });
  const inMemory = async (bytes: number, maxFile = 1e6): Promise<string[]> => {
    const manifest = await readManifest(rootAt(folder), { bytes, maxFile });
    assert.equal(manifest.files.size, 4);
    assert.ok(manifest.bytes <= bytes);
    return [...manifest.files.values()].filter((file) => file.identity !== null).map((file) => file.path);
  };
  assert.deepEqual(await inMemory(1000), ['/d.png', '/a.png', '/b.png', '/c.png']);
  assert.deepEqual(await inMemory(350), ['/d.png', '/a.png', '/b.png']);
  assert.deepEqual(await inMemory(349), ['/d.png', '/a.png']);
  assert.deepEqual(await inMemory(0), []);
  assert.deepEqual(await inMemory(1000, 100), ['/d.png', '/a.png']);
});

test('ST-11 a path is looked up as it is spelled', async (t) => {
  const manifest = await readManifest(rootAt(makeFolder(t, { 'index.html': 'x', 'App.js': 'x' })), PLENTY);
  for (const path of [
    '/INDEX.html',
    '/app.js',
    '/App.js/',
    '//App.js',
    '/./App.js',
    '/x/../App.js',
    '/App.js ',
    '',
  ]) {
    assert.ok(!manifest.files.has(path), path);
  }
});
