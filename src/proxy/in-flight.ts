// Read buffers whose bytes were written but may still be on their way to the kernel. They go back to the next
// reader once nothing is queued any more.
import { giveBuffer, READ_SIZE, takeBuffer } from '../wire/read-buffers.ts';

/** Smaller pieces are copied as they are: thousands of them may wait for a slow client, each in a whole read buffer. */
const WORTH_A_BUFFER = 8 * 1024;

export class InFlightBuffers {
  #buffers: Buffer[] = [];

  /** Keeps a read buffer until `recycle`. */
  add(buffer: Buffer): void {
    this.#buffers.push(buffer);
  }

  /** A copy of some bytes, in a read buffer where that is no waste. */
  copy(bytes: Buffer, start: number, end: number): Buffer {
    const size = end - start;
    if (size > READ_SIZE || size < WORTH_A_BUFFER) return Buffer.from(bytes.subarray(start, end));
    const buffer = takeBuffer();
    bytes.copy(buffer, 0, start, end);
    this.#buffers.push(buffer);
    return buffer.subarray(0, size);
  }

  /** To be called when nothing is queued: the kernel has all bytes. */
  recycle(): void {
    for (const buffer of this.#buffers) giveBuffer(buffer);
    this.#buffers.length = 0;
  }

  get isEmpty(): boolean {
    return this.#buffers.length === 0;
  }

  /** The socket is gone, and with it the moment to know: the garbage collector takes them. */
  forget(): void {
    this.#buffers = [];
  }
}
