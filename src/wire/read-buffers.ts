// Memory that sockets read into. Small answers are read into one scratch buffer that all connections of a
// thread share and are copied out at once; long bodies use buffers of their own that travel to the writer
// without a copy and come back here. One thread, no locks.

/** Bytes of one read. */
export const READ_SIZE = 64 * 1024;
/** Buffers kept for the next long body; more than this many are left to the garbage collector. */
const MAX_FREE = 64;

/** Shared by every connection of this thread. Its content is valid only inside the read callback. */
export const SCRATCH: Buffer = Buffer.allocUnsafeSlow(READ_SIZE);

const free: Buffer[] = [];

/** A buffer of `READ_SIZE` bytes that belongs to the caller until it gives it back. */
export function takeBuffer(): Buffer {
  return free.pop() ?? Buffer.allocUnsafeSlow(READ_SIZE);
}

/** Gives a buffer back. The caller must be sure that nothing reads it any more. */
export function giveBuffer(buffer: Buffer): void {
  if (free.length < MAX_FREE) free.push(buffer);
}
