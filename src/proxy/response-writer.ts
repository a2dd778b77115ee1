// Writes one response to the client: one head, the body with back-pressure, trailers, and an abort in either
// direction. Small answers leave in a single write. Knows nothing of replicas: whoever has a body to send is
// its `BodySource`.
import { ERRORS, type ErrorCode } from '../errors.ts';
import { type Compressor, type CompressorSink, compressNow, createCompressor } from '../static/compressor.ts';
import type { Encoding } from '../static/encodings.ts';
import type { ResponseHead } from '../wire/response-head.ts';
import { giveBuffer, READ_SIZE, takeBuffer } from '../wire/read-buffers.ts';
import type { AnswerSink, BodySource } from './answer.ts';
import { errorBody } from './error-reply.ts';
import type { Exchange } from './exchange.ts';
import { endToEnd } from './headers.ts';
import { clientHead, markEncoded, type PlainHead } from './response-head.ts';

/** Bodies up to this size, complete in one read, are copied into the write that carries the head. */
const SINGLE_WRITE = 16 * 1024;
/** Bodies up to this size, complete in one read, are compressed in one call. */
const COMPRESS_AT_ONCE = 32 * 1024;
/** A request body that nobody wants is read to its end up to this length; a longer one costs the connection. */
const DRAIN_LIMIT = 64 * 1024;
/** Milliseconds such a body is read for, so that the client gets to see the answer before the close. */
const LINGER = 2_000;

export class ResponseWriter implements AnswerSink, CompressorSink {
  readonly #exchange: Exchange;
  #source: BodySource | null = null;
  #plain: PlainHead | null = null;
  #fields: string[] = [];
  #encoding: Encoding | null = null;
  #compressor: Compressor | null = null;
  /** First piece of a body, held until the read that brought it is over. */
  #held: Buffer | null = null;
  #heldText: string | null = null;
  #paused = false;
  #headWritten = false;
  #ended = false;
  /** Buffers the socket may still be reading from. */
  #inFlight: Buffer[] = [];

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
    const { res } = exchange;
    (res as unknown as { writer: ResponseWriter }).writer = this;
    res.on('close', onClose);
  }

  /** The head went out, or is about to: no other answer can follow. */
  get started(): boolean {
    return this.#plain !== null;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Says who produces the body and wants to know when the client is gone. */
  attach(source: BodySource): void {
    this.#source = source;
  }

  /** Passes an interim response on; HTTP/1.0 clients cannot read them (RFC 9110 section 15.2). */
  interim(status: number, fields: string[]): void {
    if (this.started || this.#exchange.req.httpVersionMinor === 0) return;
    this.#exchange.res.writeInformation(status, endToEnd(fields) as never);
  }

  /** Takes the head of a replica's answer. */
  answer(head: ResponseHead): void {
    this.head({
      status: head.status,
      fields: head.fields,
      length: head.length,
      bodiless: head.framing === 'none',
    });
  }

  /** Takes the head of an answer. Nothing is written until the first of the body is known, or `flush`. */
  head(head: PlainHead): void {
    const { fields, encoding } = clientHead(this.#exchange, head);
    this.#plain = head;
    this.#fields = fields;
    this.#encoding = encoding;
  }

  /**
   * Takes a piece of the body. `owned` memory is the writer's from now on and goes back to the read buffers;
   * other memory is copied if it cannot be written before this returns.
   */
  body(bytes: Buffer, start: number, end: number, owned: boolean): void {
    if (this.#ended) return;
    if (this.#encoding !== null) return this.#compress(bytes, start, end);
    if (!this.#headWritten) {
      if (this.#heldText === null && end - start <= SINGLE_WRITE && !owned) {
        this.#heldText = bytes.toString('latin1', start, end);
        return;
      }
      this.#writeHead(this.#plain!.length);
    }
    this.#writeHeldText();
    this.#writeBody(bytes, start, end, owned);
  }

  /**
   * Takes a piece whose memory stays as it is until it has left: to the end after this returns true, until
   * the source is resumed after false.
   */
  piece(bytes: Buffer): boolean {
    if (this.#ended) return false;
    if (!this.#headWritten) this.#writeHead(this.#plain!.length);
    this.#afterWrite(this.#exchange.res.write(bytes));
    return !this.#paused;
  }

  /** Writes what is held back: the rest of the body is not here yet. */
  flush(): void {
    if (this.#ended || this.#plain === null) return;
    if (this.#encoding !== null && this.#compressor === null) {
      this.#startCompressor();
      return;
    }
    if (!this.#headWritten) {
      this.#writeHead(this.#encoding === null ? this.#plain.length : -1);
      if (this.#heldText === null) this.#exchange.res.flushHeaders();
    }
    this.#writeHeldText();
  }

  /** The body is complete. `trailers` are passed on where the framing has room for them. */
  end(trailers: readonly string[]): void {
    if (this.#ended) return;
    if (this.#encoding !== null && this.#compressor === null && this.#held !== null) {
      if (this.#endCompressedAtOnce(this.#held)) return;
    }
    if (this.#compressor !== null) {
      this.#compressor.end();
      return;
    }
    this.#ended = true;
    const { res } = this.#exchange;
    if (!this.#headWritten) {
      const text = this.#heldText;
      const plain = this.#plain!;
      const known = plain.bodiless ? plain.length : text === null ? 0 : text.length;
      // A body that turned out short keeps its chunked framing only if trailers need it.
      if (trailers.length === 0) {
        this.#writeHead(known);
        return this.#finish(text ?? undefined);
      }
      this.#writeHead(plain.length);
    }
    this.#writeHeldText();
    if (trailers.length > 0 && res.chunkedEncoding) {
      const pairs: [string, string][] = [];
      for (let i = 0; i < trailers.length; i += 2) pairs.push([trailers[i]!, trailers[i + 1]!]);
      res.addTrailers(pairs);
    }
    this.#finish();
  }

  /** Sends a complete response of our own. `body` is not changed any more by anybody. */
  reply(head: PlainHead, body: Buffer | string | null): void {
    this.head(head);
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    if (this.#encoding !== null && bytes !== null) {
      if (this.#endCompressedAtOnce(bytes)) return;
    }
    this.#encoding = null;
    this.#writeHead(head.bodiless ? head.length : (bytes?.length ?? 0));
    this.#finish(bytes ?? undefined);
  }

  /** Sends a head that is complete, policies and length included, and the body that goes with it. */
  ready(status: number, fields: string[], body: Buffer | string | null): void {
    this.#plain = { status, fields, length: -1, bodiless: body === null };
    this.#fields = this.#exchange.request.body === 'none' ? fields : [...fields];
    this.#writeHead(-1);
    this.#finish(body ?? undefined);
  }

  /** Answers with an error; where a head is out already, cuts the connection so that nobody takes it as whole. */
  fail(code: ErrorCode, extra: readonly string[] = []): void {
    if (this.#ended) return;
    if (this.#headWritten) return this.abort();
    this.#dropHeld();
    const { req, method } = this.#exchange;
    const { type, text } = errorBody(code, req.headers.accept);
    const bodiless = method === 'HEAD';
    const body = Buffer.from(text);
    const fields = ['content-type', type, ...extra];
    this.#plain = null;
    this.reply(
      { status: ERRORS[code].status, fields, length: body.length, bodiless, cacheControl: 'no-store' },
      bodiless ? null : body,
    );
  }

  /** Cuts the response off in a way that no client can mistake for its end. */
  abort(): void {
    if (this.#ended && this.#exchange.res.writableEnded) return;
    this.#ended = true;
    this.#dropHeld();
    const { res } = this.#exchange;
    // A plain close would look like the end of a close-delimited body.
    if (res.socket !== null) res.socket.resetAndDestroy();
    else res.destroy();
  }

  // ---- CompressorSink ----

  onChunk(chunk: Buffer): boolean {
    if (!this.#headWritten) this.#writeHead(-1);
    const more = this.#exchange.res.write(chunk);
    if (!more) this.#awaitDrain();
    return more;
  }

  onDrain(): void {
    this.#resumeSource();
  }

  onEnd(): void {
    this.#compressor = null;
    if (!this.#headWritten) this.#writeHead(-1);
    this.#finish();
  }

  onError(): void {
    this.#compressor = null;
    this.#source?.abort();
    this.abort();
  }

  // ---- the client's side ----

  /** The client takes more. */
  drained(): void {
    this.#recycle();
    if (this.#compressor !== null) this.#compressor.resume();
    else this.#resumeSource();
  }

  /** The response is over, or its connection is. */
  closed(): void {
    if (this.#exchange.res.writableFinished) {
      this.#recycle();
      return;
    }
    this.#ended = true;
    this.#inFlight = [];
    this.#dropHeld();
    this.#source?.abort();
    this.#source = null;
  }

  #dropHeld(): void {
    this.#held = null;
    this.#heldText = null;
    this.#compressor?.destroy();
    this.#compressor = null;
    this.#encoding = null;
  }

  #resumeSource(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#source?.resume();
  }

  #awaitDrain(): void {
    if (this.#exchange.res.listenerCount('drain') === 0) this.#exchange.res.on('drain', onDrain);
  }

  #writeHead(length: number): void {
    this.#headWritten = true;
    const fields = this.#fields;
    const { res, req, request } = this.#exchange;
    const { status } = this.#plain!;
    if (length >= 0 && status !== 204 && status !== 304) fields.push('content-length', String(length));
    // The answer is here before the request is whole (RFC 9112 section 9.3): the rest of a short body is read
    // and thrown away, a long one is not worth keeping the connection for.
    if (request.body !== 'none' && !req.complete && !this.#isWorthDraining()) fields.push('connection', 'close');
    res.writeHead(status, fields);
  }

  #isWorthDraining(): boolean {
    const { req, awaitsContinue } = this.#exchange;
    const length = req.headers['content-length'];
    return !awaitsContinue && length !== undefined && Number(length) <= DRAIN_LIMIT;
  }

  /** Ends the response, after what is left of the request was read or its time is over. */
  #finish(body?: string | Buffer): void {
    this.#ended = true;
    const { req, res, request, awaitsContinue } = this.#exchange;
    if (request.body === 'none' || req.complete || awaitsContinue) {
      if (typeof body === 'string') res.end(body, 'latin1');
      else res.end(body);
      return;
    }
    // Closing with unread bytes would make the kernel reset the connection and lose the answer (section 9.6).
    if (typeof body === 'string') res.write(body, 'latin1');
    else if (body !== undefined && body.length > 0) res.write(body);
    const timer = setTimeout(() => res.end(), LINGER);
    const done = (): void => {
      clearTimeout(timer);
      res.end();
    };
    req.once('end', done).once('close', done).resume();
  }

  #writeHeldText(): void {
    const text = this.#heldText;
    if (text === null) return;
    this.#heldText = null;
    this.#afterWrite(this.#exchange.res.write(text, 'latin1'));
  }

  #writeBody(bytes: Buffer, start: number, end: number, owned: boolean): void {
    this.#recycle();
    let piece: Buffer;
    if (owned) {
      this.#inFlight.push(bytes);
      piece = bytes.subarray(start, end);
    } else {
      const own = end - start <= READ_SIZE ? takeBuffer() : Buffer.allocUnsafeSlow(end - start);
      bytes.copy(own, 0, start, end);
      if (own.length === READ_SIZE) this.#inFlight.push(own);
      piece = own.subarray(0, end - start);
    }
    this.#afterWrite(this.#exchange.res.write(piece));
  }

  #afterWrite(more: boolean): void {
    if (more || this.#paused) return;
    this.#paused = true;
    this.#source?.pause();
    this.#awaitDrain();
  }

  /** Takes back the buffers whose bytes the kernel has: nothing is queued, so all of them. */
  #recycle(): void {
    if (this.#inFlight.length === 0 || this.#exchange.res.writableLength > 0) return;
    for (const buffer of this.#inFlight) giveBuffer(buffer);
    this.#inFlight.length = 0;
  }

  #compress(bytes: Buffer, start: number, end: number): void {
    const copy = Buffer.from(bytes.subarray(start, end));
    if (this.#compressor === null) {
      const held = this.#held === null ? copy : Buffer.concat([this.#held, copy]);
      if (held.length <= COMPRESS_AT_ONCE) {
        this.#held = held;
        return;
      }
      this.#held = held;
      this.#startCompressor();
      return;
    }
    if (!this.#compressor.write(copy) && !this.#paused) {
      this.#paused = true;
      this.#source?.pause();
    }
  }

  #startCompressor(): void {
    const held = this.#held;
    this.#held = null;
    this.#compressor = createCompressor(this.#encoding!, this);
    if (this.#compressor === null) {
      // Too many at once: the body goes out as it is, which every client can read.
      this.#encoding = null;
      this.#writeHead(this.#plain!.length);
      if (held !== null) this.#afterWrite(this.#exchange.res.write(held));
      else this.#exchange.res.flushHeaders();
      return;
    }
    markEncoded(this.#fields, this.#encoding!);
    this.#writeHead(-1);
    if (held === null) this.#exchange.res.flushHeaders();
    else if (!this.#compressor.write(held)) {
      this.#paused = true;
      this.#source?.pause();
    }
  }

  /** Compresses a whole body in one call if it is worth it; false when it has to go another way. */
  #endCompressedAtOnce(body: Buffer): boolean {
    const encoding = this.#encoding!;
    this.#held = null;
    const { minSize } = this.#exchange.route.response.compress!;
    if (body.length < minSize) {
      this.#encoding = null;
      this.#heldText = body.toString('latin1');
      this.end([]);
      return true;
    }
    if (body.length > COMPRESS_AT_ONCE) {
      this.#held = body;
      this.#startCompressor();
      this.end([]);
      return true;
    }
    const packed = compressNow(encoding, body);
    markEncoded(this.#fields, encoding);
    this.#writeHead(packed.length);
    this.#finish(packed);
    return true;
  }
}

type WithWriter = { writer?: ResponseWriter };

function onClose(this: unknown): void {
  (this as WithWriter).writer?.closed();
}

function onDrain(this: unknown): void {
  (this as WithWriter).writer?.drained();
}
