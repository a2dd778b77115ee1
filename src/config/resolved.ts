// The configuration after checks and defaults: plain data that can be cloned to a worker, with every duration
// in milliseconds, every size in bytes, every name in lower case and every policy set stored once.

export interface ResolvedConfig {
  /** Where plain HTTP listens. `address` undefined means all addresses, IPv6 and IPv4. */
  listen: { http: ListenAddress };
  workers: 'auto' | number;
  trustedProxies: string[];
  upstreams: ResolvedUpstream[];
  /** Distinct policy sets; hosts and routes name one by its index. */
  policies: ResolvedPolicies[];
  /** Distinct folders served, absolute; `spa` and `files` actions name one by its index. */
  roots: ResolvedRoot[];
  /** Distinct actions; routes name one by its index. */
  actions: ResolvedAction[];
  hosts: ResolvedHost[];
}

export interface ListenAddress {
  address: string | undefined;
  port: number;
}

export interface ResolvedUpstream {
  name: string;
  replicas: ResolvedReplica[];
  timeouts: { connect: number; response: number; idle: number };
  /** `ca` holds the PEM text, read when the config was loaded. */
  tls: { serverName: string | undefined; ca: string | undefined; verify: boolean };
}

export interface ResolvedReplica {
  /** As written: `http://api-1:3000`. */
  url: string;
  secure: boolean;
  /** Name or address without brackets. */
  host: string;
  port: number;
}

export interface ResolvedRoot {
  /** Absolute path of the folder. */
  path: string;
  sourceMaps: boolean;
  immutable: string[];
  index: string | false;
}

export interface ResolvedHost {
  /** Lower case; `*.example.com` for a wildcard. */
  name: string;
  /** Key path of the host in the config, for `explain` and the logs. */
  source: string;
  /** Other names with the same routes. */
  aliases: string[];
  redirectFrom: string[];
  /** Policies of answers that no route gives, such as 404. */
  policies: number;
  routes: ResolvedRoute[];
}

/** Kept small: a config may hold hundreds of thousands of them, and each worker gets a copy. */
export interface ResolvedRoute {
  /** As written: `/docs`, `/api/*`, `/*`. */
  pattern: string;
  policies: number;
  action: number;
}

/** Key path of a route in the config, for `explain` and the logs. */
export function routeSource(host: ResolvedHost, pattern: string): string {
  return `${host.source}.routes[${JSON.stringify(pattern)}]`;
}

export type ResolvedAction =
  | {
      kind: 'proxy';
      upstream: number;
      stripPrefix: string;
      addPrefix: string;
      /** null keeps the client's; '' sends the replica's. */
      hostHeader: string | null;
    }
  | { kind: 'spa'; root: number }
  | {
      kind: 'spa-upstream';
      upstream: number;
      index: string;
      immutable: string[];
      sourceMaps: boolean;
    }
  | { kind: 'files'; root: number }
  | {
      kind: 'redirect';
      /** Without the final `/*` where `keepRest` is true: `'/new'`, `''`, `'https://b.com'`. */
      to: string;
      /** What the pattern's `*` matched is put behind `to`, with its leading slash. */
      keepRest: boolean;
      keepQuery: boolean;
      status: number;
    }
  | { kind: 'respond'; status: number; body: string; headers: [name: string, value: string][] };

export interface ResolvedPolicies {
  /** false turns the policy off. Otherwise what the operator named; absent keys take the gateway's defaults. */
  security: ResolvedSecurity | false;
  headers: {
    requestSet: [name: string, value: string][];
    requestRemove: string[];
    responseSet: [name: string, value: string][];
    /** Lower case. Holds the default `x-powered-by`, `server` unless the operator wrote a list. */
    responseRemove: string[];
  };
  cache: { control: string; override: boolean } | null;
  compress: { encodings: ('zstd' | 'br' | 'gzip')[]; minSize: number } | false;
  /** null leaves the upstream's own. */
  timeouts: { response: number | null; idle: number | null };
}

export interface ResolvedSecurity {
  csp?: string | Record<string, string[]> | false;
  cspReportOnly?: string | Record<string, string[]> | false;
  /** `maxAge` in seconds. */
  hsts?: string | { maxAge: number; includeSubDomains: boolean; preload: boolean } | false;
  frameOptions?: string | false;
  contentTypeOptions?: string | false;
  referrerPolicy?: string | false;
  xssProtection?: string | false;
  permissionsPolicy?: string | false;
  crossOriginOpenerPolicy?: string | false;
}
