// What is refused in policies, with the words the operator reads.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { policy } from './problem-lines.ts';

test('header policies cannot touch what frames a message or belongs to one connection', () => {
  const names = [
    'Connection',
    'Keep-Alive',
    'Proxy-Connection',
    'TE',
    'Trailer',
    'Upgrade',
    'Transfer-Encoding',
    'content-length',
    'Host',
  ];
  for (const side of ['request', 'response']) {
    for (const name of names) {
      const set = policy({ headers: { [side]: { set: { [name]: 'x' } } } });
      assert.equal(set.length, 1, `${side} ${name}`);
      assert.match(
        set[0]!,
        new RegExp(`^headers\\.${side}\\.set.*: the header "${name}" (belongs|says|is chosen|is a request)`),
      );
      assert.match(
        policy({ headers: { [side]: { remove: [name] } } }).join(),
        new RegExp(`remove\\[0\\]: the header "${name}" `),
      );
    }
  }
  assert.match(
    policy({ headers: { request: { set: { 'X-Forwarded-For': '1' } } } }).join(),
    /the gateway writes it itself \(see trustedProxies\)/,
  );
  assert.match(
    policy({ headers: { request: { set: { X_User: '1' } } } }).join(),
    /has an underscore; use "-"/,
  );
  assert.match(
    policy({ headers: { response: { set: { 'Content-Encoding': 'gzip' } } } }).join(),
    /describes the bytes/,
  );
});

test('header names are tokens and values stay on their line (HI-01)', () => {
  const set = (name: string, value: unknown) =>
    policy({ headers: { response: { set: { [name]: value } } } }).join();
  for (const name of ['', 'a b', 'a:b', 'ä', 'a\r\nb'])
    assert.match(set(name, 'x'), /is not a header name/, name);
  assert.match(
    set('X-A', 'a\r\nX-B: b'),
    /^headers\.response\.set\["X-A"\]: a header value must not hold a line break$/,
  );
  assert.match(set('X-A', 'a\nb'), /line break/);
  assert.match(set('X-A', 'a\u0000b'), /control characters/);
  assert.match(set('X-A', 'a\u007fb'), /control characters/);
  assert.match(set('X-A', 'snow ☃'), /only hold latin1/);
  assert.match(set('X-A', ' a'), /white space/);
  assert.match(set('X-A', 4), /expected a header value, got 4/);
  assert.equal(set('X-A', 'caf\u00e9\tx'), '');
  assert.match(
    policy({ headers: { response: { set: { 'X-A': '1', 'x-a': '2' } } } }).join(),
    /set\["x-a"\]: is the same header as "X-A"/,
  );
  assert.match(
    policy({ headers: { response: { set: { 'X-A': '1' }, remove: ['x-a'] } } }).join(),
    /remove\[0\]: "x-a" is both set and removed/,
  );
  assert.match(
    policy({ headers: { request: { remove: ['X-A', 'x-a'] } } }).join(),
    /remove\[1\]: repeats item \[0\]/,
  );
  assert.match(
    policy({ cache: 'no-store\r\nX: y' }).join(),
    /^cache: a header value must not hold a line break/,
  );
  assert.match(policy({ cache: { override: true } }).join(), /^cache\.control: is missing/);
});

test('nothing in a security policy can start another directive or header', () => {
  const csp = (value: unknown) => policy({ security: { csp: value } }).join('\n');
  assert.equal(
    csp({ 'default-src': ["'self'", 'https:', '*.stripe.com'], 'upgrade-insecure-requests': [] }),
    '',
  );
  assert.match(
    csp({ 'default-src': ["'self'; script-src *"] }),
    /^security\.csp\["default-src"\]\[0\]: "'self'; script-src \*" must be one word/,
  );
  for (const bad of ['a;b', 'a,b', 'a b', 'a\nb', 'a\r\nb', 'é', 'a\u0000'])
    assert.match(csp({ 'img-src': [bad] }), /must be one word of ASCII/);
  assert.match(csp({ 'img-src': [''] }), /\[0\]: is empty/);
  assert.match(csp({ 'img-src': 'x' }), /expected a list of values, got "x"/);
  assert.match(csp({ 'default-src; x': [] }), /no such directive/);
  assert.match(csp({ scriptSrc: ["'self'"] }), /no such directive\. Did you mean "script-src"\?/);
  assert.match(csp({ 'scritp-src': ["'self'"] }), /Did you mean "script-src"\?/);
  assert.match(csp({ 'script-src': ['self'] }), /needs its quotes: "'self'"/);
  assert.match(csp({ 'script-src-elem': ['nonce-abc'] }), /needs its quotes/);
  assert.match(csp({}), /^security\.csp: is empty/);
  assert.match(csp("default-src 'self'\n; x"), /line break/);
  assert.match(csp(''), /^security\.csp: is empty; false leaves the header out$/);
  assert.match(csp(true), /^security\.csp: expected a policy as text, its directives, or false, got true$/);
  assert.match(
    policy({ security: { hsts: { maxAge: '1y' } } }).join(),
    /^security\.hsts\.maxAge: "1y" is not a duration/,
  );
  assert.match(policy({ security: { hsts: {} } }).join(), /^security\.hsts\.maxAge: is missing/);
  assert.match(policy({ security: { frameOptions: 'DENY\r\nX: y' } }).join(), /line break/);
  assert.match(
    policy({ security: true }).join(),
    /^security: expected an object with security headers, or false, got true$/,
  );
});

test('compression knows its encodings and sizes', () => {
  assert.match(
    policy({ compress: { encodings: ['brotli'] } }).join(),
    /encodings\[0\]: expected "zstd" or "br" or "gzip", got "brotli"/,
  );
  assert.match(policy({ compress: { encodings: [] } }).join(), /encodings: is empty/);
  assert.match(
    policy({ compress: { encodings: ['br', 'br'] } }).join(),
    /encodings\[1\]: repeats item \[0\]/,
  );
  assert.match(
    policy({ compress: { minSize: 1024 } }).join(),
    /minSize: 1024 has no unit; write a size as text, such as "1kb"/,
  );
  assert.match(
    policy({ compress: true }).join(),
    /^compress: expected \{ encodings, minSize \}, or false, got true$/,
  );
});
