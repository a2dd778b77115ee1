// Policies of hosts and routes in numbers instead of units, each distinct set stored once. Takes only what the schema
// has passed.
import type {
  HoldConfig,
  MaintenanceConfig,
  PolicyConfig,
  RouteRetryConfig,
  SecurityConfig,
} from './contract-policies.ts';
import type { Disk } from './disk.ts';
import { defined, holdForm, maintenanceForm, mergePolicies } from './merge-policies.ts';
import { resolveReasons } from './resolve-upstream.ts';
import type { ResolvedHold, ResolvedMaintenance, ResolvedPolicies, ResolvedSecurity } from './resolved.ts';
import { type Duration, parseDuration, parseSize, parseSpan, parseTimeout } from './units.ts';

const POLICY_FIELDS = [
  'maintenance',
  'security',
  'headers',
  'cache',
  'compress',
  'timeouts',
  'hold',
  'retry',
] as const satisfies (keyof PolicyConfig)[];
const ENCODINGS: ('zstd' | 'br' | 'gzip')[] = ['zstd', 'br', 'gzip'];
const REMOVED_BY_DEFAULT = ['x-powered-by', 'server'];

/** Collects the distinct policy sets of a configuration; a host or route keeps an index into `sets`. */
export class PolicySets {
  readonly sets: ResolvedPolicies[] = [];
  readonly #disk: Disk;
  readonly #indexByContent = new Map<string, number>();

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** The index of a host's own policies. */
  ofHost(policies: PolicyConfig | undefined): number {
    return this.#store(policies ?? {});
  }

  /** The indexes of routes below one host. Routes that write the same are merged and compared once. */
  forRoutes(policies: PolicyConfig | undefined, ofHost: number): (route: PolicyConfig) => number {
    const known = new Map<string, number>();
    return (route) => {
      const own = ownPolicies(route);
      if (own === undefined) return ofHost;
      const content = JSON.stringify(own);
      let index = known.get(content);
      if (index === undefined) {
        index = this.#store(mergePolicies(policies ?? {}, own));
        known.set(content, index);
      }
      return index;
    };
  }

  #store(written: PolicyConfig): number {
    const policies = resolvePolicies(written);
    const maintenance = written.maintenance ? maintenanceForm(written.maintenance) : undefined;
    // The name of a page stands for its text, which may be long and used by many hosts.
    const file = maintenance?.page === undefined ? undefined : this.#disk.absolute(maintenance.page);
    const content = JSON.stringify([policies, file]);
    let index = this.#indexByContent.get(content);
    if (index === undefined) {
      const page = file === undefined ? undefined : this.#disk.page(file);
      if (policies.maintenance !== null && page !== undefined && 'html' in page)
        policies.maintenance.page = page.html;
      index = this.sets.push(policies) - 1;
      this.#indexByContent.set(content, index);
    }
    return index;
  }
}

function ownPolicies(route: PolicyConfig): PolicyConfig | undefined {
  let own: Record<string, unknown> | undefined;
  for (const field of POLICY_FIELDS) {
    if (route[field] === undefined) continue;
    own ??= {};
    own[field] = route[field];
  }
  return own;
}

function resolvePolicies(policies: PolicyConfig): ResolvedPolicies {
  const { headers, cache, compress, timeouts, retry } = policies;
  return {
    security: policies.security === false ? false : resolveSecurity(policies.security ?? {}),
    headers: {
      requestSet: Object.entries(headers?.request?.set ?? {}),
      requestRemove: lowerCase(headers?.request?.remove ?? []),
      responseSet: Object.entries(headers?.response?.set ?? {}),
      responseRemove: lowerCase(headers?.response?.remove ?? REMOVED_BY_DEFAULT),
    },
    cache:
      cache === undefined
        ? null
        : typeof cache === 'string'
          ? { control: cache, override: false }
          : { control: cache.control, override: cache.override ?? false },
    compress:
      compress === false
        ? false
        : {
            encodings: compress?.encodings ?? [...ENCODINGS],
            minSize: parseSize(compress?.minSize ?? '1kb'),
          },
    timeouts: {
      response: timeouts?.response === undefined ? null : parseTimeout(timeouts.response),
      idle: timeouts?.idle === undefined ? null : parseTimeout(timeouts.idle),
      tunnel: timeouts?.tunnel === undefined ? null : parseTimeout(timeouts.tunnel),
    },
    maintenance: policies.maintenance ? resolveMaintenance(policies.maintenance) : null,
    hold: policies.hold ? resolveHold(policies.hold) : null,
    retry: retry === false ? false : resolveRetry(retry ?? {}),
  };
}

/** The page itself is read by who stores the set. */
function resolveMaintenance(written: MaintenanceConfig | true): ResolvedMaintenance {
  const { retryAfter = '5m', allow = [] } = maintenanceForm(written);
  // RFC 9110 section 10.2.3: whole seconds.
  return { page: null, retryAfter: Math.ceil(parseSpan(retryAfter) / 1000), allow };
}

function resolveHold(written: HoldConfig | Duration): ResolvedHold {
  const { for: time, exchanges = 1000, bytes = '16mb' } = holdForm(written);
  return { time: parseTimeout(time), exchanges, bytes: parseSize(bytes) };
}

/** Only what is written: the rest is for the upstream to say. */
function resolveRetry({ attempts, on }: RouteRetryConfig): ResolvedPolicies['retry'] {
  if (attempts === undefined && on === undefined) return null;
  return { ...(attempts !== undefined && { attempts }), ...(on !== undefined && resolveReasons(on)) };
}

function resolveSecurity({ hsts, ...rest }: SecurityConfig): ResolvedSecurity {
  const security: ResolvedSecurity = defined(rest);
  if (typeof hsts !== 'object') return hsts === undefined ? security : { ...security, hsts };
  const { maxAge, includeSubDomains = false, preload = false } = hsts;
  return {
    ...security,
    hsts: { maxAge: Math.floor(parseDuration(maxAge) / 1000), includeSubDomains, preload },
  };
}

function lowerCase(names: readonly string[]): string[] {
  return names.map((name) => name.toLowerCase());
}
