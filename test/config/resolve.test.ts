// What comes out of a valid configuration: every field with its value, defaults, merged policies, nothing twice.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { GatewayConfig, PolicyConfig } from '../../src/config/contract.ts';
import { defineGateway } from '../../src/config/contract.ts';
import { formatProblem } from '../../src/config/problem.ts';
import { resolveConfig } from '../../src/config/resolve.ts';
import { type ResolvedConfig, type ResolvedPolicies, routeSource } from '../../src/config/resolved.ts';

const dir = mkdtempSync(join(tmpdir(), 'parvis-resolve-'));
after(() => rmSync(dir, { recursive: true, force: true }));

mkdirSync(join(dir, 'dist'));
mkdirSync(join(dir, 'public'));
writeFileSync(join(dir, 'dist/app.html'), '<!doctype html>');
// An authority of nobody's, valid until 2126.
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBgjCCASmgAwIBAgIUFD1jpERXuSuXOcXG1YVtFb2eVG4wCgYIKoZIzj0EAwIw
FjEUMBIGA1UEAwwLcGFydmlzLXRlc3QwIBcNMjYxMTIxMjA1OTM1WhgPMjEyNjEw
MjgyMDU5MzVaMBYxFDASBgNVBAMMC3BhcnZpcy10ZXN0MFkwEwYHKoZIzj0CAQYI
KoZIzj0DAQcDQgAEkjYSudeuDjWGNGtXfrHNtAiINSb1SbXtoXyjszW1Pzwso+eq
+/DCcgtHlv8xyHd5MoXkpwyPv+tmM+KY9sep2qNTMFEwHQYDVR0OBBYEFEXjpULJ
gV0QLcCf++eUF76kVH3/MB8GA1UdIwQYMBaAFEXjpULJgV0QLcCf++eUF76kVH3/
MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIgWVJ+NobiVYcDh8ce
K2khL0y8lj7ih7ynRUBMUrLBvQICIE0azXrDALpRGpYo42sCkNtlzqs+gfy4ayfG
ml6KN97v
-----END CERTIFICATE-----
`;
writeFileSync(join(dir, 'ca.pem'), `A comment above.\n${CERTIFICATE}`);
writeFileSync(join(dir, 'key.pem'), CERTIFICATE.replaceAll('CERTIFICATE', 'PRIVATE KEY'));

function resolved(config: GatewayConfig): ResolvedConfig {
  const result = resolveConfig(config, { baseDir: dir });
  assert.deepEqual(result.problems, []);
  return result.config!;
}

const DEFAULTS: ResolvedPolicies = {
  security: {},
  headers: { requestSet: [], requestRemove: [], responseSet: [], responseRemove: ['x-powered-by', 'server'] },
  cache: null,
  compress: { encodings: ['zstd', 'br', 'gzip'], minSize: 1024 },
  timeouts: { response: null, idle: null },
};

test('every field of the contract arrives', () => {
  const config = resolved(
    defineGateway({
      listen: { http: '127.0.0.1:8080', https: false },
      workers: 2,
      trustedProxies: ['10.0.0.0/8', '::1'],
      upstreams: {
        api: {
          replicas: ['http://API-1:3000', { url: 'https://[::1]' }],
          balance: 'round-robin',
          timeouts: { connect: '250ms', response: '2m', idle: '1h' },
          tls: { serverName: 'api.internal', ca: 'ca.pem', verify: false },
        },
        web: { replicas: ['http://web'] },
      },
      hosts: {
        'A.com': {
          aliases: ['B.com', '*.a.com'],
          redirectFrom: ['WWW.a.com'],
          routes: {
            '/api/*': { proxy: 'api' },
            '/v1/x/*': {
              proxy: { upstream: 'api', stripPrefix: '/v1', addPrefix: '/v2', hostHeader: 'replica' },
            },
            '/named/*': { proxy: { upstream: 'api', hostHeader: 'b.internal:81' } },
            '/*': { spa: { root: 'dist', index: 'app.html', immutable: ['/static/*'], sourceMaps: true } },
            '/again/*': {
              spa: { root: './dist/', index: 'app.html', immutable: ['/static/*'], sourceMaps: true },
            },
            '/web/*': { spa: { upstream: 'web', immutable: ['/static/*'] } },
            '/files/*': { files: { root: join(dir, 'public'), index: false } },
            '/docs': { redirect: '/docs/' },
            '/old/*': { redirect: { to: 'https://b.com/new/*', status: 301, keepQuery: false } },
            '/ping': { respond: { status: 418, body: 'pong', headers: { 'X-A': 'b' } } },
            '/empty': { respond: {} },
          },
        },
      },
    }),
  );

  assert.deepEqual(config.listen, { http: { address: '127.0.0.1', port: 8080 } });
  assert.equal(config.workers, 2);
  assert.deepEqual(config.trustedProxies, ['10.0.0.0/8', '::1']);
  const { ca, ...tls } = config.upstreams[0]!.tls;
  assert.deepEqual(tls, { serverName: 'api.internal', verify: false });
  assert.equal(ca, CERTIFICATE);
  assert.deepEqual(config.upstreams[0]!.replicas, [
    { url: 'http://API-1:3000', secure: false, host: 'api-1', port: 3000 },
    { url: 'https://[::1]', secure: true, host: '::1', port: 443 },
  ]);
  assert.deepEqual(config.upstreams[0]!.timeouts, { connect: 250, response: 120_000, idle: 3_600_000 });
  assert.deepEqual(config.upstreams[1], {
    name: 'web',
    replicas: [{ url: 'http://web', secure: false, host: 'web', port: 80 }],
    timeouts: { connect: 3000, response: 60_000, idle: 60_000 },
    tls: { serverName: undefined, ca: undefined, verify: true },
  });
  assert.deepEqual(config.roots, [
    { path: join(dir, 'dist'), index: 'app.html', immutable: ['/static/*'], sourceMaps: true },
    { path: join(dir, 'public'), index: false, immutable: [], sourceMaps: false },
  ]);

  const [host] = config.hosts;
  assert.equal(host!.name, 'a.com');
  assert.equal(host!.source, 'hosts["A.com"]');
  assert.deepEqual(host!.aliases, ['b.com', '*.a.com']);
  assert.deepEqual(host!.redirectFrom, ['www.a.com']);
  assert.equal(routeSource(host!, host!.routes[0]!.pattern), 'hosts["A.com"].routes["/api/*"]');
  const actions = Object.fromEntries(
    host!.routes.map((route) => [route.pattern, config.actions[route.action]]),
  );
  const kept = { stripPrefix: '', addPrefix: '', hostHeader: null };
  assert.deepEqual(actions, {
    '/api/*': { kind: 'proxy', upstream: 0, ...kept },
    '/v1/x/*': { kind: 'proxy', upstream: 0, stripPrefix: '/v1', addPrefix: '/v2', hostHeader: '' },
    '/named/*': { kind: 'proxy', upstream: 0, ...kept, hostHeader: 'b.internal:81' },
    '/*': { kind: 'spa', root: 0 },
    '/again/*': { kind: 'spa', root: 0 },
    '/web/*': {
      kind: 'spa-upstream',
      upstream: 1,
      index: 'index.html',
      immutable: ['/static/*'],
      sourceMaps: false,
    },
    '/files/*': { kind: 'files', root: 1 },
    '/docs': { kind: 'redirect', to: '/docs/', keepRest: false, keepQuery: true, status: 308 },
    '/old/*': { kind: 'redirect', to: 'https://b.com/new', keepRest: true, keepQuery: false, status: 301 },
    '/ping': { kind: 'respond', status: 418, body: 'pong', headers: [['X-A', 'b']] },
    '/empty': { kind: 'respond', status: 200, body: '', headers: [] },
  });
  // `/*` and `/again/*` are one action.
  assert.equal(config.actions.length, host!.routes.length - 1);
});

test('defaults of a config that says almost nothing', () => {
  const config = resolved({ hosts: { 'a.com': { routes: { '/': { respond: {} } } } } });
  assert.deepEqual(config.listen, { http: { address: undefined, port: 80 } });
  assert.equal(config.workers, 'auto');
  assert.deepEqual([config.trustedProxies, config.upstreams, config.roots], [[], [], []]);
  assert.deepEqual(config.policies, [DEFAULTS]);
});

test('a resolved config survives the copy to a worker', () => {
  const config = resolved({ hosts: { 'a.com': { routes: { '/*': { files: { root: 'public' } } } } } });
  assert.deepEqual(structuredClone(config), config);
});

/** The policies of a route whose host has policies too. */
function merged(host: PolicyConfig, route: PolicyConfig): ResolvedPolicies {
  const config = resolved({
    hosts: { 'a.com': { policies: host, routes: { '/': { respond: {}, ...route } } } },
  });
  return config.policies[config.hosts[0]!.routes[0]!.policies]!;
}

test('every policy arrives, in numbers', () => {
  const policies = merged(
    {},
    {
      security: {
        csp: { 'default-src': ["'self'"] },
        cspReportOnly: "default-src 'none';",
        hsts: { maxAge: '365d', includeSubDomains: true },
        frameOptions: false,
        xssProtection: '1; mode=block',
        permissionsPolicy: 'camera=()',
      },
      headers: {
        request: { set: { 'X-A': '1' }, remove: ['X-B'] },
        response: { set: { 'X-C': '' }, remove: ['Server'] },
      },
      cache: { control: 'no-store', override: true },
      compress: { encodings: ['gzip'], minSize: '2kb' },
      timeouts: { response: '5s', idle: '10s' },
    },
  );
  assert.deepEqual(policies, {
    security: {
      csp: { 'default-src': ["'self'"] },
      cspReportOnly: "default-src 'none';",
      hsts: { maxAge: 31_536_000, includeSubDomains: true, preload: false },
      frameOptions: false,
      xssProtection: '1; mode=block',
      permissionsPolicy: 'camera=()',
    },
    headers: {
      requestSet: [['X-A', '1']],
      requestRemove: ['x-b'],
      responseSet: [['X-C', '']],
      responseRemove: ['server'],
    },
    cache: { control: 'no-store', override: true },
    compress: { encodings: ['gzip'], minSize: 2048 },
    timeouts: { response: 5000, idle: 10_000 },
  });
  assert.deepEqual(merged({}, { cache: 'no-cache' }).cache, { control: 'no-cache', override: false });
  assert.equal(merged({}, { compress: false }).compress, false);
});

test("a route's policies win field by field", () => {
  const host: PolicyConfig = {
    security: { csp: 'a', hsts: 'max-age=1', referrerPolicy: 'origin' },
    headers: {
      request: { set: { 'X-A': '1', 'X-B': '2' }, remove: ['x-c'] },
      response: { remove: ['x-d', 'x-e'] },
    },
    compress: { encodings: ['gzip'] },
    timeouts: { response: '5s', idle: '6s' },
    cache: 'no-store',
  };
  const both = merged(host, {
    security: { csp: false, referrerPolicy: undefined },
    headers: { request: { set: { 'x-b': '3', 'X-C': '4' } }, response: { remove: ['x-f'] } },
    compress: { minSize: '1mb' },
    timeouts: { idle: '7s' },
  });
  assert.deepEqual(both.security, { csp: false, hsts: 'max-age=1', referrerPolicy: 'origin' });
  assert.deepEqual(both.headers, {
    requestSet: [
      ['X-A', '1'],
      ['x-b', '3'],
      ['X-C', '4'],
    ],
    requestRemove: [],
    responseSet: [],
    responseRemove: ['x-f'],
  });
  assert.deepEqual(both.compress, { encodings: ['zstd', 'br', 'gzip'], minSize: 1_048_576 });
  assert.deepEqual(both.timeouts, { response: 5000, idle: 7000 });
  assert.deepEqual(both.cache, { control: 'no-store', override: false });

  assert.deepEqual(merged(host, { headers: { request: { remove: ['X-A'] } } }).headers.requestSet, [
    ['X-B', '2'],
  ]);
  assert.equal(merged(host, { security: false }).security, false);
  assert.deepEqual(merged({ security: false }, { security: { csp: 'x' } }).security, { csp: 'x' });
  assert.deepEqual(merged(host, {}), merged(host, { cache: undefined }));
});

test('equal policy sets are stored once, whoever wrote them', () => {
  const security = { csp: "default-src 'self'" };
  const routes = { '/': { respond: {} }, '/b': { respond: {}, cache: 'no-store' } };
  const config = resolved({
    hosts: {
      'a.com': { policies: { security }, routes },
      'b.com': { policies: { security: { ...security } }, routes: { ...routes } },
      'c.com': { routes: { '/': { respond: {}, security: { ...security } }, '/d': { respond: {} } } },
    },
  });
  assert.equal(config.policies.length, 3);
  const indexes = config.hosts.map((host) => [host.policies, ...host.routes.map((route) => route.policies)]);
  assert.deepEqual(indexes, [
    [0, 0, 1],
    [0, 0, 1],
    [2, 0, 2],
  ]);
});

test('an authority that cannot be read is a problem, never the public ones (CVE-2026-27586)', () => {
  writeFileSync(join(dir, 'empty.pem'), '');
  writeFileSync(join(dir, 'broken.pem'), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
  const problem = (ca: string) => {
    const { problems } = resolveConfig(
      {
        upstreams: { api: { replicas: ['https://api'], tls: { ca } } },
        hosts: { 'a.com': { routes: { '/*': { proxy: 'api' } } } },
      },
      { baseDir: dir },
    );
    assert.equal(problems.length, 1, ca);
    return formatProblem(problems[0]!);
  };
  assert.equal(
    problem('nope.pem'),
    `upstreams.api.tls.ca: "nope.pem" (${join(dir, 'nope.pem')}) does not exist`,
  );
  assert.match(problem('dist'), /is a folder, not a file$/);
  assert.match(problem('empty.pem'), /holds no certificate in PEM form$/);
  assert.match(problem('key.pem'), /holds no certificate in PEM form$/);
  assert.match(problem('broken.pem'), /certificate 1 cannot be read$/);
});
