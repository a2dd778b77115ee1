// Time that moves only when a test says so, and chance that it decides.
import type { Cancel, TimeSource } from '../../src/upstream/time-source.ts';

interface Timer {
  at: number;
  run: () => void;
}

export class ManualTime implements TimeSource {
  /** What `random()` gives: 0.5 is no jitter. */
  chance = 0.5;
  #now = 1_000_000;
  #timers: Timer[] = [];

  now(): number {
    return this.#now;
  }

  random(): number {
    return this.chance;
  }

  after(ms: number, run: () => void): Cancel {
    const timer = { at: this.#now + ms, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer);
    };
  }

  /** Timers that are running. */
  get pending(): number {
    return this.#timers.length;
  }

  /** Milliseconds from now to the timer that is due first. */
  get next(): number {
    return Math.min(...this.#timers.map(({ at }) => at)) - this.#now;
  }

  /** Runs what is due within `ms`, each at its time. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const first = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (first === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== first);
      this.#now = Math.max(this.#now, first.at);
      first.run();
    }
    this.#now = end;
  }

  /** Lets `ms` go by in which no timer could run, as when the thread was busy; then runs what is due. */
  block(ms: number): void {
    this.#now += ms;
    this.advance(0);
  }
}
