// How long a client may take for what, and whether it still makes progress. Looked at by the clock of the listener,
// so that no request needs a timer.
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';

/** Milliseconds. */
export const TIMES = {
  /** From the connection, or the first byte of a request, to the end of its head; for the rest of a body nobody reads. */
  head: 10_000,
  /** For `LEAST_BODY` bytes of a body that is waited for. */
  body: 60_000,
  /** Between two requests. */
  keepAlive: 72_000,
  /** Without taking a byte of what is queued for it. */
  stall: 60_000,
  /** After our last byte: what the client still sends is read and thrown away, so that no reset overtakes the answer. */
  linger: 2_000,
  /** For the next bytes of the answer to a client that has closed its side: half-closed and gone look alike. */
  halfClosed: 400,
} as const;

/** Bytes of a body that must come within `TIMES.body`. */
const LEAST_BODY = 1024;

export class ConnectionDeadline {
  /** `performance.now()` after which it is over. */
  at: number;
  readonly #socket: Socket;
  /** Bytes read, or written, when progress was last looked at. */
  #mark = 0;
  /** Somebody else keeps the time. */
  #left = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.at = performance.now() + TIMES.head;
    socket.on('timeout', () => {
      if (socket.writableLength > 0) socket.resetAndDestroy();
    });
  }

  /** Starts anew; null for a state whose end somebody else watches. */
  set(what: keyof typeof TIMES | null): void {
    this.#left = false;
    this.at = what === null ? Number.POSITIVE_INFINITY : performance.now() + TIMES[what];
    if (what === 'body') this.#mark = this.#socket.bytesRead;
    else if (what === 'halfClosed') this.#mark = this.#socket.bytesWritten;
  }

  /** Sets the last one, anew when what is queued has left; what comes meanwhile is to be read and thrown away. */
  linger(): void {
    const socket = this.#socket;
    this.set('linger');
    if (socket.writableLength === 0) socket.resume();
    else
      socket.once('finish', () => {
        this.set('linger');
        socket.resume();
      });
  }

  /** Watches nothing until it is set again, not even how the client takes what is queued for it. */
  leave(): void {
    this.#left = true;
    this.#socket.setTimeout(0);
  }

  /** Starts unless less time than that is left. */
  shorten(what: keyof typeof TIMES): void {
    this.at = Math.min(this.at, performance.now() + TIMES[what]);
  }

  isOver(now: number): boolean {
    const socket = this.#socket;
    if (this.#left) return false;
    if (socket.writableLength === 0) return this.at < now;
    // As long as bytes wait for the client, what counts is that it takes some. The timer of the socket knows: it
    // sees the progress of a single long write. Set for those alone that need it, because each byte moved resets it.
    if (socket.timeout !== TIMES.stall) socket.setTimeout(TIMES.stall);
    return false;
  }

  /** Grants more time when enough of a body has come, or when it was not the client who held it up. */
  bodyComes(flowing: boolean): boolean {
    if (flowing && this.#socket.bytesRead - this.#mark < LEAST_BODY) return false;
    this.set('body');
    return true;
  }

  /** Grants more time while a half-closed client takes its answer: one that had left would have sent a reset. */
  answerLeaves(): boolean {
    if (this.#socket.bytesWritten === this.#mark) return false;
    this.set('halfClosed');
    return true;
  }
}
