// One spelling for each path, or a refusal; by examples, and by properties over random paths.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { canonicalPath } from '../../src/routing/path.ts';
import { SeededRandom } from './seeded-random.ts';

suite('canonicalPath', () => {
  for (const [path, canonical] of [
    ['/', '/'],
    ['/a/b.c/', '/a/b.c/'],
    ['/%61dmin', '/admin'],
    ['/%7Euser/%2D%5f%2e%2e%2ex', '/~user/-_...x'],
    ['/a%3ab%2c', '/a%3Ab%2C'],
    ['/%25%32%65', '/%252e'],
    ['/%252e%252e/admin', '/%252e%252e/admin'],
    ['/caf%c3%a9', '/caf%C3%A9'],
    ['/...', '/...'],
    ['/a..b/..c/d..', '/a..b/..c/d..'],
    ['/.well-known/x', '/.well-known/x'],
    ['/a;x=1/b;', '/a;x=1/b;'],
    ['/a[0]|"', '/a%5B0%5D%7C%22'],
  ] as const) {
    test(`${path} is ${canonical}`, () => assert.equal(canonicalPath(path), canonical));
  }

  for (const path of [
    ...[
      '',
      'a',
      '*',
      '//',
      '/a//b',
      '/a//',
      '/.',
      '/..',
      '/./',
      '/a/.',
      '/a/../b',
      '/%2e',
      '/a/%2E%2e/b',
      '/.%2e',
    ],
    ...[
      '/..;',
      '/.;x',
      '/a/..;x/b',
      '/..%3b',
      '/..%3Bx',
      '/\\',
      '/a%5cb',
      '/%5C..',
      '/a%2fb',
      '/%2F',
      '/a#b',
      '/a?b',
      '/a b',
    ],
    ...[
      '/\t',
      '/\x00',
      '/\x7f',
      '/\x80',
      '/é',
      '/%00',
      '/%0a',
      '/%1f',
      '/%7f',
      '/%7F',
      '/%',
      '/%a',
      '/%zz',
      '/%-1',
    ],
    ...[
      '/%c0%ae',
      '/%e0%80%af',
      '/%ff',
      '/%c3',
      '/%c3x',
      '/%ed%a0%80',
      '/%f4%90%80%80',
      '/%80',
      '/%u0041',
      '/%%35',
    ],
  ]) {
    test(`${JSON.stringify(path)} is refused`, () => assert.equal(canonicalPath(path), null));
  }
});

const PIECES = [
  ...[
    '/',
    '/',
    '/',
    '.',
    '..',
    '...',
    '%2e',
    '%2E',
    '%2f',
    '%2F',
    '%5c',
    '\\',
    '%',
    '%2',
    '%25',
    '%252e',
    '%zz',
  ],
  ...[
    'a',
    'B',
    '0',
    '~',
    '-',
    '_',
    '%41',
    '%61',
    '%7e',
    '%2d',
    ';',
    '%3b',
    '%3B',
    ';x=1',
    ':',
    '@',
    '+',
    '*',
    ',',
  ],
  ...[
    '#',
    '?',
    ' ',
    '\t',
    '\x00',
    '\x01',
    '\x7f',
    '\xe9',
    '%00',
    '%0d%0a',
    '%7f',
    '%80',
    '%c3',
    '%c3%a9',
    '%C3%A9',
  ],
  ...[
    '%e2%82%ac',
    '%f0%9f%98%80',
    '%c0%ae',
    '"',
    '<',
    '[',
    ']',
    '^',
    '`',
    '{',
    '|',
    '%22',
    '%20',
    'admin',
    'é',
  ],
];

suite('properties of random paths', () => {
  const random = new SeededRandom(20261121);
  const accepted: [string, string][] = [];
  for (let i = 0; i < 100_000; i++) {
    const path = `/${random.text(PIECES, 8)}`;
    const canonical = canonicalPath(path);
    if (canonical !== null) accepted.push([path, canonical]);
  }

  const holds = (what: string, property: (path: string, canonical: string) => boolean) =>
    test(what, () => {
      for (const [path, canonical] of accepted) {
        if (!property(path, canonical)) assert.fail(`${JSON.stringify(path)} → ${JSON.stringify(canonical)}`);
      }
    });

  test('enough of them are accepted for the rest to mean something', () => {
    assert.ok(accepted.length > 5_000, String(accepted.length));
    const changed = accepted.filter(([path, canonical]) => path !== canonical);
    assert.ok(changed.length > 2_000, String(changed.length));
  });
  holds('canonicalPath is idempotent', (_, canonical) => canonicalPath(canonical) === canonical);
  holds('no empty segment', (_, canonical) => !canonical.includes('//'));
  holds('no dot segment', (_, canonical) => !/\/\.\.?(?:\/|;|%3b|$)/i.test(canonical));
  holds('only what RFC 3986 allows in a path', (_, canonical) =>
    /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-F]{2})+$/.test(canonical),
  );
  holds(
    'no escape of an unreserved character',
    (_, canonical) => !/%(?:4[1-9A-F]|5[0-9A]|6[1-9A-F]|7[0-9A]|3\d|2D|2E|5F|7E)/.test(canonical),
  );
  holds(
    'no escape of a slash, a backslash or a control character',
    (_, canonical) => !/%(?:2F|5C|0.|1.|7F)/.test(canonical),
  );
  holds(
    'decodes to what was sent',
    (path, canonical) => decodeURIComponent(path) === decodeURIComponent(canonical),
  );
  holds('decoding shows no dot segment either', (_, canonical) => {
    return !decodeURIComponent(canonical)
      .split('/')
      .some((segment) => /^\.\.?(?:;|$)/.test(segment));
  });
  // What a URL parser at the replica would make of it: the same.
  holds(
    'a URL parser leaves it alone',
    (_, canonical) => new URL(`http://a${canonical}`).pathname === canonical,
  );
});

test('PA-19 the time grows with the length alone', () => {
  // The quickest of several runs: what else the machine does only ever adds time.
  const time = (path: string): number => {
    let best = Number.POSITIVE_INFINITY;
    for (let run = 0; run < 10; run++) {
      const start = performance.now();
      for (let i = 0; i < 4; i++) canonicalPath(path);
      best = Math.min(best, performance.now() - start);
    }
    return best;
  };
  for (const piece of ['%25', '%2e', '/.a', '%c3%a9', '%41', '..']) {
    const short = `/${piece.repeat(1_000)}`;
    const long = `/${piece.repeat(8_000)}`;
    time(short);
    // Eight times the length; quadratic work would take 64 times as long.
    assert.ok(time(long) < 32 * time(short) + 1, piece);
  }
});
