// Follows the body of one request through the bytes of its connection: how much of it there is, and where it
// ends.
import { ChunkedDecoder } from '../wire/chunked-decoder.ts';
import { MalformedMessage } from '../wire/malformed-message.ts';
import type { RequestHead } from './request-head.ts';

export class RequestFraming {
  /** Fields of the trailer section, once `done`. */
  trailers: string[] = [];
  done: boolean;
  #remaining: number;
  readonly #decoder: ChunkedDecoder | null;

  constructor(head: RequestHead) {
    this.#remaining = head.length;
    this.#decoder = head.framing === 'chunked' ? new ChunkedDecoder() : null;
    this.done = head.framing === 'none' || (head.framing === 'length' && head.length === 0);
  }

  /**
   * Takes bytes from `start` on and gives each piece of the body to `onPiece(start, end)`; returns where it
   * stopped: at the end of the bytes, or where the body ends; -1 when this is no body.
   */
  take(bytes: Buffer, start: number, onPiece: (start: number, end: number) => void): number {
    const decoder = this.#decoder;
    if (decoder === null) {
      const end = start + Math.min(this.#remaining, bytes.length - start);
      this.#remaining -= end - start;
      if (end > start) onPiece(start, end);
      this.done = this.#remaining === 0;
      return end;
    }
    try {
      const at = decoder.decode(bytes, start, bytes.length, onPiece);
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
}

/**
 * Whether the part of a chunked body that came with its head is already wrong. Such a request is refused before
 * anybody has acted on it.
 */
export function beginsBroken(head: RequestHead, bytes: Buffer, start: number): boolean {
  if (head.framing !== 'chunked' || start === bytes.length) return false;
  return new RequestFraming(head).take(bytes, start, () => {}) === -1;
}
