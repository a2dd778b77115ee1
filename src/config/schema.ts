// The shape of a configuration: which fields exist, and what each may hold on its own. What depends on another
// field (names of upstreams, conflicts between hosts, folders) is checked in `references.ts`.
import { hostNameProblem, networkProblem, parseListen, parseServer } from './names.ts';
import { patternProblem } from './path-pattern.ts';
import type { Finding } from './problem.ts';
import { either, fields, findings, later, list, named, only, text, timeout, whole } from './schema-parts.ts';
import { policies } from './schema-policies.ts';
import { passedRoutes, routeFindings } from './schema-routes.ts';
import { upstream } from './schema-upstream.ts';

/** Everything that is wrong with `config` (plain data) field by field. */
export function shapeFindings(config: unknown): Finding[] {
  passedRoutes.clear();
  return findings(gateway, config);
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
  text('a network such as "10.0.0.0/8"', (network) =>
    networkProblem(network, 'would believe everybody; list only the networks of your proxies'),
  ),
  { instead: trustProblem },
);

/** What other proxies accept here, and Fastify reads as "nobody" without a word (GHSA-3m5p-2c4r-xxw2). */
function trustProblem(value: unknown): string | undefined {
  const instead = 'list the networks of your proxies, such as ["10.0.0.0/8"]';
  if (typeof value === 'number') return `a hop count (${value}) does not say who may be believed; ${instead}`;
  if (value === true) return `true would believe everybody; ${instead}`;
  return undefined;
}

const resolver = fields('{ servers, interval }', {
  servers: list(
    'at least one DNS server such as "127.0.0.11"',
    text('a DNS server such as "127.0.0.11"', (value) => {
      const server = parseServer(value);
      return typeof server === 'string' ? server : undefined;
    }),
    { least: 1, same: serverKey },
  ).optional(),
  interval: timeout().optional(),
});

/** With or without its port, a server is asked once. */
function serverKey(value: unknown): string | undefined {
  const server = typeof value === 'string' ? parseServer(value) : '';
  return typeof server === 'string' ? undefined : server.server;
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
  resolver: resolver.optional(),
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
