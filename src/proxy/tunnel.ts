// Joins the two ends of a tunnel: bytes both ways, as fast as the slower side takes them, and an end of one side
// that means the same to the other. Knows nothing of what the bytes say.
import { performance } from 'node:perf_hooks';
import type { Connection } from '../wire/connection.ts';
import type { TunnelEnd, TunnelObserver } from '../wire/tunnel-end.ts';

export class Tunnel {
  readonly #client: Side;
  readonly #replica: Side;
  readonly #connection: Connection;
  readonly #idleTimeout: number;
  /** When a byte was last seen to move, by `performance.now()`. */
  movedAt = performance.now();

  /**
   * To be made in `onUpgrade`, with the head for the client written.
   * @param idleTimeout milliseconds without a byte in either direction
   * @param onClosed told once, when the connection to the replica is gone
   */
  constructor(client: TunnelEnd, connection: Connection, idleTimeout: number, onClosed: () => void) {
    this.#connection = connection;
    this.#idleTimeout = idleTimeout;
    this.#client = new Side(this, null);
    this.#replica = new Side(this, onClosed);
    this.#client.join(client, this.#replica);
    this.#replica.join(connection.openTunnel(this.#replica), this.#client);
    connection.deadline = this.movedAt + idleTimeout;
    // What the client sent early goes out now, so the way must stand by then.
    client.begin(this.#client);
  }

  /** The deadline that was set some time ago is over: nothing has moved since, or it is set anew. */
  expire(): void {
    const due = this.movedAt + this.#idleTimeout;
    if (performance.now() < due) this.#connection.deadline = due;
    else {
      this.#client.end!.destroy();
      this.#replica.end!.destroy();
    }
  }
}

/** What one end tells, and what the other one has to do then. */
class Side implements TunnelObserver {
  end: TunnelEnd | null = null;
  readonly #tunnel: Tunnel;
  readonly #onClosed: (() => void) | null;
  #other: Side | null = null;
  /** All that this side had to say is on its way to the other. */
  #ended = false;
  #closed = false;

  constructor(tunnel: Tunnel, onClosed: (() => void) | null) {
    this.#tunnel = tunnel;
    this.#onClosed = onClosed;
  }

  join(end: TunnelEnd, other: Side): void {
    this.end = end;
    this.#other = other;
  }

  onData(bytes: Buffer, start: number, end: number, owned: boolean): void {
    this.#tunnel.movedAt = performance.now();
    // One read is all that waits for the other side.
    if (!this.#other!.end!.write(bytes, start, end, owned)) this.end!.pause();
  }

  onDrain(): void {
    this.#tunnel.movedAt = performance.now();
    this.#other!.end!.resume();
  }

  onEnd(): void {
    this.#ended = true;
    this.#other!.end!.end();
  }

  onExpired(): void {
    this.#tunnel.expire();
  }

  onClosed(): void {
    this.#closed = true;
    const other = this.#other!;
    if (!other.#closed) {
      // A stream that broke off must not look whole at the other side; one that ended must get there.
      if (this.#ended) other.end!.finish();
      else other.end!.destroy();
    }
    this.#onClosed?.();
  }
}
