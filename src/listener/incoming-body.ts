// Hands the bodies of the requests of one connection to whoever reads them. Knows nothing of when a connection reads.

import { freeMemory } from '../wire/unsent-chunks.ts';
import type { BodyReader } from './downstream.ts';
import { RequestFraming } from './request-framing.ts';
import type { RequestHead } from './request-head.ts';
import type { ServerRequest } from './server-request.ts';

export class IncomingBody {
  /** The read under way, as long as its memory is ours: a piece of a body that is all of it is given away. */
  #fresh: Buffer | null = null;
  #request: ServerRequest | null = null;
  #framing: RequestFraming | null = null;
  #reading: Buffer = EMPTY;
  readonly #onPiece = (start: number, end: number): void => this.#deliver(start, end);

  /** A read follows; its memory is ours if it is given. */
  lend(read: Buffer | null): void {
    this.#fresh = read;
  }

  /** The read is over; if nothing of it is held elsewhere, its memory is freed at once. */
  takeBack(isFree: boolean): void {
    const read = this.#fresh;
    this.#fresh = null;
    if (read !== null && isFree) freeMemory(read);
  }

  begin(request: ServerRequest, head: RequestHead): void {
    this.#request = request;
    this.#framing = new RequestFraming(head, this.#onPiece);
  }

  /** The last `take` reached the end of the body. */
  get done(): boolean {
    return this.#framing!.done;
  }

  /** Takes bytes from `start` on; returns where it stopped, or -1 when this is no body. */
  take(bytes: Buffer, start: number): number {
    this.#reading = bytes;
    return this.#framing!.take(bytes, start);
  }

  /** Completes the request; returns who is to be told. */
  end(): BodyReader | null {
    const request = this.#request!;
    const { reader } = request;
    request.rawTrailers = this.#framing!.trailers;
    request.complete = true;
    request.reader = null;
    this.#request = null;
    this.#reading = EMPTY;
    return reader;
  }

  #deliver(start: number, end: number): void {
    // Gone when the response ended first: what is left is thrown away.
    const reader = this.#request!.reader;
    if (reader === null) return;
    const owned = end - start === this.#fresh?.length;
    if (owned) this.#fresh = null;
    reader.onData(this.#reading.subarray(start, end), owned);
  }
}

const EMPTY: Buffer = Buffer.alloc(0);
