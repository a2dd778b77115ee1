// The connections to one replica, nothing else: hands out an idle one, most recently used first, or opens a
// new one; retires those that have been idle too long. Knows nothing of requests.
import { performance } from 'node:perf_hooks';
import { Connection } from '../wire/connection.ts';
import type { ConnectionTarget } from '../wire/open-socket.ts';
import type { ConnectionOwner } from '../wire/response-handler.ts';

/**
 * Milliseconds an idle connection is kept when the replica does not say (`Keep-Alive: timeout`). Shorter than
 * the 5 s after which Node and Apache close theirs, so that a request rarely meets a closing connection.
 */
const DEFAULT_IDLE = 4_000;
/** Longest, whatever the replica says. */
const MAX_IDLE = 60_000;
/** Idle connections kept per replica and worker. */
const MAX_IDLE_CONNECTIONS = 128;

export class ConnectionPool implements ConnectionOwner {
  readonly #target: ConnectionTarget;
  readonly #all = new Set<Connection>();
  /** A stack: the last one used is the least likely to have been closed by the replica. */
  readonly #idle: Connection[] = [];

  constructor(target: ConnectionTarget) {
    this.#target = target;
  }

  /** Connections open or being opened. */
  get size(): number {
    return this.#all.size;
  }

  get idle(): number {
    return this.#idle.length;
  }

  /** An idle connection, or a new one that is still connecting. */
  take(): Connection {
    for (let connection = this.#idle.pop(); connection !== undefined; connection = this.#idle.pop()) {
      if (connection.isIdle) return connection;
    }
    return this.open();
  }

  /** A new connection, whatever is idle. For a retry that must not meet a second stale one. */
  open(): Connection {
    const connection = new Connection(this.#target, this);
    this.#all.add(connection);
    return connection;
  }

  onIdle(connection: Connection): void {
    if (this.#idle.length >= MAX_IDLE_CONNECTIONS || connection.idleHint === 0) {
      connection.destroy();
      return;
    }
    // A second of margin: the replica's clock started before ours.
    const hint = connection.idleHint > 0 ? Math.max(connection.idleHint * 1000 - 1000, 500) : DEFAULT_IDLE;
    connection.deadline = performance.now() + Math.min(hint, MAX_IDLE);
    this.#idle.push(connection);
  }

  onClosed(connection: Connection): void {
    this.#all.delete(connection);
    const at = this.#idle.indexOf(connection);
    if (at !== -1) this.#idle.splice(at, 1);
  }

  /** Expires every connection whose deadline has passed. */
  expire(now: number): void {
    for (const connection of this.#all) if (connection.deadline < now) connection.expire();
  }

  /** Closes idle connections; busy ones finish what they carry. */
  closeIdle(): void {
    for (const connection of [...this.#idle]) connection.destroy();
  }
}
