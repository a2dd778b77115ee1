// What comes out of a valid configuration: every field with its value, defaults, nothing twice.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { GatewayConfig } from '../../src/config/contract.ts';
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
  timeouts: { response: null, idle: null, tunnel: null },
  maintenance: null,
  hold: null,
  retry: null,
};
/** What an entry says by default. */
const PLAIN = { srv: false, weight: 1, backup: false, expect: null };

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
          timeouts: { connect: '250ms', response: '2m', idle: '1h', tunnel: '2h' },
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
    { url: 'http://API-1:3000', secure: false, host: 'api-1', port: 3000, ...PLAIN },
    { url: 'https://[::1]', secure: true, host: '::1', port: 443, ...PLAIN },
  ]);
  assert.deepEqual(config.upstreams[0]!.timeouts, {
    connect: 250,
    response: 120_000,
    idle: 3_600_000,
    tunnel: 7_200_000,
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
  const kept = { stripPrefix: '', addPrefix: '', hostHeader: null, upgrade: ['websocket'] };
  assert.deepEqual(actions, {
    '/api/*': { kind: 'proxy', upstream: 0, ...kept },
    '/v1/x/*': {
      kind: 'proxy',
      upstream: 0,
      ...kept,
      stripPrefix: '/v1',
      addPrefix: '/v2',
      hostHeader: '',
    },
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
  assert.deepEqual(config.resolver, { servers: null, interval: 2000 });
  assert.deepEqual(config.policies, [DEFAULTS]);
});

test('a resolved config survives the copy to a worker', () => {
  const config = resolved({ hosts: { 'a.com': { routes: { '/*': { files: { root: 'public' } } } } } });
  assert.deepEqual(structuredClone(config), config);
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
