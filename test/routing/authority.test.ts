// Host grammar: examples, and a comparison with a plain description of it over random values.
import assert from 'node:assert/strict';
import { isIPv6 } from 'node:net';
import { suite, test } from 'node:test';
import { parseAuthority } from '../../src/routing/authority.ts';
import { SeededRandom } from './seeded-random.ts';

suite('parseAuthority', () => {
  for (const [value, host, port] of [
    ['a.test', 'a.test', ''],
    ['A.TeSt', 'a.test', ''],
    ['a.test.', 'a.test', ''],
    ['A.test.:8080', 'a.test', '8080'],
    ['a.test:80', 'a.test', '80'],
    ['a.test:00080', 'a.test', '80'],
    ['localhost', 'localhost', ''],
    ['api_1', 'api_1', ''],
    ['127.0.0.1:1', '127.0.0.1', '1'],
    ['xn--4ca.test', 'xn--4ca.test', ''],
    ['[::1]', '[::1]', ''],
    ['[2001:DB8::1]:443', '[2001:db8::1]', '443'],
    ['[::ffff:1.2.3.4]', '[::ffff:1.2.3.4]', ''],
  ] as const) {
    test(`${value} is ${host} ${port}`, () => assert.deepEqual(parseAuthority(value), { host, port }));
  }

  for (const value of [
    ...[
      '',
      '.',
      '..',
      'a..',
      'a..b',
      '.a',
      '-a',
      '_a',
      'a.-b',
      ':80',
      'a:',
      'a:0',
      'a:65536',
      'a:99999',
      'a:080000',
    ],
    ...[
      'a:abc',
      'a:8a',
      'a:-1',
      'a:+1',
      'a:1:1',
      'a b',
      ' a',
      'a ',
      'a/b',
      'a\\b',
      'a?b',
      'a#b',
      'u@a',
      'a,b',
      'a;b',
    ],
    ...[
      'a%00',
      'a%2eb',
      'ä',
      'a\uff0eb',
      'a\u3002b',
      '\u212a.test',
      'a\x00',
      'a\n',
      'a\x7f',
      '*',
      '*.a',
      '"a"',
      '[',
      '[]',
    ],
    ...[
      '[::1',
      '::1',
      '[::1]x',
      '[::1]:',
      '[::1]:0',
      '[::1%25eth0]',
      '[::1%eth0]',
      '[1.2.3.4]',
      '[g::]',
      '[:::]',
      '[::1]]',
    ],
    ...[`${'a'.repeat(64)}.b`, `${'a'.repeat(63)}.`.repeat(4), 'x'.repeat(10_000)],
  ]) {
    test(`${JSON.stringify(value.slice(0, 30))} is refused`, () => assert.equal(parseAuthority(value), null));
  }

  test('253 characters are a name, 254 are none', () => {
    const name = `${'a'.repeat(61)}.`.repeat(4);
    assert.equal(parseAuthority(`${name}bbbbb`)?.host.length, 253);
    assert.equal(parseAuthority(`${name}bbbbb.:65535`)?.host.length, 253);
    assert.equal(parseAuthority(`${name}bbbbbb`), null);
  });
});

const LABEL = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;

/** The same grammar, written for reading. */
function describe(value: string): { host: string; port: string } | null {
  const match = /^(\[[^\]]*\]|[^:]*?)(?::(\d{1,5}))?$/.exec(value);
  if (match === null) return null;
  const [, name = '', digits] = match;
  if (digits !== undefined && (Number(digits) < 1 || Number(digits) > 65535)) return null;
  const port = digits === undefined ? '' : String(Number(digits));
  if (name.startsWith('[')) {
    return isIPv6(name.slice(1, -1)) && !name.includes('%') ? { host: name.toLowerCase(), port } : null;
  }
  const host = name.endsWith('.') ? name.slice(0, -1) : name;
  if (host.length > 253 || !host.split('.').every((label) => LABEL.test(label))) return null;
  return { host: host.toLowerCase(), port };
}

test('agrees with its description over random values, and is idempotent', () => {
  const random = new SeededRandom(7);
  const pieces = [
    ...[
      'a',
      'B',
      'test',
      '.',
      '.',
      '..',
      '-',
      '_',
      ':',
      ':80',
      ':65536',
      ':0',
      '[',
      ']',
      '[::1]',
      '[::',
      '1',
      '9',
    ],
    ...['/', '@', '%', ' ', ',', '\x00', '\xe4', '*', 'x'.repeat(40), '[1::2', 'ffff:', '255.1.1.1'],
  ];
  let accepted = 0;
  for (let i = 0; i < 100_000; i++) {
    const value = random.text(pieces, 6);
    const parsed = parseAuthority(value);
    assert.deepEqual(parsed, describe(value), JSON.stringify(value));
    if (parsed === null) continue;
    accepted++;
    assert.deepEqual(parseAuthority(parsed.host), { host: parsed.host, port: '' });
  }
  assert.ok(accepted > 5_000, String(accepted));
});
