// How many retries an upstream is given: a part of its exchanges, counted over the last seconds. A replica that
// struggles must not be asked twice by everybody. Counted by each worker for itself, so that the whole stays
// within the part whatever the others do.

/** Seconds that are looked back. */
const SPAN = 10;
/** Retries in a span that need no exchanges to pay for them: a quiet site would never be given one. */
const LEAST = 3;

export class RetryBudget {
  readonly #ratio: number;
  /** A ring, one cell for each second. */
  readonly #exchanges = new Array<number>(SPAN).fill(0);
  readonly #retries = new Array<number>(SPAN).fill(0);
  #current = 0;
  #retriesInSpan = 0;
  #exchangesBefore = 0;
  #second = 0;

  /** @param ratio retries for each exchange, 0 to 1 */
  constructor(ratio: number) {
    this.#ratio = ratio;
  }

  /** An exchange begins. */
  count(): void {
    this.#exchanges[this.#current]!++;
  }

  /** Takes one retry if there is one left. */
  take(): boolean {
    const exchanges = this.#exchangesBefore + this.#exchanges[this.#current]!;
    const most = this.#ratio === 0 ? 0 : Math.max(LEAST, Math.floor(this.#ratio * exchanges));
    if (this.#retriesInSpan >= most) return false;
    this.#retries[this.#current]!++;
    this.#retriesInSpan++;
    return true;
  }

  /** Called now and then with the time in milliseconds; moves on from second to second. */
  tick(now: number): void {
    const second = Math.floor(now / 1000);
    let steps = Math.min(second - this.#second, SPAN);
    this.#second = second;
    for (; steps > 0; steps--) {
      this.#exchangesBefore += this.#exchanges[this.#current]!;
      this.#current = (this.#current + 1) % SPAN;
      this.#exchangesBefore -= this.#exchanges[this.#current]!;
      this.#retriesInSpan -= this.#retries[this.#current]!;
      this.#exchanges[this.#current] = 0;
      this.#retries[this.#current] = 0;
    }
  }
}
