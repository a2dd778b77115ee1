// Memory for file bytes that every worker thread can read: few large shared blocks instead of one per file. It
// only grows; a block is freed once no manifest refers to it.

const BLOCK = 1024 * 1024;
const ALONE = BLOCK / 4;

/** Hands out views over shared memory. Views of one arena are cloned to a worker without copying their bytes. */
export class ByteArena {
  #block: SharedArrayBuffer | null = null;
  #used = 0;

  /** A shared copy of `bytes`. */
  store(bytes: Uint8Array): Buffer {
    const length = bytes.byteLength;
    let view: Buffer;
    if (length >= ALONE) {
      view = Buffer.from(new SharedArrayBuffer(length));
    } else {
      if (this.#block === null || this.#used + length > BLOCK) {
        this.#block = new SharedArrayBuffer(BLOCK);
        this.#used = 0;
      }
      view = Buffer.from(this.#block, this.#used, length);
      this.#used += length;
    }
    view.set(bytes);
    return view;
  }
}
