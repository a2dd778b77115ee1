// Writes one response to the client: one head, the body with back-pressure, trailers, and an abort in either
// direction. Small answers leave in a single write. Knows nothing of replicas: whoever has a body to send is
// its `BodySource`.
import { ERRORS, type ErrorCode } from '../errors.ts';
import type { PreparedHead, ResponseObserver } from '../listener/downstream.ts';
import type { Encoding } from '../static/encodings.ts';
import type { ResponseHead } from '../wire/response-head.ts';
import type { AnswerSink, BodySource } from './answer.ts';
import { CompressedBody, type Outlet } from './compressed-body.ts';
import { mustClose } from './early-answer.ts';
import { errorBody } from './error-reply.ts';
import type { Exchange } from './exchange.ts';
import { endToEnd } from './headers.ts';
import { InFlightBuffers } from './in-flight.ts';
import { clientHead, markEncoded, nominatedIn, type PlainHead } from './response-head.ts';

/** Bodies up to this size, complete in one read, are copied into the write that carries the head. */
const SINGLE_WRITE = 16 * 1024;

export class ResponseWriter implements AnswerSink, Outlet, ResponseObserver {
  readonly #exchange: Exchange;
  #source: BodySource | null = null;
  #plain: PlainHead | null = null;
  #fields: string[] = [];
  /** `Content-Length` of a body that is passed on as it is; -1 when unknown. */
  #length = -1;
  #compressed: CompressedBody | null = null;
  /** First piece of a body, held until the read that brought it is over. */
  #heldText: string | null = null;
  #paused = false;
  #headWritten = false;
  #ended = false;
  #inFlight: InFlightBuffers | null = null;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
    exchange.res.observer = this;
  }

  attach(source: BodySource): void {
    this.#source = source;
  }

  /** Passes an interim response on; HTTP/1.0 clients cannot read them (RFC 9110 section 15.2). */
  interim(status: number, fields: string[]): void {
    if (this.#plain !== null || this.#exchange.req.httpVersionMinor === 0) return;
    const passed = endToEnd(fields, nominatedIn(fields), this.#exchange.route.response.drop);
    this.#exchange.res.writeInterim(status, passed);
  }

  /** Takes the head of a replica's answer. */
  answer({ status, fields, length, framing }: ResponseHead): void {
    this.head({ status, fields, length, bodiless: framing === 'none' });
  }

  /** Takes the head of an answer. Nothing is written until the first of the body is known, or `flush`. */
  head(head: PlainHead): void {
    const { fields, encoding, length } = clientHead(this.#exchange, head);
    this.#plain = head;
    this.#fields = fields;
    this.#length = length;
    if (encoding !== null) {
      const { minSize } = this.#exchange.route.response.compress!;
      this.#compressed = new CompressedBody(encoding, minSize, head.length, this);
    }
  }

  body(bytes: Buffer, start: number, end: number, owned: boolean): void {
    if (this.#ended) return;
    if (this.#compressed !== null) {
      // Compressors take their time and the read buffer is needed at once.
      this.#compressed.add(Buffer.from(bytes.subarray(start, end)));
      return;
    }
    if (!this.#headWritten) {
      if (this.#heldText === null && end - start <= SINGLE_WRITE && !owned) {
        this.#heldText = bytes.toString('latin1', start, end);
        return;
      }
      this.#writeHead(this.#length);
    }
    this.#writeHeldText();
    this.#recycle();
    const inFlight = (this.#inFlight ??= new InFlightBuffers());
    if (owned) inFlight.add(bytes);
    this.put(owned ? bytes.subarray(start, end) : inFlight.copy(bytes, start, end));
  }

  /**
   * Takes a piece whose memory stays as it is until it has left: to the end after this returns true, until
   * the source is resumed after false.
   */
  piece(bytes: Buffer): boolean {
    if (this.#ended) return false;
    if (!this.#headWritten) this.#writeHead(this.#length);
    this.put(bytes);
    return !this.#paused;
  }

  flush(): void {
    if (this.#ended || this.#plain === null) return;
    if (this.#compressed !== null) return this.#compressed.flush();
    if (!this.#headWritten) {
      this.#writeHead(this.#length);
      if (this.#heldText === null) this.#exchange.res.flushHead();
    }
    this.#writeHeldText();
  }

  end(trailers: readonly string[]): void {
    if (this.#ended) return;
    if (this.#compressed !== null) return this.#compressed.end();
    const { res } = this.#exchange;
    if (!this.#headWritten) {
      const plain = this.#plain!;
      const text = this.#heldText;
      // The whole body is here, so its length is known, unless trailers need chunked framing.
      if (trailers.length === 0) {
        this.#writeHead(plain.bodiless ? this.#length : text === null ? 0 : text.length);
        this.#ended = true;
        return this.#exchange.res.end(text ?? undefined);
      }
      this.#writeHead(this.#length);
    }
    this.#writeHeldText();
    this.#ended = true;
    res.end(undefined, trailers);
    this.#recycle();
  }

  /** Sends a complete response of our own. `body` is not changed any more by anybody. */
  reply(head: PlainHead, body: Buffer | string | null): void {
    this.head(head);
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    if (this.#compressed !== null && bytes !== null) {
      this.#compressed.add(bytes);
      return this.#compressed?.end();
    }
    this.#writeHead(head.bodiless ? this.#length : (bytes?.length ?? 0));
    this.finish(bytes ?? undefined);
  }

  /** Sends a head that is complete, policies and length included, and the body that goes with it. */
  ready(head: PreparedHead, body: Buffer | string | null): void {
    this.#headWritten = true;
    this.#ended = true;
    const { res } = this.#exchange;
    if (mustClose(this.#exchange)) res.keepAlive = false;
    res.writePrepared(head);
    res.end(body ?? undefined);
  }

  /**
   * Answers with an error; where a head is out already, cuts the connection so that nobody takes it as whole.
   * `page` false: never HTML, whatever the client accepts.
   */
  fail(code: ErrorCode, extra: readonly string[] = [], page = true): void {
    if (this.#ended) return;
    if (this.#headWritten) return this.abort();
    this.#dropHeld();
    const { req, method } = this.#exchange;
    const { type, text } = errorBody(code, page ? req.headers.accept : undefined);
    const bodiless = method === 'HEAD';
    const body = Buffer.from(text);
    const { status, retryAfter } = ERRORS[code];
    const fields = ['content-type', type, ...extra];
    if (retryAfter > 0) fields.push('retry-after', String(retryAfter));
    this.reply(
      {
        status,
        fields,
        length: body.length,
        bodiless,
        cacheControl: 'no-store',
        coded: true,
      },
      bodiless ? null : body,
    );
  }

  /** Cuts the response off in a way that no client can mistake for its end. */
  abort(): void {
    const { res } = this.#exchange;
    if (res.ended) return;
    this.#ended = true;
    this.#dropHeld();
    res.abort();
  }

  // ---- Outlet: what a compressed body asks for ----

  start(encoding: Encoding | null, length: number): void {
    if (encoding !== null) markEncoded(this.#fields, encoding);
    this.#writeHead(length);
    if (length === -1) this.#exchange.res.flushHead();
  }

  put(chunk: Buffer): boolean {
    const more = this.#exchange.res.write(chunk);
    if (!more && this.#compressed === null) this.hold();
    return more;
  }

  finish(body?: Buffer): void {
    this.#ended = true;
    this.#compressed = null;
    this.#exchange.res.end(body);
  }

  hold(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#source?.pause();
  }

  release(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#source?.resume();
  }

  broken(): void {
    this.#source?.abort();
    this.abort();
  }

  // ---- the client's side ----

  onDrain(): void {
    this.#recycle();
    if (this.#compressed !== null) this.#compressed.resume();
    else this.release();
  }

  onGone(): void {
    this.#ended = true;
    this.#inFlight?.forget();
    this.#dropHeld();
    this.#source?.abort();
    this.#source = null;
  }

  #dropHeld(): void {
    this.#heldText = null;
    this.#compressed?.destroy();
    this.#compressed = null;
  }

  #writeHead(length: number): void {
    this.#headWritten = true;
    const fields = this.#fields;
    const { status } = this.#plain!;
    if (length >= 0 && status !== 204 && status !== 304) fields.push('content-length', String(length));
    const { res } = this.#exchange;
    if (mustClose(this.#exchange)) res.keepAlive = false;
    res.writeHead(status, fields);
  }

  #writeHeldText(): void {
    const text = this.#heldText;
    if (text === null) return;
    this.#heldText = null;
    this.#exchange.res.write(text);
  }

  /** Takes back the buffers whose bytes the kernel has: nothing is queued, so all of them. */
  #recycle(): void {
    const inFlight = this.#inFlight;
    if (inFlight !== null && !inFlight.isEmpty && this.#exchange.res.pendingBytes === 0) inFlight.recycle();
  }
}
