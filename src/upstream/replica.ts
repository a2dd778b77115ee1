// One address of an upstream, with its connection pool.
import type { ConnectionTarget } from '../wire/open-socket.ts';
import { ConnectionPool } from './connection-pool.ts';

export class Replica {
  /** As written in the config; for logs and `explain`, never for clients. */
  readonly url: string;
  /** `Host` for upstreams that want their own name: without the default port of the scheme. */
  readonly authority: string;
  readonly pool: ConnectionPool;

  constructor(url: string, target: ConnectionTarget) {
    this.url = url;
    this.authority = new URL(url).host;
    this.pool = new ConnectionPool(target);
  }
}
