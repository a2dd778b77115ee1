// One cookie among others, however they are written.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { findCookie, isCookieValue } from '../../../src/upstream/balance/cookie-value.ts';
import { SeededRandom } from '../../routing/seeded-random.ts';

/** Whether the cookie `n` of the field is `v`. */
function is(field: string, name = 'n', value = 'v'): boolean {
  const start = findCookie(field, name);
  return start !== -1 && isCookieValue(field, start, value);
}

suite('found', () => {
  for (const field of [
    'n=v',
    'a=b; n=v',
    'n=v; a=b',
    'a=b;n=v;c=d',
    'a=b;  n=v  ; c=d',
    '\tn=v\t',
    ' n = v ',
    'n="v"',
    'a=b; n="v" ; c=d',
    'n=v;',
    ';;; n=v',
    // The first counts.
    'n=v; n=w',
    // Names that only look like it.
    'nn=w; n=v',
    'xn=w; n=v',
    'nx=w; n=v',
    'a=n; n=v',
    'a=n=v; n=v',
    'n; n=v',
    'N=w; n=v',
    'a n=w; n=v',
    '$n=w; n=v',
    // `;` ends a pair also between quotes.
    'a="x; n=v',
  ]) {
    test(JSON.stringify(field), () => assert.ok(is(field)));
  }
});

suite('not found', () => {
  for (const field of [
    '',
    'n',
    'n=',
    'n;v',
    'n=w',
    'n=vv',
    'n=v v',
    'n=xv',
    'n=V',
    'N=v',
    'nn=v',
    'xn=v',
    'x-n=v',
    'a n=v',
    'a=n=v',
    'a="n=v"',
    'a=b, n=v',
    'n="v',
    'n=v"',
    'n=""v""',
    'n="v"x',
    'n="v x"',
    'n==v',
    'n=w; n=v',
    'n=; n=v',
    'n=;v',
    '=v',
    'v',
  ]) {
    test(JSON.stringify(field), () => assert.ok(!is(field)));
  }
});

test('in 8 KB of others, and in 8 KB that look like it', () => {
  const others = Array.from({ length: 200 }, (_, i) => `session-${i}=${'x'.repeat(24)}`).join('; ');
  assert.ok(is(`${others}; n=v`));
  assert.ok(is(`n=v; ${others}`));
  assert.ok(!is(others));
  for (const part of ['n', 'n=', ' n', 'n =', '; n', 'nn;', '"n=v"', 'n \t']) {
    const field = part.repeat(Math.ceil(8192 / part.length));
    const started = process.hrtime.bigint();
    for (let i = 0; i < 20; i++) is(`x${field}`);
    // Linear: far below what anything quadratic would take.
    assert.ok(process.hrtime.bigint() - started < 2_000_000_000n, part);
  }
});

test('the same as splitting it up', () => {
  const random = new SeededRandom(11);
  const pieces = ['n', 'v', '=', ';', ' ', '"', 'nv', 'n=v', '; ', '\t', 'x', ','];
  for (let i = 0; i < 50_000; i++) {
    const field = random.text(pieces, 10);
    let expected = false;
    for (const pair of field.split(';')) {
      const equals = pair.indexOf('=');
      if (equals === -1 || pair.slice(0, equals).replace(/^[ \t]+|[ \t]+$/g, '') !== 'n') continue;
      const value = pair.slice(equals + 1).replace(/^[ \t]+|[ \t]+$/g, '');
      expected = value === 'v' || value === '"v"';
      break;
    }
    assert.equal(is(field), expected, JSON.stringify(field));
  }
});
