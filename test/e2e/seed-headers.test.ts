// Every header value of the two nginx configurations that the gateway replaces is on every kind of response of the
// matching configuration. The expected values are read from the nginx excerpts in `seeds/`, the configurations are
// the real ones with their replicas replaced.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, suite, test } from 'node:test';
import { startGateway } from '../support/gateway-process.ts';
import { type Ask, ask, NAVIGATION, type Reply } from '../support/plain-request.ts';
import { headersOf } from '../support/response-parser.ts';
import { suiteScope } from '../support/suite-scope.ts';
import { HASHED, INDEX, REPLICAS_OWN, replacing, SCRIPT, type Stack, startStack } from './seed-stack.ts';

const seed = (name: string): string => readFileSync(join(import.meta.dirname, 'seeds', name), 'utf8');

const LUMIRA = seed('lumira-nginx.conf');
/** `add_header NAME "VALUE" always;`, where a repeated block says the same. */
const lumira = new Map(
  [...LUMIRA.matchAll(/^\s*add_header (\S+) "([^"]+)" always;$/gm)].map(([, name, value]) => [name!, value!]),
);

const ORCHESTRA = seed('orchestra-nginx.conf');
/** `NAME: VALUE` below the cache policy, which comes first and has its own test. */
const orchestra = new Map(
  [...ORCHESTRA.matchAll(/^(X-[\w-]+|Referrer-Policy): (.+)$/gm)].map(([, name, value]) => [name!, value!]),
);

const HSTS = 'Strict-Transport-Security';
const CSP = 'Content-Security-Policy';
interface Kind {
  name: string;
  target: string;
  status: number;
  ask?: Ask;
  /** Part of the body, to be sure who answered. */
  body?: string;
}

/** Every kind of response of a host with an SPA container at `/*` and an API at `/api/*`. */
const KINDS: Kind[] = [
  { name: 'a document', target: '/', status: 200, body: INDEX },
  {
    name: 'a deep link',
    target: '/orders/42',
    status: 200,
    ask: { headers: { Accept: NAVIGATION } },
    body: INDEX,
  },
  { name: 'a hashed asset', target: HASHED, status: 200, body: SCRIPT },
  { name: 'a hashed asset from memory', target: HASHED, status: 200, body: SCRIPT },
  { name: 'an asset without a hash', target: '/logo.png', status: 200, body: 'png' },
  {
    name: 'a compressed asset',
    target: HASHED,
    status: 200,
    ask: { headers: { 'Accept-Encoding': 'gzip' } },
  },
  { name: 'a missing asset', target: '/assets/gone-Cx7Yb2_1.js', status: 404, body: 'NOT_FOUND' },
  {
    name: 'a missing image that a browser opens',
    target: '/gone.png',
    status: 404,
    ask: { headers: { Accept: NAVIGATION } },
    body: 'NOT_FOUND',
  },
  { name: 'an answer of the API', target: '/api/orders', status: 200, body: '"api"' },
  { name: 'an image of the API', target: '/api/x.png', status: 200, body: '"api"' },
  { name: 'a 404 of the API', target: '/api/missing', status: 404, body: '"api"' },
  { name: 'a 500 of the API', target: '/api/broken', status: 500, body: '"api"' },
  { name: 'HEAD of a document', target: '/', status: 200, ask: { method: 'HEAD' } },
  { name: 'HEAD of an asset', target: HASHED, status: 200, ask: { method: 'HEAD' } },
  { name: 'HEAD of the API', target: '/api/orders', status: 200, ask: { method: 'HEAD' } },
  { name: 'a part of an asset', target: HASHED, status: 206, ask: { headers: { Range: 'bytes=0-9' } } },
  {
    name: 'a range that does not exist',
    target: HASHED,
    status: 416,
    ask: { headers: { Range: 'bytes=999999-' } },
  },
  { name: 'an unchanged document', target: '/', status: 304, ask: { headers: { 'If-None-Match': '"v1"' } } },
  {
    name: 'an unchanged image',
    target: '/logo.png',
    status: 304,
    ask: { headers: { 'If-None-Match': '"v1"' } },
  },
  { name: 'a method that is not allowed', target: '/', status: 405, ask: { method: 'DELETE' } },
];

function assertHeaders(reply: Reply, expected: ReadonlyMap<string, string>, secure: boolean): void {
  for (const [name, value] of expected) {
    // Exactly one line with our value, whatever the replica sent.
    assert.deepEqual(headersOf(reply, name), name === HSTS && !secure ? [] : [value], name);
  }
  // Where we have no value the replica's own may pass, but never over plain HTTP (RFC 6797 section 7.2).
  if (!expected.has(HSTS) && !secure) assert.deepEqual(headersOf(reply, HSTS), []);
  assert.ok(headersOf(reply, HSTS).length <= 1);
  assert.deepEqual(headersOf(reply, 'server'), []);
}

const HTTPS = { 'X-Forwarded-Proto': 'https' };

function headerTests(
  stack: () => Stack,
  host: string,
  expected: ReadonlyMap<string, string>,
  kinds: Kind[],
): void {
  for (const secure of [false, true]) {
    for (const kind of kinds) {
      test(`${host}: ${kind.name}${secure ? ', over https' : ''}`, async () => {
        const headers = { ...kind.ask?.headers, ...(secure && HTTPS) };
        // The first request may be the one that fills the memory.
        const reply = await ask(stack().gateway.port, kind.target, { ...kind.ask, host, headers });
        assert.equal(reply.status, kind.status, reply.text);
        if (kind.body !== undefined) assert.ok(reply.text.includes(kind.body), reply.text);
        assertHeaders(reply, expected, secure);
      });
    }
    for (const target of ['/', HASHED, '/api/orders']) {
      test(`${host}: 503 of ${target}${secure ? ', over https' : ''}`, async () => {
        const headers = secure ? HTTPS : {};
        const reply = await ask(stack().broken.port, target, { host, headers });
        assert.equal(reply.status, 503);
        assertHeaders(reply, expected, secure);
      });
    }
  }
}

suite('the Lumira stack', () => {
  const scope = suiteScope();
  let stack: Stack;
  before(async () => {
    stack = await startStack(scope, 'routes.config.ts', ['main', 'desk'], ['api', 'crm']);
  });

  test('the excerpt names six headers', () => {
    assert.deepEqual(
      [...lumira.keys()].sort(),
      [CSP, HSTS, 'Referrer-Policy', 'X-Content-Type-Options', 'X-Frame-Options', 'X-XSS-Protection'].sort(),
    );
  });

  headerTests(() => stack, 'oraclelumira.com', lumira, KINDS);
  headerTests(() => stack, 'desk.oraclelumira.com', lumira, KINDS);

  for (const secure of [false, true]) {
    test(`the redirect from www${secure ? ', over https' : ''}`, async () => {
      const headers = secure ? HTTPS : {};
      const reply = await ask(stack.gateway.port, '/a?b=c', { host: 'www.oraclelumira.com', headers });
      assert.equal(reply.status, 308);
      assert.equal(reply.header('location'), `${secure ? 'https' : 'http'}://oraclelumira.com/a?b=c`);
      assertHeaders(reply, lumira, secure);
    });
  }

  test('the CRM keeps its own Content-Security-Policy and gets everything else', async () => {
    const reply = await ask(stack.gateway.port, '/index.php', { host: 'crm.oraclelumira.com' });
    const withoutCsp = new Map(lumira);
    withoutCsp.delete(CSP);
    assertHeaders(reply, withoutCsp, false);
    assert.equal(reply.header(CSP), REPLICAS_OWN[CSP]);
  });

  test('https is believed from a trusted proxy only', async (t) => {
    const config = replacing('routes.config.ts', {
      main: 'http://127.0.0.1:1',
      desk: 'http://127.0.0.1:1',
      api: stack.replica.url,
      crm: 'http://127.0.0.1:1',
    });
    const gateway = await startGateway(t, `${config}`.replace("['127.0.0.1']", '[]'));
    const reply = await ask(gateway.port, '/api/orders', { host: 'oraclelumira.com', headers: HTTPS });
    assert.equal(reply.status, 200);
    assertHeaders(reply, lumira, false);
  });

  test('what nginx does with assets: a year, public and immutable', async () => {
    const [, life] = /expires (\w+);/.exec(LUMIRA)!;
    const [, value] = /add_header Cache-Control "([^"]+)";/.exec(LUMIRA)!;
    assert.equal(life, '1y');
    const reply = await ask(stack.gateway.port, HASHED, { host: 'oraclelumira.com' });
    assertDirectives(reply, [...value!.split(', '), YEAR]);
  });
});

suite("the Orchestr'A stack", () => {
  const scope = suiteScope();
  let stack: Stack;
  before(async () => {
    const file = 'examples/orchestra.routes.config.ts';
    stack = await startStack(scope, file, ['frontend'], ['backend', 'minio-api', 'minio-console']);
  });

  test('the excerpt names four headers', () => assert.equal(orchestra.size, 4));

  headerTests(() => stack, 'orchestra.example.com', orchestra, KINDS);

  test('the cache policy of the excerpt', async () => {
    const policies = [...ORCHESTRA.matchAll(/^# (\S+).*\nCache-Control: (.+)$/gm)].map(([, what, value]) => [
      what!,
      value!,
    ]);
    const policy = Object.fromEntries(policies);
    const host = 'orchestra.example.com';
    const document = await ask(stack.gateway.port, '/', { host });
    assert.equal(document.header('cache-control'), policy['HTML:']);
    const worker = await ask(stack.gateway.port, '/sw.js', { host });
    assertDirectives(worker, [policy.Service!]);
    assert.match(ORCHESTRA, /^Expires: 1y$/m);
    for (const target of [HASHED, '/static/logo.svg']) {
      const asset = await ask(stack.gateway.port, target, { host });
      assertDirectives(asset, [...policy.Assets!.split(', '), YEAR]);
    }
  });

  test('the console of MinIO has them as well, its files do not', async () => {
    const console = await ask(stack.gateway.port, '/', { host: 'minio.orchestra.example.com' });
    assertHeaders(console, orchestra, false);
    const file = await ask(stack.gateway.port, '/bucket/x', { host: 'files.orchestra.example.com' });
    for (const [name, value] of Object.entries(REPLICAS_OWN)) {
      assert.deepEqual(headersOf(file, name), name === 'Server' ? [] : [value], name);
    }
  });
});

/** What nginx makes of `expires 1y` in Cache-Control, which RFC 9111 section 5.3 lets win over Expires. */
const YEAR = 'max-age=31536000';

function assertDirectives(reply: Reply, expected: string[]): void {
  const directives = reply.header('cache-control')?.split(', ') ?? [];
  for (const directive of expected)
    assert.ok(directives.includes(directive), `${directive} in ${directives}`);
}
