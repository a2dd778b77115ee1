// What `explain` says is what the gateway does: which route answers and why the others do not, and the very head
// that a replica receives.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { formatExplanation } from '../../src/commands/explanation-text.ts';
import { resolveConfig } from '../../src/config/resolve.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { type Explanation, explainRequest } from '../../src/gateway/explain.ts';
import { startGateway } from '../support/gateway-process.ts';
import { connectRaw } from '../support/raw-client.ts';
import { startReplica } from '../support/recording-replica.ts';

/** An answer that the gateway gives by itself, without anything of note. */
const OWN = { code: null, location: null, retryAfter: null, heldFor: 0 };

const config = (replica: string) => ({
  listen: { http: '127.0.0.1:0', https: false },
  upstreams: {
    api: { replicas: [replica] },
    main: { replicas: [replica] },
    three: { replicas: ['http://api-1:3000', 'http://api-2:3000', 'http://api-3:3000'] },
  },
  hosts: {
    'a.test': {
      aliases: ['alias.test'],
      redirectFrom: ['www.a.test'],
      policies: { security: { hsts: 'max-age=60' } },
      routes: {
        '/api/*': { proxy: 'api' },
        '/api/v2/*': {
          proxy: { upstream: 'api', stripPrefix: '/api/v2', addPrefix: '/new', hostHeader: 'replica' },
          headers: { request: { set: { 'X-Tenant': 'blue' }, remove: ['x-drop'] } },
        },
        '/api/ping': { respond: { status: 201, body: 'pong' } },
        '/docs': { redirect: { to: '/manual/', status: 302 } },
        '/*': { spa: { upstream: 'main' } },
      },
    },
    '*.a.test': { routes: { '/only/*': { proxy: 'three' } } },
  },
});

function explain(
  url: string,
  { method = 'GET', headers = [], replica = 'http://127.0.0.1:9' }: Asked = {},
): Explanation {
  const resolution = resolveConfig(config(replica), { baseDir: '/' });
  assert.deepEqual(resolution.problems, []);
  const [, authority, target] = /^http:\/\/([^/]*)(\/.*)$/.exec(url)!;
  const asked = { secure: false, authority: authority!, target: target!, method, headers };
  return explainRequest(resolution.config!, asked);
}

interface Asked {
  method?: string;
  headers?: [name: string, value: string][];
  replica?: string;
}

suite('why', () => {
  test('the gate refuses', () => {
    for (const [url, code, status] of [
      ['http://a.test/a/../b', 'BAD_TARGET', 400],
      ['http://a.test//b', 'BAD_TARGET', 400],
      ['http://a.test/a%2Fb', 'BAD_TARGET', 400],
      ['http://user@a.test/', 'BAD_HOST', 400],
      ['http://a.test:99999/', 'BAD_HOST', 400],
    ] as const) {
      const found = explain(url);
      assert.equal(found.refusal?.code, code, url);
      assert.equal(found.refusal?.status, status);
      assert.deepEqual(found.answer, { ...OWN, status, code });
      assert.equal(found.route, null);
    }
  });

  test('a host is unknown', () => {
    for (const name of ['b.test', 'deep.x.a.test', 'xa.test']) {
      const found = explain(`http://${name}/`);
      assert.equal(found.host, null);
      assert.deepEqual(found.answer, { ...OWN, status: 404, code: 'HOST_UNKNOWN' });
    }
  });

  test('a wildcard host answers, or has no route for the path', () => {
    const found = explain('http://X.a.test.:8080/only');
    assert.equal(found.host?.name, '*.a.test');
    assert.equal(found.request?.host, 'x.a.test');
    assert.equal(found.route?.pattern, '/only/*');
    const none = explain('http://x.a.test/other');
    assert.equal(none.route, null);
    assert.deepEqual(none.answer, { ...OWN, status: 404, code: 'NOT_FOUND' });
    const text = formatExplanation(none);
    assert.match(text, /^host {5}hosts\["\*\.a\.test"\] \(\*\.a\.test\)$/m);
    assert.match(text, /^route {4}none matches: 404 NOT_FOUND$/m);
    assert.match(text, /^ {2}\/only\/\* {2}proxy to three: \/other is not below \/only\/$/m);
    assert.doesNotMatch(text, /sent to the replica/);
  });

  test('an alias leads to the same routes, another name of the host to a redirect', () => {
    assert.equal(explain('http://alias.test/api/x').route?.source, 'hosts["a.test"].routes["/api/*"]');
    const www = explain('http://www.a.test:8080/api/x?y=%41');
    assert.equal(www.route?.source, 'hosts["a.test"].redirectFrom');
    assert.equal(www.route?.action, 'redirect 308 to a.test');
    assert.deepEqual(www.answer, { ...OWN, status: 308, location: 'http://a.test:8080/api/x?y=%41' });
    assert.equal(www.others.length, 5);
    for (const { why } of www.others) assert.equal(why, 'www.a.test is redirected as a whole');
  });

  test('exact beats prefix, longer beats shorter, and segments are whole', () => {
    const whyOf = (found: Explanation) =>
      Object.fromEntries(found.others.map(({ pattern, why }) => [pattern, why]));
    const exact = explain('http://a.test/api/ping');
    assert.equal(exact.route?.pattern, '/api/ping');
    assert.equal(exact.route?.why, 'the pattern is exactly this path');
    assert.deepEqual(exact.answer, { ...OWN, status: 201 });
    assert.deepEqual(whyOf(exact), {
      '/api/*': 'matches too, but /api/ping is more specific',
      '/api/v2/*': '/api/ping is not below /api/v2/',
      '/docs': 'stands for /docs alone',
      '/*': 'matches too, but /api/ping is more specific',
    });
    const below = explain('http://a.test/api/ping/x');
    assert.equal(below.route?.pattern, '/api/*');
    assert.equal(whyOf(below)['/api/ping'], 'stands for /api/ping alone; /api/ping/* would match');
    const longer = explain('http://a.test/api/v2x');
    assert.equal(longer.route?.pattern, '/api/*');
    assert.equal(whyOf(longer)['/api/v2/*'], 'matches whole segments: /api/v2x is not below /api/v2/');
    const docs = explain('http://a.test/docs?a=1');
    assert.deepEqual(docs.answer, { ...OWN, status: 302, location: '/manual/?a=1' });
  });

  test('the gateway answers by itself where no replica is asked', () => {
    for (const [url, args, status, code] of [
      ['http://a.test/app', { method: 'POST' }, 405, 'METHOD_NOT_ALLOWED'],
      ['http://a.test/.git/config', {}, 404, 'NOT_FOUND'],
      ['http://a.test/assets/app.js.map', {}, 404, 'NOT_FOUND'],
      ['http://a.test/api/x', { method: 'OPTIONS', headers: [['Max-Forwards', '0']] }, 204, null],
    ] as [string, Asked, number, ErrorCode | null][]) {
      const found = explain(url, args);
      assert.deepEqual(found.answer, { ...OWN, status, code }, url);
      assert.equal(found.requestToReplica, null);
      assert.equal(found.replicas, null);
    }
  });
});

suite('the head for the replica is the one it receives', () => {
  /** Method, target and further header lines of a request. */
  const REQUESTS: [method: string, target: string, headers: string[]][] = [
    ['GET', '/api/%41?q=%41', []],
    ['POST', '/api/x', ['Content-Length: 2', 'Content-Type: text/plain']],
    ['DELETE', '/api/v2/x', ['X-Drop: 1', 'X-Tenant: red', 'X-Keep: 1']],
    ['GET', '/api/v2', []],
    ['GET', '/api/x', ['X-Forwarded-For: 6.6.6.6', 'X_Under: 1', 'Via: 1.0 fred', 'Forwarded: for=6.6.6.6']],
    ['GET', '/api/x', ['Connection: X-Hop, close', 'X-Hop: 1', 'TE: trailers', 'Keep-Alive: 5']],
    ['GET', '/page', ['Cookie: a=b', 'Accept: text/html']],
    // Kept for everybody, so asked for without what makes an answer personal.
    ['GET', '/assets/index-jMnLhQKh.js', ['Cookie: a=b', 'Accept-Encoding: gzip', 'If-None-Match: "x"']],
    ['HEAD', '/assets/index-4uM4t9yr.js', ['Cookie: a=b']],
  ];

  test('for every kind of request', async (t) => {
    const replica = await startReplica(t);
    const gateway = await startGateway(t, config(replica.url), { args: ['--workers', '1'] });
    const authority = `a.test:${gateway.port}`;
    for (const [index, [method, target, lines]] of REQUESTS.entries()) {
      const client = await connectRaw(t, gateway.port);
      const body = lines.some((line) => line.startsWith('Content-Length')) ? 'hi' : '';
      const head = [`${method} ${target} HTTP/1.1`, `Host: ${authority}`, ...lines, '', ''].join('\r\n');
      await client.send(head + body);
      await client.response(method);
      assert.equal(replica.requests.length, index + 1);
      const received = replica.requests[index]!.head.trimEnd().split('\r\n');
      const headers = lines.map((line) => line.split(': ') as [string, string]);
      const found = explain(`http://${authority}${target}`, { method, headers, replica: replica.url });
      assert.equal(found.answer, null);
      assert.deepEqual(found.requestToReplica?.map(neutral), received.map(neutral));
    }
  });
});

/** Without the name in Via, which is one process's own, and with the address that stands for the client's. */
function neutral(line: string): string {
  const named = line.replace(/parvis-\w+$/, 'parvis-X');
  return named.replaceAll('127.0.0.1;', '203.0.113.7;').replace(/: 127\.0\.0\.1$/, ': 203.0.113.7');
}
