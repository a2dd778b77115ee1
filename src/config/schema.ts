// The shape of a configuration: which fields exist, and what each may hold on its own. What depends on another
// field (names of upstreams, conflicts between hosts, folders) is checked in `references.ts`.
import { hostNameProblem, networkProblem, parseListen, parseReplica, privateNameProblem } from './names.ts';
import { patternProblem } from './path-pattern.ts';
import type { Finding } from './problem.ts';
import {
  either,
  fields,
  findings,
  flag,
  later,
  list,
  named,
  only,
  text,
  whole,
  word,
} from './schema-parts.ts';
import { policies, timeout, timeouts } from './schema-policies.ts';
import { passedRoutes, routeFindings } from './schema-routes.ts';

/** Everything that is wrong with `config` (plain data) field by field. */
export function shapeFindings(config: unknown): Finding[] {
  passedRoutes.clear();
  return findings(gateway, config);
}

const replicaUrl = () =>
  text('an address such as "http://api:3000"', (url) => {
    const replica = parseReplica(url);
    return typeof replica === 'string' ? replica : undefined;
  });

const upstream = fields('an object with replicas', {
  replicas: list(
    'at least one address such as "http://api:3000"',
    either(
      'an address such as "http://api:3000"',
      replicaUrl(),
      fields('{ url }', {
        url: replicaUrl(),
        weight: later('replica weights'),
        backup: later('backup replicas'),
      }),
    ),
    { least: 1, same: replicaKey },
  ),
  balance: word(['round-robin'], ['least-requests', 'hash-client']).optional(),
  timeouts: fields('{ connect, response, idle }', { connect: timeout().optional(), ...timeouts }).optional(),
  tls: fields('{ serverName, ca, verify }', {
    serverName: text('the name in the certificate', privateNameProblem).optional(),
    ca: text('a PEM file').optional(),
    verify: flag().optional(),
  }).optional(),
  discover: later('discovery of replicas'),
  sticky: later('sticky sessions'),
  health: later('health checks'),
  eject: later('ejection of failing replicas'),
  retry: later('retries'),
  connections: later('connection limits'),
  slowStart: later('slow start'),
});

/** Two spellings of one address are one replica. */
function replicaKey(item: unknown): string | undefined {
  const url = typeof item === 'object' && item !== null ? (item as { url?: unknown }).url : item;
  const replica = typeof url === 'string' ? parseReplica(url) : '';
  return typeof replica === 'string' ? undefined : `${replica.secure} ${replica.host} ${replica.port}`;
}

const host = fields('an object with routes', {
  aliases: list(
    'a list of host names',
    text('a host name', (name) => hostNameProblem(name, true)),
  ).optional(),
  redirectFrom: list(
    'a list of host names',
    text('a host name', (name) => hostNameProblem(name, true)),
  ).optional(),
  policies: fields('an object with policies', policies).optional(),
  routes: named('path patterns with their routes', routeFindings, { least: 1, key: patternProblem }),
  https: later('TLS'),
});

const listenHttp = either(
  'a port such as 80, or text such as "127.0.0.1:8080"',
  whole(0, 65535),
  text('an address and a port', (value) => {
    const address = parseListen(value);
    return typeof address === 'string' ? address : undefined;
  }),
);

const trusted = list(
  'a list of networks such as ["10.0.0.0/8"]',
  text('a network such as "10.0.0.0/8"', networkProblem),
  { instead: trustProblem },
);

/** What other proxies accept here, and Fastify reads as "nobody" without a word (GHSA-3m5p-2c4r-xxw2). */
function trustProblem(value: unknown): string | undefined {
  const instead = 'list the networks of your proxies, such as ["10.0.0.0/8"]';
  if (typeof value === 'number') return `a hop count (${value}) does not say who may be believed; ${instead}`;
  if (value === true) return `true would believe everybody; ${instead}`;
  return undefined;
}

const gateway = fields('an object, the argument of defineGateway', {
  listen: fields('{ http }', {
    http: listenHttp.optional(),
    https: only(false, 'false (TLS is not in this version yet)').optional(),
    admin: later('the admin listener'),
  }).optional(),
  workers: either('"auto" or a whole number from 1 to 128', only('auto', '"auto"'), whole(1, 128)).optional(),
  trustedProxies: trusted.optional(),
  tls: later('TLS'),
  upstreams: named('names with their upstreams', upstream, { key: upstreamNameProblem }).optional(),
  hosts: named('host names with their routes', host, {
    least: 1,
    key: (name) => hostNameProblem(name, true),
  }),
});

function upstreamNameProblem(name: string): string | undefined {
  return /^[A-Za-z0-9_][\w.-]{0,63}$/.test(name)
    ? undefined
    : 'an upstream is named with letters, digits, "-", "_" and ".", at most 64 of them';
}
