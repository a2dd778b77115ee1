import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ConditionalFields, evaluate } from '../../src/static/conditions.ts';
import { formatHttpDate, parseHttpDate } from '../../src/static/http-date.ts';

const ETAG = '"abc"';
const CHANGED = Date.UTC(2026, 3, 5, 6, 7, 8, 900);
const DATE = 'Sun, 05 Apr 2026 06:07:08 GMT';
const EARLIER = 'Sun, 05 Apr 2026 06:07:07 GMT';
const LATER = 'Sun, 05 Apr 2026 06:07:09 GMT';

const status = (fields: ConditionalFields, etag = ETAG, size = 10, method = 'GET'): number =>
  evaluate(method, fields, etag, CHANGED, size).status;

function range(value: string, size = 10): string {
  const { status, start, end } = evaluate('GET', { range: value }, ETAG, CHANGED, size);
  return status === 206 ? `206 ${start}-${end}` : String(status);
}

test('a plain request costs no object', () => {
  assert.equal(status({}), 200);
  assert.equal(evaluate('GET', {}, ETAG, CHANGED, 1), evaluate('HEAD', {}, ETAG, null, 2));
});

test('If-None-Match compares weakly, reads lists and beats If-Modified-Since', () => {
  const matching = [
    '"abc"',
    'W/"abc"',
    '*',
    ' * ',
    '"x", "abc"',
    '"x",W/"abc","y"',
    '"a,b", "abc"',
    ',,"abc"',
    'x, "abc"',
  ];
  for (const list of matching) {
    assert.equal(status({ 'if-none-match': list }), 304, list);
    assert.equal(status({ 'if-none-match': list }, ETAG, 10, 'HEAD'), 304, list);
  }
  const other = [
    '',
    '"ab"',
    '"abcd"',
    'abc',
    '"abc',
    'W/abc',
    '"x,abc"',
    '"',
    'W/',
    '"x" "y"',
    '"ABC"',
    '**',
    'w/"abc"',
  ];
  for (const list of other) assert.equal(status({ 'if-none-match': list }), 200, list);
  assert.equal(status({ 'if-none-match': '"x"', 'if-modified-since': LATER }), 200);
  assert.equal(status({ 'if-none-match': '"abc"', 'if-modified-since': EARLIER }), 304);
  assert.equal(status({ 'if-none-match': '"abc"' }, 'W/"abc"'), 304);
  assert.equal(status({ 'if-none-match': 'W/"abc"' }, 'W/"abc"'), 304);
  assert.equal(status({ 'if-none-match': '' }, ''), 200);
  assert.equal(status({ 'if-none-match': '""' }, ''), 200);
});

test('If-Modified-Since compares whole seconds and ignores what is no date', () => {
  assert.equal(status({ 'if-modified-since': DATE }), 304);
  assert.equal(status({ 'if-modified-since': LATER }), 304);
  assert.equal(status({ 'if-modified-since': EARLIER }), 200);
  assert.equal(status({ 'if-modified-since': 'Sunday, 05-Apr-26 06:07:08 GMT' }), 304);
  assert.equal(status({ 'if-modified-since': 'Sun Apr  5 06:07:08 2026' }), 304);
  for (const bad of [
    '',
    'now',
    '1775369228',
    '2026-04-05T06:07:08Z',
    `${DATE}; length=5`,
    DATE.repeat(300),
  ]) {
    assert.equal(status({ 'if-modified-since': bad }), 200, bad.slice(0, 40));
  }
  assert.equal(evaluate('GET', { 'if-modified-since': LATER }, ETAG, null, 1).status, 200);
});

test('If-Match compares strongly, and If-Unmodified-Since counts only without it', () => {
  for (const list of ['"abc"', '*', '"x", "abc"']) assert.equal(status({ 'if-match': list }), 200, list);
  for (const list of ['W/"abc"', '"x"', '', '"x", W/"abc"'])
    assert.equal(status({ 'if-match': list }), 412, list);
  assert.equal(status({ 'if-match': 'W/"abc"' }, 'W/"abc"'), 412);
  assert.equal(status({ 'if-unmodified-since': EARLIER }), 412);
  assert.equal(status({ 'if-unmodified-since': DATE }), 200);
  assert.equal(status({ 'if-unmodified-since': 'soon' }), 200);
  assert.equal(status({ 'if-match': '"abc"', 'if-unmodified-since': EARLIER }), 200);
  assert.equal(status({ 'if-match': '"x"', 'if-none-match': '"abc"' }), 412);
  assert.equal(status({ 'if-match': '"abc"', 'if-none-match': '"abc"', range: 'bytes=0-1' }), 304);
});

test('CO-11 a single range is answered, anything else is ignored', () => {
  assert.equal(range('bytes=0-0'), '206 0-0');
  assert.equal(range('bytes=-1'), '206 9-9');
  assert.equal(range('bytes=-99999999'), '206 0-9');
  assert.equal(range('bytes=-99999999999999999999999'), '206 0-9');
  assert.equal(range('bytes=5-3'), '200');
  assert.equal(range(`bytes=${'0-,'.repeat(1000)}0-`), '200');
  assert.equal(range('bytes=0-1,4-5'), '200');
  assert.equal(range('bytes=0-18446744073709551615'), '206 0-9');
  assert.equal(range('bytes=a-b'), '200');
  assert.equal(range('lines=1-2'), '200');
  assert.equal(range('BYTES=2-4'), '206 2-4');
  assert.equal(range('bytes=9-'), '206 9-9');
  assert.equal(range('bytes=10-'), '416');
  assert.equal(range('bytes=10-20'), '416');
  assert.equal(range('bytes=18446744073709551615-'), '416');
  assert.equal(range('bytes=-0'), '416');
  assert.equal(range('bytes=0-', 0), '416');
  assert.equal(range('bytes=-5', 0), '200');
  const ignored = [
    '',
    'bytes',
    'bytes=',
    'bytes=-',
    'bytes=1',
    'bytes= 1-2',
    'bytes=1 -2',
    'bytes=1--2',
    'bytes=+1-2',
  ];
  for (const value of [
    ...ignored,
    'bytes=1-2 ',
    'bytes:1-2',
    'bytes=0x1-2',
    'bytes=1.0-2',
    'bytes=--1',
    'x'.repeat(9000),
  ]) {
    assert.equal(range(value), '200', value.slice(0, 30));
  }
  assert.equal(status({ range: 'bytes=0-1' }, ETAG, 10, 'HEAD'), 200);
});

test('CO-11 hostile fields take linear time', () => {
  const started = performance.now();
  const long = 64 * 1024;
  evaluate('GET', { range: `bytes=${'9'.repeat(long)}-` }, ETAG, CHANGED, 10);
  evaluate('GET', { range: `bytes=${'0-,'.repeat(long / 3)}` }, ETAG, CHANGED, 10);
  for (const part of [',', '"', 'W/', 'W/"x",', '"x"', 'x,', ' ', '"ab']) {
    evaluate('GET', { 'if-none-match': part.repeat(long / part.length) }, ETAG, CHANGED, 10);
    evaluate('GET', { 'if-match': part.repeat(long / part.length) }, ETAG, CHANGED, 10);
    evaluate('GET', { 'if-modified-since': part.repeat(long / part.length) }, ETAG, CHANGED, 10);
  }
  assert.ok(performance.now() - started < 300);
});

test('CO-12 If-Range takes an equal strong ETag or exactly the date, else the whole is sent', () => {
  const part = { range: 'bytes=0-1' };
  assert.equal(status({ ...part, 'if-range': '"abc"' }), 206);
  assert.equal(status({ ...part, 'if-range': DATE }), 206);
  for (const value of ['W/"abc"', '"ab"', '"x", "abc"', '*', EARLIER, LATER, '', 'now', 'abc']) {
    assert.equal(status({ ...part, 'if-range': value }), 200, value);
  }
  assert.equal(status({ ...part, 'if-range': 'W/"abc"' }, 'W/"abc"'), 200);
  assert.equal(evaluate('GET', { ...part, 'if-range': DATE }, ETAG, null, 10).status, 200);
  assert.equal(status({ range: 'bytes=50-', 'if-range': '"x"' }), 200);
  assert.equal(status({ 'if-range': '"x"' }), 200);
});

test('HTTP dates are written in one form and read in all three', () => {
  const time = Date.UTC(1994, 10, 6, 8, 49, 37);
  assert.equal(formatHttpDate(time), 'Sun, 06 Nov 1994 08:49:37 GMT');
  const now = Date.UTC(2026, 0, 1);
  assert.equal(parseHttpDate('Sun, 06 Nov 1994 08:49:37 GMT', now), time);
  assert.equal(parseHttpDate('Sunday, 06-Nov-94 08:49:37 GMT', now), time);
  assert.equal(parseHttpDate('Sun Nov  6 08:49:37 1994', now), time);
  assert.equal(parseHttpDate('Sunday, 06-Nov-70 08:49:37 GMT', now), Date.UTC(2070, 10, 6, 8, 49, 37));
  assert.equal(parseHttpDate('Sunday, 06-Nov-77 08:49:37 GMT', now), Date.UTC(1977, 10, 6, 8, 49, 37));
  for (const bad of [
    'Sun, 06 Foo 1994 08:49:37 GMT',
    'Sun, 32 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 24:49:37 GMT',
  ]) {
    assert.ok(Number.isNaN(parseHttpDate(bad, now)), bad);
  }
});
