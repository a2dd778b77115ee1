import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ALL_ENCODINGS, chooseEncoding, type Encoding } from '../../src/static/encodings.ts';

const order: Encoding[] = ['zstd', 'br', 'gzip'];
const choose = (header: string | undefined) => chooseEncoding(header, ALL_ENCODINGS, order);

test('the client weighs, the gateway breaks ties', () => {
  assert.equal(choose('gzip, deflate, br, zstd'), 'zstd');
  assert.equal(choose('gzip, deflate, br'), 'br');
  assert.equal(choose('gzip, deflate'), 'gzip');
  assert.equal(choose('deflate'), 'identity');
  assert.equal(choose('zstd;q=0.5, br;q=0.8, gzip;q=0.9'), 'gzip');
  assert.equal(choose('zstd;q=0.001, br;q=0.002'), 'br');
  assert.equal(chooseEncoding('gzip, br, zstd', ALL_ENCODINGS, ['gzip', 'br']), 'gzip');
  assert.equal(chooseEncoding('zstd, gzip', ALL_ENCODINGS, ['br', 'gzip']), 'gzip');
  assert.equal(chooseEncoding('gzip', ALL_ENCODINGS, []), 'identity');
  assert.equal(chooseEncoding('gzip, br, zstd', { zstd: null, br: null, gzip: {} }, order), 'gzip');
  assert.equal(chooseEncoding('zstd', { zstd: null, br: {}, gzip: {} }, order), 'identity');
});

test('CO-07 refusals, stars, identity, case and x-gzip as RFC 9110 section 12.5.3 has them', () => {
  const cases: [header: string | undefined, chosen: Encoding | 'identity' | null][] = [
    [undefined, 'identity'],
    ['', 'identity'],
    ['identity', 'identity'],
    ['gzip;q=0', 'identity'],
    ['gzip;q=0.000, *', 'zstd'],
    ['gzip;q=0, br;q=0, *;q=0.5', 'zstd'],
    ['*', 'zstd'],
    ['*;q=0', null],
    ['*;q=0, gzip', 'gzip'],
    ['*;q=0, identity', 'identity'],
    ['*;q=0, identity;q=0.1', 'identity'],
    ['identity;q=0', null],
    ['identity;q=0, gzip;q=0', null],
    ['identity;q=0, br;q=0.1', 'br'],
    ['gzip;q=0.5, identity', 'identity'],
    ['gzip;q=0.5, identity;q=0.5', 'gzip'],
    ['gzip;q=0.1, *;q=0.05', 'gzip'],
    ['GZIP', 'gzip'],
    ['Gzip;Q=0.5, BR;q=0.4', 'gzip'],
    ['x-gzip', 'gzip'],
    ['X-GZip;q=0', 'identity'],
    ['gzip;q=0, gzip', 'identity'],
    [' gzip ; q=0.3 ,\tbr ; q=0.2', 'gzip'],
    [',,gzip,,', 'gzip'],
    ['gzip;q=2', 'identity'],
    ['gzip;q=-1', 'identity'],
    ['gzip;q=a', 'identity'],
    ['gzip;q=', 'identity'],
    ['gzip;q=0.0001', 'identity'],
    ['gzip;q=1.000', 'gzip'],
    ['gzip;q=1.001', 'identity'],
    ['gzip;foo=1;q=0', 'identity'],
    ['gzip;qq=0', 'gzip'],
    ['gzipped, brr, zst', 'identity'],
    ['aws-chunked', 'identity'],
    ['\0gzip', 'identity'],
  ];
  for (const [header, chosen] of cases) assert.equal(choose(header), chosen, JSON.stringify(header));
});

test('CO-07 a hostile list takes linear time, and hostile variety no memory', () => {
  const started = performance.now();
  const lists = [
    'a,'.repeat(4096),
    ';'.repeat(8192),
    'gzip;q=0,'.repeat(900),
    `gzip;${'q=0.1;'.repeat(1300)}`,
    ' '.repeat(8192),
    `gzip;q=0.${'0'.repeat(8000)}`,
  ];
  for (let i = 0; i < 20; i++) for (const list of lists) choose(list + i);
  assert.ok(performance.now() - started < 500);
  for (let i = 0; i < 100_000; i++) choose(`gzip;q=0.${i}, x${i}`);
  assert.equal(choose('gzip, deflate, br, zstd'), 'zstd');
});
