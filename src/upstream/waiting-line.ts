// Exchanges of one worker that wait for a replica, first come first served, each up to its own deadline. Two lines
// for each upstream: one for a free connection, one for a replica that is up.

/** Who waits. Told exactly one of the two, unless it left. */
export interface Waiter {
  /** Try again; false when there is still nothing, and the place in the line is kept. */
  onTurn(): boolean;
  /** The deadline has passed. */
  onTooLate(): void;
}

/**
 * Turns in vain after which a round ends. What there is may be of no use to anybody in a long line, and is looked at
 * time and again.
 */
const MOST_VAIN = 64;

export class WaitingLine {
  /** In the order of the line, each with the `performance.now()` after which it is too late. */
  readonly #places = new Map<Waiter, number>();
  /** Turns are being given. */
  #serving = false;

  get length(): number {
    return this.#places.size;
  }

  join(waiter: Waiter, deadline: number): void {
    this.#places.set(waiter, deadline);
  }

  leave(waiter: Waiter): boolean {
    return this.#places.delete(waiter);
  }

  /**
   * Gives turns from the front, as long as `more` says that there is something to have, until `most` have taken it.
   * A waiter that found nothing stays where it is: the one behind it may want another replica.
   */
  serve(more: () => boolean, most = Number.POSITIVE_INFINITY): void {
    if (this.#serving || this.#places.size === 0) return;
    this.#serving = true;
    // Who joins meanwhile stands behind these.
    let turns = this.#places.size;
    let served = 0;
    let vain = 0;
    try {
      for (const waiter of this.#places.keys()) {
        if (turns-- === 0 || served === most || vain === MOST_VAIN || !more()) break;
        if (waiter.onTurn()) {
          this.#places.delete(waiter);
          served++;
        } else vain++;
      }
    } finally {
      this.#serving = false;
    }
  }

  /** Sends away everybody whose time is over. */
  expire(now: number): void {
    for (const [waiter, deadline] of this.#places) {
      if (deadline < now && this.#places.delete(waiter)) waiter.onTooLate();
    }
  }
}
