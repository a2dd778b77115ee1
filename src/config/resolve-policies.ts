// Policies of hosts and routes, merged, in numbers instead of units, and stored once per distinct set. Takes
// only what the schema has passed.
import type { HeadersConfig, PolicyConfig, SecurityConfig } from './contract.ts';
import type { ResolvedPolicies, ResolvedSecurity } from './resolved.ts';
import { parseDuration, parseSize, parseTimeout } from './units.ts';

const POLICY_FIELDS = ['security', 'headers', 'cache', 'compress', 'timeouts'] as const;
const ENCODINGS: ('zstd' | 'br' | 'gzip')[] = ['zstd', 'br', 'gzip'];
const REMOVED_BY_DEFAULT = ['x-powered-by', 'server'];

/** Collects the distinct policy sets of a configuration; a host or route keeps an index into `sets`. */
export class PolicySets {
  readonly sets: ResolvedPolicies[] = [];
  readonly #indexByContent = new Map<string, number>();

  /** The index of a host's own policies. */
  ofHost(policies: PolicyConfig | undefined): number {
    return this.#store(resolvePolicies(policies ?? {}));
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
        index = this.#store(resolvePolicies(mergePolicies(policies ?? {}, own)));
        known.set(content, index);
      }
      return index;
    };
  }

  #store(policies: ResolvedPolicies): number {
    const content = JSON.stringify(policies);
    let index = this.#indexByContent.get(content);
    if (index === undefined) {
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

/** The route's field wins; `security`, `timeouts` and `headers.*.set` are merged field by field, lists replace. */
function mergePolicies(host: PolicyConfig, route: PolicyConfig): PolicyConfig {
  const merged: PolicyConfig = { ...host, ...route };
  if (host.security && route.security) merged.security = { ...host.security, ...defined(route.security) };
  if (host.timeouts && route.timeouts) merged.timeouts = { ...host.timeouts, ...defined(route.timeouts) };
  if (host.headers && route.headers) {
    merged.headers = {
      request: mergeHeaders(host.headers.request, route.headers.request),
      response: mergeHeaders(host.headers.response, route.headers.response),
    };
  }
  return merged;
}

type HeaderPolicy = NonNullable<HeadersConfig['request']>;

function mergeHeaders(host: HeaderPolicy = {}, route: HeaderPolicy = {}): HeaderPolicy {
  const set = new Map<string, [name: string, value: string]>();
  for (const header of Object.entries(host.set ?? {})) set.set(header[0].toLowerCase(), header);
  // What the route removes is no longer set, and what it sets is no longer removed.
  for (const name of route.remove ?? []) set.delete(name.toLowerCase());
  for (const header of Object.entries(route.set ?? {})) set.set(header[0].toLowerCase(), header);
  const remove = route.remove ?? host.remove?.filter((name) => !set.has(name.toLowerCase()));
  return { set: Object.fromEntries(set.values()), remove };
}

function defined<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}

function resolvePolicies(policies: PolicyConfig): ResolvedPolicies {
  const { headers, cache, compress, timeouts } = policies;
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
      tunnel: null,
    },
    maintenance: null,
    hold: null,
    retry: null,
  };
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
