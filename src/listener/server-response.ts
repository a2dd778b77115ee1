// One HTTP/1.1 response: builds its head, frames its body, and puts both into as few writes as possible.
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { TunnelEnd } from '../wire/tunnel-end.ts';
import { currentDateLine } from './date-line.ts';
import type { DownstreamResponse, PreparedHead, ResponseObserver } from './downstream.ts';

/** Bytes queued to a client before whoever produces them is asked to wait. */
const HIGH_WATER_MARK = 128 * 1024;

/** So much is queued to the client that no more should be. 'drain' follows. */
export function isFull(socket: Socket): boolean {
  return socket.writableLength >= HIGH_WATER_MARK;
}

/** The connection, as far as a response concerns it. */
export interface ResponseConnection {
  readonly socket: Socket;
  /** Everything has been handed to the socket. */
  onResponseEnd(response: ServerResponse): void;
  /** The answer is a 101: what follows it, in both directions, is no HTTP. */
  openTunnel(): TunnelEnd;
}

const STATUS_LINES: string[] = [];
for (const [code, text] of Object.entries(STATUS_CODES))
  STATUS_LINES[Number(code)] = `HTTP/1.1 ${code} ${text}\r\n`;

function statusLine(status: number): string {
  return STATUS_LINES[status] ?? `HTTP/1.1 ${status} \r\n`;
}

export class ServerResponse implements DownstreamResponse {
  observer: ResponseObserver | null = null;
  keepAlive: boolean;
  headersSent = false;
  ended = false;
  isChunked = false;
  readonly #connection: ResponseConnection;
  readonly #socket: Socket;
  readonly #isHead: boolean;
  readonly #minor: number;
  /** The head, until it leaves. */
  #head = '';
  #bodiless = false;

  constructor(connection: ResponseConnection, method: string, minor: number, keepAlive: boolean) {
    this.#connection = connection;
    this.#socket = connection.socket;
    this.#isHead = method === 'HEAD';
    this.#minor = minor;
    this.keepAlive = keepAlive;
  }

  get pendingBytes(): number {
    return this.#socket.writableLength;
  }

  writeInterim(status: number, fields: readonly string[]): void {
    if (this.ended || this.headersSent) return;
    let head = statusLine(status);
    for (let i = 0; i < fields.length; i += 2) head += `${fields[i]}: ${fields[i + 1]}\r\n`;
    this.#socket.write(`${head}\r\n`, 'latin1');
  }

  writeHead(status: number, fields: readonly string[]): void {
    let head = statusLine(status);
    let hasLength = false;
    let hasDate = false;
    for (let i = 0; i < fields.length; i += 2) {
      const name = fields[i]!;
      const value = fields[i + 1]!;
      switch (name.length) {
        case 4:
          if (name.toLowerCase() === 'date') hasDate = true;
          break;
        case 10:
          if (name.toLowerCase() === 'connection') {
            // The one thing that is said there is whether we close.
            if (value === 'close') this.keepAlive = false;
            continue;
          }
          break;
        case 14:
          if (name.toLowerCase() === 'content-length') hasLength = true;
          break;
      }
      head += `${name}: ${value}\r\n`;
    }
    this.#setBodiless(status);
    if (!hasLength && !this.#bodiless) {
      // RFC 9112 section 7: HTTP/1.0 knows no chunks, there the close ends the body.
      if (this.#minor === 1) {
        this.isChunked = true;
        head += 'transfer-encoding: chunked\r\n';
      } else this.keepAlive = false;
    }
    if (!hasDate) head += currentDateLine();
    this.#head = head + this.#lastLines();
  }

  writePrepared({ status, lines }: PreparedHead): void {
    this.#setBodiless(status);
    this.#head = statusLine(status) + lines + currentDateLine() + this.#lastLines();
  }

  #setBodiless(status: number): void {
    this.headersSent = true;
    this.#bodiless = this.#isHead || status === 204 || status === 304;
  }

  /** What is said of the connection, and the empty line. */
  #lastLines(): string {
    if (!this.keepAlive) return 'connection: close\r\n\r\n';
    return this.#minor === 0 ? 'connection: keep-alive\r\n\r\n' : '\r\n';
  }

  flushHead(): void {
    if (this.#head === '') return;
    const head = this.#head;
    this.#head = '';
    this.#socket.write(head, 'latin1');
  }

  write(chunk: Buffer | string): boolean {
    if (this.ended || this.#bodiless || chunk.length === 0) return true;
    if (this.#put(chunk)) return true;
    const socket = this.#socket;
    // A socket that is gone takes nothing more; the observer will hear of it.
    return socket.writable && !isFull(socket);
  }

  #put(chunk: Buffer | string): boolean {
    const socket = this.#socket;
    if (!this.isChunked) {
      if (this.#head === '')
        return typeof chunk === 'string' ? socket.write(chunk, 'latin1') : socket.write(chunk);
      return this.#writeWithHead(chunk);
    }
    const size = `${chunk.length.toString(16)}\r\n`;
    if (typeof chunk === 'string') return this.#writeWithHead(`${size}${chunk}\r\n`);
    socket.cork();
    socket.write(this.#head + size, 'latin1');
    this.#head = '';
    socket.write(chunk);
    const more = socket.write('\r\n', 'latin1');
    socket.uncork();
    return more;
  }

  end(chunk?: Buffer | string, trailers?: readonly string[]): void {
    if (this.ended) return;
    this.ended = true;
    this.observer = null;
    if (!this.isChunked) {
      if (chunk !== undefined && chunk.length > 0 && !this.#bodiless) this.#writeWithHead(chunk);
      else this.flushHead();
    } else {
      if (chunk !== undefined && chunk.length > 0) this.#put(chunk);
      let last = '0\r\n';
      if (trailers !== undefined) {
        for (let i = 0; i < trailers.length; i += 2) last += `${trailers[i]}: ${trailers[i + 1]}\r\n`;
      }
      this.#writeWithHead(`${last}\r\n`);
    }
    this.#connection.onResponseEnd(this);
  }

  switchProtocols(fields: readonly string[]): TunnelEnd {
    if (this.ended || this.headersSent) throw new Error('an answer is under way already');
    const tunnel = this.#connection.openTunnel();
    this.ended = true;
    this.headersSent = true;
    this.observer = null;
    let head = statusLine(101);
    for (let i = 0; i < fields.length; i += 2) head += `${fields[i]}: ${fields[i + 1]}\r\n`;
    this.#socket.write(`${head}\r\n`, 'latin1');
    return tunnel;
  }

  abort(): void {
    this.ended = true;
    this.observer = null;
    // A plain close would look like the end of a close-delimited body.
    this.#socket.resetAndDestroy();
  }

  /** One write for a string, one vectored write for a buffer. */
  #writeWithHead(chunk: Buffer | string): boolean {
    const socket = this.#socket;
    const head = this.#head;
    this.#head = '';
    if (typeof chunk === 'string') return socket.write(head + chunk, 'latin1');
    if (head === '') return socket.write(chunk);
    socket.cork();
    socket.write(head, 'latin1');
    const more = socket.write(chunk);
    socket.uncork();
    return more;
  }
}
