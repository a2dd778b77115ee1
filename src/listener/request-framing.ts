// Follows the body of one request through the bytes of its connection: how much of it there is, and where it
// ends.
import { ChunkedDecoder } from '../wire/chunked-decoder.ts';
import { MalformedMessage } from '../wire/malformed-message.ts';
import type { RequestHead } from './request-head.ts';

/** Smaller chunks of one read are handed on as one piece: a body of one-byte chunks costs a write each (LI-08). */
const JOINED = 2 * 1024;

export class RequestFraming {
  /** Fields of the trailer section, once `done`. */
  trailers: string[] = [];
  done: boolean;
  #remaining: number;
  readonly #decoder: ChunkedDecoder | null;
  #bytes: Buffer | null = null;
  #onPiece: PieceTaker = ignore;
  /** The piece that is being joined. */
  #from = 0;
  #to = 0;
  readonly #join: PieceTaker;

  constructor(head: RequestHead) {
    this.#remaining = head.length;
    this.#decoder = head.framing === 'chunked' ? new ChunkedDecoder() : null;
    this.#join = this.#decoder === null ? ignore : (start, end) => this.#add(start, end);
    this.done = head.framing === 'none' || (head.framing === 'length' && head.length === 0);
  }

  /**
   * Takes bytes from `start` on and gives each piece of the body to `onPiece(start, end)`; returns where it
   * stopped: at the end of the bytes, or where the body ends; -1 when this is no body. What it has taken of a
   * chunked body is moved about in the memory of `bytes`.
   */
  take(bytes: Buffer, start: number, onPiece: PieceTaker): number {
    const decoder = this.#decoder;
    if (decoder === null) {
      const end = start + Math.min(this.#remaining, bytes.length - start);
      this.#remaining -= end - start;
      if (end > start) onPiece(start, end);
      this.done = this.#remaining === 0;
      return end;
    }
    try {
      this.#bytes = bytes;
      this.#onPiece = onPiece;
      const at = decoder.decode(bytes, start, bytes.length, this.#join);
      this.#flush();
      if (decoder.done) {
        this.trailers = decoder.trailers;
        this.done = true;
      }
      return at;
    } catch (error) {
      if (error instanceof MalformedMessage) return -1;
      throw error;
    }
  }

  #add(start: number, end: number): void {
    const size = end - start;
    if (size > JOINED) {
      this.#flush();
      this.#onPiece(start, end);
    } else if (this.#from === this.#to) {
      this.#from = start;
      this.#to = end;
    } else {
      this.#bytes!.copyWithin(this.#to, start, end);
      this.#to += size;
    }
  }

  #flush(): void {
    const from = this.#from;
    const to = this.#to;
    this.#from = this.#to;
    if (to > from) this.#onPiece(from, to);
  }
}

/**
 * Whether the part of a chunked body that came with its head is already wrong. Such a request is refused before
 * anybody has acted on it.
 */
export function beginsBroken(head: RequestHead, bytes: Buffer, start: number): boolean {
  if (head.framing !== 'chunked' || start === bytes.length) return false;
  try {
    new ChunkedDecoder().decode(bytes, start, bytes.length, ignore);
    return false;
  } catch (error) {
    if (error instanceof MalformedMessage) return true;
    throw error;
  }
}

type PieceTaker = (start: number, end: number) => void;

function ignore(): void {}
