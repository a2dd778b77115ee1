// What an operator may write in `routes.config.ts`. Types and doc comments only; the checks are in the files
// `schema*.ts`, the defaults in `resolve*.ts`, the cross-checks in `references*.ts`.
import type { ActionConfig } from './contract-actions.ts';
import type { PolicyConfig } from './contract-policies.ts';
import type { UpstreamConfig } from './contract-upstream.ts';
import type { Duration } from './units.ts';

export type * from './contract-actions.ts';
export type * from './contract-policies.ts';
export type * from './contract-upstream.ts';
export type { Duration, Size } from './units.ts';

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
  /** How the names of replicas are looked up. */
  resolver?: ResolverConfig;
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

export interface ResolverConfig {
  /**
   * DNS servers to ask instead of those of the system, in this order: `'127.0.0.11'`, `'10.0.0.2:53'`, `'[::1]:53'`.
   * @default those of the system
   */
  servers?: string[];
  /**
   * How often each name is asked again, whatever the lifetime (TTL) of the last answer: Docker's says 10 minutes.
   * @default '2s'
   */
  interval?: Duration;
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

/** Types its argument and returns it. A file that exports the same plain object is just as valid. */
export function defineGateway(config: GatewayConfig): GatewayConfig {
  return config;
}
