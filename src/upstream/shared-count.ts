// A number in shared memory that all workers count up and down together. Each worker also keeps its own part of
// it, so that the part of a worker that died can be taken back.

export class SharedCount {
  readonly #words: Int32Array;
  readonly #total: number;
  readonly #own: number;

  /**
   * @param total index of the word that all workers share
   * @param own index of the word of this thread
   */
  constructor(words: Int32Array, total: number, own: number) {
    this.#words = words;
    this.#total = total;
    this.#own = own;
  }

  /** Over all workers. */
  get value(): number {
    return Atomics.load(this.#words, this.#total);
  }

  /** What this thread has counted. */
  get own(): number {
    return this.#words[this.#own]!;
  }

  add(n: number): void {
    this.#words[this.#own]! += n;
    Atomics.add(this.#words, this.#total, n);
  }

  /** Adds unless the total would pass `most`; says whether it did. */
  addWithin(n: number, most: number): boolean {
    if (Atomics.add(this.#words, this.#total, n) + n > most) {
      Atomics.sub(this.#words, this.#total, n);
      return false;
    }
    this.#words[this.#own]! += n;
    return true;
  }

  /** Takes back what a thread that is gone had counted. Called by another one, with the word of the dead. */
  takeBack(): void {
    const left = Atomics.exchange(this.#words, this.#own, 0);
    Atomics.sub(this.#words, this.#total, left);
  }
}
