// What comes out of an upstream: every field with its value, every default, and what is doubtful about it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ActionConfig, GatewayConfig, UpstreamConfig } from '../../src/config/contract.ts';
import { resolveConfig } from '../../src/config/resolve.ts';
import type { ResolvedAction, ResolvedConfig, ResolvedUpstream } from '../../src/config/resolved.ts';
import { config, warnings } from './problem-lines.ts';

function resolved(config: GatewayConfig): ResolvedConfig {
  const result = resolveConfig(config, { baseDir: import.meta.dirname });
  assert.deepEqual(result.problems, []);
  return result.config!;
}

function upstream(fields: Partial<UpstreamConfig> = {}): ResolvedUpstream {
  const api = { replicas: ['http://api'], ...fields };
  return resolved({ upstreams: { api }, hosts: { 'a.com': { routes: { '/*': { proxy: 'api' } } } } })
    .upstreams[0]!;
}

const REPLICA = { srv: false, weight: 1, backup: false, expect: null };

test('defaults of an upstream that names nothing but its replicas', () => {
  assert.deepEqual(upstream(), {
    name: 'api',
    replicas: [{ url: 'http://api', secure: false, host: 'api', port: 80, ...REPLICA }],
    discover: 'dns',
    balance: 'least-requests',
    sticky: null,
    health: null,
    eject: { consecutive: 5, base: 10_000, max: 300_000, atMost: 0.5 },
    retry: { attempts: 2, budget: 0.2, connect: true, reset: true, statuses: [] },
    connections: { max: 256, queue: 1024, queueTimeout: 1000 },
    slowStart: 0,
    timeouts: { connect: 3000, response: 60_000, idle: 60_000, tunnel: 3_600_000 },
    tls: { serverName: undefined, ca: undefined, verify: true },
  });
});

test('every field of an upstream arrives, in numbers', () => {
  const api: UpstreamConfig = {
    replicas: [
      { url: 'http://api-1:3000', weight: 2, expect: 3 },
      { url: 'https://api-2', backup: true },
      { srv: '_http._tcp.API.internal' },
      { srv: '_https._tcp.api.internal', scheme: 'https', backup: true, expect: 2 },
    ],
    discover: 'dns',
    balance: 'hash-client',
    sticky: { cookie: 'api_replica', secret: 'sixteen letters!' },
    health: {
      ...{ path: '/health?x', interval: '5s', timeout: '1s', rise: 1, fall: 2 },
      ...{ status: '200-204,3xx', host: 'api.internal', port: 9000 },
    },
    eject: { consecutive: 3, base: '1s', max: '1m', atMost: 1 },
    retry: { attempts: 3, budget: 0, on: [504, 'reset', 502] },
    connections: { max: 10, queue: 0, queueTimeout: '250ms' },
    slowStart: '30s',
    timeouts: { connect: '1s', response: '2s', idle: '3s', tunnel: '4s' },
  };
  const { tls: _, ...rest } = upstream(api);
  assert.deepEqual(rest, {
    name: 'api',
    replicas: [
      {
        ...REPLICA,
        url: 'http://api-1:3000',
        secure: false,
        host: 'api-1',
        port: 3000,
        weight: 2,
        expect: 3,
      },
      { ...REPLICA, url: 'https://api-2', secure: true, host: 'api-2', port: 443, backup: true },
      {
        ...{ ...REPLICA, url: 'srv http://_http._tcp.api.internal', secure: false },
        ...{ host: '_http._tcp.api.internal', port: 0, srv: true },
      },
      {
        ...{ ...REPLICA, url: 'srv https://_https._tcp.api.internal', secure: true },
        ...{ host: '_https._tcp.api.internal', port: 0, srv: true, backup: true, expect: 2 },
      },
    ],
    discover: 'dns',
    balance: 'hash-client',
    sticky: { cookie: 'api_replica', secret: 'sixteen letters!' },
    health: {
      ...{ path: '/health?x', interval: 5000, timeout: 1000, rise: 1, fall: 2 },
      status: [
        [200, 204],
        [300, 399],
      ],
      ...{ host: 'api.internal', port: 9000 },
    },
    eject: { consecutive: 3, base: 1000, max: 60_000, atMost: 1 },
    retry: { attempts: 3, budget: 0, connect: false, reset: true, statuses: [502, 504] },
    connections: { max: 10, queue: 0, queueTimeout: 250 },
    slowStart: 30_000,
    timeouts: { connect: 1000, response: 2000, idle: 3000, tunnel: 4000 },
  });
  assert.equal(upstream({ discover: 'static' }).discover, 'static');
  assert.deepEqual(upstream({ sticky: { cookie: 'a' } }).sticky, { cookie: 'a', secret: null });
});

test('short forms, and defaults that give way', () => {
  const checks = {
    ...{ path: '/health', interval: 10_000, timeout: 2000, rise: 2, fall: 3 },
    ...{ status: [[200, 399]], host: null, port: null },
  };
  assert.deepEqual(upstream({ health: '/health' }).health, checks);
  assert.deepEqual(upstream({ health: { path: '/health' } }).health, checks);
  assert.deepEqual(upstream({ health: { path: '/x', status: 204 } }).health!.status, [[204, 204]]);
  assert.equal(upstream({ health: { path: '/x', interval: '500ms' } }).health!.timeout, 500);
  assert.equal(upstream({ health: { path: '/x', interval: '1m' } }).health!.timeout, 2000);
  assert.equal(upstream({ eject: false }).eject, null);
  assert.deepEqual(upstream({ eject: {} }).eject, upstream().eject);
  assert.deepEqual(upstream({ eject: { max: '5s' } }).eject, {
    ...{ consecutive: 5, base: 5000, max: 5000, atMost: 0.5 },
  });
  assert.equal(upstream({ retry: false }).retry, null);
  assert.deepEqual(upstream({ retry: {} }).retry, upstream().retry);
  assert.deepEqual(upstream({ retry: { on: [503] } }).retry, {
    ...{ attempts: 2, budget: 0.2, connect: false, reset: false, statuses: [503] },
  });
});

test('resolver: servers with their ports, or those of the system', () => {
  const resolver = (value?: GatewayConfig['resolver']) =>
    resolved({ resolver: value, hosts: { 'a.com': { routes: { '/': { respond: {} } } } } }).resolver;
  assert.deepEqual(resolver(), { servers: null, interval: 2000 });
  assert.deepEqual(resolver({}), { servers: null, interval: 2000 });
  assert.deepEqual(resolver({ servers: ['127.0.0.11', '::1', '[::2]:54'], interval: '500ms' }), {
    servers: ['127.0.0.11:53', '[::1]:53', '[::2]:54'],
    interval: 500,
  });
});

test('a split arrives with its shares, and each distinct one once', () => {
  const action = (proxy: ActionConfig['proxy']): ResolvedAction => {
    const { actions, hosts } = resolved({
      upstreams: { api: { replicas: ['http://api'] }, next: { replicas: ['http://next'] } },
      hosts: { 'a.com': { routes: { '/x': { proxy: 'api' }, '/y/*': { proxy }, '/z/*': { proxy } } } },
    });
    assert.equal(actions.length, 2);
    assert.equal(hosts[0]!.routes[1]!.action, hosts[0]!.routes[2]!.action);
    return actions[1]!;
  };
  const parts = [
    { upstream: 1, percent: 10 },
    { upstream: 0, percent: 90 },
  ];
  const kept = { stripPrefix: '', addPrefix: '', hostHeader: null, upgrade: ['websocket'] };
  const plain = { kind: 'split', parts, by: 'client', header: null, cookie: null, ...kept };
  assert.deepEqual(action({ split: { next: 10, api: 90 } }), plain);
  assert.deepEqual(
    action({
      ...{ split: { next: 10, api: 90 }, by: 'exchange', override: { header: 'X-Side', cookie: 'Side' } },
      ...{ addPrefix: '/v2', hostHeader: 'replica', upgrade: ['XMPP', 'irc/6.9'] },
    }),
    {
      ...{ ...plain, by: 'exchange', header: 'x-side', cookie: 'Side' },
      ...{ addPrefix: '/v2', hostHeader: '', upgrade: ['xmpp', 'irc/6.9'] },
    },
  );
  assert.deepEqual(action({ upstream: 'next', upgrade: false }), {
    ...{ kind: 'proxy', upstream: 1, ...kept, upgrade: [] },
  });
});

test('what is doubtful about upstreams is a warning', () => {
  const upstreams = {
    api: {
      replicas: ['http://api-1', 'http://api-2'],
      health: '/api/health/db',
      sticky: { cookie: 'sid' },
    },
    crm: { replicas: ['http://crm'], health: { path: '/redis/health' }, sticky: { cookie: 'sid' } },
    spare: {
      replicas: [
        { url: 'http://a', backup: true },
        { srv: 'b', backup: true },
      ],
    },
    redis: { replicas: ['http://redis'], health: '/redis/health', sticky: { cookie: '__Host-redis' } },
    found: { replicas: [{ srv: 'x.y', scheme: 'https' }], tls: { serverName: 'x.y' } },
    plain: { replicas: [{ srv: 'x.y' }], tls: { serverName: 'x.y' }, health: '/minio/health/live' },
  };
  const routes = Object.fromEntries(
    Object.keys(upstreams).map((name) => [`/${name}/*`, { proxy: { split: { [name]: 0, api: 100 } } }]),
  );
  const hosts = { 'a.com': { routes: { ...routes, '/api/*': { proxy: 'api' } } } };
  const blip =
    'one blip of it would take every replica out at once. Ask whether the replica itself lives, such as';
  assert.deepEqual(warnings(config({ upstreams, hosts })), [
    `upstreams.api.health: asks for a dependency ("db"): ${blip} "/api/health"`,
    `upstreams.crm.health.path: asks for a dependency ("redis"): ${blip} "/health"`,
    'upstreams.crm.sticky.cookie: is also upstreams.api.sticky.cookie: a client of both would lose its replica at every change',
    'upstreams.spare.replicas: every replica is a backup, so that none of them is',
    'upstreams.redis.sticky.cookie: begins in a way that browsers accept on secure exchanges only',
    'upstreams.plain.tls: has no effect: no replica starts with "https://"',
  ]);
  // Every upstream of a split is one that a route leads to, whatever its share.
  const unused = { ...upstreams, other: { replicas: ['http://other'] } };
  assert.deepEqual(warnings(config({ upstreams: unused, hosts })).slice(-1), [
    'upstreams.other: no route leads here',
  ]);
});
