// What the checks of one replica amount to: up or down by how many passed or failed in a row, and how soon the next
// one is due. Knows neither clock nor socket.
import type { ResolvedHealth } from '../../config/resolved.ts';

/** `unknown` until the first passing check, or until `fall` have failed: the replica is taken for up. */
export type Health = 'unknown' | 'up' | 'down';

/** Milliseconds between checks while something may be changing. */
const FAST = 1000;

export class HealthState {
  readonly #check: Pick<ResolvedHealth, 'interval' | 'rise' | 'fall'>;
  #health: Health = 'unknown';
  #passed = false;
  #streak = 0;

  constructor(check: Pick<ResolvedHealth, 'interval' | 'rise' | 'fall'>) {
    this.#check = check;
  }

  get health(): Health {
    return this.#health;
  }

  /** Whether the last check passed. */
  get passed(): boolean {
    return this.#passed;
  }

  /** Checks in a row that ended like the last one. */
  get streak(): number {
    return this.#streak;
  }

  /** Milliseconds to the next check, without jitter: soon unless all is well. */
  get interval(): number {
    const { interval } = this.#check;
    return this.#health === 'up' && this.#passed ? interval : Math.min(interval, FAST);
  }

  /** Takes the outcome of a check; says whether the state has changed. */
  record(passed: boolean): boolean {
    this.#streak = passed === this.#passed ? this.#streak + 1 : 1;
    this.#passed = passed;
    const before = this.#health;
    if (!passed) {
      if (this.#streak >= this.#check.fall) this.#health = 'down';
    } else if (before === 'unknown' || this.#streak >= this.#check.rise) this.#health = 'up';
    return this.#health !== before;
  }
}
