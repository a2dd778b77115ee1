// The policies `security`, `headers` and `cache`, on proxied answers and on our own, of a host and of a route.

import assert from 'node:assert/strict';
import { before, beforeEach, test } from 'node:test';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';
import { type Ask, ask, type Reply } from '../support/plain-request.ts';
import { answer, type RecordingReplica, startReplica } from '../support/recording-replica.ts';
import { headersOf } from '../support/response-parser.ts';
import { suiteScope } from '../support/suite-scope.ts';

const scope = suiteScope();
let replica: RecordingReplica;
let gateway: GatewayProcess;

before(async () => {
  replica = await startReplica(scope);
  const proxy = 'api';
  gateway = await startGateway(
    scope,
    {
      workers: 1,
      trustedProxies: ['127.0.0.1'],
      upstreams: { api: { replicas: [replica.url] } },
      hosts: {
        'default.test': { routes: { '/*': { proxy } } },
        'security.test': {
          policies: {
            security: {
              csp: { 'default-src': ["'self'"], 'img-src': ["'self'", 'data:'] },
              cspReportOnly: { 'default-src': ["'none'"] },
              hsts: { maxAge: '365d', includeSubDomains: true, preload: true },
              frameOptions: 'DENY',
              xssProtection: false,
              permissionsPolicy: 'camera=()',
              crossOriginOpenerPolicy: 'same-origin',
            },
          },
          routes: {
            '/*': { proxy },
            '/framed/*': { proxy, security: { frameOptions: false } },
            '/off/*': { proxy, security: false },
            '/ours': { respond: { body: 'x' } },
          },
        },
        'headers.test': {
          policies: {
            headers: {
              request: { set: { 'X-Gate': 'host' }, remove: ['X-Debug', 'Accept-Language'] },
              response: {
                set: { 'X-One': 'host', 'X-Two': 'host', 'X-Frame-Options': 'DENY' },
                remove: ['X-Internal'],
              },
            },
          },
          routes: {
            '/*': { proxy },
            '/route/*': {
              proxy,
              headers: { request: { set: { 'X-Gate': 'route' } }, response: { set: { 'X-One': 'route' } } },
            },
            '/own': { respond: { body: 'x', headers: { 'X-One': 'respond', 'X-Internal': 'y' } } },
            '/files/*': { files: { root: 'public' } },
          },
        },
        'both.test': {
          policies: {
            security: { frameOptions: 'DENY', permissionsPolicy: 'camera=()', hsts: 'max-age=1' },
            headers: {
              response: {
                set: { 'Strict-Transport-Security': 'max-age=2', 'Permissions-Policy': 'usb=()' },
                remove: ['X-Frame-Options', 'Referrer-Policy'],
              },
            },
          },
          routes: { '/*': { proxy }, '/ours': { respond: { body: 'x' } } },
        },
        'cache.test': {
          policies: { cache: 'public, max-age=60' },
          routes: {
            '/*': { proxy },
            '/forced/*': { proxy, cache: { control: 'no-store', override: true } },
            '/set/*': { proxy, headers: { response: { set: { 'Cache-Control': 'private' } } } },
            '/files/*': {
              files: { root: 'public' },
              headers: { response: { set: { 'Cache-Control': 'private' } } },
            },
          },
        },
      },
    },
    { files: { 'public/x.txt': 'file' } },
  );
});

beforeEach(() => {
  replica.script = () => answer('{}', { 'Content-Type': 'application/json' });
});

const get = (host: string, target: string, options: Ask = {}): Promise<Reply> =>
  ask(gateway.port, target, { ...options, host });

const DEFAULTS = {
  'x-frame-options': 'SAMEORIGIN',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'strict-origin-when-cross-origin',
  'x-xss-protection': '0',
};

test('defaults fill in what the replica does not send, and nothing else', async () => {
  const bare = await get('default.test', '/x');
  for (const [name, value] of Object.entries(DEFAULTS)) assert.equal(bare.header(name), value);
  assert.equal(bare.header('content-security-policy'), undefined);
  assert.equal(bare.header('strict-transport-security'), undefined);
  replica.script = () =>
    answer('{}', {
      'X-FRAME-OPTIONS': 'DENY',
      'Referrer-Policy': 'no-referrer',
      Server: 'x',
      'X-Powered-By': 'y',
    });
  const own = await get('default.test', '/x');
  const names = ['x-frame-options', 'referrer-policy', 'x-content-type-options', 'server', 'x-powered-by'];
  const values = names.map((name) => own.header(name));
  assert.deepEqual(values, ['DENY', 'no-referrer', 'nosniff', undefined, undefined]);
});

test('a default returns where the replica calls its own header hop-by-hop', async () => {
  replica.script = () => answer('{}', { 'X-Frame-Options': 'ALLOWALL', Connection: 'X-Frame-Options' });
  assert.equal((await get('default.test', '/x')).header('x-frame-options'), 'SAMEORIGIN');
});

test('what is named replaces what the replica sends, what is turned off is dropped', async () => {
  replica.script = () =>
    answer('{}', {
      'Content-Security-Policy': '*',
      'X-XSS-Protection': '1',
      'X-Frame-Options': 'ALLOWALL',
      'Permissions-Policy': 'x',
    });
  const expected = {
    'content-security-policy': "default-src 'self';img-src 'self' data:",
    'content-security-policy-report-only': "default-src 'none'",
    'x-frame-options': 'DENY',
    'x-xss-protection': undefined,
    'permissions-policy': 'camera=()',
    'cross-origin-opener-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
    'strict-transport-security': undefined,
  };
  for (const target of ['/x', '/ours']) {
    const reply = await get('security.test', target);
    for (const [name, value] of Object.entries(expected))
      assert.equal(reply.header(name), value, `${target} ${name}`);
    const secure = await get('security.test', target, { headers: { 'X-Forwarded-Proto': 'https' } });
    assert.equal(secure.header('strict-transport-security'), 'max-age=31536000; includeSubDomains; preload');
  }
});

test('a route changes one field of the host and keeps the others', async () => {
  const reply = await get('security.test', '/framed/x');
  assert.equal(reply.header('x-frame-options'), undefined);
  assert.equal(reply.header('permissions-policy'), 'camera=()');
});

test('security: false leaves the replica alone', async () => {
  replica.script = () => answer('{}', { 'X-Frame-Options': 'ALLOWALL' });
  const reply = await get('security.test', '/off/x');
  assert.equal(reply.header('x-frame-options'), 'ALLOWALL');
  for (const name of ['content-security-policy', 'x-content-type-options', 'permissions-policy']) {
    assert.equal(reply.header(name), undefined);
  }
});

test('headers of the request are set and removed, whatever the client sent', async () => {
  const headers = { 'x-gate': 'client', 'X-Debug': '1', 'accept-language': 'fr', 'X-Kept': '1' };
  for (const [target, gate] of [
    ['/x', 'host'],
    ['/route/x', 'route'],
  ] as const) {
    await get('headers.test', target, { headers });
    const request = replica.requests.at(-1)!;
    const values = ['x-gate', 'x-debug', 'accept-language', 'x-kept'].map((name) => headersOf(request, name));
    assert.deepEqual(values, [[gate], [], [], ['1']]);
  }
});

test('headers of the response are set and removed, on every kind of answer', async () => {
  replica.script = () =>
    answer('{}', { 'X-One': 'replica', 'x-internal': 'secret', 'X-Kept': '1', 'X-Powered-By': 'php' });
  for (const [target, one] of [
    ['/x', 'host'],
    ['/route/x', 'route'],
    ['/own', 'host'],
    ['/files/x.txt', 'host'],
    ['/files/gone', 'host'],
  ] as const) {
    for (const method of ['GET', 'HEAD']) {
      if (method === 'HEAD')
        replica.script = 'HTTP/1.1 200 OK\r\nX-One: replica\r\nX-Internal: x\r\nContent-Length: 0\r\n\r\n';
      const reply = await get('headers.test', target, { method });
      const values = ['x-one', 'x-two', 'x-internal', 'x-frame-options'].map((name) => reply.header(name));
      assert.deepEqual(values, [one, 'host', undefined, 'DENY'], `${method} ${target}`);
    }
  }
});

test('headers have the last word on what security names, but never send HSTS over plain HTTP', async () => {
  for (const target of ['/x', '/ours']) {
    const reply = await get('both.test', target);
    const names = ['x-frame-options', 'referrer-policy', 'permissions-policy', 'strict-transport-security'];
    assert.deepEqual(
      names.map((name) => headersOf(reply, name)),
      [[], [], ['usb=()'], []],
    );
    const secure = await get('both.test', target, { headers: { 'X-Forwarded-Proto': 'https' } });
    assert.deepEqual(headersOf(secure, 'strict-transport-security'), ['max-age=2']);
  }
});

test('cache fills in, override replaces, and errors are never made cacheable', async () => {
  const control = async (target: string) => (await get('cache.test', target)).header('cache-control');
  assert.equal(await control('/x'), 'public, max-age=60');
  assert.equal(await control('/forced/x'), 'no-store');
  replica.script = () => answer('{}', { 'Cache-Control': 'private, max-age=5' });
  assert.equal(await control('/x'), 'private, max-age=5');
  assert.equal(await control('/forced/x'), 'no-store');
  for (const status of [400, 404, 500, 503]) {
    replica.script = () => answer('{}', {}, status);
    assert.equal(await control('/x'), undefined, String(status));
  }
});

test('a Cache-Control that headers set is the only one, on files as well', async () => {
  replica.script = () => answer('{}', { 'Cache-Control': 'max-age=5' });
  assert.equal((await get('cache.test', '/set/x')).header('cache-control'), 'private');
  const file = await get('cache.test', '/files/x.txt');
  assert.equal(file.header('cache-control'), 'private');
  const conditions = { 'If-None-Match': file.header('etag')!, Range: 'bytes=0-1' };
  for (const [name, value] of Object.entries(conditions)) {
    const headers = { [name]: value };
    assert.equal((await get('cache.test', '/files/x.txt', { headers })).header('cache-control'), 'private');
  }
});
