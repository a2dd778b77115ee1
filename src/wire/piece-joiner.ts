// Puts the small chunks of one read together, in place, so that a body of one-byte chunks does not cost a call and
// a write for each of them (LI-08). Chunks that come in different reads stay apart: nothing waits.

/** Longer pieces are handed on as they are. Bytes. */
const SMALL = 2 * 1024;

export type PieceTaker = (start: number, end: number) => void;

export class PieceJoiner {
  /** For the decoder: takes the pieces of a read in order. */
  readonly add: PieceTaker;
  #bytes: Buffer | null = null;
  readonly #onPiece: PieceTaker;
  #from = 0;
  #to = 0;

  constructor(onPiece: PieceTaker) {
    this.#onPiece = onPiece;
    this.add = (start, end) => this.#add(start, end);
  }

  /** A new read. What is taken of it may be moved towards its front. */
  begin(bytes: Buffer): void {
    this.#bytes = bytes;
    this.#from = this.#to = 0;
  }

  /** The read is over: hands on what was joined. */
  flush(): void {
    const from = this.#from;
    const to = this.#to;
    this.#from = this.#to;
    if (to > from) this.#onPiece(from, to);
  }

  #add(start: number, end: number): void {
    const size = end - start;
    if (size > SMALL) {
      this.flush();
      this.#onPiece(start, end);
    } else if (this.#from === this.#to) {
      this.#from = start;
      this.#to = end;
    } else {
      this.#bytes!.copyWithin(this.#to, start, end);
      this.#to += size;
    }
  }
}
