// What a connection has read and nobody has taken yet. Offers it for as long as some of it is taken.

/** Takes some of `bytes` from `start` on; returns where it stopped, `start` if it wants nothing at the moment. */
export type InputTaker = (bytes: Buffer, start: number) => number;

export class HeldInput {
  /** A call of the taker is under way: what it leaves is not held yet. */
  isOffering = false;
  readonly #take: InputTaker;
  #held: Buffer | null = null;

  constructor(take: InputTaker) {
    this.#take = take;
  }

  get isEmpty(): boolean {
    return this.#held === null;
  }

  /** Offers a read, behind what is held. */
  push(chunk: Buffer): void {
    const held = this.remove();
    this.#offer(held === null ? chunk : Buffer.concat([held, chunk]));
  }

  /** Offers what is held once more. */
  again(): void {
    const held = this.remove();
    if (held !== null) this.#offer(held);
  }

  /** Gives away what is held. */
  remove(): Buffer | null {
    const held = this.#held;
    this.#held = null;
    return held;
  }

  #offer(bytes: Buffer): void {
    this.isOffering = true;
    let at = 0;
    while (at < bytes.length) {
      const before = at;
      at = this.#take(bytes, at);
      if (at === before) break;
    }
    this.isOffering = false;
    if (at < bytes.length) this.#held = at === 0 ? bytes : bytes.subarray(at);
  }
}
