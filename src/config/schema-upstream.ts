// The schema of an upstream: its replicas, how they are found and chosen, and how long they may take.
import { isIP } from 'node:net';
import { cookieNameProblem } from './header-rules.ts';
import { parseReplica, parseSrv, privateNameProblem } from './names.ts';
import type { Finding } from './problem.ts';
import { connections, eject, health, retry } from './schema-availability.ts';
import {
  chosen,
  fields,
  flag,
  list,
  measured,
  refused,
  secret,
  text,
  timeout,
  whole,
  withCheck,
  word,
} from './schema-parts.ts';
import { timeouts } from './schema-policies.ts';
import { parseDuration } from './units.ts';
import { listOf, objectOf, textOf } from './untyped.ts';

const ADDRESS = 'an address such as "http://api:3000"';
/** Who guesses a secret can forge its cookies. */
const SHORTEST_SECRET = 16;
const MOST_WEIGHT = 1000;
const MOST_ADDRESSES = 1000;

const replicaUrl = () =>
  text(ADDRESS, (url) => {
    const replica = parseReplica(url);
    return typeof replica === 'string' ? replica : undefined;
  });

const address = replicaUrl();
const withUrl = fields(`${ADDRESS}, { url } or { srv }`, {
  url: replicaUrl(),
  weight: whole(1, MOST_WEIGHT).optional(),
  backup: flag().optional(),
  expect: whole(1, MOST_ADDRESSES).optional(),
});
const withSrv = fields('{ srv }', {
  srv: text('the name of SRV records', (name) => {
    const records = parseSrv(name);
    return typeof records === 'string' ? records : undefined;
  }),
  scheme: word(['http', 'https']).optional(),
  backup: flag().optional(),
  expect: whole(1, MOST_ADDRESSES).optional(),
  url: refused('stands beside srv; keep one of the two'),
  weight: refused('the records say the weights; remove this field'),
});

const replica = chosen((value) => {
  if (typeof value === 'string') return address;
  return typeof value === 'object' && value !== null && Object.hasOwn(value, 'srv') ? withSrv : withUrl;
});

/** Two spellings of one address are one replica. */
function replicaKey(item: unknown): string | undefined {
  const { url, srv, scheme } = objectOf(typeof item === 'string' ? { url: item } : item);
  const records = textOf(srv);
  const found =
    records === undefined
      ? parseReplica(textOf(url) ?? '')
      : parseSrv(records, scheme === 'https' ? scheme : 'http');
  return typeof found === 'string' ? undefined : `${found.secure} ${found.host} ${found.port}`;
}

const shape = fields('an object with replicas', {
  replicas: list('at least one address such as "http://api:3000"', replica, { least: 1, same: replicaKey }),
  discover: word(['dns', 'static']).optional(),
  balance: word(['least-requests', 'round-robin', 'hash-client']).optional(),
  sticky: fields('{ cookie }', {
    cookie: text('the name of a cookie', cookieNameProblem),
    secret: secret(SHORTEST_SECRET).optional(),
  }).optional(),
  health: health.optional(),
  eject: eject.optional(),
  retry: retry.optional(),
  connections: connections.optional(),
  slowStart: measured('a duration', '30s', parseDuration).optional(),
  timeouts: fields('{ connect, response, idle, tunnel }', {
    connect: timeout().optional(),
    ...timeouts,
  }).optional(),
  tls: fields('{ serverName, ca, verify }', {
    serverName: text('the name in the certificate', (name) =>
      // RFC 6066 section 3.
      isIP(name) === 0 ? privateNameProblem(name) : 'is an address; a server name is a name',
    ).optional(),
    ca: text('a PEM file').optional(),
    verify: flag().optional(),
  }).optional(),
});

export const upstream = withCheck(shape, discoveryFindings);

/** What only discovery by DNS can do, and only for names. */
function* discoveryFindings({ replicas, discover }: Record<string, unknown>): Generator<Finding> {
  for (const [index, entry] of listOf(replicas).entries()) {
    const { url, srv, expect } = objectOf(entry);
    if (srv !== undefined && discover === 'static') {
      const message = 'SRV records are found by DNS, but discover is "static"; remove that or write a url';
      yield { path: ['replicas', index, 'srv'], message };
    }
    if (expect === undefined) continue;
    const found = typeof url === 'string' ? parseReplica(url) : undefined;
    if (discover === 'static') {
      const message = 'counts the addresses of a name, but discover is "static": each entry is one replica';
      yield { path: ['replicas', index, 'expect'], message };
    } else if (typeof found === 'object' && isIP(found.host) !== 0) {
      const message = `counts the addresses of a name, but "${found.host}" is an address: always one`;
      yield { path: ['replicas', index, 'expect'], message };
    }
  }
}
