// Pieces of a request body on their way to the kernel, whose memory is given back the moment it has them. The
// garbage collector would do it later: measured, an upload of any length then holds 60 MB of dead buffers.
import { giveBuffer, READ_SIZE, takeBuffer } from './read-buffers.ts';

/** Less than this is left to the garbage collector. Bytes. */
const WORTH_FREEING = 4 * 1024;

export class UnsentChunks {
  #owned: Buffer[] = [];
  #copies: Buffer[] = [];

  /** The piece as it may be written: itself where its memory is ours from now on (`owned`), otherwise a copy. */
  take(piece: Buffer, owned: boolean): Buffer {
    if (owned) {
      this.#owned.push(piece);
      return piece;
    }
    if (piece.length < WORTH_FREEING || piece.length > READ_SIZE) return Buffer.from(piece);
    const copy = takeBuffer();
    this.#copies.push(copy);
    piece.copy(copy);
    return copy.subarray(0, piece.length);
  }

  /** To be called only when nothing is queued on the socket any more. */
  release(): void {
    const owned = this.#owned;
    const copies = this.#copies;
    for (let i = 0; i < owned.length; i++) freeMemory(owned[i]!);
    for (let i = 0; i < copies.length; i++) giveBuffer(copies[i]!);
    owned.length = 0;
    copies.length = 0;
  }

  /** The socket is gone, and with it the moment to know: the garbage collector takes them. */
  forget(): void {
    this.#owned = [];
    this.#copies = [];
  }
}

/**
 * Frees the memory of a read that nobody needs any more; its content is gone. Node puts each read of some length
 * into memory of its own; what fills less than half of its memory may be a slice of the pool that all share.
 */
export function freeMemory({ buffer, byteOffset, length }: Buffer): void {
  if (length < WORTH_FREEING || byteOffset !== 0 || length * 2 <= buffer.byteLength) return;
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}
