// Which pattern wins: the most specific one, in whatever order they were added; compared with a plain search.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { PathTrie, patternRelation } from '../../src/routing/path-trie.ts';
import { SeededRandom } from './seeded-random.ts';

function trieOf(patterns: readonly string[]): PathTrie<string> {
  const trie = new PathTrie<string>();
  for (const pattern of patterns) trie.add(pattern, pattern);
  return trie;
}

const PATTERNS = [
  '/*',
  '/',
  '/api/*',
  '/api',
  '/api/',
  '/api/v1/*',
  '/api/v1',
  '/docs',
  '/docs/',
  '/a/b/c',
  '/apix',
];
const WINNERS = {
  '/': '/',
  '/x': '/*',
  '/api': '/api',
  '/api/': '/api/',
  '/api/x': '/api/*',
  '/api/x/': '/api/*',
  '/api/v1': '/api/v1',
  '/api/v1/': '/api/v1/*',
  '/api/v1/x/y': '/api/v1/*',
  '/api/v10': '/api/*',
  '/apix': '/apix',
  '/apix/': '/*',
  '/api..': '/*',
  '/API': '/*',
  '/docs': '/docs',
  '/docs/': '/docs/',
  '/docs/x': '/*',
  '/a': '/*',
  '/a/b': '/*',
  '/a/b/c': '/a/b/c',
  '/a/b/c/': '/*',
  '/*': '/*',
};

suite('PathTrie', () => {
  test('the most specific pattern wins whatever the order', () => {
    const random = new SeededRandom(1);
    for (let round = 0; round < 50; round++) {
      const trie = trieOf(random.shuffled(PATTERNS));
      for (const [path, winner] of Object.entries(WINNERS)) assert.equal(trie.match(path), winner, path);
    }
  });

  test('a prefix matches whole segments, itself included, and nothing else', () => {
    const trie = trieOf(['/api/*']);
    for (const path of ['/api', '/api/', '/api/x', '/api/x/y/z/'])
      assert.equal(trie.match(path), '/api/*', path);
    for (const path of ['/', '/ap', '/apix', '/api.', '/api;x', '/Api', '/x/api']) {
      assert.equal(trie.match(path), undefined, path);
    }
  });

  test('an exact pattern matches itself alone', () => {
    const trie = trieOf(['/docs']);
    assert.equal(trie.match('/docs'), '/docs');
    for (const path of ['/docs/', '/docs/x', '/doc', '/docsx'])
      assert.equal(trie.match(path), undefined, path);
  });

  test('an empty trie matches nothing, and a pattern is added once', () => {
    const trie = new PathTrie<string>();
    assert.equal(trie.match('/'), undefined);
    trie.add('/x/*', 'x');
    trie.add('/x', 'exact');
    assert.throws(() => trie.add('/x/*', 'y'), /twice/);
    assert.throws(() => trie.add('/x', 'y'), /twice/);
  });

  test('segments named like properties of objects are plain segments', () => {
    const trie = trieOf(['/constructor', '/a/__proto__/*']);
    assert.equal(trie.match('/constructor'), '/constructor');
    assert.equal(trie.match('/toString'), undefined);
    assert.equal(trie.match('/a/__proto__/x'), '/a/__proto__/*');
    assert.equal(trie.match('/__proto__'), undefined);
  });
});

/** The rule in one sentence: exact before prefix, longer prefix before shorter. */
function search(patterns: readonly string[], path: string): string | undefined {
  if (patterns.includes(path) && !path.endsWith('/*')) return path;
  return patterns
    .filter((pattern) => pattern.endsWith('/*'))
    .filter((pattern) => path === pattern.slice(0, -2) || path.startsWith(pattern.slice(0, -1)))
    .sort((a, b) => b.length - a.length)[0];
}

test('agrees with a plain search, and so does the relation that explain shows', () => {
  const random = new SeededRandom(2);
  const segments = ['/a', '/b', '/ab', '/a.b', '/'];
  for (let round = 0; round < 500; round++) {
    const patterns = new Set<string>();
    for (let i = 0; i < 8; i++) {
      const path = random.text(segments, 4).replace(/\/+/g, '/');
      if (random.below(2) === 0) patterns.add(`${path.replace(/\/$/, '')}/*`);
      else if (path !== '') patterns.add(path);
    }
    const list = [...patterns];
    const trie = trieOf(random.shuffled(list));
    for (let i = 0; i < 50; i++) {
      const path = `/${random.text(segments, 5)}`.replace(/\/+/g, '/');
      const winner = search(list, path);
      assert.equal(trie.match(path), winner, `${path} among ${list}`);
      const related = list.filter((pattern) => patternRelation(pattern, path) === 'matches');
      assert.equal(related.length > 0, winner !== undefined, `${path} among ${list}`);
      if (winner !== undefined) assert.ok(related.includes(winner));
    }
  }
});
