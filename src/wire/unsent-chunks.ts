// Pieces of a request body on their way to the kernel, whose memory is given back the moment it has them. The
// garbage collector would do it later: measured, an upload of any length then holds 60 MB of dead buffers.

/** Smaller pieces are left to the garbage collector. Bytes. */
const WORTH_RELEASING = 4 * 1024;

export class UnsentChunks {
  #chunks: Buffer[] = [];

  /** Takes a piece that was just written. */
  add(chunk: Buffer): void {
    if (chunk.length >= WORTH_RELEASING) this.#chunks.push(chunk);
  }

  /** To be called only when nothing is queued on the socket any more. */
  release(): void {
    const chunks = this.#chunks;
    if (chunks.length === 0) return;
    for (const chunk of chunks) {
      const { buffer } = chunk;
      // A piece that shares its memory with others is not ours to take away.
      if (chunk.length === buffer.byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0);
    }
    chunks.length = 0;
  }

  /** The socket is gone, and with it the moment to know: the garbage collector takes them. */
  forget(): void {
    this.#chunks = [];
  }
}
