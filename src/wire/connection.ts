// One HTTP/1.1 client connection: sends a request, reads the response, says when it is free again. It is
// watched even while idle, so that a close or unsolicited bytes retire it before the next request is sent.
// Knows nothing of gateways, replicas or retries.

import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { BodyWriter } from './body-writer.ts';
import { MalformedMessage } from './malformed-message.ts';
import { type ConnectionTarget, openSocket } from './open-socket.ts';
import { SCRATCH } from './read-buffers.ts';
import type { ConnectionOwner, FailureKind, ResponseHandler } from './response-handler.ts';
import { ResponseReader } from './response-reader.ts';
import type { TunnelEnd, TunnelObserver } from './tunnel-end.ts';
import { breakOff, type TunnelOwner, TunnelSocket } from './tunnel-socket.ts';

const NO_DEADLINE = Number.POSITIVE_INFINITY;
/**
 * Where a tunnel is read into. Shorter than other reads, because thousands of tunnels may each hold a read that
 * their client does not take.
 */
const TUNNEL_SCRATCH = SCRATCH.subarray(0, 16 * 1024);

export interface SendOptions {
  /** `write` and `end` follow. */
  readonly hasBody: boolean;
  /** The request is a HEAD: its answer has no body. */
  readonly bodiless: boolean;
  /** The request asks for another protocol: a 101 may answer it. */
  readonly upgrade: boolean;
  /** Milliseconds from the end of the request to the head of the response. */
  readonly responseTimeout: number;
  /** Milliseconds without a byte in the middle of a body. */
  readonly idleTimeout: number;
}

export class Connection implements TunnelOwner {
  /** `performance.now()` after which `expire` is due. */
  deadline: number = NO_DEADLINE;
  /** Exchanges sent on this connection, the current one included. */
  exchanges = 0;
  connected = false;

  readonly #socket: Socket;
  readonly #owner: ConnectionOwner;
  readonly #reader = new ResponseReader();
  readonly #body: BodyWriter;
  #handler: ResponseHandler | null = null;
  #tunnel: TunnelSocket | null = null;
  #closed = false;
  #paused = false;
  /** A byte of the current response has arrived. */
  #receivedAny = false;
  #requestDone = true;
  #responseTimeout = 0;
  #idleTimeout = 0;

  constructor(target: ConnectionTarget, owner: ConnectionOwner) {
    this.#owner = owner;
    this.deadline = performance.now() + target.connectTimeout;
    const socket = openSocket(target, {
      buffer: () => (this.#tunnel === null ? this.#reader.buffer : TUNNEL_SCRATCH),
      callback: (size, bytes) => this.#onRead(size, bytes as Buffer),
    });
    this.#socket = socket;
    this.#body = new BodyWriter(socket);
    socket.on(target.tls === null ? 'connect' : 'secureConnect', () => this.#onConnect());
    socket.on('drain', () => this.#onDrain());
    socket.on('end', () => this.#onFin());
    socket.on('error', (error: NodeJS.ErrnoException) => this.#onGone(error.code ?? error.message));
    socket.on('close', () => this.#onGone('closed'));
  }

  /** Free and alive: the next exchange may be sent. */
  get isIdle(): boolean {
    return this.#handler === null && this.#tunnel === null && !this.#closed && this.connected;
  }

  /** Seconds the server said it keeps an idle connection, or -1. */
  get idleHint(): number {
    return this.#reader.head?.idleHint ?? -1;
  }

  /** Sends a request head, on a connection that is idle or was just opened. */
  send(head: string, handler: ResponseHandler, options: SendOptions): void {
    this.#handler = handler;
    this.#reader.begin(handler, options.bodiless, options.upgrade);
    this.#requestDone = !options.hasBody;
    this.#responseTimeout = options.responseTimeout;
    this.#idleTimeout = options.idleTimeout;
    this.#receivedAny = false;
    this.exchanges++;
    if (this.connected) this.#armForRequest();
    this.#socket.write(head, 'latin1');
  }

  /**
   * Writes a piece of the request body; false asks to wait for `onDrain`. An `owned` piece is the connection's from
   * now on, any other is copied. `framed` adds chunk framing.
   */
  write(piece: Buffer, owned: boolean, framed: boolean): boolean {
    // While the answer is paused, its silence is ours.
    if (!this.#paused) this.deadline = performance.now() + this.#idleTimeout;
    return this.#body.write(piece, owned, framed);
  }

  /** Ends the request body; with chunked framing `trailers` may hold field lines, each with its CRLF. */
  end(framed: boolean, trailers: string): void {
    this.#requestDone = true;
    if (framed) this.#socket.write(`0\r\n${trailers}\r\n`, 'latin1');
    // With the response already under way its own silence is what counts, and that clock runs.
    if (this.#reader.head === null) this.deadline = performance.now() + this.#responseTimeout;
  }

  /** Stops reading the response until `resume`. To be called from `onBody`. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.deadline = performance.now() + this.#idleTimeout;
    this.#socket.resume();
  }

  /** Closes at once and forgets the exchange, whose handler hears nothing more; a tunnel is broken off. */
  destroy(): void {
    this.#handler = null;
    this.#close();
  }

  /**
   * Makes a tunnel of the connection, for good. To be called from `onUpgrade`; `begin` is called here. `deadline` is
   * the observer's from now on.
   */
  openTunnel(observer: TunnelObserver): TunnelEnd {
    const tunnel = new TunnelSocket(this.#socket, this);
    this.#handler = null;
    this.#tunnel = tunnel;
    this.deadline = NO_DEADLINE;
    this.#reader.stop();
    tunnel.begin(observer);
    return tunnel;
  }

  finishTunnel(): void {
    if (this.#socket.writableFinished) this.#close();
    else this.#socket.once('finish', () => this.#close());
  }

  /**
   * The owner doubts, for `reason`, that the server is still there. What is not connected yet fails; an exchange
   * that has got no byte of its answer is told; everything else goes on.
   */
  interrupt(reason: string): void {
    const handler = this.#handler;
    if (handler === null) return;
    if (!this.connected) this.#fail('connect-failed', reason);
    else if (!this.#receivedAny) handler.onInterrupted();
  }

  /** Called by the owner's clock when `deadline` has passed. */
  expire(): void {
    if (this.#tunnel !== null) return this.#tunnel.expire();
    if (this.#handler === null && this.connected) return this.#close();
    if (!this.connected) return this.#fail('connect-timeout', 'no connection in time');
    if (this.#reader.head !== null || !this.#requestDone)
      return this.#fail('idle-timeout', 'no byte moved in time');
    this.#fail('response-timeout', 'no response head in time');
  }

  #armForRequest(): void {
    this.deadline = performance.now() + (this.#requestDone ? this.#responseTimeout : this.#idleTimeout);
  }

  /** While we do not read, the silence is ours: a slow client is no fault of the replica. */
  #armForBody(): void {
    this.deadline = this.#paused ? NO_DEADLINE : performance.now() + this.#idleTimeout;
  }

  #onConnect(): void {
    this.connected = true;
    if (this.#handler === null) {
      this.deadline = NO_DEADLINE;
      return;
    }
    this.#armForRequest();
    this.#handler.onConnected();
  }

  #onDrain(): void {
    this.#body.drained();
    if (this.#handler === null) return;
    if (!this.#requestDone && !this.#paused) this.deadline = performance.now() + this.#idleTimeout;
    this.#handler.onDrain();
  }

  /** The server said it sends no more. That ends a close-delimited body and breaks anything else. */
  #onFin(): void {
    if (this.#tunnel !== null) this.#tunnel.inputEnd();
    else if (this.#handler !== null && this.#reader.head?.framing === 'close') this.#complete(false);
    else this.#onGone('closed by the replica');
  }

  #onGone(reason: string): void {
    if (this.#closed) return;
    if (!this.connected) this.#fail('connect-failed', reason);
    else if (this.#handler === null) this.#close();
    else if (this.#reader.head !== null) this.#fail('body-aborted', reason);
    else if (this.#receivedAny) this.#fail('malformed', `${reason} in the middle of the head`);
    else this.#fail('reset', reason);
  }

  #fail(kind: FailureKind, detail: string): void {
    const handler = this.#handler;
    this.#handler = null;
    this.#close();
    handler?.onFailure({ kind, detail });
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reader.stop();
    this.#body.forget();
    this.deadline = NO_DEADLINE;
    if (this.#tunnel === null) this.#socket.destroy();
    else breakOff(this.#socket);
    this.#owner.onClosed(this);
    this.#tunnel?.gone();
  }

  /** Returns false to stop reading. */
  #onRead(size: number, bytes: Buffer): boolean {
    if (this.#tunnel !== null) {
      this.#tunnel.take(bytes, 0, size, false);
      return true;
    }
    const handler = this.#handler;
    if (handler === null) {
      // Nobody asked: bytes on an idle connection would answer the next request (response queue poisoning).
      this.#close();
      return false;
    }
    this.#receivedAny = true;
    try {
      const result = this.#reader.read(bytes, size);
      if (this.#handler !== handler) return false;
      if (result === 'upgrade') return this.#upgrade(handler, bytes, size);
      if (result !== 'more') this.#complete(result === 'complete');
      else {
        handler.onPause();
        if (this.#handler === handler && this.#reader.head !== null) this.#armForBody();
      }
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error;
      this.#fail(this.#reader.head === null ? 'malformed' : 'body-aborted', error.message);
    }
    return !this.#paused;
  }

  /** The server has switched protocols; what follows its 101 is the first of the tunnel. */
  #upgrade(handler: ResponseHandler, bytes: Buffer, size: number): boolean {
    const { head, end } = this.#reader;
    this.deadline = NO_DEADLINE;
    handler.onUpgrade(head!);
    const tunnel = this.#tunnel;
    if (tunnel === null) {
      this.destroy();
      return false;
    }
    if (end < size) tunnel.take(bytes, end, size, false);
    return true;
  }

  /** The response is whole. Frees the connection first, so that the handler may send on it at once. */
  #complete(clean: boolean): void {
    const handler = this.#handler!;
    const { trailers } = this.#reader;
    const reusable = clean && this.#reader.head!.keepAlive && this.#requestDone;
    this.#handler = null;
    this.#paused = false;
    this.deadline = NO_DEADLINE;
    this.#reader.stop();
    if (reusable) this.#owner.onIdle(this);
    else this.#close();
    handler.onEnd(trailers);
  }
}
