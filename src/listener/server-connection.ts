// One HTTP/1.1 connection from a client: reads requests one at a time, hands each on with its response, and
// closes in a way that lets the client see the last answer. A request behind one that is being answered waits
// in the kernel, so a connection never has two exchanges under way.
import type { Socket } from 'node:net';
import type { ErrorCode } from '../errors.ts';
import { freeMemory } from '../wire/unsent-chunks.ts';
import type { ClientConnection } from './client-connection.ts';
import { ConnectionDeadline } from './connection-deadline.ts';
import { refusal } from './refusal.ts';
import { RequestFraming } from './request-framing.ts';
import { ServerRequest } from './server-request.ts';
import { ServerResponse } from './server-response.ts';
import { takeHead } from './take-head.ts';

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
  readonly deadline: ConnectionDeadline;
  readonly #sink: RequestSink;
  readonly #onClosed: (connection: ServerConnection) => void;
  #state: State = 'head';
  #request: ServerRequest | null = null;
  #response: ServerResponse | null = null;
  /** Bytes read and not yet taken: a head that is not whole, or what lies behind the current request. */
  #held: Buffer | null = null;
  #framing: RequestFraming | null = null;
  #reading: Buffer = Buffer.alloc(0);
  /** The read under way, as long as its memory is ours: a piece of a body that is all of it is given away. */
  #fresh: Buffer | null = null;
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
    this.deadline = new ConnectionDeadline(socket);
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('end', () => this.#settle());
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

  /** Called by the listener's clock when the deadline is over. */
  expire(): void {
    if (this.#state === 'head' && !this.isIdle) return this.#refuse('REQUEST_TIMEOUT');
    if (this.#state === 'busy' && this.deadline.answerLeaves()) return;
    if (this.#state === 'body' && this.#response !== null && !this.#inputEnded) {
      if (!this.deadline.bodyComes(this.#flowing)) this.#refuse('REQUEST_TIMEOUT');
    } else this.socket.destroy();
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
    this.#response = null;
    const nothingLeft = this.#inputEnded && !this.#consuming && this.#held === null;
    if (!response.keepAlive || this.#draining || nothingLeft) return this.#close();
    if (this.#state === 'body') {
      // The answer did not need the rest of the request: it is read over.
      this.#request!.reader = null;
      this.#flowing = true;
      this.deadline.set('head');
    } else this.#nextRequest();
    this.#continue();
  }

  #nextRequest(): void {
    this.#request = null;
    this.#state = 'head';
    this.deadline.set('keepAlive');
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
      this.#fresh = chunk;
      this.#consume(chunk);
      if (this.#fresh !== null && this.#held === null) freeMemory(chunk);
      this.#fresh = null;
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
    if (this.#inputEnded) this.#settle();
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
      this.deadline.shorten('head');
      return start;
    }
    const request = new ServerRequest(head, this);
    const keepAlive = head.keepAlive && !this.#draining;
    const response = new ServerResponse(this, head.method, head.minor, keepAlive);
    this.#request = request;
    this.#response = response;
    this.#flowing = false;
    const isWhole = request.complete || head.framing === 'unclear';
    this.#state = isWhole ? 'busy' : 'body';
    this.deadline.set(isWhole ? null : 'body');
    if (!isWhole) this.#framing = new RequestFraming(head, this.#onPiece);
    this.#sink(request, response, this.client);
    return head.end;
  }

  #readBody(bytes: Buffer, start: number): number {
    const request = this.#request!;
    const framing = this.#framing!;
    this.#reading = bytes;
    const at = framing.take(bytes, start);
    if (at === -1) {
      this.#refuse('BAD_FRAMING');
      return bytes.length;
    }
    if (framing.done) {
      request.rawTrailers = framing.trailers;
      this.#bodyEnd(request);
    }
    return at;
  }

  #deliver(start: number, end: number): void {
    // Gone when the response ended first: what is left is thrown away.
    const reader = this.#request?.reader;
    if (reader === null || reader === undefined) return;
    const owned = end - start === this.#fresh?.length;
    if (owned) this.#fresh = null;
    reader.onData(this.#reading.subarray(start, end), owned);
  }

  #bodyEnd(request: ServerRequest): void {
    request.complete = true;
    const { reader } = request;
    request.reader = null;
    if (this.#state !== 'body') return;
    if (this.#response === null) this.#nextRequest();
    else {
      this.#state = 'busy';
      this.deadline.set(null);
    }
    reader?.onEnd();
  }

  /** The client sends no more. What it has sent is still answered; a request that broke off is over. */
  #settle(): void {
    this.#inputEnded = true;
    const isHeld = this.#held !== null;
    // What is held may be all the rest, for a replica that is not connected yet.
    if (this.#state === 'busy' || (this.#state === 'body' && isHeld)) this.deadline.set('halfClosed');
    else if (this.#state === 'body' && this.#response !== null) this.socket.destroy();
    else if (this.#state !== 'head' || !isHeld) this.#close();
    else if (!this.socket.writableNeedDrain) this.#refuse('BAD_REQUEST');
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
    if (this.socket.writableEnded) return;
    this.#state = 'closing';
    this.#held = null;
    this.#flowing = true;
    this.deadline.set('linger');
    if (this.socket.writableLength === 0) this.socket.resume();
    else
      this.socket.once('finish', () => {
        this.deadline.set('linger');
        this.socket.resume();
      });
    this.socket.end();
  }
}
