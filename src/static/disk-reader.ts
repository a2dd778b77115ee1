// Streams a range of a file that is too large for memory. It opens only what a manifest entry names, checks that the
// open file still is the one the manifest described, and reads no faster than its sink takes. Knows no HTTP.

import { close, constants, fstat, open, read, type Stats } from 'node:fs';
import type { StaticFile } from './manifest.ts';

/** Where the bytes go. After `onEnd`, `onError` or `abort()` nothing is called any more. */
export interface DiskSink {
  /**
   * Before the first chunk, or before `onEnd` if there is none: the file is open and is the one described. The
   * moment to write the head of the response.
   */
  onOpen(): void;
  /**
   * Takes a chunk; false pauses until `resume()`. After false the same memory is filled again on `resume()`, so that
   * call must mean that the bytes have left (`'drain'` says so). After true it is filled again if `isDrained`.
   */
  onChunk(chunk: Buffer): boolean;
  /** Every chunk so far has left. */
  readonly isDrained: boolean;
  onEnd(): void;
  /**
   * `changed`: the file is no longer what the manifest described; `failed`: it cannot be read. Before `onOpen` an
   * error can still be answered; after it the connection must be cut, so that nobody takes a part for the whole.
   */
  onError(reason: 'changed' | 'failed', error: Error): void;
}

const CHUNK = 128 * 1024;
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** One pass over one file. Starts at once; nothing is called before the constructor has returned. */
export class DiskReader {
  readonly #file: StaticFile;
  readonly #sink: DiskSink;
  readonly #end: number;
  #at: number;
  #fd = -1;
  #chunk: Buffer | null = null;
  #busy = true;
  #paused = false;
  #done = false;

  /** Bytes `start` to `end`, inclusive; an `end` before `start` reads nothing but checks the file. */
  constructor(file: StaticFile, start: number, end: number, sink: DiskSink) {
    this.#file = file;
    this.#sink = sink;
    this.#at = start;
    this.#end = end;
    open(file.absolute, FLAGS, (error, fd) => {
      this.#busy = false;
      if (error !== null) {
        // A name that is gone, or has become a symlink, is a changed folder, not a fault.
        const gone = error.code === 'ENOENT' || error.code === 'ELOOP' || error.code === 'ENOTDIR';
        this.#fail(gone ? 'changed' : 'failed', error);
        return;
      }
      this.#fd = fd;
      if (this.#done) this.#close();
      else this.#check(() => this.#opened());
    });
  }

  /** Goes on after `onChunk` said false. */
  resume(): void {
    if (!this.#paused || this.#done) return;
    this.#paused = false;
    this.#next();
  }

  /** Stops and closes the file. Safe at any time, more than once. */
  abort(): void {
    this.#done = true;
    if (!this.#busy) this.#close();
  }

  #opened(): void {
    this.#sink.onOpen();
    if (!this.#done) this.#next();
  }

  #next(): void {
    if (this.#at > this.#end) {
      this.#finish();
      return;
    }
    const length = Math.min(CHUNK, this.#end - this.#at + 1);
    this.#chunk ??= Buffer.allocUnsafeSlow(length);
    const chunk = this.#chunk;
    this.#busy = true;
    read(this.#fd, chunk, 0, Math.min(length, chunk.length), this.#at, (error, count) => {
      this.#busy = false;
      if (this.#done) this.#close();
      else if (error !== null) this.#fail('failed', error);
      else if (count === 0) this.#fail('changed', new Error('The file has become shorter.'));
      else this.#take(chunk, count);
    });
  }

  #take(chunk: Buffer, count: number): void {
    this.#at += count;
    // The last chunk is held back until the file has been found unchanged: a client that got all bytes of a length it
    // was told would take a mixture for the file.
    if (this.#at > this.#end) this.#check(() => this.#push(chunk, count));
    else this.#push(chunk, count);
  }

  #push(chunk: Buffer, count: number): void {
    const more = this.#sink.onChunk(count === chunk.length ? chunk : chunk.subarray(0, count));
    // Measured: a new chunk for each read leaves 60 MB to the garbage collector during a fast download.
    if (more && !this.#sink.isDrained) this.#chunk = null;
    if (this.#done) return;
    if (this.#at > this.#end) this.#finish();
    else if (more) this.#next();
    else this.#paused = true;
  }

  #check(then: () => void): void {
    this.#busy = true;
    fstat(this.#fd, (error, stats) => {
      this.#busy = false;
      if (this.#done) this.#close();
      else if (error !== null) this.#fail('failed', error);
      else if (!isSame(stats, this.#file)) this.#fail('changed', new Error('The file has been replaced.'));
      else then();
    });
  }

  #finish(): void {
    this.#done = true;
    this.#close();
    this.#sink.onEnd();
  }

  #fail(reason: 'changed' | 'failed', error: Error): void {
    const told = this.#done;
    this.#done = true;
    this.#close();
    if (!told) this.#sink.onError(reason, error);
  }

  #close(): void {
    this.#chunk = null;
    const fd = this.#fd;
    if (fd === -1) return;
    this.#fd = -1;
    // A file opened for reading has nothing left to write that closing it could lose.
    close(fd, () => undefined);
  }
}

/**
 * The inode tells a file that was replaced by one of equal size and time, as reproducible builds make them.
 */
function isSame(stats: Stats, file: StaticFile): boolean {
  return (
    stats.isFile() && stats.size === file.size && stats.mtimeMs === file.mtimeMs && stats.ino === file.inode
  );
}
