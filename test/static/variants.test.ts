import assert from 'node:assert/strict';
import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as zlib from 'node:zlib';
import { type Manifest, readManifest, type StaticFile } from '../../src/static/manifest.ts';
import { compressAll } from '../../src/static/variants.ts';
import { makeFolder, proseOf, rootAt } from './folder.ts';

const PLENTY = { bytes: 64e6, maxFile: 8e6 };

function fileAt(manifest: Manifest, path: string): StaticFile {
  const file = manifest.files.get(path);
  assert.ok(file, `no ${path}`);
  return file;
}

test('a body becomes its three variants', async () => {
  const text = proseOf(20_000);
  const { zstd, br, gzip } = await compressAll(Buffer.from(text));
  assert.equal(String(zlib.zstdDecompressSync(zstd!.bytes)), text);
  assert.equal(String(zlib.brotliDecompressSync(br!.bytes)), text);
  assert.equal(String(zlib.gunzipSync(gzip!.bytes)), text);
  assert.match(zstd!.etag, /^"[\w-]{22}-zst"$/);
  assert.match(br!.etag, /^"[\w-]{22}-br"$/);
  assert.match(gzip!.etag, /^"[\w-]{22}-gz"$/);
  assert.deepEqual(await compressAll(Buffer.from('small')), { zstd: null, br: null, gzip: null });
});

test('CO-14 many bodies at once take turns and all come out', async () => {
  const texts = Array.from({ length: 50 }, (_, i) => proseOf(3000, i));
  const made = await Promise.all(texts.map((text) => compressAll(Buffer.from(text))));
  for (const [i, text] of texts.entries()) assert.equal(String(zlib.gunzipSync(made[i]!.gzip!.bytes)), text);
});

test('a zstd variant has no window above 8 MB, which browsers refuse (RFC 9659)', async () => {
  const { zstd } = await compressAll(Buffer.from(proseOf(5_000_000)));
  const head = Buffer.from(zstd!.bytes);
  // RFC 8878 section 3.1.1: magic, descriptor, then the window descriptor unless the frame is one segment.
  assert.equal(head.readUInt32LE(0), 0xfd2fb528);
  assert.equal(head[4]! & 0x20, 0);
  const exponent = head[5]! >> 3;
  const base = 2 ** (10 + exponent);
  assert.ok(base + (base / 8) * (head[5]! & 7) <= 8 * 1024 * 1024);
});

test('variants count against the budget and are given up before files are', async (t) => {
  const folder = makeFolder(t, { 'a.js': proseOf(10_000), 'b.js': proseOf(10_000, 2) });
  const manifest = await readManifest(rootAt(folder), { bytes: 20_000, maxFile: 1e6 });
  const held = [...manifest.files.values()].flatMap((file) => [
    file.identity?.length ?? 0,
    ...Object.values(file.variants).map((variant) => variant?.bytes.length ?? 0),
  ]);
  assert.equal(
    held.reduce((a, b) => a + b),
    manifest.bytes,
  );
  assert.ok(manifest.bytes <= 20_000);
});

test('small files and those that do not shrink have no variants', async (t) => {
  const folder = makeFolder(t, {
    'small.js': proseOf(1023),
    'enough.js': proseOf(1024),
    'photo.png': proseOf(5000),
    'dense.js': Buffer.from(
      Array.from({ length: 4000 }, (_, i) => (Math.imul(i + 1, 2654435761) >>> 11) & 255),
    ),
  });
  const manifest = await readManifest(rootAt(folder), PLENTY);
  const codings = (path: string): string[] =>
    Object.entries(fileAt(manifest, path).variants)
      .filter(([, variant]) => variant !== null)
      .map(([name]) => name);
  assert.deepEqual(codings('/small.js'), []);
  assert.deepEqual(codings('/enough.js').sort(), ['br', 'gzip', 'zstd']);
  assert.deepEqual(codings('/photo.png'), []);
  assert.equal(fileAt(manifest, '/photo.png').compressible, false);
  assert.equal(fileAt(manifest, '/small.js').compressible, true);
});

test('CO-08 compressed siblings are used if they are true, and are files of their own with no false coding', async (t) => {
  const text = proseOf(8000);
  const best = zlib.gzipSync(text, { level: 9, strategy: zlib.constants.Z_FILTERED });
  const folder = makeFolder(t, {
    'a.js': text,
    'a.js.gz': best,
    'a.js.br': zlib.brotliCompressSync(proseOf(8000, 9)),
    'a.js.zst': 'no zstd at all',
    'old.js': text,
    'old.js.gz': best,
    'bomb.js': text,
    'bomb.js.gz': zlib.gzipSync(Buffer.alloc(5_000_000)),
    'alone.csv.gz': zlib.gzipSync('a,b'),
    'tiny.css': proseOf(900),
    'tiny.css.gz': zlib.gzipSync(proseOf(900)),
  });
  utimesSync(join(folder, 'old.js.gz'), new Date('2020-01-01'), new Date('2020-01-01'));
  const manifest = await readManifest(rootAt(folder), PLENTY);
  const used = fileAt(manifest, '/a.js').variants;
  assert.deepEqual(Buffer.from(used.gzip!.bytes), best);
  assert.equal(String(zlib.brotliDecompressSync(used.br!.bytes)), text);
  assert.equal(String(zlib.zstdDecompressSync(used.zstd!.bytes)), text);
  assert.notDeepEqual(Buffer.from(fileAt(manifest, '/old.js').variants.gzip!.bytes), best);
  assert.equal(String(zlib.gunzipSync(fileAt(manifest, '/bomb.js').variants.gzip!.bytes)), text);
  assert.ok(fileAt(manifest, '/tiny.css').variants.gzip);
  assert.deepEqual(
    manifest.skipped.map((skipped) => skipped.path),
    ['/a.js.br', '/a.js.zst', '/bomb.js.gz'],
  );
  for (const path of ['/a.js.gz', '/alone.csv.gz']) {
    const file = fileAt(manifest, path);
    assert.equal(file.type, 'application/gzip');
    assert.equal(file.compressible, false);
    assert.deepEqual(file.variants, { zstd: null, br: null, gzip: null });
  }
});
