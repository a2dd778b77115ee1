// What is kept for everybody, and what it counts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AssetCache, Collector, isStorable } from '../../src/actions/asset-cache.ts';
import type { ResponseHead } from '../../src/wire/response-head.ts';

function head(fields: string[] = [], framing: ResponseHead['framing'] = 'length'): ResponseHead {
  return {
    status: 200,
    fields,
    framing,
    length: framing === 'length' ? 5 : -1,
    keepAlive: true,
    idleHint: -1,
  };
}

const LIMIT = 1024 * 1024;

test('CA-08 an answer that ends with the connection may be half of one and is not kept', () => {
  assert.equal(isStorable(head([], 'length'), LIMIT), true);
  assert.equal(isStorable(head([], 'chunked'), LIMIT), true);
  assert.equal(isStorable(head([], 'close'), LIMIT), false);
});

test('what was allowed to one origin is not kept for all', () => {
  assert.equal(isStorable(head(['Access-Control-Allow-Origin', '*']), LIMIT), true);
  assert.equal(isStorable(head(['access-control-allow-origin', 'https://evil.test']), LIMIT), false);
  assert.equal(isStorable(head(['Access-Control-Allow-Origin', 'null']), LIMIT), false);
});

test('CA-10 a small file under many queries stays within the bytes of the cache, keys and fields included', () => {
  const cache = new AssetCache(LIMIT);
  const keys: string[] = [];
  for (let i = 0; i < 1000; i++) {
    const collector = new Collector(head(['content-type', 'image/png', 'x-long', 'v'.repeat(1000)]));
    collector.add(Buffer.from('hello'), 0, 5, LIMIT);
    const key = `files http://a.test/a.png?${i}${'q'.repeat(8000)}`;
    keys.push(key);
    cache.store(key, collector, 'public');
  }
  const kept = keys.filter((key) => cache.get(key) !== undefined);
  assert.ok(kept.length > 50 && kept.length * 9000 <= LIMIT, `${kept.length} entries`);
  assert.ok(cache.get(keys.at(-1)!) !== undefined);
});
