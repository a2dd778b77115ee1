// The connections to one replica, nothing else: hands out an idle one, most recently used first, or opens a
// new one as long as there may be more; retires those that have been idle too long. Knows nothing of requests.
import { performance } from 'node:perf_hooks';
import { Connection } from '../wire/connection.ts';
import type { ConnectionTarget } from '../wire/open-socket.ts';
import type { ConnectionOwner } from '../wire/response-handler.ts';
import type { SharedCount } from './shared-count.ts';

/**
 * Milliseconds an idle connection is kept when the replica does not say (`Keep-Alive: timeout`). Shorter than
 * the 5 s after which Node and Apache close theirs, so that a request rarely meets a closing connection.
 */
const DEFAULT_IDLE = 4_000;
/** Longest, whatever the replica says. */
const MAX_IDLE = 60_000;
/** Idle connections kept per replica and worker. */
const MAX_IDLE_CONNECTIONS = 128;

/** Who owns a pool: the replica. */
export interface PoolOwner {
  /** Connections open or being opened, over all workers. */
  readonly open: SharedCount;
  /** Most of them. */
  readonly max: number;
  /** Another worker waits for a connection that this one may be keeping idle. */
  readonly isWantedElsewhere: boolean;
  /** A connection became free, or may be opened again. */
  onRoom(): void;
}

export class ConnectionPool implements ConnectionOwner {
  readonly #target: ConnectionTarget;
  readonly #owner: PoolOwner;
  readonly #all = new Set<Connection>();
  /** A stack: the last one used is the least likely to have been closed by the replica. */
  readonly #idle: Connection[] = [];
  /** Those that became tunnels: they stay open for hours, and do not count against `max`. */
  readonly #tunnels = new Set<Connection>();
  #closing = false;

  constructor(target: ConnectionTarget, owner: PoolOwner) {
    this.#target = target;
    this.#owner = owner;
  }

  /** Connections of this worker, open or being opened. */
  get size(): number {
    return this.#all.size;
  }

  get idle(): number {
    return this.#idle.length;
  }

  /** An idle connection, or a new one that is still connecting; null when there are as many as there may be. */
  take(): Connection | null {
    for (let connection = this.#idle.pop(); connection !== undefined; connection = this.#idle.pop()) {
      if (connection.isIdle) return connection;
    }
    return this.open();
  }

  /** A new connection, whatever is idle. For a retry that must not meet a second stale one. */
  open(): Connection | null {
    if (!this.#owner.open.addWithin(1, this.#owner.max)) return null;
    let connection: Connection | undefined;
    try {
      connection = new Connection(this.#target, this);
    } finally {
      if (connection === undefined) this.#owner.open.add(-1);
    }
    this.#all.add(connection);
    return connection;
  }

  /** A connection switched protocols: it carries no other exchange, and its place is free. */
  onTunnel(connection: Connection): void {
    this.#tunnels.add(connection);
    this.#owner.open.add(-1);
    this.#owner.onRoom();
  }

  onIdle(connection: Connection): void {
    const keep =
      this.#idle.length < MAX_IDLE_CONNECTIONS &&
      connection.idleHint !== 0 &&
      !this.#closing &&
      !this.#owner.isWantedElsewhere;
    if (!keep) {
      connection.destroy();
      return;
    }
    // A second of margin: the replica's clock started before ours.
    const hint = connection.idleHint > 0 ? Math.max(connection.idleHint * 1000 - 1000, 500) : DEFAULT_IDLE;
    connection.deadline = performance.now() + Math.min(hint, MAX_IDLE);
    this.#idle.push(connection);
    this.#owner.onRoom();
  }

  onClosed(connection: Connection): void {
    if (!this.#all.delete(connection)) return;
    if (this.#tunnels.delete(connection)) return;
    this.#owner.open.add(-1);
    const at = this.#idle.indexOf(connection);
    if (at !== -1) this.#idle.splice(at, 1);
    this.#owner.onRoom();
  }

  /** Expires every connection whose deadline has passed. */
  expire(now: number): void {
    for (const connection of this.#all) if (connection.deadline < now) connection.expire();
  }

  /** Tells everything under way that no answer may come, for `reason`: see `Connection.interrupt`. */
  interrupt(reason: string): void {
    for (const connection of [...this.#all]) connection.interrupt(reason);
  }

  /** The same for connections that do not stand yet. */
  interruptConnecting(reason: string): void {
    for (const connection of [...this.#all]) if (!connection.connected) connection.interrupt(reason);
  }

  /** Keeps nothing from now on: idle connections are closed, busy ones finish what they carry. */
  close(): void {
    this.#closing = true;
    this.closeIdle();
  }

  closeIdle(): void {
    for (const connection of [...this.#idle]) connection.destroy();
  }
}
