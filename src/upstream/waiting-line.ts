// Exchanges of one worker that wait for a replica, first come first served, each up to its own deadline. Two lines
// for each upstream: one for a free connection, one for a replica that is up.

/** Who waits. Told exactly one of the two, unless it left. */
export interface Waiter {
  /** Try again; false when there is still nothing, and the place in the line is kept. */
  onTurn(): boolean;
  /** The deadline has passed. */
  onTooLate(): void;
}

interface Place {
  readonly waiter: Waiter;
  /** `performance.now()` after which it is too late. */
  readonly deadline: number;
}

export class WaitingLine {
  readonly #places = new Map<Waiter, Place>();
  /** Turns are being given: who joins meanwhile waits for the next round. */
  #serving = false;

  get length(): number {
    return this.#places.size;
  }

  join(waiter: Waiter, deadline: number): void {
    this.#places.set(waiter, { waiter, deadline });
  }

  leave(waiter: Waiter): boolean {
    return this.#places.delete(waiter);
  }

  /**
   * Gives turns from the front, as long as `more` says that there is something to have, and to `most` at the most.
   * A waiter that found nothing stays where it is: the one behind it may want another replica.
   */
  serve(more: () => boolean, most = Number.POSITIVE_INFINITY): void {
    if (this.#serving || this.#places.size === 0) return;
    this.#serving = true;
    let turns = 0;
    for (const { waiter } of [...this.#places.values()]) {
      if (turns++ >= most || !more()) break;
      // An earlier turn may have ended this one's exchange.
      if (this.#places.has(waiter) && waiter.onTurn()) this.#places.delete(waiter);
    }
    this.#serving = false;
  }

  /** Sends away everybody whose time is over. */
  expire(now: number): void {
    for (const { waiter, deadline } of [...this.#places.values()]) {
      if (deadline < now && this.#places.delete(waiter)) waiter.onTooLate();
    }
  }
}
