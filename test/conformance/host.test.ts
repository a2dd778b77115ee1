// HO: which host a request is for. One valid name, from Host or from an absolute-form target, or a refusal
// (RFC 9112 section 3.2).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headersOf } from '../support/response-parser.ts';
import { GET1, H, leftovers, startRig } from './rig.ts';

const rig = await startRig({
  hosts: {
    '*.a.test': { routes: { '/*': { proxy: 'b' } } },
    'xn--4ca.test': { routes: { '/*': { proxy: 'b' } } },
  },
});
const forHost = (value: string) => `GET / HTTP/1.1\r\nHost: ${value}\r\n\r\n`;
const target = (line: string) => `${line} HTTP/1.1\r\n${H}\r\n`;
const refused = (...values: string[]) => Object.fromEntries(values.map((value) => [value, forHost(value)]));
const utf8 = (text: string) => Buffer.from(text).toString('latin1');

rig.refusal('HO-01 none', 'GET / HTTP/1.1\r\n\r\n');
rig.refusal('HO-01 none, HTTP/1.0', 'GET / HTTP/1.0\r\n\r\n');
rig.refusals('HO-02 two Hosts', {
  different: 'GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n',
  identical: 'GET / HTTP/1.1\r\nHost: a.test\r\nHost: a.test\r\n\r\n',
  'different case of the name': 'GET / HTTP/1.1\r\nHost: a.test\r\nhOST: b.test\r\n\r\n',
  'far apart': `GET / HTTP/1.1\r\nHost: a.test\r\n${'X: y\r\n'.repeat(50)}Host: a.test\r\n\r\n`,
  'with absolute-form': 'GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nHost: a.test\r\n\r\n',
});
rig.refusals('HO-03 comma', refused('a.test, b.test', 'a.test,a.test'));
rig.refusal('HO-04 empty', 'GET / HTTP/1.1\r\nHost: \r\n\r\n');
rig.refusal('HO-04 empty, no blank', 'GET / HTTP/1.1\r\nHost:\r\n\r\n');

rig.exchange('HO-05 case', 'GET / HTTP/1.1\r\nHOST: A.TeSt\r\n\r\n', {
  answers: [200],
  upstream: ['A GET /'],
  check: (_, [request]) => assert.deepEqual(headersOf(request!, 'host'), ['a.test']),
});

for (const value of ['a.test:80', 'a.test:8080', 'a.test:65535']) {
  rig.exchange(`HO-06 port: ${value}`, forHost(value), {
    answers: [200],
    upstream: ['A GET /'],
    check: (_, [request]) => assert.deepEqual(headersOf(request!, 'host'), [value]),
  });
}
rig.refusals(
  'HO-06 port',
  refused(
    'a.test:0',
    'a.test:99999',
    'a.test:65536',
    'a.test:abc',
    'a.test:',
    'a.test:80:80',
    'a.test:-1',
    ':80',
  ),
);

rig.exchange('HO-07 trailing dot', forHost('a.test.'), {
  answers: [200],
  upstream: ['A GET /'],
  check: (_, [request]) => assert.deepEqual(headersOf(request!, 'host'), ['a.test']),
});
rig.exchange('HO-07 trailing dot and port', forHost('a.test.:80'), { answers: [200], upstream: ['A GET /'] });
rig.refusals('HO-07 trailing dot', refused('a.test..', '.', '.a.test', 'a..test', '..'));

rig.exchange('HO-08 IPv6 literal is a name like any other', forHost('[::1]:80'), { answers: [404] });
rig.refusals(
  'HO-08 IPv6',
  refused('[::1', '::1', '[::1%25eth0]', '[::1]x', '[]', '[::1]:', '[::g]', '[1.2.3.4]'),
);

rig.exchange('HO-09 IDN: punycode is matched', forHost('xn--4ca.test'), {
  answers: [200],
  upstream: ['B GET /'],
});
rig.refusals('HO-09 IDN', {
  'raw UTF-8': forHost(utf8('ä.test')),
  'fullwidth dot': forHost(utf8('a\uff0etest')),
  'raw latin1': forHost('\xe4.test'),
  'zero-width space': forHost(utf8('a\u200b.test')),
});

rig.refusals('HO-10 injected', {
  ...refused(
    'a.test/x?y=',
    'a.test#',
    'u@a.test',
    'a.test\tb',
    'a.test%00',
    'a.test b',
    'a.test\\',
    '"a.test"',
  ),
  ...refused('<script>', '*', '*.a.test', 'a.test;', "a'.test", '-a.test'),
});

for (const value of ['evila.test', 'a.test.evil.com', 'x.y.a.test', 'test', 'a.tes']) {
  rig.exchange(`HO-11 substring/suffix: ${value}`, forHost(value), { answers: [404] });
}
rig.exchange('HO-11 wildcard: one label', forHost('x.a.test'), { answers: [200], upstream: ['B GET /'] });
rig.exchange('HO-11 wildcard: not the name itself', forHost('a.test'), {
  answers: [200],
  upstream: ['A GET /'],
});

rig.exchange('HO-12 absolute-form', target('GET http://b.test/p'), {
  answers: [200],
  upstream: ['B GET /p'],
  check: (_, [request]) => {
    assert.deepEqual(headersOf(request!, 'host'), ['b.test']);
    assert.deepEqual(headersOf(request!, 'x-forwarded-host'), ['b.test']);
  },
});
rig.exchange('HO-12 absolute-form with port, query and case', target('GET HTTP://B.test:81/p?q=1'), {
  answers: [200],
  upstream: ['B GET /p?q=1'],
  check: (_, [request]) => assert.deepEqual(headersOf(request!, 'host'), ['b.test:81']),
});
// SS-03: the absolute form makes no open proxy.
rig.exchange('HO-12 absolute-form to an unknown host', target('GET http://169.254.169.254/latest'), {
  answers: [404],
});

rig.refusals('HO-13 absolute odd', {
  userinfo: target('GET http://a.test@b.test/'),
  ftp: target('GET ftp://a.test/'),
  'no authority': target('GET http:///'),
  'no authority at all': target('GET http://'),
  'one slash': target('GET http:/a.test/'),
  'backslash for a slash': target('GET http:\\\\a.test/'),
  fragment: target('GET http://a.test#x'),
  'bad Host beside it': 'GET http://a.test/ HTTP/1.1\r\nHost: a b\r\n\r\n',
});
rig.exchange('HO-13 absolute odd: no path', target('GET http://a.test'), {
  answers: [200],
  upstream: ['A GET /'],
});
rig.exchange('HO-13 absolute odd: query, no path', target('GET http://a.test?q'), {
  answers: [200],
  upstream: ['A GET /?q'],
});

rig.refusals('HO-14 asterisk/authority form', {
  'OPTIONS *': target('OPTIONS *'),
  'GET *': target('GET *'),
  'GET a.test:80': target('GET a.test:80'),
  'GET a.test/x': target('GET a.test/x'),
  'a query alone': target('GET ?x'),
});

const OVERRIDES = [
  'X-Forwarded-Host',
  'X-Host',
  'X-Original-URL',
  'X-Rewrite-URL',
  'X-Original-Host',
  'Forwarded',
];
rig.exchange(
  'HO-15 override headers',
  `GET /here HTTP/1.1\r\n${H}${OVERRIDES.map((name) => `${name}: ${name === 'Forwarded' ? 'host=' : ''}b.test\r\n`).join('')}` +
    'X-Forwarded-Server: b.test\r\nX-Forwarded-Prefix: /b\r\nX_Forwarded_Host: b.test\r\n\r\n',
  {
    answers: [200],
    upstream: ['A GET /here'],
    check: (_, [request]) => {
      assert.ok(!request!.head.includes('b.test'), request!.head);
      assert.deepEqual(headersOf(request!, 'x-forwarded-host'), ['a.test']);
    },
  },
);

rig.exchange('HO-16 unknown host', forHost('nope.test'), {
  answers: [404],
  check: ([response]) => assert.equal(JSON.parse(response!.body.toString()).error.code, 'HOST_UNKNOWN'),
});

const long = Array.from({ length: 30 }, () => 'abcdefghi').join('.');
rig.refusals('HO-17 long label', {
  '300 bytes': forHost(long.padEnd(300, 'x')),
  '254 bytes': forHost(long.slice(0, 254)),
  'a label of 64': forHost(`${'a'.repeat(64)}.test`),
});
rig.exchange(
  'HO-17 long label: 253 bytes and 63 are a name',
  forHost(`${'a'.repeat(63)}.${long.slice(0, 189)}`),
  {
    answers: [404],
  },
);

test('HO-16 the answer to an unknown host is the same on every connection', async () => {
  await rig.run(`${forHost('nope.test')}${GET1}`, { answers: [404, 200], upstream: ['A GET /'] });
});

leftovers(rig);
