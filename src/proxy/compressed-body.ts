// Compresses the body of one response: in a single call when it is small and came whole, as a stream when
// there is more to come. Tells its `Outlet` when the head is due and what follows it.
import {
  COMPRESS_NOW_LIMIT,
  type Compressor,
  type CompressorSink,
  compressNow,
  createCompressor,
} from '../static/compressor.ts';
import type { Encoding } from '../static/encodings.ts';

/** The writer, as far as a compressed body needs it. */
export interface Outlet {
  /** Writes the head; `encoding` null when the body goes out as it is, `length` -1 when it is not known. */
  start(encoding: Encoding | null, length: number): void;
  /** Writes a piece of what follows the head; false asks to wait for `resume`. */
  put(chunk: Buffer): boolean;
  finish(body?: Buffer): void;
  /** The producer must stop, or may go on. */
  hold(): void;
  release(): void;
  /** Compression failed in the middle. */
  broken(): void;
}

export class CompressedBody implements CompressorSink {
  readonly #encoding: Encoding;
  readonly #minSize: number;
  /** Length of the body before compression, -1 when unknown. */
  readonly #length: number;
  readonly #outlet: Outlet;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #compressor: Compressor | null = null;
  /** The body goes out as it is: too many streams are being compressed already. */
  #plain = false;

  constructor(encoding: Encoding, minSize: number, length: number, outlet: Outlet) {
    this.#encoding = encoding;
    this.#minSize = minSize;
    this.#length = length;
    this.#outlet = outlet;
  }

  /** Takes a piece, whose memory is this object's from now on. */
  add(piece: Buffer): void {
    if (this.#compressor !== null) {
      if (!this.#compressor.write(piece)) this.#outlet.hold();
    } else if (this.#plain) {
      if (!this.#outlet.put(piece)) this.#outlet.hold();
    } else {
      this.#held.push(piece);
      this.#heldBytes += piece.length;
      if (this.#heldBytes > COMPRESS_NOW_LIMIT) this.flush();
    }
  }

  /** The rest is not here yet: what is held goes out. */
  flush(): void {
    if (this.#compressor !== null || this.#plain) return;
    this.#compressor = createCompressor(this.#encoding, this);
    const held = this.#held;
    this.#held = [];
    if (this.#compressor === null) {
      this.#plain = true;
      this.#outlet.start(null, this.#length);
    } else this.#outlet.start(this.#encoding, -1);
    for (const piece of held) this.add(piece);
  }

  /** The body is complete. */
  end(): void {
    if (this.#compressor !== null) return this.#compressor.end();
    if (this.#plain) return this.#outlet.finish();
    const body = this.#held.length === 1 ? this.#held[0]! : Buffer.concat(this.#held);
    this.#held = [];
    if (body.length < this.#minSize) {
      this.#outlet.start(null, body.length);
      return this.#outlet.finish(body);
    }
    const packed = compressNow(this.#encoding, body);
    this.#outlet.start(this.#encoding, packed.length);
    this.#outlet.finish(packed);
  }

  /** The client takes more. */
  resume(): void {
    if (this.#compressor !== null) this.#compressor.resume();
    else this.#outlet.release();
  }

  /** Drops everything. */
  destroy(): void {
    this.#held = [];
    this.#compressor?.destroy();
  }

  onChunk(chunk: Buffer): boolean {
    return this.#outlet.put(chunk);
  }

  onDrain(): void {
    this.#outlet.release();
  }

  onEnd(): void {
    this.#outlet.finish();
  }

  onError(): void {
    this.#outlet.broken();
  }
}
