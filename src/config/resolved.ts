// The configuration after checks and defaults: plain data that can be cloned to a worker, with every duration
// in milliseconds, every size in bytes, every name in lower case and every policy set stored once.

export interface ResolvedConfig {
  /** Where plain HTTP listens. `address` undefined means all addresses, IPv6 and IPv4. */
  listen: { http: ListenAddress };
  workers: 'auto' | number;
  trustedProxies: string[];
  resolver: ResolvedResolver;
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

export interface ResolvedResolver {
  /** DNS servers, `address:port`; null takes those of the system. */
  servers: string[] | null;
  /** Milliseconds between two questions about a name. */
  interval: number;
}

export interface ResolvedUpstream {
  name: string;
  replicas: ResolvedReplica[];
  /** `dns`: every address behind a name is a replica. `static`: the name itself is, looked up at each connection. */
  discover: 'dns' | 'static';
  balance: 'least-requests' | 'round-robin' | 'hash-client';
  /** `secret` null: one is made at start. */
  sticky: { cookie: string; secret: string | null } | null;
  health: ResolvedHealth | null;
  eject: ResolvedEjection | null;
  retry: ResolvedRetry | null;
  /** Per replica, over all workers. */
  connections: { max: number; queue: number; queueTimeout: number };
  /** Milliseconds in which a replica that came up is given its full share; 0 for at once. */
  slowStart: number;
  /** `tunnel` is the longest silence in both directions of an upgraded connection. */
  timeouts: { connect: number; response: number; idle: number; tunnel: number };
  /** `ca` holds the PEM text, read when the config was loaded. */
  tls: { serverName: string | undefined; ca: string | undefined; verify: boolean };
}

export interface ResolvedReplica {
  /** As written: `http://api-1:3000`. */
  url: string;
  secure: boolean;
  /** Name or address without brackets. For `srv` the name of the service: `_http._tcp.api.internal`. */
  host: string;
  /** 0 for `srv`: the records say. */
  port: number;
  /** Addresses are found in SRV records. */
  srv: boolean;
  /** Share of the exchanges, relative to the other replicas. */
  weight: number;
  /** Used only while no other replica is up. */
  backup: boolean;
  /** Addresses the name should have; a warning when it has fewer. null where nothing is said. */
  expect: number | null;
}

export interface ResolvedHealth {
  path: string;
  interval: number;
  timeout: number;
  /** Checks in a row that turn the state. */
  rise: number;
  fall: number;
  /** Ranges of statuses that pass, both ends included. */
  status: [from: number, to: number][];
  /** `Host` of the check; null names the replica. */
  host: string | null;
  /** Port of the check; null takes the replica's. */
  port: number | null;
}

export interface ResolvedEjection {
  /** Failures in a row. */
  consecutive: number;
  /** Milliseconds of the first ejection; doubled each time, up to `max`. */
  base: number;
  max: number;
  /** Largest part of the replicas that is ejected at a time, 0 to 1. */
  atMost: number;
}

export interface ResolvedRetry {
  /** Most attempts that reach a replica, the first included. */
  attempts: number;
  /** Retries for each exchange, on average over some seconds. */
  budget: number;
  connect: boolean;
  reset: boolean;
  /** Of 502, 503 and 504. */
  statuses: number[];
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

/** What `proxy` and `split` have in common. */
export interface ResolvedForwarding {
  stripPrefix: string;
  addPrefix: string;
  /** null keeps the client's; '' sends the replica's. */
  hostHeader: string | null;
  /** Protocols a client may switch to, in lower case: `['websocket']`. */
  upgrade: string[];
}

export type ResolvedAction =
  | ({ kind: 'proxy'; upstream: number } & ResolvedForwarding)
  | ({
      kind: 'split';
      /** Percentages, 100 together. */
      parts: { upstream: number; percent: number }[];
      /** Whether a client stays on its side or each exchange is drawn anew. */
      by: 'client' | 'exchange';
      /** Header (lower case) and cookie whose value names the upstream and overrides the percentages. */
      header: string | null;
      cookie: string | null;
    } & ResolvedForwarding)
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
  timeouts: { response: number | null; idle: number | null; tunnel: number | null };
  maintenance: ResolvedMaintenance | null;
  hold: ResolvedHold | null;
  /** What the route wants otherwise than its upstream; false for no second attempt, null for the upstream's own. */
  retry: Partial<Omit<ResolvedRetry, 'budget'>> | false | null;
}

export interface ResolvedMaintenance {
  /** HTML, read when the config was loaded; null for the gateway's own page. */
  page: string | null;
  /** Seconds. */
  retryAfter: number;
  /** CIDRs that are served as always. */
  allow: string[];
}

/** Exchanges that wait while no replica is up. */
export interface ResolvedHold {
  /** Milliseconds. */
  time: number;
  /** Most exchanges, and bytes of them, held for one upstream over all workers. */
  exchanges: number;
  bytes: number;
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
