// The `redirect` and `respond` actions, and `redirectFrom`: answers that come from the config alone.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';
import { type Ask, ask, type Reply } from '../support/plain-request.ts';
import { exchangeRaw } from '../support/raw-client.ts';
import { suiteScope } from '../support/suite-scope.ts';

const scope = suiteScope();
let gateway: GatewayProcess;

before(async () => {
  gateway = await startGateway(scope, {
    workers: 1,
    hosts: {
      'a.test': {
        redirectFrom: ['www.a.test'],
        policies: { security: { csp: "default-src 'self'" } },
        routes: {
          '/docs': { redirect: '/docs/' },
          '/old/*': { redirect: '/new/*' },
          '/root/*': { redirect: '/*' },
          '/all/*': { redirect: '/one' },
          '/away/*': { redirect: { to: 'https://b.test/x/*', status: 301 } },
          '/found': { redirect: { to: '/there?x=1#part', status: 302 } },
          '/bare': { redirect: { to: '/there', status: 307, keepQuery: false } },
          '/ping': { respond: { body: 'pong' } },
          '/json': {
            respond: {
              status: 201,
              body: '{"a":1}',
              headers: { 'Content-Type': 'application/json', 'X-A': 'b' },
            },
          },
          '/empty': { respond: { status: 204 } },
          '/gone': { respond: { status: 410, body: 'gone' } },
        },
      },
    },
  });
});

const get = (target: string, options?: Ask): Promise<Reply> => ask(gateway.port, target, options);

const REDIRECTS: [target: string, status: number, location: string][] = [
  ['/docs', 308, '/docs/'],
  ['/docs?a=%2F&a=b&&c', 308, '/docs/?a=%2F&a=b&&c'],
  ['/old', 308, '/new'],
  ['/old/', 308, '/new/'],
  ['/old/a/b%20c?q', 308, '/new/a/b%20c?q'],
  ['/root/a', 308, '/a'],
  ['/root', 308, '/'],
  ['/root/', 308, '/'],
  ['/all/a/b?q=1', 308, '/one?q=1'],
  ['/away', 301, 'https://b.test/x'],
  ['/away/y?z', 301, 'https://b.test/x/y?z'],
  ['/found', 302, '/there?x=1#part'],
  ['/found?y=2', 302, '/there?x=1&y=2#part'],
  ['/bare?y=2', 307, '/there'],
];

for (const [target, status, location] of REDIRECTS) {
  test(`${target} → ${status} ${location}`, async () => {
    for (const method of ['GET', 'HEAD', 'POST', 'DELETE']) {
      const reply = await get(target, { method });
      assert.deepEqual([reply.status, reply.header('location')], [status, location], method);
      assert.equal(reply.header('content-length'), '0');
      assert.equal(reply.header('content-security-policy'), "default-src 'self'");
    }
  });
}

test('HI-04: no request chooses the site of a redirect, or adds a field', async () => {
  const targets = [
    '/root//evil.test',
    '/root/%2Fevil.test',
    '/root/%5Cevil.test',
    '/root/\\evil.test',
    '/root/..//evil.test',
    '/old/%0d%0aX-Evil:%20y',
    '/old/x%0aX-Evil: y',
    '/root/@evil.test',
    '/root/.evil.test',
    '/old/x?%0d%0aX-Evil:%20y',
    '/away/.evil.test',
    '/away/@evil.test',
    '//evil.test/old',
  ];
  for (const host of ['a.test', 'www.a.test']) {
    for (const target of targets) {
      const bytes = `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
      const { responses } = await exchangeRaw(gateway.port, bytes);
      const reply = responses[0]!;
      const location =
        reply.headers[reply.headers.findIndex((name) => name.toLowerCase() === 'location') + 1];
      if (reply.status === 400) continue;
      assert.ok([301, 308, 404].includes(reply.status), `${target}: ${reply.status}`);
      if (reply.status === 404) continue;
      const resolved = new URL(location!, 'http://a.test/');
      assert.ok(['a.test', 'b.test'].includes(resolved.hostname), `${host}${target} → ${location}`);
      assert.equal(
        reply.headers.some((name) => /^x-evil$/i.test(name)),
        false,
      );
    }
  }
  for (const host of ['www.a.test\r\nX-Evil: y', 'www.a.test/evil', 'www.a.test@evil.test']) {
    const { bytes } = await exchangeRaw(gateway.port, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    assert.equal(/evil/i.test(bytes.toString('latin1')), false, host);
  }
});

test('redirectFrom keeps path, query and port', async () => {
  const cases: [host: string, target: string, location: string][] = [
    ['www.a.test', '/', 'http://a.test/'],
    ['WWW.a.test.', '/x/?y=%2F', 'http://a.test/x/?y=%2F'],
    ['www.a.test:8080', '/x', 'http://a.test:8080/x'],
    ['www.a.test:80', '/x', 'http://a.test/x'],
    ['www.a.test', '/docs', 'http://a.test/docs'],
  ];
  for (const [host, target, location] of cases) {
    const reply = await get(target, { host, method: 'POST' });
    assert.deepEqual([reply.status, reply.header('location')], [308, location]);
    assert.equal(reply.header('content-security-policy'), "default-src 'self'");
  }
});

test('respond sends what is written', async () => {
  const ping = await get('/ping');
  assert.deepEqual([ping.status, ping.text], [200, 'pong']);
  assert.equal(ping.header('content-type'), 'text/plain; charset=utf-8');
  const json = await get('/json');
  assert.deepEqual([json.status, json.text, json.header('x-a')], [201, '{"a":1}', 'b']);
  assert.equal(json.header('content-type'), 'application/json');
  const empty = await get('/empty');
  assert.deepEqual([empty.status, empty.text, empty.header('content-length')], [204, '', undefined]);
  assert.equal(empty.header('content-type'), undefined);
  assert.equal((await get('/gone')).status, 410);
  const head = await get('/ping', { method: 'HEAD' });
  assert.deepEqual([head.status, head.header('content-length'), head.text], [200, '4', '']);
  assert.equal((await get('/ping', { method: 'PUT' })).text, 'pong');
});

test('SM-31: a body sent to a redirect, a fixed answer or nothing is not the next request', async () => {
  const inner = 'GET /admin HTTP/1.1\r\nX: y\r\n\r\n';
  for (const [target, status] of [
    ['/old/x', 308],
    ['/ping', 200],
    ['/nothing', 404],
    ['/empty', 204],
  ] as const) {
    for (const method of ['POST', 'GET']) {
      const bytes = `${method} ${target} HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${inner.length}\r\n\r\n${inner}`;
      const { responses } = await exchangeRaw(gateway.port, bytes);
      assert.deepEqual(
        responses.map((reply) => reply.status),
        [status],
        `${method} ${target}`,
      );
    }
  }
});

test('HI-08: an error names nothing of the request', async () => {
  for (const headers of [{ Accept: 'text/html' }, { Accept: 'application/json' }]) {
    const reply = await get('/%3Cscript%3Ealert(1)%3C/script%3E'.replace('%3C/', '%3C'), { headers });
    assert.equal(reply.status, 404);
    assert.equal(/script/.test(reply.text), false);
    assert.equal(reply.header('x-content-type-options'), 'nosniff');
    assert.equal(reply.header('content-security-policy'), "default-src 'self'");
  }
});
