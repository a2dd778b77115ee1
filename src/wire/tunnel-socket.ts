// The socket of a connection that has become a tunnel, on either side. The connection goes on listening to the
// events of the socket and passes them on, so that not even for a moment nobody does (UP-07).
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { TunnelEnd, TunnelObserver } from './tunnel-end.ts';
import { UnsentChunks } from './unsent-chunks.ts';

/** Milliseconds of silence after which the kernel asks whether the peer is still there. */
const PROBE_AFTER = 60_000;

/** The connection that the socket belongs to. */
export interface TunnelOwner {
  /** Nothing more is wanted: to be closed once what is queued, its FIN included, has left. */
  finishTunnel(): void;
}

export class TunnelSocket implements TunnelEnd {
  readonly #socket: Socket;
  readonly #owner: TunnelOwner;
  readonly #unsent = new UnsentChunks();
  #observer: TunnelObserver | null = null;
  /** What came before `begin`. */
  #early: Buffer | null = null;
  #inputEnded = false;
  #paused = false;
  /** `onDrain` is owed. */
  #blocked = false;
  /** After `finish` or `destroy`. */
  #over = false;
  #closed = false;
  readonly #onWritten = (): void => this.#written();

  constructor(socket: Socket, owner: TunnelOwner) {
    this.#socket = socket;
    this.#owner = owner;
    socket.allowHalfOpen = true;
    socket.setKeepAlive(true, PROBE_AFTER);
  }

  get pendingBytes(): number {
    return this.#socket.writableLength;
  }

  begin(observer: TunnelObserver): void {
    this.#observer = observer;
    if (this.#closed) return observer.onClosed();
    const early = this.#early;
    this.#early = null;
    if (early !== null) observer.onData(early, 0, early.length, true);
    if (this.#inputEnded && !this.#over) observer.onEnd();
    if (!this.#paused) this.#socket.resume();
  }

  write(bytes: Buffer, start: number, end: number, owned: boolean): boolean {
    const socket = this.#socket;
    if (!owned) {
      // A string costs one copy, and where the kernel takes only a part, no more than the rest of it is kept.
      socket.write(bytes.toString('latin1', start, end), 'latin1', this.#onWritten);
    } else {
      const piece = end - start === bytes.length ? bytes : bytes.subarray(start, end);
      socket.write(this.#unsent.take(piece, true), this.#onWritten);
    }
    if (socket.writableLength === 0) {
      this.#unsent.release();
      return true;
    }
    this.#blocked = true;
    return false;
  }

  end(): void {
    this.#socket.end();
  }

  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#socket.resume();
  }

  finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#socket.end();
    this.#paused = false;
    this.#socket.resume();
    this.#owner.finishTunnel();
  }

  destroy(): void {
    this.#over = true;
    breakOff(this.#socket);
  }

  // ---- from the connection ----

  /** Bytes were read. */
  take(bytes: Buffer, start: number, end: number, owned: boolean): void {
    if (this.#over) return;
    if (this.#observer !== null) return this.#observer.onData(bytes, start, end, owned);
    const piece = Buffer.from(bytes.subarray(start, end));
    this.#early = this.#early === null ? piece : Buffer.concat([this.#early, piece]);
    this.#socket.pause();
  }

  /** FIN was read. */
  inputEnd(): void {
    this.#inputEnded = true;
    if (!this.#over) this.#observer?.onEnd();
  }

  expire(): void {
    this.#observer?.onExpired();
  }

  /** The socket is closed, or will be without another word. */
  gone(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#over = true;
    this.#unsent.forget();
    this.#observer?.onClosed();
  }

  #written(): void {
    if (!this.#blocked || this.#socket.writableLength > 0) return;
    this.#blocked = false;
    this.#unsent.release();
    if (!this.#over) this.#observer?.onDrain();
  }
}

/**
 * Closes a socket so that the peer can tell whether it has everything. A socket whose FIN is on its way, with all
 * before it taken by the kernel, has; and libuv refuses to reset it, which would leave the descriptor open. A TLS
 * socket cannot be reset: there the missing close_notify tells (RFC 8446 section 6.1).
 */
export function breakOff(socket: Socket): void {
  const isWhole = socket.writableEnded && socket.writableLength === 0;
  if (isWhole || socket instanceof TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}
