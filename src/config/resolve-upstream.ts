// From an upstream as written to one with every default filled in. Takes only what the schema has passed.

import type { EjectConfig, HealthConfig, RetryReason, UpstreamConfig } from './contract-upstream.ts';
import type { Disk } from './disk.ts';
import { parseReplica, parseSrv, type ReplicaAddress } from './names.ts';
import type {
  ResolvedEjection,
  ResolvedHealth,
  ResolvedReplica,
  ResolvedRetry,
  ResolvedUpstream,
} from './resolved.ts';
import { RETRY_DEFAULTS } from './retry-defaults.ts';
import { parseStatuses, type StatusRange } from './status-ranges.ts';
import { parseDuration, parseTimeout } from './units.ts';

export function resolveUpstream(name: string, upstream: UpstreamConfig, disk: Disk): ResolvedUpstream {
  const { sticky, retry, connections, timeouts, tls } = upstream;
  const ca = tls?.ca === undefined ? undefined : disk.certificates(tls.ca);
  return {
    name,
    replicas: upstream.replicas.map(resolveReplica),
    discover: upstream.discover ?? 'dns',
    balance: upstream.balance ?? 'least-requests',
    sticky: sticky === undefined ? null : { cookie: sticky.cookie, secret: sticky.secret ?? null },
    health: upstream.health === undefined ? null : resolveHealth(upstream.health),
    eject: upstream.eject === false ? null : resolveEjection(upstream.eject ?? {}),
    retry:
      retry === false
        ? null
        : {
            ...RETRY_DEFAULTS,
            ...(retry?.attempts !== undefined && { attempts: retry.attempts }),
            ...(retry?.budget !== undefined && { budget: retry.budget }),
            ...(retry?.on !== undefined && resolveReasons(retry.on)),
          },
    connections: {
      max: connections?.max ?? 256,
      queue: connections?.queue ?? 1024,
      queueTimeout: parseTimeout(connections?.queueTimeout ?? '1s'),
    },
    slowStart: parseDuration(upstream.slowStart ?? '0s'),
    timeouts: {
      connect: parseTimeout(timeouts?.connect ?? '3s'),
      response: parseTimeout(timeouts?.response ?? '60s'),
      idle: parseTimeout(timeouts?.idle ?? '60s'),
      tunnel: parseTimeout(timeouts?.tunnel ?? '1h'),
    },
    tls: {
      serverName: tls?.serverName,
      ca: ca !== undefined && 'pem' in ca ? ca.pem : undefined,
      verify: tls?.verify ?? true,
    },
  };
}

function resolveReplica(entry: UpstreamConfig['replicas'][number]): ResolvedReplica {
  const written = typeof entry === 'string' ? { url: entry } : entry;
  const srv = 'srv' in written;
  return {
    ...((srv ? parseSrv(written.srv, written.scheme) : parseReplica(written.url)) as ReplicaAddress),
    srv,
    weight: srv ? 1 : (written.weight ?? 1),
    backup: written.backup ?? false,
    expect: written.expect ?? null,
  };
}

function resolveHealth(health: string | HealthConfig): ResolvedHealth {
  const written = typeof health === 'string' ? { path: health } : health;
  const interval = parseTimeout(written.interval ?? '10s');
  return {
    path: written.path,
    interval,
    timeout:
      written.timeout === undefined ? Math.min(parseTimeout('2s'), interval) : parseTimeout(written.timeout),
    rise: written.rise ?? 2,
    fall: written.fall ?? 3,
    status: parseStatuses(String(written.status ?? '2xx-3xx')) as StatusRange[],
    host: written.host ?? null,
    port: written.port ?? null,
  };
}

function resolveEjection(eject: EjectConfig): ResolvedEjection {
  const max = parseTimeout(eject.max ?? '5m');
  return {
    consecutive: eject.consecutive ?? 5,
    base: eject.base === undefined ? Math.min(parseTimeout('10s'), max) : parseTimeout(eject.base),
    max,
    atMost: eject.atMost ?? 0.5,
  };
}

/** What `on` of a retry stands for, of an upstream or of a route. */
export function resolveReasons(
  reasons: readonly RetryReason[],
): Pick<ResolvedRetry, 'connect' | 'reset' | 'statuses'> {
  return {
    connect: reasons.includes('connect'),
    reset: reasons.includes('reset'),
    statuses: reasons.filter((reason) => typeof reason === 'number').sort((a, b) => a - b),
  };
}
