// One HTTP/1.1 client connection: sends a request, reads the response, says when it is free again. It is
// watched even while idle, so that a close or unsolicited bytes retire it before the next request is sent.
// Knows nothing of gateways, replicas or retries.
import { connect as connectPlain, type OnReadOpts, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { ChunkedDecoder } from './chunked-decoder.ts';
import { READ_SIZE, SCRATCH, takeBuffer } from './read-buffers.ts';
import { MalformedResponse, MAX_HEAD, parseResponseHead, type ResponseHead } from './response-head.ts';

/** Where to connect. One object per replica, shared by its connections. */
export interface ConnectionTarget {
  readonly host: string;
  readonly port: number;
  /** Set for `https://` replicas. */
  readonly tls: { serverName: string | undefined; ca: string | undefined; verify: boolean } | null;
  /** Milliseconds. */
  readonly connectTimeout: number;
}

export type FailureKind =
  | 'connect-failed'
  | 'connect-timeout'
  /** Closed before the first byte of the response. */
  | 'reset'
  | 'malformed'
  | 'response-timeout'
  /** Closed or broken in the middle of the body. */
  | 'body-aborted'
  | 'idle-timeout';

export interface WireFailure {
  readonly kind: FailureKind;
  /** For the log. May name addresses, so it never goes to a client. */
  readonly detail: string;
}

/** What a connection tells the one whose exchange it carries. Calls come from within socket callbacks. */
export interface ResponseHandler {
  /** The connection stands; a request body may be written now. Not called on a reused connection. */
  onConnected(): void;
  /** A 1xx other than 100 and 101. */
  onInterim(status: number, fields: string[]): void;
  onHead(head: ResponseHead): void;
  /**
   * A piece of the body: `bytes` from `start` to `end`. The memory is the handler's only if `owned`; otherwise
   * it must copy what it keeps before it returns.
   */
  onBody(bytes: Buffer, start: number, end: number, owned: boolean): void;
  /** All that one read brought has been handed over: nothing may be held back any longer. */
  onPause(): void;
  /** The response is complete. `reusable` is false when the connection had to be closed. */
  onEnd(trailers: string[]): void;
  onFailure(failure: WireFailure): void;
  /** `write` returned false before and may be called again. */
  onDrain(): void;
}

/** Who keeps connections. */
export interface ConnectionOwner {
  /** Free for the next exchange. */
  onIdle(connection: Connection): void;
  /** Gone; never used again. */
  onClosed(connection: Connection): void;
}

/** Most interim responses before the final one. */
const MAX_INTERIM = 16;
const NO_DEADLINE = Number.POSITIVE_INFINITY;

export class Connection {
  /** `performance.now()` after which `expire` is due. */
  deadline: number = NO_DEADLINE;
  /** Seconds the server said it keeps an idle connection, or -1. */
  idleHint = -1;
  /** Exchanges sent on this connection, the current one included. */
  exchanges = 0;
  /** Whether a byte of the current response has arrived. */
  receivedAny = false;
  connected = false;

  readonly #socket: Socket;
  readonly #owner: ConnectionOwner;
  #handler: ResponseHandler | null = null;
  #closed = false;
  #paused = false;

  // State of the current exchange.
  #bodiless = false;
  #requestDone = true;
  #responseTimeout = 0;
  #idleTimeout = 0;
  #head: ResponseHead | null = null;
  #interims = 0;
  #partialHead: Buffer | null = null;
  #remaining = 0;
  #decoder: ChunkedDecoder | null = null;
  /** Buffer of our own for a long body; null reads into the shared scratch. */
  #ownBuffer: Buffer | null = null;
  /** The read being decoded, for `#onChunk`. */
  #reading: Buffer = SCRATCH;
  readonly #onChunk = (start: number, end: number): void => {
    if (this.#handler !== null) this.#handOver(this.#handler, this.#reading, start, end);
  };

  constructor(target: ConnectionTarget, owner: ConnectionOwner) {
    this.#owner = owner;
    this.deadline = performance.now() + target.connectTimeout;
    const onread: OnReadOpts = {
      buffer: () => this.#ownBuffer ?? SCRATCH,
      callback: (size, bytes) => this.#onRead(size, bytes as Buffer),
    };
    // Replicas are named by the operator; the environment's proxy settings never apply here.
    const socket =
      target.tls === null
        ? connectPlain({ host: target.host, port: target.port, noDelay: true, keepAlive: true, onread })
        : connectTls({
            host: target.host,
            port: target.port,
            servername: target.tls.serverName ?? (/^[\d.]+$|:/.test(target.host) ? '' : target.host),
            ca: target.tls.ca,
            rejectUnauthorized: target.tls.verify,
            ALPNProtocols: ['http/1.1'],
            onread,
          } as ConnectionOptions);
    this.#socket = socket;
    socket.on(target.tls === null ? 'connect' : 'secureConnect', () => this.#onConnect());
    socket.on('drain', () => this.#onDrain());
    socket.on('end', () => this.#onFin());
    socket.on('error', (error: NodeJS.ErrnoException) => this.#onGone(error.code ?? error.message));
    socket.on('close', () => this.#onGone('closed'));
  }

  /** Free, alive and with nothing unread: the next exchange may be sent. */
  get isIdle(): boolean {
    return this.#handler === null && !this.#closed && this.connected;
  }

  /**
   * Sends a request head. Without a body the request is complete with it; otherwise `write` and `end` follow,
   * once `onConnected` was called or `connected` is true.
   */
  send(
    head: string,
    handler: ResponseHandler,
    options: { hasBody: boolean; bodiless: boolean; responseTimeout: number; idleTimeout: number },
  ): void {
    this.#handler = handler;
    this.#head = null;
    this.#interims = 0;
    this.#bodiless = options.bodiless;
    this.#requestDone = !options.hasBody;
    this.#responseTimeout = options.responseTimeout;
    this.#idleTimeout = options.idleTimeout;
    this.receivedAny = false;
    this.exchanges++;
    if (this.connected) this.#armForRequest();
    this.#socket.write(head, 'latin1');
  }

  /** Writes a piece of the request body; false asks to wait for `onDrain`. `framed` adds chunk framing. */
  write(chunk: Buffer, framed: boolean): boolean {
    this.deadline = performance.now() + this.#idleTimeout;
    if (!framed) return this.#socket.write(chunk);
    this.#socket.cork();
    this.#socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1');
    this.#socket.write(chunk);
    const more = this.#socket.write('\r\n', 'latin1');
    this.#socket.uncork();
    return more;
  }

  /** Ends the request body; with chunked framing `trailers` may hold field lines, each with its CRLF. */
  end(framed: boolean, trailers: string): void {
    this.#requestDone = true;
    if (framed) this.#socket.write(`0\r\n${trailers}\r\n`, 'latin1');
    // With the response already under way its own silence is what counts, and that clock runs.
    if (this.#head === null) this.deadline = performance.now() + this.#responseTimeout;
  }

  /** Stops reading the response until `resume`. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.deadline = performance.now() + this.#idleTimeout;
    this.#socket.resume();
  }

  /** Closes at once and forgets the exchange; its handler hears nothing more. */
  destroy(): void {
    this.#handler = null;
    this.#close();
  }

  /** Called by the owner's clock when `deadline` has passed. */
  expire(): void {
    if (this.#handler === null && this.connected) return this.#close();
    if (!this.connected) return this.#fail('connect-timeout', 'no connection in time');
    if (this.#head === null && this.#requestDone) return this.#fail('response-timeout', 'no response head in time');
    this.#fail('idle-timeout', 'no byte moved in time');
  }

  #armForRequest(): void {
    this.deadline = performance.now() + (this.#requestDone ? this.#responseTimeout : this.#idleTimeout);
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
    if (this.#handler === null) return;
    if (!this.#requestDone) this.deadline = performance.now() + this.#idleTimeout;
    this.#handler.onDrain();
  }

  /** The server said it sends no more. That ends a close-delimited body and breaks anything else. */
  #onFin(): void {
    if (this.#handler !== null && this.#head?.framing === 'close') {
      this.#complete([], false);
      return;
    }
    this.#onGone('closed by the replica');
  }

  #onGone(reason: string): void {
    if (this.#closed) return;
    if (!this.connected) this.#fail('connect-failed', reason);
    else if (this.#handler === null) this.#close();
    else if (this.#head !== null) this.#fail('body-aborted', reason);
    else if (this.receivedAny) this.#fail('malformed', `${reason} in the middle of the head`);
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
    this.#ownBuffer = null;
    this.deadline = NO_DEADLINE;
    this.#socket.destroy();
    this.#owner.onClosed(this);
  }

  /** Returns false to stop reading. */
  #onRead(size: number, bytes: Buffer): boolean {
    if (this.#handler === null) {
      // Nobody asked: bytes on an idle connection would answer the next request (response queue poisoning).
      this.#close();
      return false;
    }
    this.receivedAny = true;
    const exchange = this.exchanges;
    try {
      this.#consume(bytes, size);
      if (this.#handler !== null && this.exchanges === exchange) this.#handler.onPause();
    } catch (error) {
      if (!(error instanceof MalformedResponse)) throw error;
      this.#fail(this.#head === null ? 'malformed' : 'body-aborted', error.message);
    }
    return !this.#paused;
  }

  /** Feeds one read to head and body. Bytes beyond the exchange close the connection. */
  #consume(bytes: Buffer, size: number): void {
    let at = 0;
    while (this.#head === null) {
      at = this.#readHead(bytes, at, size);
      // The handler may give up on the exchange in any of its callbacks.
      if (this.#handler === null || (at === size && this.#head === null)) return;
    }
    const handler = this.#handler!;
    const head: ResponseHead = this.#head;
    this.deadline = performance.now() + this.#idleTimeout;
    switch (head.framing) {
      case 'none':
        return this.#complete([], at === size);
      case 'length': {
        const take = Math.min(this.#remaining, size - at);
        this.#remaining -= take;
        if (take > 0) this.#handOver(handler, bytes, at, at + take);
        if (this.#remaining === 0 && this.#handler === handler) this.#complete([], at + take === size);
        return;
      }
      case 'chunked': {
        const decoder = this.#decoder!;
        this.#reading = bytes;
        at = decoder.decode(bytes, at, size, this.#onChunk);
        if (decoder.done && this.#handler === handler) this.#complete(decoder.trailers, at === size);
        return;
      }
      case 'close':
        if (at < size) this.#handOver(handler, bytes, at, size);
    }
  }

  /** Gives bytes away, with their buffer when the body is long enough to be worth a buffer of its own. */
  #handOver(handler: ResponseHandler, bytes: Buffer, start: number, end: number): void {
    const head = this.#head!;
    const owned = bytes === this.#ownBuffer && head.framing !== 'chunked';
    if (owned) this.#ownBuffer = takeBuffer();
    else if (this.#ownBuffer === null && head.framing !== 'chunked' && this.#isLong()) this.#ownBuffer = takeBuffer();
    handler.onBody(bytes, start, end, owned);
  }

  #isLong(): boolean {
    return this.#head!.framing === 'close' || this.#remaining > READ_SIZE / 4;
  }

  /** Parses a head that may come in several reads. Returns where the body begins, or `size` if it is not whole. */
  #readHead(bytes: Buffer, start: number, size: number): number {
    let from = start;
    let source = bytes;
    let limit = size;
    const held = this.#partialHead;
    if (held !== null) {
      source = Buffer.concat([held, bytes.subarray(start, size)]);
      from = 0;
      limit = source.length;
    }
    const end = headEnd(source, from, limit);
    if (end === -1) {
      if (limit - from > MAX_HEAD) throw new MalformedResponse('the response head is too long');
      this.#partialHead = held === null ? Buffer.from(bytes.subarray(start, size)) : source;
      return size;
    }
    if (end - from > MAX_HEAD) throw new MalformedResponse('the response head is too long');
    this.#partialHead = null;
    const head = parseResponseHead(source, from, end, this.#bodiless);
    this.#acceptHead(head);
    return held === null ? end : start + (end - held.length);
  }

  #acceptHead(head: ResponseHead): void {
    if (head.status < 200) {
      // 101 was not asked for, and 100 answers an Expect that we never send on.
      if (head.status === 101) throw new MalformedResponse('101 without an upgrade');
      if (++this.#interims > MAX_INTERIM) throw new MalformedResponse('too many interim responses');
      if (head.status !== 100) this.#handler!.onInterim(head.status, head.fields);
      return;
    }
    this.#head = head;
    this.idleHint = head.idleHint;
    this.#remaining = head.framing === 'length' ? head.length : 0;
    this.#decoder = head.framing === 'chunked' ? new ChunkedDecoder() : null;
    this.#handler!.onHead(head);
  }

  /** The response is whole. Frees the connection first, so that the handler may send on it at once. */
  #complete(trailers: string[], clean: boolean): void {
    const handler = this.#handler!;
    const reusable = clean && this.#head!.keepAlive && this.#requestDone;
    this.#handler = null;
    this.#ownBuffer = null;
    this.#decoder = null;
    this.#paused = false;
    this.deadline = NO_DEADLINE;
    if (!reusable) this.#close();
    else this.#owner.onIdle(this);
    handler.onEnd(trailers);
  }
}

/** Where the head that begins at `start` ends, its empty line included; -1 when `limit` comes first. */
function headEnd(bytes: Buffer, start: number, limit: number): number {
  let at = start + 3;
  while (at < limit) {
    const byte = bytes[at]!;
    if (byte === 0x0a) {
      if (bytes[at - 1] === 0x0d && bytes[at - 2] === 0x0a && bytes[at - 3] === 0x0d) return at + 1;
      at += 2;
    } else at += byte === 0x0d ? 1 : 4;
  }
  return -1;
}
