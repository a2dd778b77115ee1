// One HTTP/1.1 connection from a client: reads requests one at a time, hands each on with its response, and
// closes in a way that lets the client see the last answer. A request behind one that is being answered waits
// in the kernel, so a connection never has two exchanges under way. One of them may make a tunnel of it.
import type { Socket } from 'node:net';
import type { ErrorCode } from '../errors.ts';
import type { TunnelEnd } from '../wire/tunnel-end.ts';
import { type TunnelOwner, TunnelSocket } from '../wire/tunnel-socket.ts';
import type { ClientConnection } from './client-connection.ts';
import { ConnectionDeadline } from './connection-deadline.ts';
import { HeldInput } from './held-input.ts';
import { IncomingBody } from './incoming-body.ts';
import { refusal } from './refusal.ts';
import { type BodySupply, ServerRequest } from './server-request.ts';
import { isFull, type ResponseConnection, ServerResponse } from './server-response.ts';
import { takeHead } from './take-head.ts';

/** Told of every request. */
export type RequestSink = (req: ServerRequest, res: ServerResponse, client: ClientConnection) => void;

/**
 * `head`: waiting for or in the middle of a head. `body`: in the middle of a body. `busy`: the request is whole,
 * its answer is not. `tunnel`: no HTTP any more. `closing`: what still comes is thrown away.
 */
type State = 'head' | 'body' | 'busy' | 'tunnel' | 'closing';

export class ServerConnection implements BodySupply, ResponseConnection, TunnelOwner {
  readonly socket: Socket;
  readonly client: ClientConnection;
  readonly deadline: ConnectionDeadline;
  readonly #sink: RequestSink;
  readonly #onClosed: (connection: ServerConnection) => void;
  #state: State = 'head';
  #request: ServerRequest | null = null;
  #response: ServerResponse | null = null;
  /** A head that is not whole, or what lies behind the current request. */
  readonly #input = new HeldInput((bytes, start) => this.#take(bytes, start));
  readonly #body = new IncomingBody();
  #tunnel: TunnelSocket | null = null;
  #flowing = false;
  #inputEnded = false;
  #draining = false;

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
    socket.on('end', () => this.#onEnd());
    socket.on('drain', () => this.#onDrain());
    // The reason does not matter: 'close' follows and ends whatever was under way.
    socket.on('error', () => {});
    socket.on('close', () => this.#onClose());
  }

  /** Nothing is under way: the connection may be closed without anybody noticing. */
  get isIdle(): boolean {
    return this.#state === 'head' && this.#input.isEmpty;
  }

  /** No request after the current one. A tunnel is left alone. */
  drain(): void {
    this.#draining = true;
    if (this.isIdle) this.#close();
    else if (this.#response?.headersSent === false) this.#response.keepAlive = false;
  }

  /** Closes at once, whatever is under way. */
  cut(): void {
    if (this.#tunnel !== null) this.#tunnel.destroy();
    else this.socket.destroy();
  }

  /** Called by the listener's clock when the deadline is over. */
  expire(): void {
    if (this.#state === 'head' && !this.isIdle) return this.#refuse('REQUEST_TIMEOUT');
    if (this.#state === 'busy' && this.deadline.answerLeaves()) return;
    if (this.#state === 'body' && this.#response !== null && !this.#inputEnded) {
      if (!this.deadline.bodyComes(this.#flowing)) this.#refuse('REQUEST_TIMEOUT');
    } else this.socket.destroy();
  }

  setFlowing(flowing: boolean): void {
    this.#flowing = flowing;
    if (!flowing) this.socket.pause();
    else this.#continue();
  }

  onResponseEnd(response: ServerResponse): void {
    if (response !== this.#response) return;
    this.#response = null;
    const nothingLeft = this.#inputEnded && !this.#input.isOffering && this.#input.isEmpty;
    if (!response.keepAlive || this.#draining || nothingLeft) return this.#close();
    if (this.#state === 'body') {
      // The answer did not need the rest of the request: it is read over.
      this.#request!.reader = null;
      this.#flowing = true;
      this.deadline.set('head');
    } else this.#nextRequest();
    this.#continue();
  }

  /** Bytes behind the request belong to the tunnel, those that are here come first. */
  openTunnel(): TunnelEnd {
    if (this.#state !== 'busy') throw new Error('a tunnel needs a request that is whole');
    const tunnel = new TunnelSocket(this.socket, this);
    this.#tunnel = tunnel;
    this.#request = null;
    this.#response = null;
    this.#state = 'tunnel';
    this.deadline.leave();
    this.#input.again();
    if (this.#inputEnded && !this.#input.isOffering) tunnel.inputEnd();
    return tunnel;
  }

  finishTunnel(): void {
    this.#state = 'closing';
    this.deadline.linger();
  }

  #nextRequest(): void {
    this.#request = null;
    this.#state = 'head';
    this.deadline.set('keepAlive');
  }

  /** Takes up what was left lying, then the socket. */
  #continue(): void {
    if (this.#input.isOffering) return;
    if (!this.#input.isEmpty) {
      this.#input.again();
      this.#afterInput();
    }
    if (this.#wantsInput()) this.socket.resume();
  }

  #wantsInput(): boolean {
    if (this.#state === 'body') return this.#flowing;
    // A client that does not read its answers gets no further ones made.
    if (this.#state === 'head') return !isFull(this.socket);
    return this.#state === 'closing';
  }

  #onData(chunk: Buffer): void {
    if (this.#state === 'closing') return;
    if (this.#tunnel !== null) return this.#tunnel.take(chunk, 0, chunk.length, true);
    const input = this.#input;
    this.#body.lend(input.isEmpty ? chunk : null);
    input.push(chunk);
    this.#afterInput();
    this.#body.takeBack(input.isEmpty);
  }

  /** What is not taken now is held, and the socket paused unless more would help. */
  #afterInput(): void {
    if (this.#inputEnded) this.#onEnd();
    if (!this.#wantsInput() && (!this.#input.isEmpty || this.#state === 'body')) this.socket.pause();
  }

  #take(bytes: Buffer, start: number): number {
    switch (this.#state) {
      case 'head':
        return this.#readHead(bytes, start);
      case 'body':
        return this.#flowing ? this.#readBody(bytes, start) : start;
      case 'busy':
        return start;
      case 'tunnel':
        this.#tunnel!.take(bytes, start, bytes.length, false);
        return bytes.length;
      case 'closing':
        return bytes.length;
    }
  }

  /** Parses a head and hands the request on; returns where it ends, or `start` when it is not whole. */
  #readHead(bytes: Buffer, start: number): number {
    if (isFull(this.socket)) return start;
    const head = takeHead(bytes, start);
    if (typeof head === 'string') {
      this.#refuse(head);
      return bytes.length;
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
    if (!isWhole) this.#body.begin(request, head);
    this.#sink(request, response, this.client);
    return head.end;
  }

  #readBody(bytes: Buffer, start: number): number {
    const body = this.#body;
    const at = body.take(bytes, start);
    if (at === -1) {
      this.#refuse('BAD_FRAMING');
      return bytes.length;
    }
    if (body.done) this.#bodyEnd();
    return at;
  }

  #bodyEnd(): void {
    const reader = this.#body.end();
    if (this.#state !== 'body') return;
    if (this.#response === null) this.#nextRequest();
    else {
      this.#state = 'busy';
      this.deadline.set(null);
    }
    reader?.onEnd();
  }

  #onEnd(): void {
    this.#inputEnded = true;
    if (this.#state === 'tunnel') this.#tunnel!.inputEnd();
    else this.#settle();
  }

  /** The client sends no more. What it has sent is still answered; a request that broke off is over. */
  #settle(): void {
    const isHeld = !this.#input.isEmpty;
    // What is held may be all the rest, for a replica that is not connected yet.
    if (this.#state === 'busy' || (this.#state === 'body' && isHeld)) this.deadline.set('halfClosed');
    else if (this.#state === 'body' && this.#response !== null) this.socket.destroy();
    else if (this.#state !== 'head' || !isHeld) this.#close();
    else if (!isFull(this.socket)) this.#refuse('BAD_REQUEST');
  }

  #onDrain(): void {
    this.#response?.observer?.onDrain();
    if (this.#state === 'head') this.#continue();
  }

  #onClose(): void {
    this.#state = 'closing';
    this.#input.remove();
    this.#abandon();
    this.#tunnel?.gone();
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
    const isCutOff = response?.headersSent === true && !response.ended;
    const isAnswered = this.#state === 'body' && response === null;
    this.#abandon();
    this.#state = 'closing';
    if (isCutOff) {
      this.socket.resetAndDestroy();
      return;
    }
    if (!isAnswered && this.socket.writable) this.socket.write(refusal(code), 'latin1');
    this.#close();
  }

  /** Sends FIN behind what is queued and reads on for a while, so that no reset overtakes it (section 9.6). */
  #close(): void {
    if (this.socket.writableEnded) return;
    this.#state = 'closing';
    this.#input.remove();
    this.#flowing = true;
    this.deadline.linger();
    this.socket.end();
  }
}
