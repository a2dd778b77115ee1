// One HTTP/1.1 connection from a client: reads requests one at a time, hands each on with its response, and
// closes in a way that lets the client see the last answer. A request behind one that is being answered waits
// in the kernel, so a connection never has two exchanges under way.
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { ErrorCode } from '../errors.ts';
import { MalformedMessage } from '../wire/malformed-message.ts';
import { freeMemory } from '../wire/unsent-chunks.ts';
import type { ClientConnection } from './client-connection.ts';
import { refusal } from './refusal.ts';
import { RequestFraming } from './request-framing.ts';
import { ServerRequest } from './server-request.ts';
import { ServerResponse } from './server-response.ts';
import { takeHead } from './take-head.ts';

/** Milliseconds. */
const TIMES = {
  /** From the connection, or the first byte of a request, to the end of its head. */
  head: 10_000,
  /** Between two requests. */
  keepAlive: 72_000,
  /** After our last byte: what the client still sends is read and thrown away, so that no reset overtakes the answer. */
  linger: 2_000,
  /** For the answer to a client that has closed its side: half-closed and gone look alike. */
  halfClosed: 600,
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
  #framing: RequestFraming | null = null;
  #reading: Buffer = Buffer.alloc(0);
  /** The read was one piece of a body, whose reader keeps it. */
  #givenAway = false;
  #flowing = false;
  #consuming = false;
  #inputEnded = false;
  #draining = false;
  readonly #onPiece = (start: number, end: number): void => this.#deliver(start, end);

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
    else if (this.#response?.headersSent === false) this.#response.keepAlive = false;
  }

  /** Called by the listener's clock when `deadline` has passed. */
  expire(): void {
    if (this.#state === 'head' && !this.isIdle) this.#refuse('REQUEST_TIMEOUT');
    else this.socket.destroy();
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
      this.deadline = performance.now() + TIMES.head;
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
    if (this.#wantsInput()) this.socket.resume();
  }

  #wantsInput(): boolean {
    if (this.#state === 'body') return this.#flowing;
    // A client that does not read its answers gets no further ones made.
    if (this.#state === 'head') return !this.socket.writableNeedDrain;
    return this.#state === 'closing';
  }

  #onData(chunk: Buffer): void {
    if (this.#state === 'closing') return;
    const held = this.#held;
    if (held === null) {
      this.#givenAway = false;
      this.#consume(chunk);
      if (this.#held === null && !this.#givenAway) freeMemory(chunk);
      return;
    }
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
    const head = takeHead(bytes, start);
    if (typeof head === 'string') {
      this.#refuse(head);
      return start;
    }
    if (head === null) {
      // The clock for a head runs from its first byte.
      this.deadline = Math.min(this.deadline, performance.now() + TIMES.head);
      return start;
    }
    const request = new ServerRequest(head, this);
    const keepAlive = head.keepAlive && !this.#draining;
    const response = new ServerResponse(this, head.method, head.minor, keepAlive);
    this.#request = request;
    this.#response = response;
    this.deadline = Number.POSITIVE_INFINITY;
    this.#flowing = false;
    if (request.complete || head.framing === 'unclear') this.#state = 'busy';
    else {
      this.#state = 'body';
      this.#framing = new RequestFraming(head);
    }
    this.#sink(request, response, this.client);
    return head.end;
  }

  #readBody(bytes: Buffer, start: number): number {
    const request = this.#request!;
    const framing = this.#framing!;
    this.#reading = bytes;
    try {
      const at = framing.take(bytes, start, this.#onPiece);
      if (framing.done) {
        request.rawTrailers = framing.trailers;
        this.#bodyEnd(request);
      }
      return at;
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error;
      this.#refuse('BAD_FRAMING');
      return bytes.length;
    }
  }

  #deliver(start: number, end: number): void {
    // Gone when the response ended first: what is left is thrown away.
    const reader = this.#request?.reader;
    if (reader === null || reader === undefined) return;
    if (end - start === this.#reading.length) this.#givenAway = true;
    reader.onData(this.#reading.subarray(start, end));
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

  /** The client sends no more: the answer under way may still be delivered, a broken-off request is over. */
  #onFin(): void {
    this.#inputEnded = true;
    if (this.#state === 'busy') this.deadline = performance.now() + TIMES.halfClosed;
    else if (this.#state === 'body' || this.#state === 'closing') this.socket.destroy();
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
