// What an operator may write in `routes.config.ts`. Types and doc comments only; the checks are in
// `schema.ts`, the defaults and cross-checks in `resolve.ts`.

/** A length of time with its unit: `'250ms'`, `'10s'`, `'5m'`, `'2h'`, `'365d'`. */
export type Duration = string;
/** A size in bytes with its unit, 1kb = 1024 bytes: `'512b'`, `'64kb'`, `'10mb'`, `'1gb'`. */
export type Size = string;

/** The whole configuration: what listens, who serves, and which host leads where. */
export interface GatewayConfig {
  listen?: ListenConfig;
  /**
   * Worker threads that serve traffic. `'auto'` is one for each core this process may use.
   * @default 'auto'
   */
  workers?: 'auto' | number;
  /**
   * Networks (CIDR, or single addresses) whose `X-Forwarded-For`, `-Proto`, `-Host` and `-Port` are believed.
   * From everybody else these headers are thrown away and rebuilt. `0.0.0.0/0` and `::/0` are refused.
   * @default []
   */
  trustedProxies?: string[];
  /** Named groups of replicas, each a service of the stack. */
  upstreams?: Record<string, UpstreamConfig>;
  /** Host names, exact (`'a.com'`) or one-label wildcards (`'*.a.com'`), with their routes. */
  hosts: Record<string, HostConfig>;
}

export interface ListenConfig {
  /**
   * Plain HTTP: a port, or `'address:port'` (`'127.0.0.1:8080'`, `'[::1]:8080'`).
   * @default 80
   */
  http?: number | string;
  /** TLS. This version has none yet: `false` is the only value it accepts. */
  https?: false;
}

export interface UpstreamConfig {
  /** Addresses of the replicas, `http://name:port` or `https://name:port`, at least one and without a path. */
  replicas: (string | { url: string })[];
  /**
   * Which replica answers next. `round-robin` takes them in turn.
   * @default 'round-robin'
   */
  balance?: 'round-robin';
  timeouts?: TimeoutsConfig & {
    /**
     * Longest wait for a connection to a replica.
     * @default '3s'
     */
    connect?: Duration;
  };
  /** How the certificate of `https://` replicas is checked. */
  tls?: {
    /** Name expected in the certificate; the replica's host name unless set. */
    serverName?: string;
    /** File with the certificates (PEM) of the authorities to trust instead of the public ones. */
    ca?: string;
    /**
     * `false` accepts any certificate. Only for replicas on a network nobody else reaches.
     * @default true
     */
    verify?: boolean;
  };
}

export interface TimeoutsConfig {
  /**
   * Longest wait for the head of the answer once the request has been sent. 504 after that.
   * @default '60s'
   */
  response?: Duration;
  /**
   * Longest silence in the middle of a request or response body; the exchange is cut after that.
   * @default '60s'
   */
  idle?: Duration;
}

export interface HostConfig {
  /** Other names that answer with the same routes. */
  aliases?: string[];
  /** Names that are redirected (308) to this host, path and query kept. */
  redirectFrom?: string[];
  /** Policies for every route of the host; a route's own fields win. */
  policies?: PolicyConfig;
  /**
   * Path patterns: exact (`'/docs'`) or a prefix by whole segments (`'/api/*'`, which also matches `/api`).
   * The most specific pattern wins, wherever it stands in the file.
   */
  routes: Record<string, RouteConfig>;
}

/** One action and, beside it, the policies of this route. */
export type RouteConfig = ActionConfig & PolicyConfig;

/** How a route ends: exactly one of these. */
export interface ActionConfig {
  /** Forward to an upstream, by name or with options. */
  proxy?: string | ProxyConfig;
  /** Serve a single-page application, from a folder or from a container that serves it. */
  spa?: SpaConfig;
  /** Serve the files of a folder, without a fallback document. */
  files?: FilesConfig;
  /** Send the client somewhere else. */
  redirect?: string | RedirectConfig;
  /** Answer with fixed content. */
  respond?: RespondConfig;
}

export interface ProxyConfig {
  upstream: string;
  /** Path prefix (whole segments) removed before forwarding: `'/api'` turns `/api/x` into `/x`. */
  stripPrefix?: string;
  /** Path prefix put in front before forwarding, after `stripPrefix`. */
  addPrefix?: string;
  /**
   * `Host` sent to the replica: `'keep'` passes the client's, `'replica'` sends the replica's own name,
   * anything else is sent as it stands.
   * @default 'keep'
   */
  hostHeader?: string;
}

/** Exactly one of `root` and `upstream`. */
export interface SpaConfig {
  /** Folder with the build, relative to the config file. It is read once, when the gateway starts. */
  root?: string;
  /** Upstream whose container serves the build; fallback and caching rules are applied to its answers. */
  upstream?: string;
  /**
   * Document that answers navigations.
   * @default 'index.html'
   */
  index?: string;
  /**
   * Path patterns below the route whose files never change under the same name, besides those whose names
   * carry a content hash: `['/static/*']`.
   * @default []
   */
  immutable?: string[];
  /**
   * Serve source maps (`*.map`).
   * @default false
   */
  sourceMaps?: boolean;
}

export interface FilesConfig {
  /** Folder, relative to the config file. It is read once, when the gateway starts. */
  root: string;
  /**
   * File that answers for a folder; `false` answers 404.
   * @default 'index.html'
   */
  index?: string | false;
  /** As `spa.immutable`. @default [] */
  immutable?: string[];
  /** Serve source maps (`*.map`). @default false */
  sourceMaps?: boolean;
}

export interface RedirectConfig {
  /**
   * Where to: a path on the same host (`'/docs/'`) or a full URL. A target that ends in `/*` keeps what the
   * pattern's `*` matched: `'/old/*'` to `'/new/*'`.
   */
  to: string;
  /** @default 308 */
  status?: 301 | 302 | 303 | 307 | 308;
  /** Keep the query string of the request. @default true */
  keepQuery?: boolean;
}

export interface RespondConfig {
  /** @default 200 */
  status?: number;
  /** Text sent as the body. @default '' */
  body?: string;
  /** `content-type` is `text/plain; charset=utf-8` unless set here. */
  headers?: Record<string, string>;
}

export interface PolicyConfig {
  security?: SecurityConfig | false;
  headers?: HeadersConfig;
  cache?: CacheConfig;
  compress?: CompressConfig | false;
  timeouts?: TimeoutsConfig;
}

/**
 * Security headers. A string is sent as it stands, `false` leaves the header out. What is named here replaces
 * what the replica sent; the defaults only fill in what it did not send.
 */
export interface SecurityConfig {
  /** `Content-Security-Policy`: the whole policy, or its directives. @default none */
  csp?: string | Record<string, string[]> | false;
  /** `Content-Security-Policy-Report-Only`, likewise. @default none */
  cspReportOnly?: string | Record<string, string[]> | false;
  /**
   * `Strict-Transport-Security`, sent on secure exchanges only (RFC 6797 section 7.2). `includeSubDomains` and
   * `preload` are false unless set. @default none
   */
  hsts?: string | { maxAge: Duration; includeSubDomains?: boolean; preload?: boolean } | false;
  /** `X-Frame-Options`. @default 'SAMEORIGIN' */
  frameOptions?: string | false;
  /** `X-Content-Type-Options`. @default 'nosniff' */
  contentTypeOptions?: string | false;
  /** `Referrer-Policy`. @default 'strict-origin-when-cross-origin' */
  referrerPolicy?: string | false;
  /** `X-XSS-Protection`. @default '0' */
  xssProtection?: string | false;
  /** `Permissions-Policy`. @default none */
  permissionsPolicy?: string | false;
  /** `Cross-Origin-Opener-Policy`. @default none */
  crossOriginOpenerPolicy?: string | false;
}

export interface HeadersConfig {
  /** On the way to the replica. Names are case-insensitive. */
  request?: { set?: Record<string, string>; remove?: string[] };
  /** On the way to the client. `x-powered-by` and `server` are removed unless `remove` says otherwise. */
  response?: { set?: Record<string, string>; remove?: string[] };
}

/**
 * `Cache-Control` for successful answers: a string fills it in where the replica sent none, `override` replaces
 * what it sent. On `spa` and `files` it takes the place of "revalidate"; documents and immutable files keep theirs.
 */
export type CacheConfig = string | { control: string; override?: boolean };

/**
 * Compression of what is not compressed yet. Answers that are personal by cookie or password (`Set-Cookie`, or
 * `Authorization` other than Bearer) go out as they are: their size would tell strangers about their content.
 */
export interface CompressConfig {
  /** In the gateway's order of preference, used where the client has none. @default ['zstd', 'br', 'gzip'] */
  encodings?: ('zstd' | 'br' | 'gzip')[];
  /** Smallest body that is compressed. @default '1kb' */
  minSize?: Size;
}

/** Types its argument and returns it. A file that exports the same plain object is just as valid. */
export function defineGateway(config: GatewayConfig): GatewayConfig {
  return config;
}
