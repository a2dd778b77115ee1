// Hosts: exact before wildcard, one label, nothing by resemblance; and a large table that costs what a small one
// does, counted in look-ups rather than in time.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { PathTrie } from '../../src/routing/path-trie.ts';
import { RouteTable } from '../../src/routing/route-table.ts';

function tableOf(names: readonly string[], patterns: readonly string[]): RouteTable<string> {
  const table = new RouteTable<string>();
  for (const name of names) {
    const routes = new PathTrie<string>();
    for (const pattern of patterns) routes.add(pattern, `${name}${pattern}`);
    table.add({ name, routes, fallback: `${name} 404` });
  }
  return table;
}

suite('RouteTable', () => {
  const table = tableOf(['a.test', '*.a.test', 'x.a.test', '*.deep.a.test', '[::1]'], ['/api/*', '/']);

  for (const [host, name] of [
    ['a.test', 'a.test'],
    ['x.a.test', 'x.a.test'],
    ['y.a.test', '*.a.test'],
    ['deep.a.test', '*.a.test'],
    ['y.deep.a.test', '*.deep.a.test'],
    ['[::1]', '[::1]'],
    ['x.y.a.test', undefined],
    ['evila.test', undefined],
    ['a.test.evil.com', undefined],
    ['.a.test', undefined],
    ['*.a.test', '*.a.test'],
    ['test', undefined],
    ['', undefined],
    ['constructor', undefined],
  ] as const) {
    test(`${host || 'no host'} is ${name ?? 'unknown'}`, () => assert.equal(table.host(host)?.name, name));
  }

  test('a known host answers what no pattern matches, an unknown one nothing', () => {
    assert.equal(table.match('a.test', '/'), 'a.test/');
    assert.equal(table.match('a.test', '/api/x'), 'a.test/api/*');
    assert.equal(table.match('a.test', '/x'), 'a.test 404');
    // An exact host hides the wildcard completely: its 404 is its own.
    assert.equal(table.match('x.a.test', '/x'), 'x.a.test 404');
    assert.equal(table.match('b.test', '/'), undefined);
  });

  test('names and size', () => {
    assert.equal(table.size, 5);
    assert.deepEqual(table.names().sort(), ['*.a.test', '*.deep.a.test', '[::1]', 'a.test', 'x.a.test']);
  });
});

/** Look-ups in maps that `run` makes. */
function lookUps(run: () => unknown): number {
  const { get } = Map.prototype;
  let count = 0;
  Map.prototype.get = function counting(this: Map<unknown, unknown>, key: unknown) {
    count++;
    return get.call(this, key);
  };
  try {
    run();
  } finally {
    Map.prototype.get = get;
  }
  return count;
}

suite('10,000 hosts with 20 routes each', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const patterns = ['/*', ...Array.from({ length: 19 }, (_, i) => `/section-${i}/part/*`)];
  const names = Array.from({ length: 10_000 }, (_, i) =>
    i % 10 === 0 ? `*.host-${i}.test` : `host-${i}.test`,
  );
  collect();
  const before = process.memoryUsage().heapUsed;
  const large = tableOf(names, patterns);
  collect();
  const bytes = process.memoryUsage().heapUsed - before;
  const small = tableOf(['host-9999.test', '*.host-9990.test'], patterns);

  for (const [host, path, most] of [
    ['host-9999.test', '/', 2],
    ['host-9999.test', '/section-18/part/x/y/z', 4],
    ['host-9999.test', `/section-18${'/x'.repeat(2000)}`, 3],
    ['www.host-9990.test', '/section-0/part', 4],
    ['unknown.test', '/section-0/part', 2],
    ['a.b.c.d.e.f.unknown.test', '/', 2],
  ] as const) {
    test(`${host}${path.slice(0, 30)} takes ${most} look-ups at most, as in a small table`, () => {
      const count = lookUps(() => large.match(host, path));
      assert.ok(count >= 1 && count <= most, String(count));
      assert.equal(
        count,
        lookUps(() => small.match(host, path)),
      );
      assert.equal(large.match(host, path), small.match(host, path));
    });
  }

  test('memory is bounded: less than 1 kB a route', () => {
    assert.equal(large.size, 10_000);
    assert.ok(bytes < 200_000 * 1024, `${Math.round(bytes / 200_000)} bytes a route`);
  });
});
