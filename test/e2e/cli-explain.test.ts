// `explain` says what the gateway does: which route answers and why the others do not, and the very head that a
// replica receives.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import type { Explanation } from '../../src/gateway/explain.ts';
import { type Scope, temporaryFolder } from '../support/fixtures.ts';
import { runGateway, startGateway } from '../support/gateway-process.ts';
import { connectRaw } from '../support/raw-client.ts';
import { startReplica } from '../support/recording-replica.ts';

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

type Asked = { code: number | null; text: string };

async function configFile(scope: Scope, replica = 'http://127.0.0.1:9'): Promise<string> {
  const text = `export default ${JSON.stringify(config(replica))};`;
  return join(await temporaryFolder(scope, { 'c.mjs': text }), 'c.mjs');
}

async function explainText(...args: string[]): Promise<Asked> {
  const { code, stdout, stderr } = await runGateway(['explain', ...args]);
  assert.equal(stderr, '');
  return { code, text: stdout };
}

async function explainJson(...args: string[]): Promise<Explanation & { code: number | null }> {
  const { code, text } = await explainText('--json', ...args);
  return { ...(JSON.parse(text) as Explanation), code };
}

suite('the Lumira stack', { concurrency: 2 }, () => {
  test('an API path that looks like an image goes to the API', async () => {
    const { code, text } = await explainText('https://oraclelumira.com/api/x.png');
    assert.equal(code, 0);
    for (const part of [
      'GET oraclelumira.com/api/x.png\n',
      'host     hosts["oraclelumira.com"]\n',
      'route    hosts["oraclelumira.com"].routes["/api/*"]\n',
      'matches /api/x.png, and no longer pattern does\n',
      'action   proxy to api\n',
      'http://api-2:3000\n',
      '  /*  spa from main: matches too, but /api/* is more specific\n',
      '  GET /api/x.png HTTP/1.1\n',
      '  x-frame-options: SAMEORIGIN\n',
      '  strict-transport-security: max-age=31536000; includeSubDomains\n',
    ]) {
      assert.ok(text.includes(part), `${JSON.stringify(part)} is not in\n${text}`);
    }
  });

  test('and as JSON', async () => {
    const { code, ...found } = await explainJson('https://oraclelumira.com/api/x.png');
    assert.equal(code, 0);
    assert.equal(found.refusal, null);
    assert.equal(found.host?.name, 'oraclelumira.com');
    assert.deepEqual(found.route, {
      source: 'hosts["oraclelumira.com"].routes["/api/*"]',
      pattern: '/api/*',
      action: 'proxy to api',
      why: 'matches /api/x.png, and no longer pattern does',
    });
    assert.deepEqual(found.others, [
      {
        source: 'hosts["oraclelumira.com"].routes["/*"]',
        pattern: '/*',
        action: 'spa from main',
        why: 'matches too, but /api/* is more specific',
      },
    ]);
    assert.deepEqual(found.replicas?.urls, ['http://api-1:3000', 'http://api-2:3000', 'http://api-3:3000']);
    assert.equal(found.answer, null);
    assert.equal(found.requestToReplica?.[0], 'GET /api/x.png HTTP/1.1');
  });

  test('HSTS is there for https and not for http', async () => {
    const secure = await explainJson('https://oraclelumira.com/');
    const plain = await explainJson('http://oraclelumira.com/');
    const names = ({ policies }: Explanation) => policies!.responseSet.map(([name]) => name);
    assert.ok(names(secure).includes('strict-transport-security'));
    assert.ok(!names(plain).includes('strict-transport-security'));
    assert.ok(secure.requestToReplica!.includes('x-forwarded-proto: https'));
    assert.ok(plain.requestToReplica!.includes('x-forwarded-proto: http'));
  });
});

suite('why', { concurrency: 2 }, () => {
  test('the gate refuses', async (t) => {
    const file = await configFile(t);
    for (const [url, code, status] of [
      ['http://a.test/a/../b', 'BAD_TARGET', 400],
      ['http://a.test//b', 'BAD_TARGET', 400],
      ['http://a.test/a%2Fb', 'BAD_TARGET', 400],
      ['http://user@a.test/', 'BAD_HOST', 400],
      ['http://a.test:99999/', 'BAD_HOST', 400],
    ] as const) {
      const found = await explainJson(url, '--config', file);
      assert.equal(found.code, 1);
      assert.equal(found.refusal?.code, code, url);
      assert.equal(found.refusal?.status, status);
      assert.deepEqual(found.answer, { status, location: null });
      assert.equal(found.route, null);
    }
    const { text } = await explainText('http://a.test/..', '--config', file);
    assert.equal(text, 'refused at the gate: 400 BAD_TARGET. The request target is not a valid path.\n');
  });

  test('a host is unknown', async (t) => {
    const file = await configFile(t);
    for (const name of ['b.test', 'deep.x.a.test', 'xa.test']) {
      const { code, text } = await explainText(`http://${name}/`, '--config', file);
      assert.equal(code, 1);
      assert.match(text, new RegExp(`^No host of the config answers for ${name}: 404 HOST_UNKNOWN\\.$`, 'm'));
    }
  });

  test('a wildcard host answers, or has no route for the path', async (t) => {
    const file = await configFile(t);
    const found = await explainJson('http://X.a.test.:8080/only', '--config', file);
    assert.equal(found.host?.name, '*.a.test');
    assert.equal(found.request?.host, 'x.a.test');
    assert.equal(found.route?.pattern, '/only/*');
    const { code, text } = await explainText('http://x.a.test/other', '--config', file);
    assert.equal(code, 1);
    assert.match(text, /^host {5}hosts\["\*\.a\.test"\] \(\*\.a\.test\)$/m);
    assert.match(text, /^route {4}none matches: 404 NOT_FOUND$/m);
    assert.match(text, /^ {2}\/only\/\* {2}proxy to three: \/other is not below \/only\/$/m);
    assert.doesNotMatch(text, /sent to the replica/);
  });

  test('an alias leads to the same routes, another name of the host to a redirect', async (t) => {
    const file = await configFile(t);
    const alias = await explainJson('http://alias.test/api/x', '--config', file);
    assert.equal(alias.route?.source, 'hosts["a.test"].routes["/api/*"]');
    const www = await explainJson('http://www.a.test:8080/api/x?y=%41', '--config', file);
    assert.equal(www.code, 0);
    assert.equal(www.route?.source, 'hosts["a.test"].redirectFrom');
    assert.equal(www.route?.action, 'redirect 308 to a.test');
    assert.deepEqual(www.answer, { status: 308, location: 'http://a.test:8080/api/x?y=%41' });
    assert.equal(www.others.length, 5);
    for (const { why } of www.others) assert.equal(why, 'www.a.test is redirected as a whole');
  });

  test('exact beats prefix, longer beats shorter, and segments are whole', async (t) => {
    const file = await configFile(t);
    const whyOf = (found: Explanation) =>
      Object.fromEntries(found.others.map(({ pattern, why }) => [pattern, why]));
    const exact = await explainJson('http://a.test/api/ping', '--config', file);
    assert.equal(exact.route?.pattern, '/api/ping');
    assert.equal(exact.route?.why, 'the pattern is exactly this path');
    assert.deepEqual(exact.answer, { status: 201, location: null });
    assert.deepEqual(whyOf(exact), {
      '/api/*': 'matches too, but /api/ping is more specific',
      '/api/v2/*': '/api/ping is not below /api/v2/',
      '/docs': 'stands for /docs alone',
      '/*': 'matches too, but /api/ping is more specific',
    });
    const below = await explainJson('http://a.test/api/ping/x', '--config', file);
    assert.equal(below.route?.pattern, '/api/*');
    assert.equal(whyOf(below)['/api/ping'], 'stands for /api/ping alone; /api/ping/* would match');
    const longer = await explainJson('http://a.test/api/v2x', '--config', file);
    assert.equal(longer.route?.pattern, '/api/*');
    assert.equal(whyOf(longer)['/api/v2/*'], 'matches whole segments: /api/v2x is not below /api/v2/');
    const docs = await explainJson('http://a.test/docs?a=1', '--config', file);
    assert.deepEqual(docs.answer, { status: 302, location: '/manual/?a=1' });
  });

  test('the gateway answers by itself where no replica is asked', async (t) => {
    const file = await configFile(t);
    for (const [url, args, status] of [
      ['http://a.test/app', ['--method', 'post'], 405],
      ['http://a.test/.git/config', [], 404],
      ['http://a.test/assets/app.js.map', [], 404],
      ['http://a.test/api/x', ['--method', 'OPTIONS', '--header', 'Max-Forwards: 0'], 204],
    ] as const) {
      const found = await explainJson(url, ...args, '--config', file);
      assert.equal(found.code, 0);
      assert.deepEqual(found.answer, { status, location: null }, url);
      assert.equal(found.requestToReplica, null);
    }
  });
});

suite('the head for the replica is the one it receives', { concurrency: 2 }, () => {
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
    ['HEAD', '/assets/index-jMnLhQKh.js', ['Cookie: a=b']],
  ];

  for (const [method, target, headers] of REQUESTS) {
    test(`${method} ${target} ${headers.join(' | ')}`, async (t) => {
      const replica = await startReplica(t);
      const gateway = await startGateway(t, config(replica.url), { args: ['--workers', '1'] });
      const authority = `a.test:${gateway.port}`;
      const client = await connectRaw(t, gateway.port);
      const lines = [`Host: ${authority}`, ...headers].map((line) => `${line}\r\n`);
      const body = headers.some((line) => line.startsWith('Content-Length')) ? 'hi' : '';
      await client.send(`${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
      await replica.until(({ requests }) => requests.length === 1);
      const received = replica.connections[0]!.bytes.toString('latin1');
      const head = received.slice(0, received.indexOf('\r\n\r\n')).split('\r\n');

      const options = headers.flatMap((line) => ['--header', line]);
      const url = `http://${authority}${target}`;
      const args = ['--config', gateway.configFile, '--method', method, ...options];
      const found = await explainJson(url, ...args);
      assert.equal(found.answer, null);
      // The name in Via is one process's own, and nobody but the client knows the client's address.
      const neutral = (line: string) =>
        line
          .replace(/parvis-\w+$/, 'parvis-X')
          .replaceAll('127.0.0.1;', '203.0.113.7;')
          .replace(/: 127\.0\.0\.1$/, ': 203.0.113.7');
      assert.deepEqual(found.requestToReplica?.map(neutral), head.map(neutral));
    });
  }

  test('--header Host asks for another name, as with curl', async (t) => {
    const file = await configFile(t);
    const found = await explainJson(
      'http://127.0.0.1:8080/api/x',
      '--header',
      'Host: a.test',
      '--config',
      file,
    );
    assert.equal(found.request?.host, 'a.test');
    assert.equal(found.requestToReplica?.[1], 'host: a.test');
  });
});
