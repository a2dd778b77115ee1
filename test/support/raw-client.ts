// A TCP client that sends exactly the bytes it is given, whole or in pieces, and reads the answers strictly.
// For malformed input and for everything a real HTTP client would hide.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Scope } from './fixtures.ts';
import { parseResponse, type RawResponse, TruncatedResponse } from './response-parser.ts';

/** Text is sent as latin1, so that '\xff' is one byte. A number is a pause in milliseconds. */
export type Piece = string | Uint8Array | number;

/** How the other side left: not at all, with FIN, or with RST. */
export type Closed = 'open' | 'ended' | 'reset';

export interface RawResult {
  bytes: Buffer;
  closed: Closed;
  /** Every response in `bytes`, interim ones (1xx) included. */
  responses: RawResponse[];
  /** What follows them: the bytes of a tunnel after 101, or with `partial` the answer that broke off. */
  rest: Buffer;
}

export interface ExchangeOptions {
  /** Stop reading after this long without a byte (ms); a close ends it sooner. @default 300 */
  quiet?: number;
  /** Longest wait for the first byte or a close (ms). @default 5000 */
  first?: number;
  /** Methods of the requests sent, in order, for the answers to HEAD. @default GET for each */
  methods?: string[];
  /** Send FIN after the last piece. @default false */
  end?: boolean;
  /** Accept an answer that is not whole, and leave it in `rest`; otherwise it is an error. @default false */
  partial?: boolean;
}

/** Connects, sends, collects until the peer closes or falls quiet, and parses what came. */
export async function exchangeRaw(
  port: number,
  pieces: Piece | Piece[],
  options: ExchangeOptions = {},
): Promise<RawResult> {
  const connection = await RawConnection.open(port);
  try {
    await connection.send(...(Array.isArray(pieces) ? pieces : [pieces]));
    if (options.end) connection.end();
    const bytes = await connection.collect(options.quiet, options.first);
    return { bytes, closed: connection.closed, ...parseAll(bytes, options, connection.closed !== 'open') };
  } finally {
    connection.destroy();
  }
}

/** Connects for a dialogue; the connection is destroyed when the test ends. */
export async function connectRaw(scope: Scope, port: number): Promise<RawConnection> {
  const connection = await RawConnection.open(port);
  scope.after(() => connection.destroy());
  return connection;
}

export class RawConnection {
  readonly socket: Socket;
  closed: Closed = 'open';
  /** Bytes received so far, kept or not. */
  received = 0;
  /** Set to false for downloads too large to keep: bytes are counted and dropped. */
  keeping = true;
  #chunks: Buffer[] = [];
  #size = 0;
  #lastByteAt = performance.now();
  #wake: (() => void) | undefined;

  static async open(port: number): Promise<RawConnection> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    await once(socket, 'connect');
    return new RawConnection(socket);
  }

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.received += chunk.length;
      if (this.keeping) {
        this.#chunks.push(chunk);
        this.#size += chunk.length;
      }
      this.#lastByteAt = performance.now();
      this.#wake?.();
    });
    const close = (how: Closed) => () => {
      if (this.closed === 'open') this.closed = how;
      this.#wake?.();
    };
    socket.on('end', close('ended'));
    // EPIPE and ECONNRESET are answers a test asks about, by `closed`.
    socket.on('error', close('reset'));
    socket.on('close', close('ended'));
  }

  /** Sends the pieces one write each, in order, with the pauses among them. */
  async send(...pieces: Piece[]): Promise<void> {
    for (const piece of pieces) {
      if (typeof piece === 'number') await sleep(piece);
      else if (this.socket.writable) {
        this.socket.write(typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece);
      }
    }
  }

  /** Stops reading until `resume()`: a slow reader. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Half-closes: no more bytes from us. */
  end(): void {
    this.socket.end();
  }

  /** Vanishes with RST. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** Takes the next response off the connection. Throws when it breaks the protocol or takes too long (ms). */
  async response(method = 'GET', deadline = 5000): Promise<RawResponse> {
    const until = performance.now() + deadline;
    let needed = 0;
    for (;;) {
      if (this.#size >= needed || this.closed !== 'open') {
        const bytes = this.#bytes();
        const parsed = parseResponse(bytes, method, this.closed !== 'open');
        if ('response' in parsed) {
          const rest = bytes.subarray(parsed.size);
          this.#chunks = [rest];
          this.#size = rest.length;
          return parsed.response;
        }
        needed = this.#size + parsed.missing;
        if (this.closed !== 'open')
          throw new Error(`no response: the connection was closed (${this.closed})`);
      }
      if (!(await this.#change(until - performance.now()))) {
        throw new Error(`no whole response in ${deadline} ms, only ${this.#preview()}`);
      }
    }
  }

  /** Takes everything that arrives until a close or `quiet` ms of silence; waits `first` ms for the first byte. */
  async collect(quiet = 300, first = 5000): Promise<Buffer> {
    const start = performance.now();
    while (this.closed === 'open') {
      const waited = this.#size === 0 ? start + first : Math.max(this.#lastByteAt, start) + quiet;
      const left = waited - performance.now();
      if (left <= 0) break;
      await this.#change(left);
    }
    const bytes = this.#bytes();
    this.#chunks = [];
    this.#size = 0;
    return bytes;
  }

  /** Waits until the peer has closed; throws after `deadline` ms. */
  async closing(deadline = 5000): Promise<Closed> {
    const until = performance.now() + deadline;
    while (this.closed === 'open') {
      const left = until - performance.now();
      if (left <= 0) throw new Error(`the connection was still open after ${deadline} ms`);
      await this.#change(left);
    }
    return this.closed;
  }

  /** Waits for bytes or a close; false when neither came in time. */
  async #change(timeout: number): Promise<boolean> {
    if (timeout <= 0) return false;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(resolve, timeout, false);
    this.#wake = () => resolve(true);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#wake = undefined;
    }
  }

  #bytes(): Buffer {
    return this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
  }

  #preview(): string {
    return JSON.stringify(this.#bytes().toString('latin1', 0, 200));
  }
}

function parseAll(
  bytes: Buffer,
  options: ExchangeOptions,
  ended: boolean,
): Pick<RawResult, 'responses' | 'rest'> {
  const responses: RawResponse[] = [];
  let rest = bytes;
  let final = 0;
  while (rest.length > 0) {
    try {
      const parsed = parseResponse(rest, options.methods?.[final] ?? 'GET', ended);
      if ('missing' in parsed) throw new TruncatedResponse(`incomplete: ${rest.toString('latin1', 0, 300)}`);
      responses.push(parsed.response);
      rest = rest.subarray(parsed.size);
      if (parsed.response.status === 101) break;
      if (parsed.response.status >= 200) final++;
    } catch (error) {
      if (options.partial && error instanceof TruncatedResponse) break;
      throw error;
    }
  }
  return { responses, rest };
}
