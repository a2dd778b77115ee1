// What an operator may write about an upstream: where its replicas are, which of them answers, how they are checked
// and spared. Types and doc comments only.
import type { Duration } from './units.ts';

export interface UpstreamConfig {
  /**
   * Where the replicas are, at least one entry: `http://name:port` or `https://name:port` without a path, or SRV
   * records.
   */
  replicas: (string | ReplicaConfig | SrvConfig)[];
  /**
   * `'dns'`: every address behind a name is a replica, and the name is asked again and again. `'static'`: the name
   * itself is one replica, looked up at each new connection.
   * @default 'dns'
   */
  discover?: 'dns' | 'static';
  /**
   * Which replica answers next. `'least-requests'` takes the less busy one of two drawn at random, `'round-robin'`
   * takes them in turn, `'hash-client'` gives each client address the same one; all of them by weight.
   * @default 'least-requests'
   */
  balance?: 'least-requests' | 'round-robin' | 'hash-client';
  /** A cookie that keeps a client on its replica as long as that one is up. @default none */
  sticky?: StickyConfig;
  /** Ask each replica regularly whether it is up: a path, or more. @default no checks */
  health?: string | HealthConfig;
  /** Leave out a replica that keeps failing exchanges, for a while. */
  eject?: EjectConfig | false;
  /** Send an exchange that failed to another replica, where that cannot do harm. */
  retry?: RetryConfig | false;
  /** Limits of each replica, over all workers. */
  connections?: ConnectionsConfig;
  /**
   * Time in which a replica that came up is given its full share, little by little. `'0s'` is at once.
   * @default '0s'
   */
  slowStart?: Duration;
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

export interface ReplicaConfig {
  url: string;
  /** Share of the exchanges relative to the other replicas, 1 to 1000. @default 1 */
  weight?: number;
  /** Used only while no other replica is up. @default false */
  backup?: boolean;
  /**
   * Addresses the name should have, 1 to 1000; the log has a warning when it has fewer. Only for names, with
   * `discover: 'dns'`. @default not checked
   */
  expect?: number;
}

/** Replicas from SRV records: the records name hosts, ports, priorities and weights. */
export interface SrvConfig {
  /** Name of the records: `'_http._tcp.api.internal'`. */
  srv: string;
  /** @default 'http' */
  scheme?: 'http' | 'https';
  /** As for a replica. @default false */
  backup?: boolean;
  /** As for a replica. */
  expect?: number;
}

export interface StickyConfig {
  /** Name of the cookie. */
  cookie: string;
  /**
   * Text of at least 16 characters that signs the cookies. With one of your own they outlive a restart.
   * @default made anew at each start
   */
  secret?: string;
}

export interface HealthConfig {
  /** Path asked with GET, on a connection of its own. Not one that asks a database: see docs/configuration.md. */
  path: string;
  /** Time between two checks. @default '10s' */
  interval?: Duration;
  /** Longest wait for an answer, at most `interval`. @default '2s', or `interval` where that is shorter */
  timeout?: Duration;
  /** Checks in a row that must pass before a replica counts as up again. @default 2 */
  rise?: number;
  /** Checks in a row that must fail before it counts as down. @default 3 */
  fall?: number;
  /** Statuses that pass: `'200'`, `'2xx'`, `'2xx-3xx'`, `'200-204'`, or several of these: `'2xx,404'`. @default '2xx-3xx' */
  status?: string | number;
  /** `Host` of the check. @default the replica's */
  host?: string;
  /** Port of the check. @default the replica's */
  port?: number;
}

export interface EjectConfig {
  /**
   * Failures in a row: no connection, closed before the answer, too late, or 502, 503, 504.
   * @default 5
   */
  consecutive?: number;
  /** Length of the first ejection, doubled at each one after it. @default '10s', or `max` where that is shorter */
  base?: Duration;
  /** Longest ejection, at least `base`. @default '5m' */
  max?: Duration;
  /** Largest part of the replicas that is ejected at a time, above 0 and at most 1. @default 0.5 */
  atMost?: number;
}

/** `connect`: no connection. `reset`: closed before the answer began. The numbers are statuses of the answer. */
export type RetryReason = 'connect' | 'reset' | 502 | 503 | 504;

export interface RetryConfig {
  /** Most attempts that reach a replica, the first included, 1 to 10. @default 2 */
  attempts?: number;
  /** Retries for each exchange of the last seconds, 0 to 1. @default 0.2 */
  budget?: number;
  /** What is retried, where the method and the body allow it. @default ['connect', 'reset'] */
  on?: RetryReason[];
}

export interface ConnectionsConfig {
  /** Most connections to one replica. Tunnels such as WebSockets do not count, streams of events do. @default 256 */
  max?: number;
  /** Most exchanges that wait for one of them; more are answered 503 at once. @default 1024 */
  queue?: number;
  /** Longest wait there; 503 after that. @default '1s' */
  queueTimeout?: Duration;
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
  /**
   * Longest silence, in both directions at once, of an upgraded connection such as a WebSocket; it is closed after
   * that.
   * @default '1h'
   */
  tunnel?: Duration;
}
