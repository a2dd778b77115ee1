// The gate by itself: what it returns for what it lets through, and that it says something about anything.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ERRORS } from '../../src/errors.ts';
import { parseAuthority } from '../../src/routing/authority.ts';
import {
  canonicalize,
  MAX_FIELDS,
  MAX_PATH,
  MAX_TARGET,
  type RawRequest,
} from '../../src/routing/canonical.ts';
import { canonicalPath } from '../../src/routing/path.ts';
import { SeededRandom } from './seeded-random.ts';

function gate(url: string, fields: string[] = ['Host', 'a.test'], other: Partial<RawRequest> = {}) {
  const rawHeaders = fields;
  return canonicalize({ method: 'GET', url, httpVersionMajor: 1, httpVersionMinor: 1, rawHeaders, ...other });
}

const PLAIN = { host: 'a.test', port: '', path: '/', query: '', body: 'none', expectsContinue: false };

suite('what passes', () => {
  test('origin-form', () => {
    assert.deepEqual(gate('/'), PLAIN);
    assert.deepEqual(gate('/%61?b=%61'), { ...PLAIN, path: '/a', query: '?b=%61' });
    assert.deepEqual(gate('/?'), { ...PLAIN, query: '?' });
    assert.deepEqual(gate('/a?b?c'), { ...PLAIN, path: '/a', query: '?b?c' });
  });

  test('absolute-form replaces Host', () => {
    assert.deepEqual(gate('http://B.test:81/x?y'), {
      ...PLAIN,
      host: 'b.test',
      port: '81',
      path: '/x',
      query: '?y',
    });
    assert.deepEqual(gate('HTTPS://b.test'), { ...PLAIN, host: 'b.test' });
    assert.deepEqual(gate('http://b.test?y'), { ...PLAIN, host: 'b.test', query: '?y' });
    assert.deepEqual(gate('http://b.test?http://c.test/'), {
      ...PLAIN,
      host: 'b.test',
      query: '?http://c.test/',
    });
  });

  test('bodies', () => {
    const host = ['Host', 'a.test'];
    assert.deepEqual(gate('/', [...host, 'content-LENGTH', '0']), { ...PLAIN, body: 'length' });
    for (const value of ['chunked', 'Chunked']) {
      assert.deepEqual(gate('/', ['Transfer-Encoding', value, ...host]), { ...PLAIN, body: 'chunked' });
    }
    const expecting = [...host, 'Content-Length', '5', 'expect', '100-Continue'];
    assert.deepEqual(gate('/', expecting), { ...PLAIN, body: 'length', expectsContinue: true });
    assert.deepEqual(gate('/', expecting, { httpVersionMinor: 0 }), { ...PLAIN, body: 'length' });
  });

  test('exactly as many fields and characters as allowed', () => {
    const many = Array.from({ length: MAX_FIELDS - 1 }, () => ['x', 'y']).flat();
    assert.deepEqual(gate('/', ['Host', 'a.test', ...many]), PLAIN);
    assert.equal(gate('/', ['Host', 'a.test', ...many, 'x', 'y']), 'HEADERS_TOO_LARGE');
    assert.equal(typeof gate(`/${'x'.repeat(MAX_PATH - 1)}`), 'object');
    assert.equal(gate(`/${'x'.repeat(MAX_PATH)}`), 'URI_TOO_LONG');
    assert.equal(typeof gate(`/?${'x'.repeat(MAX_TARGET - 2)}`), 'object');
    assert.equal(gate(`/?${'x'.repeat(MAX_TARGET - 1)}`), 'URI_TOO_LONG');
  });
});

suite('what is refused', () => {
  const host = ['Host', 'a.test'];
  for (const [what, result, code] of [
    ['HTTP/0.9', gate('/', host, { httpVersionMajor: 0, httpVersionMinor: 9 }), 'BAD_REQUEST'],
    ['HTTP/1.2', gate('/', host, { httpVersionMinor: 2 }), 'VERSION_UNSUPPORTED'],
    ['HTTP/2.0', gate('/', host, { httpVersionMajor: 2, httpVersionMinor: 0 }), 'VERSION_UNSUPPORTED'],
    ['CONNECT', gate('/', host, { method: 'CONNECT' }), 'METHOD_UNKNOWN'],
    ['TRACE', gate('/', host, { method: 'TRACE' }), 'METHOD_UNKNOWN'],
    ['no Host', gate('/', []), 'BAD_HOST'],
    ['two Hosts', gate('/', [...host, 'hOsT', 'a.test']), 'BAD_HOST'],
    ['no Host beside absolute-form', gate('http://a.test/', []), 'BAD_HOST'],
    [
      'length and coding',
      gate('/', [...host, 'Content-Length', '1', 'Transfer-Encoding', 'chunked']),
      'BAD_FRAMING',
    ],
    [
      'coding and length',
      gate('/', [...host, 'Transfer-Encoding', 'chunked', 'Content-Length', '1']),
      'BAD_FRAMING',
    ],
    ['two lengths', gate('/', [...host, 'Content-Length', '1', 'content-length', '1']), 'BAD_FRAMING'],
    ['16 digits', gate('/', [...host, 'Content-Length', '1'.repeat(16)]), 'BAD_FRAMING'],
    [
      'two Expects',
      gate('/', [...host, 'Expect', '100-continue', 'Expect', '100-continue']),
      'EXPECTATION_FAILED',
    ],
    ['a DEL in the query', gate('/?\x7f'), 'BAD_TARGET'],
    ['a blank in the query', gate('/? '), 'BAD_TARGET'],
  ] as const) {
    test(what, () => assert.equal(result, code));
  }

  for (const [value, code] of [
    ['gzip, chunked', 'CODING_UNKNOWN'],
    ['gzip ,\tbr, chunked', 'CODING_UNKNOWN'],
    ['gzip', 'BAD_FRAMING'],
    ['chunked, chunked', 'BAD_FRAMING'],
    ['chunked, gzip', 'BAD_FRAMING'],
    ['identity, chunked', 'BAD_FRAMING'],
    [',chunked', 'BAD_FRAMING'],
    ['chunked,', 'BAD_FRAMING'],
    ['', 'BAD_FRAMING'],
    // `trim` takes all of these off; nothing else does.
    ['\xa0chunked', 'BAD_FRAMING'],
    ['chunked\xa0', 'BAD_FRAMING'],
    ['\x0bchunked', 'BAD_FRAMING'],
    ['\ufeffchunked', 'BAD_FRAMING'],
    ['gzip\xa0, chunked', 'BAD_FRAMING'],
  ] as const) {
    test(`Transfer-Encoding: ${JSON.stringify(value)}`, () => {
      assert.equal(gate('/', [...host, 'Transfer-Encoding', value]), code);
    });
  }
});

test('every answer to random requests is a canonical request or a code of the table', () => {
  const random = new SeededRandom(3);
  const targets = [
    '/',
    'a',
    '%2e',
    '%',
    '..',
    '?',
    '#',
    'http://',
    '@',
    ':80',
    'b.test',
    '*',
    '\x00',
    '\xff',
    '%c3',
  ];
  const names = ['Host', 'host', 'Content-Length', 'Transfer-Encoding', 'Expect', 'X', 'X_Y'];
  const values = [
    'a.test',
    'a.test:80',
    '5',
    'chunked',
    '100-continue',
    '',
    '\xa0',
    'gzip, chunked',
    '[::1]',
    'é',
  ];
  let passed = 0;
  for (let i = 0; i < 50_000; i++) {
    const fields = i % 2 === 0 ? ['Host', 'a.test'] : [];
    for (let left = random.below(3); left > 0; left--) fields.push(random.pick(names), random.pick(values));
    const url = random.pick(['/', 'http://b.test', '']) + random.text(targets, 5);
    const result = gate(url, fields, { httpVersionMinor: random.below(3) });
    if (typeof result === 'string') {
      assert.ok(Object.hasOwn(ERRORS, result), `${result} for ${JSON.stringify(url)}`);
      continue;
    }
    passed++;
    assert.equal(canonicalPath(result.path), result.path);
    assert.deepEqual(parseAuthority(result.host), { host: result.host, port: '' });
    assert.match(result.query, /^(?:|\?[\x21\x22\x24-\x7e]*)$/);
  }
  assert.ok(passed > 1_000, String(passed));
});
