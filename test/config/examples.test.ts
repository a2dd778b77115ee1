// The two configurations that come with the gateway load, and hold the header values of the nginx files they
// replace, byte for byte.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';
import type { ResolvedConfig, ResolvedHost } from '../../src/config/resolved.ts';

const root = join(import.meta.dirname, '../..');

async function load(file: string): Promise<ResolvedConfig> {
  const result = await loadConfig(join(root, file));
  assert.deepEqual(result.ok ? result.warnings : result.problems, []);
  assert.equal(result.ok, true);
  return (result as { config: ResolvedConfig }).config;
}

const hostOf = (config: ResolvedConfig, name: string) => config.hosts.find((host) => host.name === name)!;

/** `/api/* → proxy backend`, one line a route. */
function routes(config: ResolvedConfig, host: ResolvedHost): string[] {
  return host.routes.map(({ pattern, action: index }) => {
    const action = config.actions[index]!;
    const upstream = 'upstream' in action ? ` ${config.upstreams[action.upstream]!.name}` : '';
    return `${pattern} → ${action.kind}${upstream}`;
  });
}

/** Which path tells whether a replica lives. Never one that asks a database: `load` sees that nothing is warned of. */
const checks = (config: ResolvedConfig) =>
  Object.fromEntries(config.upstreams.map(({ name, health }) => [name, health?.path]));

/** Both stacks are deployed with Compose, which leaves a gap: every route waits it out. */
function assertHolds(config: ResolvedConfig): void {
  for (const { hold } of config.policies) assert.equal(hold?.time, 5000);
}

const LUMIRA = {
  frameOptions: 'SAMEORIGIN',
  contentTypeOptions: 'nosniff',
  xssProtection: '1; mode=block',
  hsts: 'max-age=31536000; includeSubDomains',
  referrerPolicy: 'strict-origin-when-cross-origin',
};
const LUMIRA_CSP =
  "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' *.stripe.com *.google.com; style-src 'self' 'unsafe-inline' fonts.googleapis.com; font-src 'self' fonts.gstatic.com; img-src 'self' data: https:; connect-src 'self' *.stripe.com api.openai.com;";

test('routes.config.ts is the Lumira stack', async () => {
  const config = await load('routes.config.ts');
  assert.deepEqual(config.listen, { http: { address: undefined, port: 80 } });
  const replicas = config.upstreams.map(({ name, replicas }) => [
    name,
    replicas.map((replica) => replica.url),
  ]);
  assert.deepEqual(Object.fromEntries(replicas), {
    main: ['http://main-app:80'],
    desk: ['http://expert-desk:80'],
    api: ['http://api-1:3000', 'http://api-2:3000', 'http://api-3:3000'],
    crm: ['http://dolibarr:80'],
  });

  assert.deepEqual(checks(config), {
    main: '/health.json',
    desk: '/health.json',
    api: '/api/health',
    crm: '/robots.txt',
  });

  const main = hostOf(config, 'oraclelumira.com');
  const desk = hostOf(config, 'desk.oraclelumira.com');
  const crm = hostOf(config, 'crm.oraclelumira.com');
  assert.deepEqual(main.redirectFrom, ['www.oraclelumira.com']);
  assert.deepEqual(routes(config, main), ['/api/* → proxy api', '/* → spa-upstream main']);
  assert.deepEqual(routes(config, desk), ['/api/* → proxy api', '/* → spa-upstream desk']);
  assert.deepEqual(routes(config, crm), ['/* → proxy crm']);

  assert.deepEqual(config.policies[main.policies]!.security, { ...LUMIRA, csp: LUMIRA_CSP });
  assert.equal(desk.policies, main.policies);
  assert.deepEqual(config.policies[crm.policies]!.security, LUMIRA);
  for (const host of config.hosts)
    for (const route of host.routes) assert.equal(route.policies, host.policies);
  assertHolds(config);
});

test("examples/orchestra.routes.config.ts is the Orchestr'A stack", async () => {
  const config = await load('examples/orchestra.routes.config.ts');
  const app = hostOf(config, 'orchestra.example.com');
  assert.deepEqual(routes(config, app), ['/api/* → proxy backend', '/* → spa-upstream frontend']);
  const spa = config.actions[app.routes[1]!.action]!;
  assert.deepEqual(spa.kind === 'spa-upstream' && spa.immutable, ['/static/*']);
  const policies = config.policies[app.policies]!;
  assert.deepEqual(policies.security, {
    frameOptions: 'SAMEORIGIN',
    contentTypeOptions: 'nosniff',
    xssProtection: '1; mode=block',
    referrerPolicy: 'strict-origin-when-cross-origin',
  });
  assert.deepEqual(policies.compress, { encodings: ['gzip'], minSize: 1024 });
  assert.deepEqual(
    config.upstreams.map(({ replicas }) => replicas[0]!.url),
    ['http://frontend:80', 'http://backend:4000', 'http://minio:9000', 'http://minio:9001'],
  );
  assert.deepEqual(checks(config), {
    frontend: '/health',
    backend: '/api/health',
    'minio-api': '/minio/health/live',
    'minio-console': '/',
  });
  assertHolds(config);
  assert.deepEqual(routes(config, hostOf(config, 'minio.orchestra.example.com')), [
    '/* → proxy minio-console',
  ]);
  assert.deepEqual(routes(config, hostOf(config, 'files.orchestra.example.com')), ['/* → proxy minio-api']);
});
