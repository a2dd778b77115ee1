// One HTTP/1.1 connection from a client: reads requests one at a time, hands each on with its response, and
// closes in a way that lets the client see the last answer. A request behind one that is being answered waits
// in the kernel, so a connection never has two exchanges under way.
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { ErrorCode } from '../errors.ts';
import { ChunkedDecoder } from '../wire/chunked-decoder.ts';
import { headEnd } from '../wire/message-syntax.ts';
import { MalformedResponse } from '../wire/response-head.ts';
import type { ClientConnection } from './client-connection.ts';
import { refusal } from './refusal.ts';
import { isHopeless, MAX_HEAD, parseRequestHead } from './request-head.ts';
import { ServerRequest } from './server-request.ts';
import { ServerResponse } from './server-response.ts';

/** Milliseconds. */
const TIMES = {
  /** From the connection, or the first byte of a request, to the end of its head. */
  head: 10_000,
  /** Between two requests. */
  keepAlive: 72_000,
  /** After our last byte: what the client still sends is read and thrown away, so that no reset overtakes the answer. */
  linger: 2_000,
} as const;

/** Told of every request. */
export type RequestSink = (req: ServerRequest, res: ServerResponse, client: ClientConnection) => void;

/**
 * `head`: waiting for or in the middle of a head. `body`: in the middle of a body. `busy`: the request is whole,
 * its answer is not. `closing`: nothing more is read as HTTP.
 */
type State = 'head' | 'body' | 'busy' | 'closing';

export class ServerConnection {
  readonly socket: Socket;
  readonly client: ClientConnection;
  /** `performance.now()` after which `expire` is due. */
  deadline: number;
  readonly #sink: RequestSink;
  readonly #onClosed: (connection: ServerConnection) => void;
  #state: State = 'head';
  #request: ServerRequest | null = null;
  #response: ServerResponse | null = null;
  /** Bytes read and not yet taken: a head that is not whole, or what lies behind the current request. */
  #held: Buffer | null = null;
  #remaining = 0;
  #decoder: ChunkedDecoder | null = null;
  #reading: Buffer = Buffer.alloc(0);
  #flowing = false;
  #consuming = false;
  #inputEnded = false;
  #draining = false;
  readonly #onChunk = (start: number, end: number): void => this.#deliver(start, end);

  constructor(
    socket: Socket,
    client: ClientConnection,
    sink: RequestSink,
    onClosed: (connection: ServerConnection) => void,
  ) {
    this.socket = socket;
    this.client = client;
    this.#sink = sink;
    this.#onClosed = onClosed;
    this.deadline = performance.now() + TIMES.head;
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('end', () => this.#onFin());
    socket.on('drain', () => this.#onDrain());
    // The reason does not matter: 'close' follows and ends whatever was under way.
    socket.on('error', () => {});
    socket.on('close', () => this.#onClose());
  }

  /** Nothing is under way: the connection may be closed without anybody noticing. */
  get isIdle(): boolean {
    return this.#state === 'head' && this.#held === null;
  }

  /** No request after the current one. */
  drain(): void {
    this.#draining = true;
    if (this.isIdle) this.#close();
  }

  /** Called by the listener's clock when `deadline` has passed. */
  expire(): void {
    if (this.#state === 'closing' || this.isIdle) this.socket.destroy();
    else this.#refuse('REQUEST_TIMEOUT');
  }

  // ---- BodySupply ----

  setFlowing(flowing: boolean): void {
    this.#flowing = flowing;
    if (!flowing) this.socket.pause();
    else this.#continue();
  }

  // ---- ResponseConnection ----

  onResponseEnd(response: ServerResponse): void {
    if (response !== this.#response) return;
    const keep = response.keepAlive && !this.#draining && !this.#inputEnded;
    this.#response = null;
    if (!keep) return this.#close();
    if (this.#state === 'body') {
      // The answer did not need the rest of the request: it is read over.
      this.#request!.reader = null;
      this.#flowing = true;
    } else this.#nextRequest();
    this.#continue();
  }

  #nextRequest(): void {
    this.#request = null;
    this.#state = 'head';
    this.deadline = performance.now() + TIMES.keepAlive;
  }

  /** Takes up what was left lying, then the socket. */
  #continue(): void {
    if (this.#consuming) return;
    const held = this.#held;
    if (held !== null) {
      this.#held = null;
      this.#consume(held);
    }
    if (this.#held === null && this.#wantsInput()) this.socket.resume();
  }

  #wantsInput(): boolean {
    switch (this.#state) {
      case 'head':
        // A client that does not read its answers gets no further ones made.
        return !this.socket.writableNeedDrain;
      case 'body':
        return this.#flowing;
      default:
        return this.#state === 'closing';
    }
  }

  #onData(chunk: Buffer): void {
    if (this.#state === 'closing') return;
    const held = this.#held;
    if (held === null) return this.#consume(chunk);
    this.#held = null;
    this.#consume(Buffer.concat([held, chunk]));
  }

  /** Takes as much as can be taken now; the rest is held, and the socket paused unless more would help. */
  #consume(bytes: Buffer): void {
    this.#consuming = true;
    let at = 0;
    while (at < bytes.length) {
      const before = at;
      if (this.#state === 'head') at = this.#readHead(bytes, at);
      else if (this.#state === 'body' && this.#flowing) at = this.#readBody(bytes, at);
      else if (this.#state === 'closing') at = bytes.length;
      if (at === before) break;
    }
    this.#consuming = false;
    if (at < bytes.length && !this.#isClosing) this.#held = at === 0 ? bytes : bytes.subarray(at);
    if (!this.#wantsInput() && (this.#held !== null || this.#state === 'body')) this.socket.pause();
  }

  /** A method of its own, because a call in between may have changed the state that the compiler knows. */
  get #isClosing(): boolean {
    return this.#state === 'closing';
  }

  /** Parses a head and hands the request on; returns where it ends, or `start` when it is not whole. */
  #readHead(bytes: Buffer, start: number): number {
    if (this.socket.writableNeedDrain) return start;
    let at = start;
    // RFC 9112 section 2.2: one empty line in front of a request is overlooked.
    if (bytes[at] === 0x0d && bytes[at + 1] === 0x0a) at += 2;
    const end = headEnd(bytes, at, bytes.length);
    if ((end === -1 ? bytes.length : end) - at > MAX_HEAD) {
      this.#refuse('HEADERS_TOO_LARGE');
      return start;
    }
    if (end === -1) {
      if (isHopeless(bytes, at)) this.#refuse('BAD_REQUEST');
      else this.#awaitHead();
      return start;
    }
    const head = parseRequestHead(bytes, at, end);
    if (typeof head === 'string') {
      this.#refuse(head);
      return start;
    }
    const request = new ServerRequest(head, this);
    const response = new ServerResponse(this, head.method, head.minor, head.keepAlive);
    this.#request = request;
    this.#response = response;
    this.deadline = Number.POSITIVE_INFINITY;
    this.#flowing = false;
    if (request.complete || head.framing === 'unclear') this.#state = 'busy';
    else {
      this.#state = 'body';
      this.#remaining = head.length;
      this.#decoder = head.framing === 'chunked' ? new ChunkedDecoder() : null;
    }
    this.#sink(request, response, this.client);
    return end;
  }

  /** The clock for a head runs from its first byte. */
  #awaitHead(): void {
    this.deadline = Math.min(this.deadline, performance.now() + TIMES.head);
  }

  #readBody(bytes: Buffer, start: number): number {
    const request = this.#request!;
    this.#reading = bytes;
    if (this.#decoder === null) {
      const take = Math.min(this.#remaining, bytes.length - start);
      this.#remaining -= take;
      this.#deliver(start, start + take);
      if (this.#remaining === 0) this.#bodyEnd(request);
      return start + take;
    }
    try {
      const at = this.#decoder.decode(bytes, start, bytes.length, this.#onChunk);
      if (this.#decoder.done) {
        request.rawTrailers = this.#decoder.trailers;
        this.#decoder = null;
        this.#bodyEnd(request);
      }
      return at;
    } catch (error) {
      if (!(error instanceof MalformedResponse)) throw error;
      this.#refuse('BAD_REQUEST');
      return bytes.length;
    }
  }

  #deliver(start: number, end: number): void {
    // Gone when the response ended first: what is left is thrown away.
    this.#request?.reader?.onData(this.#reading.subarray(start, end));
  }

  #bodyEnd(request: ServerRequest): void {
    request.complete = true;
    const { reader } = request;
    request.reader = null;
    if (this.#state !== 'body') return;
    if (this.#response === null) this.#nextRequest();
    else this.#state = 'busy';
    reader?.onEnd();
  }

  /** Half-closed: the answer under way is still delivered, a request that is not whole never will be. */
  #onFin(): void {
    this.#inputEnded = true;
    if (this.#state === 'busy') return;
    if (this.#state === 'body' || this.#state === 'closing') this.socket.destroy();
    else if (this.#held !== null && this.#held.length > 0) this.#refuse('BAD_REQUEST');
    else this.#close();
  }

  #onDrain(): void {
    this.#response?.observer?.onDrain();
    if (this.#state === 'head') this.#continue();
  }

  #onClose(): void {
    this.#state = 'closing';
    this.#held = null;
    this.#abandon();
    this.#onClosed(this);
  }

  /** Tells whoever works for this client that it can stop. */
  #abandon(): void {
    const reader = this.#request?.reader;
    const observer = this.#response?.observer;
    if (this.#response !== null) this.#response.ended = true;
    this.#request = null;
    this.#response = null;
    reader?.onAborted();
    observer?.onGone();
  }

  /** Answers what is no request, or no more one, and closes; an answer under way is cut off instead. */
  #refuse(code: ErrorCode): void {
    const response = this.#response;
    if (response?.headersSent === true && !response.ended) {
      this.#abandon();
      this.#state = 'closing';
      this.socket.resetAndDestroy();
      return;
    }
    const answered = this.#state === 'body' && response === null;
    this.#abandon();
    this.#state = 'closing';
    if (!answered && this.socket.writable) this.socket.write(refusal(code), 'latin1');
    this.#close();
  }

  /** Sends FIN behind what is queued and reads on for a while, so that no reset overtakes it (section 9.6). */
  #close(): void {
    this.#state = 'closing';
    this.#held = null;
    this.#flowing = true;
    this.deadline = performance.now() + TIMES.linger;
    this.socket.end();
    this.socket.resume();
  }
}
