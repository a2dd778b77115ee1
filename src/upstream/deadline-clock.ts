// One timer for the deadlines of all connections and lines of a worker. A timer per exchange would cost more than the
// few milliseconds of precision are worth.
import { performance } from 'node:perf_hooks';
import type { Upstream } from './upstream.ts';

/** Milliseconds between looks: a deadline is kept to within this. */
const TICK = 100;

export class DeadlineClock {
  readonly #upstreams: Iterable<Upstream>;
  readonly #timer: NodeJS.Timeout;

  constructor(upstreams: Iterable<Upstream>) {
    this.#upstreams = upstreams;
    this.#timer = setInterval(() => this.#tick(), TICK).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const now = performance.now();
    for (const upstream of this.#upstreams) upstream.tick(now);
  }
}
