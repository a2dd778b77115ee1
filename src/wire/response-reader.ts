// Turns the bytes of one response into calls of its handler: interim heads, head, body, end. Made once per
// connection and begun anew for each exchange. Knows nothing of sockets.

import { ChunkedDecoder } from './chunked-decoder.ts';
import { MalformedMessage } from './malformed-message.ts';
import { headEnd } from './message-syntax.ts';
import { PieceJoiner } from './piece-joiner.ts';
import { READ_SIZE, SCRATCH, takeBuffer } from './read-buffers.ts';
import type { ResponseHandler } from './response-handler.ts';
import { MAX_HEAD, parseResponseHead, type ResponseHead } from './response-head.ts';

/** Most interim responses before the final one. */
const MAX_INTERIM = 16;

/**
 * `excess`: complete, but bytes follow that belong to nobody. `upgrade`: a 101 that was asked for; from `end` on the
 * bytes are not HTTP.
 */
export type ReadResult = 'more' | 'complete' | 'excess' | 'upgrade';

export class ResponseReader {
  /** The final head, once it is here. */
  head: ResponseHead | null = null;
  /** Trailer fields, once complete. */
  trailers: string[] = [];
  /** Where the final head ended in the read that brought it. */
  end = 0;
  #handler: ResponseHandler | null = null;
  #bodiless = false;
  #upgrade = false;
  #interims = 0;
  #partialHead: Buffer | null = null;
  #remaining = 0;
  #decoder: ChunkedDecoder | null = null;
  /** Buffer of our own for a long body; null reads into the shared scratch. */
  #ownBuffer: Buffer | null = null;
  /** The read being decoded, for `#joiner`. */
  #reading: Buffer = SCRATCH;
  readonly #joiner = new PieceJoiner((start, end) => this.#handOver(this.#reading, start, end));

  /** Where the next read goes. */
  get buffer(): Buffer {
    return this.#ownBuffer ?? SCRATCH;
  }

  /** Expects a response for `handler`; `bodiless` when the request was a HEAD, `upgrade` when 101 may answer it. */
  begin(handler: ResponseHandler, bodiless: boolean, upgrade: boolean): void {
    this.#handler = handler;
    this.#bodiless = bodiless;
    this.#upgrade = upgrade;
    this.#interims = 0;
    this.head = null;
    this.trailers = NO_TRAILERS;
  }

  /** The exchange is over: its handler hears nothing more. */
  stop(): void {
    this.#handler = null;
    this.#partialHead = null;
    this.#decoder = null;
    this.#ownBuffer = null;
  }

  /**
   * Takes one read of `size` bytes.
   * @throws MalformedMessage
   */
  read(bytes: Buffer, size: number): ReadResult {
    let at = 0;
    while (this.head === null) {
      at = this.#readHead(bytes, at, size);
      // The handler may give up on the exchange in any of its calls.
      if (this.#handler === null || (at === size && this.head === null)) return 'more';
    }
    const head: ResponseHead = this.head;
    if (head.status === 101) {
      this.end = at;
      return 'upgrade';
    }
    switch (head.framing) {
      case 'none':
        return at === size ? 'complete' : 'excess';
      case 'length': {
        const take = Math.min(this.#remaining, size - at);
        this.#remaining -= take;
        if (take > 0) this.#handOver(bytes, at, at + take);
        if (this.#remaining > 0) return 'more';
        return at + take === size ? 'complete' : 'excess';
      }
      case 'chunked': {
        const decoder = this.#decoder!;
        this.#reading = bytes;
        this.#joiner.begin(bytes);
        try {
          at = decoder.decode(bytes, at, size, this.#joiner.add);
        } finally {
          // What came before a broken chunk was good.
          this.#joiner.flush();
        }
        if (!decoder.done) return 'more';
        this.trailers = decoder.trailers;
        return at === size ? 'complete' : 'excess';
      }
      case 'close':
        if (at < size) this.#handOver(bytes, at, size);
        return 'more';
    }
  }

  /** Gives bytes away, with their buffer when the body is long enough to be worth a buffer of its own. */
  #handOver(bytes: Buffer, start: number, end: number): void {
    if (this.#handler === null) return;
    let owned = false;
    if (this.head!.framing !== 'chunked') {
      owned = bytes === this.#ownBuffer;
      if (owned || (this.#ownBuffer === null && this.#isLong())) this.#ownBuffer = takeBuffer();
    }
    this.#handler.onBody(bytes, start, end, owned);
  }

  #isLong(): boolean {
    return this.head!.framing === 'close' || this.#remaining > READ_SIZE / 4;
  }

  /** Parses a head that may come in several reads. Returns where what follows begins; `size` if it is not whole. */
  #readHead(bytes: Buffer, start: number, size: number): number {
    const held = this.#partialHead;
    if (held === null) {
      const end = headEnd(bytes, start, size);
      if (end !== -1) {
        this.#acceptHead(bytes, start, end);
        return end;
      }
      this.#keepPartial(Buffer.from(bytes.subarray(start, size)));
      return size;
    }
    const joined = Buffer.concat([held, bytes.subarray(start, size)]);
    const end = headEnd(joined, 0, joined.length);
    if (end === -1) {
      this.#keepPartial(joined);
      return size;
    }
    this.#partialHead = null;
    this.#acceptHead(joined, 0, end);
    return start + (end - held.length);
  }

  #keepPartial(bytes: Buffer): void {
    if (bytes.length > MAX_HEAD) throw new MalformedMessage('the response head is too long');
    this.#partialHead = bytes;
  }

  #acceptHead(bytes: Buffer, start: number, end: number): void {
    if (end - start > MAX_HEAD) throw new MalformedMessage('the response head is too long');
    const head = parseResponseHead(bytes, start, end, this.#bodiless);
    if (head.status < 200) {
      if (head.status === 101) {
        if (!this.#upgrade) throw new MalformedMessage('101 without an upgrade');
        this.head = head;
        return;
      }
      // 100 answers an Expect that we never send on.
      if (++this.#interims > MAX_INTERIM) throw new MalformedMessage('too many interim responses');
      if (head.status !== 100) this.#handler!.onInterim(head.status, head.fields);
      return;
    }
    this.head = head;
    this.#remaining = head.framing === 'length' ? head.length : 0;
    this.#decoder = head.framing === 'chunked' ? new ChunkedDecoder() : null;
    this.#handler!.onHead(head);
  }
}

const NO_TRAILERS: string[] = [];
