// HI: header injection and response splitting (RFC 9110 section 5.5, RFC 9112 section 11.1).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { temporaryFolder } from '../support/fixtures.ts';
import { runGateway } from '../support/gateway-process.ts';
import { headerOf, headersOf } from '../support/response-parser.ts';
import { H, leftovers, startRig } from './rig.ts';
import { bytesOf, scripted, scriptedRefusals, seen } from './scripted.ts';

const rig = await startRig({
  hosts: {
    'move.test': {
      redirectFrom: ['www.move.test'],
      routes: {
        '/old/*': { redirect: '/new/*' },
        '/docs': { redirect: '/docs/' },
        '/away/*': { redirect: { to: 'https://other.test/x/*', status: 302 } },
        '/*': { respond: { status: 404, body: 'no' } },
      },
    },
  },
});

for (const [what, value] of Object.entries({
  CRLF: 'a\r\nX: y',
  LF: 'a\nX: y',
  CR: 'a\rX: y',
  NUL: 'a\0b',
  'not latin1': 'a\u20acb',
  emoji: '\u{1f600}',
})) {
  test(`HI-01 ${what} in a header value of the config`, async (t) => {
    const headers = (side: string) => ({ headers: { [side]: { set: { 'X-A': value } } } });
    const routes = {
      '/request': { respond: {}, ...headers('request') },
      '/response': { respond: {}, ...headers('response') },
      '/respond': { respond: { headers: { 'X-A': value } } },
      '/security': { respond: {}, security: { csp: value, referrerPolicy: value } },
      '/cache': { respond: {}, cache: value },
    };
    const text = `export default ${JSON.stringify({ hosts: { 'a.test': { routes } } })};\n`;
    const folder = await temporaryFolder(t, { 'c.mjs': text });
    const { code, stdout, stderr } = await runGateway(['check', '--config', `${folder}/c.mjs`]);
    assert.equal(code, 1);
    for (const path of Object.keys(routes)) assert.match(stdout + stderr, new RegExp(`"${path}"`), path);
  });
}

const withValue = (value: string) => `HTTP/1.1 200 OK¶X-A: a${value}b¶Content-Length: 0¶¶`;
scriptedRefusals(rig, 'HI-02 in a response header value', {
  NUL: withValue('\x00'),
  '\\x01': withValue('\x01'),
  DEL: withValue('\x7f'),
  'bare CR': withValue('\r'),
  'bare LF': withValue('\n'),
  'bare LF and a field': withValue('\nSet-Cookie: evil=1'),
  'bare CR and a field': withValue('\rSet-Cookie: evil=1'),
  'a folded line': withValue('¶ X-Folded: 1'),
});
scriptedRefusals(rig, 'HI-02 in a response header name', {
  NUL: 'HTTP/1.1 200 OK¶X\x00A: 1¶Content-Length: 0¶¶',
  space: 'HTTP/1.1 200 OK¶X A: 1¶Content-Length: 0¶¶',
});
scripted(
  rig,
  'HI-02 in a trailer',
  bytesOf('HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶5¶hello¶0¶X-A: a\x01b¶¶'),
  { answers: [502], upstream: ['A GET /'], notReused: true },
);

scriptedRefusals(rig, 'HI-03 status line', {
  'CR and a field': 'HTTP/1.1 200 OK\rX: y¶Content-Length: 0¶¶',
  'LF and a field': 'HTTP/1.1 200 OK\nX: y¶Content-Length: 0¶¶',
  'a reason of 64 KiB': `HTTP/1.1 200 ${'k'.repeat(65536)}¶Content-Length: 0¶¶`,
});
scripted(
  rig,
  "HI-03 the replica's reason is not passed on",
  bytesOf('HTTP/1.1 200 <b>hi¶Content-Length: 0¶¶'),
  {
    answers: [200],
    upstream: ['A GET /'],
    check: ([response]) => assert.equal(response!.reason, 'OK'),
  },
);

/** Redirects keep to their host and hold nothing that could end the line or change the host. */
function redirects(title: string, target: string, location: string, host = 'move.test'): void {
  rig.exchange(`HI-04 ${title}`, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`, {
    answers: [[302, 308]],
    check: ([response]) => {
      assert.equal(headerOf(response!, 'location'), location);
      assert.doesNotMatch(headerOf(response!, 'location')!, /[^\x21-\x7e]|\\/);
    },
  });
}
redirects('an escaped path', '/old/a%20b%e2%82%ac', '/new/a%20b%E2%82%AC');
redirects('escaped CRLF in the query', '/docs?a=%0d%0aX:y', '/docs/?a=%0d%0aX:y');
redirects('an escaped path to another host', '/away/%22a', 'https://other.test/x/%22a');
// Encoded control characters never get as far as a Location: the gate refuses them.
rig.refusals('HI-04', {
  'escaped CRLF in the path': 'GET /old/%0d%0aSet-Cookie:a=b HTTP/1.1\r\nHost: move.test\r\n\r\n',
  'escaped CRLF to another host': 'GET /away/%0D%0Aevil HTTP/1.1\r\nHost: move.test\r\n\r\n',
  'escaped CRLF, whole host redirected': 'GET /%0d%0ax HTTP/1.1\r\nHost: www.move.test\r\n\r\n',
});
redirects('a host name in the path', '/old/evil.com', '/new/evil.com');
redirects('the name of the host', '/x?y=//evil.com', 'http://move.test/x?y=//evil.com', 'www.move.test');
for (const target of [
  '//evil.com',
  '//evil.com/..',
  '/old//evil.com',
  '/%5cevil.com',
  '/\\evil.com',
  '/old/\\evil.com',
]) {
  for (const host of ['move.test', 'www.move.test']) {
    // Refused, not found, or sent on to a place on the same host: never to evil.com.
    rig.exchange(
      `HI-04 ${target} on ${host}`,
      `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
      {
        answers: [[308, 400, 404]],
        closes: true,
        check: ([response]) => {
          const location = headerOf(response!, 'location');
          if (location === undefined) return;
          assert.equal(new URL(location, `http://${host}/`).hostname, 'move.test');
        },
      },
    );
  }
}
rig.refusals('HI-04 Host', {
  'with an escaped CRLF': 'GET /docs HTTP/1.1\r\nHost: move.test%0d%0aX:y\r\n\r\n',
  'with a bare CR': 'GET /docs HTTP/1.1\r\nHost: move.test\rX: y\r\n\r\n',
  'with a path': 'GET /docs HTTP/1.1\r\nHost: move.test/x\r\n\r\n',
});

const ODD = ['__proto__', 'constructor', 'hasOwnProperty', 'then', 'toString', 'prototype', 'valueOf'];
const odd = (value: string) => ODD.map((name) => `${name}: ${value}\r\n`).join('');
rig.exchange('HI-05 odd names in a request, doubled', `GET / HTTP/1.1\r\n${H}${odd('1')}${odd('2')}\r\n`, {
  answers: [200],
  upstream: ['A GET /'],
  check: (_, [request]) => {
    for (const name of ODD) {
      // An underscore in a name is dropped (HH-10).
      assert.deepEqual(seen(request, name), name.includes('_') ? [] : ['1', '2'], name);
    }
    assert.doesNotMatch(request!.head, /\[object|undefined|function/);
  },
});
scripted(
  rig,
  'HI-05 odd names in a response, doubled',
  bytesOf(`HTTP/1.1 200 OK¶${odd('1')}${odd('2')}Content-Length: 0¶¶`),
  {
    answers: [200],
    upstream: ['A GET /'],
    check: ([response]) => {
      for (const name of ODD) assert.deepEqual(headersOf(response!, name), ['1', '2'], name);
      assert.doesNotMatch(response!.headers.join('\n'), /\[object|undefined|function/);
      // Flat fields only: no index of an array became a name.
      for (const name of ['0', '1', '2']) assert.deepEqual(headersOf(response!, name), []);
    },
  },
);
scripted(
  rig,
  'HI-05 odd names in trailers',
  bytesOf(`HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶1¶x¶0¶${odd('1')}X-T: 1¶¶`),
  {
    answers: [200],
    upstream: ['A GET /'],
    check: ([response]) => assert.deepEqual(headersOf({ headers: response!.trailers }, 'x-t'), ['1']),
  },
);

rig.exchange('HI-06 the same header 200 times', `GET / HTTP/1.1\r\n${H}${'X-A: 1\r\n'.repeat(200)}\r\n`, {
  // More specific than 400 (RFC 6585 section 5).
  answers: [[400, 431]],
  closes: true,
});
rig.exchange('HI-06 the same header 90 times', `GET / HTTP/1.1\r\n${H}${'X-A: 1\r\n'.repeat(90)}\r\n`, {
  answers: [200],
  upstream: ['A GET /'],
  check: (_, [request]) => assert.equal(seen(request, 'x-a').join().replaceAll(/[\s,]/g, ''), '1'.repeat(90)),
});
for (const name of ['Authorization', 'Content-Type']) {
  const twice = `${name}: a/b\r\n${name.toLowerCase()}: c/d\r\n`;
  rig.refusal(`HI-06 two ${name}`, `GET / HTTP/1.1\r\n${H}${twice}\r\n`);
  rig.refusal(`HI-06 two equal ${name}`, `GET / HTTP/1.1\r\n${H}${`${name}: a/b\r\n`.repeat(2)}\r\n`);
}

const OBS_TEXT = 'caf\xc3\xa9 \x80\xfe\xff';
rig.exchange('HI-07 obs-text in a request', `GET / HTTP/1.1\r\n${H}X-A: ${OBS_TEXT}\r\n\r\n`, {
  answers: [200],
  upstream: ['A GET /'],
  check: (_, [request]) => assert.deepEqual(seen(request, 'x-a'), [OBS_TEXT]),
});
scripted(
  rig,
  'HI-07 obs-text in a response',
  bytesOf(`HTTP/1.1 200 OK¶X-A: ${OBS_TEXT}¶Content-Length: 0¶¶`),
  {
    answers: [200],
    upstream: ['A GET /'],
    check: ([response]) => assert.equal(headerOf(response!, 'x-a'), OBS_TEXT),
  },
);
scripted(
  rig,
  'HI-07 obs-text in a response with a body of obs-text',
  bytesOf(`HTTP/1.1 200 OK¶X-A: ${OBS_TEXT}¶Content-Length: 3¶¶\xe9\xff\x80`),
  {
    answers: [200],
    upstream: ['A GET /'],
    check: ([response]) => {
      assert.equal(headerOf(response!, 'x-a'), OBS_TEXT);
      assert.deepEqual([...response!.body], [0xe9, 0xff, 0x80]);
    },
  },
);

const SCRIPT = '<script>alert(1)</script>';
for (const [what, request] of Object.entries({
  path: `GET /${SCRIPT} HTTP/1.1\r\nHost: part.test\r\n\r\n`,
  'escaped path': `GET /%3Cscript%3E HTTP/1.1\r\nHost: part.test\r\n\r\n`,
  query: `GET /x?${SCRIPT} HTTP/1.1\r\nHost: part.test\r\n\r\n`,
  host: `GET / HTTP/1.1\r\nHost: ${SCRIPT}\r\n\r\n`,
  'unknown host': `GET / HTTP/1.1\r\nHost: script.evil\r\n\r\n`,
  method: `<script> / HTTP/1.1\r\nHost: part.test\r\n\r\n`,
})) {
  for (const accept of ['*/*', 'text/html']) {
    rig.exchange(
      `HI-08 ${what}, Accept: ${accept}`,
      request.replace('\r\n\r\n', `\r\nConnection: close\r\nAccept: ${accept}\r\n\r\n`),
      {
        answers: [[400, 404, 421]],
        closes: true,
        check: ([response]) => {
          assert.doesNotMatch(response!.body.toString(), /script|alert|evil/i);
          assert.equal(headerOf(response!, 'x-content-type-options'), 'nosniff');
          assert.match(
            headerOf(response!, 'content-type')!,
            /^(text\/html|application\/json); charset=utf-8$/,
          );
        },
      },
    );
  }
}

leftovers(rig);
