// Streams the body of a request to the replica, with back-pressure, its trailers behind it.
import type { BodyReader } from '../listener/downstream.ts';
import type { Connection } from '../wire/connection.ts';
import type { Exchange } from './exchange.ts';
import { passableTrailers } from './headers.ts';

export class RequestBody implements BodyReader {
  /** A byte was read: the body cannot be sent a second time. */
  touched = false;
  readonly #exchange: Exchange;
  readonly #framed: boolean;
  #connection: Connection | null = null;
  /** The replica takes no more for now. */
  #blocked = false;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
    this.#framed = exchange.request.body === 'chunked';
  }

  /** More could be sent, if the client sent it. */
  get waitsForClient(): boolean {
    return this.#connection !== null && !this.#blocked && !this.#exchange.req.complete;
  }

  /** Begins, once the connection stands. */
  streamTo(connection: Connection): void {
    this.#connection = connection;
    this.#blocked = false;
    this.#exchange.sendContinue();
    this.#exchange.req.readTo(this);
  }

  /** The replica takes more. */
  resume(): void {
    this.#blocked = false;
    if (this.#connection !== null) this.#exchange.req.resume();
  }

  /** The connection is gone; what the client sends waits for the next one. */
  hold(): void {
    if (this.#connection === null) return;
    this.#connection = null;
    this.#exchange.req.pause();
  }

  /** Nothing goes to the replica any more. What the client still sends is for the writer to drain. */
  stop(): void {
    this.#connection = null;
  }

  onData(chunk: Buffer, owned: boolean): void {
    const connection = this.#connection;
    if (connection === null) return;
    this.touched = true;
    if (connection.write(chunk, owned, this.#framed)) return;
    this.#blocked = true;
    this.#exchange.req.pause();
  }

  onEnd(): void {
    const connection = this.#connection;
    if (connection === null) return;
    // A body that ended without a byte is as whole as before: it may be sent again.
    let trailers = '';
    if (this.#framed) {
      const { req, route } = this.#exchange;
      const fields = passableTrailers(req.rawTrailers, route.request.remove);
      for (let i = 0; i < fields.length; i += 2) trailers += `${fields[i]}: ${fields[i + 1]}\r\n`;
    }
    connection.end(this.#framed, trailers);
  }

  /** The exchange is over with its client; its response writer ends the attempt. */
  onAborted(): void {
    this.#connection = null;
  }
}
