// The last good answer to one question, kept through failures for as long as they last, and through the first
// times that the answer is "no such name": a DNS server that restarts says so of every name.

/** Answers in a row that have to say so before it is believed. */
const BELIEVED = 3;

export class LastGood<T> {
  #value: readonly T[] = [];
  #denied = 0;

  get value(): readonly T[] {
    return this.#value;
  }

  found(value: readonly T[]): void {
    this.#denied = 0;
    this.#value = value;
  }

  /** The question could not be answered, which says nothing, not even that "no such name" goes on. */
  failed(): void {
    this.#denied = 0;
  }

  /** "No such name". Returns whether that is believed: at the third time, and at once where nothing was known. */
  denied(): boolean {
    this.#denied++;
    if (this.#denied >= BELIEVED) this.#value = [];
    return this.#value.length === 0;
  }
}
