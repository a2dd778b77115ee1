// What comes out of policies: in numbers, the route's over the host's, and each distinct set once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GatewayConfig, PolicyConfig } from '../../src/config/contract.ts';
import { resolveConfig } from '../../src/config/resolve.ts';
import type { ResolvedConfig, ResolvedPolicies } from '../../src/config/resolved.ts';

function resolved(config: GatewayConfig): ResolvedConfig {
  const result = resolveConfig(config, { baseDir: import.meta.dirname });
  assert.deepEqual(result.problems, []);
  return result.config!;
}

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
      timeouts: { response: '5s', idle: '10s', tunnel: '5m' },
      hold: '5s',
      retry: false,
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
    timeouts: { response: 5000, idle: 10_000, tunnel: 300_000 },
    maintenance: null,
    hold: { time: 5000, exchanges: 1000, bytes: 16_777_216 },
    retry: false,
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
  assert.deepEqual(both.timeouts, { response: 5000, idle: 7000, tunnel: null });
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
