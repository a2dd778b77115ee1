// What an operator may write as policies, of a host or of a route. Types and doc comments only.
import type { RetryReason, TimeoutsConfig } from './contract-upstream.ts';
import type { Duration, Size } from './units.ts';

export interface PolicyConfig {
  /** Answer 503 with a page instead of the action. `true` is all of its defaults. @default false */
  maintenance?: boolean | MaintenanceConfig;
  security?: SecurityConfig | false;
  headers?: HeadersConfig;
  cache?: CacheConfig;
  compress?: CompressConfig | false;
  /** Each field left out is the upstream's. */
  timeouts?: TimeoutsConfig;
  /**
   * Let exchanges wait while no replica is up, instead of failing them: the gap of a deploy goes unnoticed. A
   * duration is `for`. @default false
   */
  hold?: Duration | HoldConfig | false;
  /**
   * Retries of this route; what is left out is the upstream's. `false` for none: a webhook that must not arrive
   * twice. @default the upstream's
   */
  retry?: RouteRetryConfig | false;
}

export interface MaintenanceConfig {
  /** HTML file in UTF-8, at most 1 MB, relative to the config file. It is read at every load. @default a plain page */
  page?: string;
  /** What `Retry-After` tells clients and search engines, in whole seconds. @default '5m' */
  retryAfter?: Duration;
  /** Networks (CIDR, or single addresses) that are served as always. @default [] */
  allow?: string[];
}

export interface HoldConfig {
  /** Longest wait; the exchange is answered 503 after that. */
  for: Duration;
  /** Most exchanges that wait for one upstream, over all workers; more are answered 503 at once. @default 1000 */
  exchanges?: number;
  /** Most bytes of their heads and bodies, over all workers. @default '16mb' */
  bytes?: Size;
}

export interface RouteRetryConfig {
  /** Most attempts that reach a replica, the first included. */
  attempts?: number;
  /** As for an upstream. */
  on?: RetryReason[];
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
