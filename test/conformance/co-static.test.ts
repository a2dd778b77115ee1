// Section CO of the attack cases over a folder: variants made at the start, ranges and If-Range, both from memory and
// from the disk.

import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { brotliDecompressSync, gunzipSync, gzipSync, zstdDecompressSync } from 'node:zlib';
import { temporaryFolder } from '../support/fixtures.ts';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';
import { ask, type Reply } from '../support/plain-request.ts';
import { suiteScope } from '../support/suite-scope.ts';

const TEN = '0123456789';
const SCRIPT = 'console.log("a line that repeats");\n'.repeat(200);
const LARGE = 9 * 1024 * 1024;
const ARCHIVE = gzipSync(SCRIPT);

const scope = suiteScope();
let gateway: GatewayProcess;
let root: string;

before(async () => {
  root = await temporaryFolder(scope, {
    'index.html': 'app',
    'ten.txt': TEN,
    'app.js': SCRIPT,
    'data.csv.gz': ARCHIVE,
    'large.bin': TEN.repeat(LARGE / 10 + 1).slice(0, LARGE),
  });
  gateway = await startGateway(scope, {
    workers: 1,
    hosts: {
      'a.test': { routes: { '/*': { spa: { root } } } },
      'plain.test': { routes: { '/*': { spa: { root }, compress: false } } },
      'late.test': { routes: { '/*': { spa: { root }, compress: { minSize: '10kb' } } } },
    },
  });
});

const get = (target: string, headers: Record<string, string> = {}, host = 'a.test'): Promise<Reply> =>
  ask(gateway.port, target, { headers, host });

const decoders = { gzip: gunzipSync, br: brotliDecompressSync, zstd: zstdDecompressSync };

test('CO-05: a HEAD of a variant has the head of its GET', async () => {
  const headers = { 'Accept-Encoding': 'br' };
  const full = await get('/app.js', headers);
  const head = await ask(gateway.port, '/app.js', { method: 'HEAD', headers });
  const withoutDate = (reply: Reply) =>
    reply.headers.filter((_, i, all) => !/^date$/i.test(all[i - (i % 2)]!));
  assert.deepEqual(withoutDate(head), withoutDate(full));
});

test('CO-06: every variant has a strong ETag of its own', async () => {
  const tags = new Set<string>();
  for (const accept of ['gzip', 'br', 'zstd', 'identity']) {
    const reply = await get('/app.js', { 'Accept-Encoding': accept });
    const coding = reply.header('content-encoding') as keyof typeof decoders | undefined;
    assert.equal(coding, accept === 'identity' ? undefined : accept);
    const body = coding === undefined ? reply.body : decoders[coding](reply.body);
    assert.equal(body.toString(), SCRIPT);
    tags.add(reply.header('etag')!);
    const again = await get('/app.js', { 'Accept-Encoding': accept, 'If-None-Match': reply.header('etag')! });
    assert.equal(again.status, 304);
    assert.equal(again.header('etag'), reply.header('etag'));
  }
  assert.equal(tags.size, 4);
  for (const tag of tags) assert.match(tag, /^"/);
});

test('CO-08: a .gz file is a file, not a coding', async () => {
  for (const accept of ['gzip', 'identity']) {
    const reply = await get('/data.csv.gz', { 'Accept-Encoding': accept });
    assert.deepEqual(reply.body, ARCHIVE);
    assert.equal(reply.header('content-encoding'), undefined);
    assert.equal(reply.header('content-type'), 'application/gzip');
  }
});

test('CO-09: Vary is on every variant, on the plain one, the 304, the part and the HEAD', async () => {
  const etag = (await get('/app.js')).header('etag')!;
  const answers = [
    await get('/app.js'),
    await get('/app.js', { 'Accept-Encoding': 'gzip' }),
    await get('/app.js', { 'If-None-Match': etag }),
    await get('/app.js', { Range: 'bytes=0-1' }),
    await ask(gateway.port, '/app.js', { method: 'HEAD' }),
    await get('/ten.txt'),
  ];
  assert.deepEqual(
    answers.map((reply) => reply.status),
    [200, 200, 304, 206, 200, 200],
  );
  for (const reply of answers) assert.equal(reply.header('vary'), 'accept-encoding');
  assert.equal((await get('/large.bin')).header('vary'), undefined);
  assert.equal((await get('/app.js', { 'Accept-Encoding': 'gzip' }, 'plain.test')).header('vary'), undefined);
});

test('CO-10: a route can turn variants off, or ask for a larger file', async () => {
  const plain = await get('/app.js', { 'Accept-Encoding': 'gzip' }, 'plain.test');
  assert.equal(plain.text, SCRIPT);
  const late = await get('/app.js', { 'Accept-Encoding': 'gzip' }, 'late.test');
  assert.equal(late.header('content-encoding'), undefined);
});

/** Range → status, Content-Range, body. */
const many = `bytes=${Array.from({ length: 1000 }, () => '0-').join(',')}`;
const RANGES: [range: string, status: number, contentRange: string | undefined, body: string | undefined][] =
  [
    ['bytes=0-0', 206, 'bytes 0-0/10', '0'],
    ['bytes=-1', 206, 'bytes 9-9/10', '9'],
    ['bytes=-99999999', 206, 'bytes 0-9/10', TEN],
    ['bytes=5-3', 200, undefined, TEN],
    [many, 200, undefined, TEN],
    ['bytes=0-18446744073709551615', 206, 'bytes 0-9/10', TEN],
    ['bytes=3-', 206, 'bytes 3-9/10', '3456789'],
    ['BYTES=3-4', 206, 'bytes 3-4/10', '34'],
    ['bytes=a-b', 200, undefined, TEN],
    ['lines=1-2', 200, undefined, TEN],
    ['bytes=-', 200, undefined, TEN],
    ['bytes=10-', 416, 'bytes */10', undefined],
    ['bytes=18446744073709551616-', 416, 'bytes */10', undefined],
    ['bytes=-0', 416, 'bytes */10', undefined],
  ];

for (const [range, status, contentRange, body] of RANGES) {
  test(`CO-11: Range: ${range.slice(0, 40)}`, async () => {
    const reply = await get('/ten.txt', { Range: range, 'Accept-Encoding': 'gzip' });
    assert.deepEqual([reply.status, reply.header('content-range')], [status, contentRange]);
    if (body !== undefined) assert.equal(reply.text, body);
    const head = await ask(gateway.port, '/ten.txt', { method: 'HEAD', headers: { Range: range } });
    // RFC 9110 section 14.2: only GET has ranges.
    assert.deepEqual([head.status, head.header('content-length')], [200, '10']);
  });
}

test('CO-11: the same from the disk', async () => {
  const cases: [range: string, status: number, length: number][] = [
    ['bytes=0-0', 206, 1],
    ['bytes=-1', 206, 1],
    [`bytes=-${LARGE * 2}`, 206, LARGE],
    ['bytes=5-3', 200, LARGE],
    [many, 200, LARGE],
    ['bytes=1000000-1999999', 206, 1_000_000],
    ['bytes=0-18446744073709551615', 206, LARGE],
  ];
  for (const [range, status, length] of cases) {
    const reply = await get('/large.bin', { Range: range });
    assert.deepEqual([reply.status, reply.body.length], [status, length], range.slice(0, 40));
    const from = status === 200 ? 0 : Number(/bytes (\d+)-/.exec(reply.header('content-range')!)![1]);
    assert.equal(reply.body[0], 48 + (from % 10));
  }
  const beyond = await get('/large.bin', { Range: `bytes=${LARGE}-` });
  assert.deepEqual([beyond.status, beyond.header('content-range')], [416, `bytes */${LARGE}`]);
});

test('CO-12: If-Range needs the strong ETag or exactly the date', async () => {
  for (const target of ['/ten.txt', '/large.bin']) {
    const { header } = await get(target);
    const etag = header('etag')!;
    const date = header('last-modified')!;
    const part = (value: string): Promise<Reply> => get(target, { Range: 'bytes=0-0', 'If-Range': value });
    assert.equal((await part(etag)).status, 206);
    assert.equal((await part(date)).status, 206);
    const old = new Date(statSync(join(root, target)).mtimeMs - 3_600_000).toUTCString();
    const later = new Date(statSync(join(root, target)).mtimeMs + 3_600_000).toUTCString();
    for (const value of [`W/${etag}`, '"other"', old, later, 'yesterday', etag.slice(0, -1)]) {
      assert.equal((await part(value)).status, 200, value);
    }
  }
});

test('CO-12: If-Range with the ETag of a variant is not about the plain bytes', async () => {
  const packed = await get('/app.js', { 'Accept-Encoding': 'gzip' });
  const headers = { 'Accept-Encoding': 'gzip', Range: 'bytes=0-9', 'If-Range': packed.header('etag')! };
  const reply = await get('/app.js', headers);
  assert.equal(reply.status, 200);
  assert.equal(reply.header('content-range'), undefined);
});
