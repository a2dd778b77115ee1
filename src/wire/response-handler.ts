// What a client connection tells others: the exchange it carries, and the pool that keeps it.
import type { Connection } from './connection.ts';
import type { ResponseHead } from './response-head.ts';

export type FailureKind =
  | 'connect-failed'
  | 'connect-timeout'
  /** Closed before the first byte of the response. */
  | 'reset'
  | 'malformed'
  | 'response-timeout'
  /** Closed or broken in the middle of the body. */
  | 'body-aborted'
  | 'idle-timeout';

export interface WireFailure {
  readonly kind: FailureKind;
  /** For the log. May name addresses, so it never goes to a client. */
  readonly detail: string;
}

/** What a connection tells the one whose exchange it carries. Calls come from within socket callbacks. */
export interface ResponseHandler {
  /** The connection stands; a request body may be written now. Not called on a reused connection. */
  onConnected(): void;
  /** A 1xx other than 100 and 101. */
  onInterim(status: number, fields: string[]): void;
  onHead(head: ResponseHead): void;
  /**
   * A piece of the body: `bytes` from `start` to `end`. The memory is the handler's only if `owned`; otherwise
   * it must copy what it keeps before it returns.
   */
  onBody(bytes: Buffer, start: number, end: number, owned: boolean): void;
  /** All that one read brought has been handed over: nothing may be held back any longer. */
  onPause(): void;
  /** The response is complete, and the connection is free or closed. */
  onEnd(trailers: string[]): void;
  onFailure(failure: WireFailure): void;
  /** `write` returned false before and may be called again. */
  onDrain(): void;
  /**
   * A 101 came, to a request that was sent with `upgrade`. The handler must call `openTunnel` or `destroy` before it
   * returns, and hears nothing more. What the 101 brought with it is handed over after that.
   */
  onUpgrade(head: ResponseHead): void;
  /**
   * The owner doubts that an answer will come, and no byte of it has. The handler may destroy the connection and
   * go elsewhere, or go on waiting. See `Connection.interrupt`.
   */
  onInterrupted(): void;
}

/** Who keeps connections. */
export interface ConnectionOwner {
  /** Free for the next exchange. */
  onIdle(connection: Connection): void;
  /** Gone; never used again. */
  onClosed(connection: Connection): void;
}
