// How often the request of one exchange may still be sent, by the rules of its route and the budget of its upstream.
import type { ResolvedRetry } from '../config/resolved.ts';
import { RETRY_DEFAULTS } from '../config/retry-defaults.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { RoutePlan } from './exchange.ts';
import { retryWait } from './failures.ts';

export class Retries {
  /** null for no second attempt at all. */
  readonly rules: ResolvedRetry | null;
  readonly #upstream: Upstream;
  /** Attempts that reached a replica. */
  #sent: number;
  #timer: NodeJS.Timeout | null = null;

  /**
   * @param wanted what the route wants otherwise than its upstream
   * @param sent attempts begun so far
   */
  constructor(wanted: RoutePlan['retry'], upstream: Upstream, sent: number) {
    this.#upstream = upstream;
    this.#sent = sent;
    const own = upstream.config.retry;
    if (wanted === false) this.rules = null;
    else this.rules = wanted === null ? own : { ...(own ?? RETRY_DEFAULTS), ...wanted };
  }

  /** The attempt that failed never reached its replica: it does not count. */
  uncount(): void {
    this.#sent--;
  }

  /** Takes one further attempt, after a reset or an answer with a status, if the rules and the budget have one. */
  take(after: 'reset' | number): boolean {
    return this.allows(after) && this.#upstream.budget.take();
  }

  /** Whether the rules have one further attempt, whatever the budget says. */
  allows(after: 'reset' | number): boolean {
    const { rules } = this;
    if (rules === null || this.#sent >= rules.attempts) return false;
    return after === 'reset' ? rules.reset : rules.statuses.includes(after);
  }

  /** Counts an attempt. */
  count(): void {
    this.#sent++;
  }

  /** Calls back after a random wait. */
  wait(callback: () => void): void {
    this.#timer = setTimeout(callback, retryWait(this.#sent));
  }

  cancel(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
  }
}
