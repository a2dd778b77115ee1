// Follows the body of one request through the bytes of its connection: how much of it there is, and where it
// ends.
import { ChunkedDecoder } from '../wire/chunked-decoder.ts';
import { MalformedMessage } from '../wire/malformed-message.ts';
import { PieceJoiner, type PieceTaker } from '../wire/piece-joiner.ts';
import type { RequestHead } from './request-head.ts';

export class RequestFraming {
  /** Fields of the trailer section, once `done`. */
  trailers: string[] = [];
  done: boolean;
  #remaining: number;
  readonly #decoder: ChunkedDecoder | null = null;
  readonly #onPiece: PieceTaker;
  readonly #joiner: PieceJoiner | null = null;

  /** @param onPiece told of each piece of the body, as a range of the bytes that `take` was given */
  constructor(head: RequestHead, onPiece: PieceTaker) {
    this.#remaining = head.length;
    this.#onPiece = onPiece;
    if (head.framing === 'chunked') {
      this.#decoder = new ChunkedDecoder();
      this.#joiner = new PieceJoiner(onPiece);
    }
    this.done = head.framing === 'none' || (head.framing === 'length' && head.length === 0);
  }

  /**
   * Takes bytes from `start` on; returns where it stopped: at the end of the bytes, or where the body ends; -1
   * when this is no body. What it has taken of a chunked body is moved about in the memory of `bytes`.
   */
  take(bytes: Buffer, start: number): number {
    const decoder = this.#decoder;
    if (decoder === null) {
      const end = start + Math.min(this.#remaining, bytes.length - start);
      this.#remaining -= end - start;
      if (end > start) this.#onPiece(start, end);
      this.done = this.#remaining === 0;
      return end;
    }
    try {
      const joiner = this.#joiner!;
      joiner.begin(bytes);
      const at = decoder.decode(bytes, start, bytes.length, joiner.add);
      joiner.flush();
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
  try {
    new ChunkedDecoder().decode(bytes, start, bytes.length, ignore);
    return false;
  } catch (error) {
    if (error instanceof MalformedMessage) return true;
    throw error;
  }
}

function ignore(): void {}
