// What all threads know of one replica, in shared memory: how busy it is, and whether it is up. Workers count;
// the supervisor alone says what is up, with one exception that is named below.
import { SharedCount } from './shared-count.ts';

/** What the checks say. `unknown` before the first one, and for upstreams without checks: taken for up. */
export const Checked = { unknown: 0, up: 1, down: 2 } as const;
export type Checked = (typeof Checked)[keyof typeof Checked];

/**
 * What the exchanges say. A replica that failed too often is `ejected` for a while, then `halfOpen`: one worker
 * turns that into `probing` and sends a single exchange, whose end the supervisor is told of.
 */
export const Ejection = { none: 0, ejected: 1, halfOpen: 2, probing: 3 } as const;
export type Ejection = (typeof Ejection)[keyof typeof Ejection];

/** Words of the cell. `UP_SINCE` is a 64-bit float, counted in its own size. */
const IN_FLIGHT = 0;
const OPEN = 1;
const CHECKED = 2;
const EJECTION = 3;
const FAILURES = 4;
const UP_SINCE = 3;
/** Two words for each worker behind these. */
const OWN = 8;

export class ReplicaCell {
  readonly memory: SharedArrayBuffer;
  /** Attempts and tunnels under way. */
  readonly inFlight: SharedCount;
  /** Connections open or being opened. */
  readonly open: SharedCount;
  readonly #words: Int32Array;
  readonly #times: Float64Array;

  static create(workers: number): ReplicaCell {
    return new ReplicaCell(new SharedArrayBuffer((OWN + 2 * workers) * 4), 0);
  }

  /** @param worker number of the worker that counts through this object */
  constructor(memory: SharedArrayBuffer, worker: number) {
    this.memory = memory;
    this.#words = new Int32Array(memory);
    this.#times = new Float64Array(memory, 0, OWN / 2);
    this.inFlight = new SharedCount(this.#words, IN_FLIGHT, OWN + 2 * worker);
    this.open = new SharedCount(this.#words, OPEN, OWN + 2 * worker + 1);
  }

  get checked(): Checked {
    return Atomics.load(this.#words, CHECKED) as Checked;
  }

  set checked(state: Checked) {
    Atomics.store(this.#words, CHECKED, state);
  }

  get ejection(): Ejection {
    return Atomics.load(this.#words, EJECTION) as Ejection;
  }

  set ejection(state: Ejection) {
    Atomics.store(this.#words, EJECTION, state);
  }

  /** `sharedNow()` when the replica came up while the gateway was running; 0 for one that was there at its start. */
  get upSince(): number {
    return this.#times[UP_SINCE]!;
  }

  set upSince(time: number) {
    this.#times[UP_SINCE] = time;
  }

  /** Claims the single exchange of a half-open replica for this worker. */
  claimProbe(): boolean {
    return (
      Atomics.compareExchange(this.#words, EJECTION, Ejection.halfOpen, Ejection.probing) ===
      Ejection.halfOpen
    );
  }

  /** Counts a failure; returns how many came in a row. */
  countFailure(): number {
    return Atomics.add(this.#words, FAILURES, 1) + 1;
  }

  /** Failures in a row. */
  get failures(): number {
    return Atomics.load(this.#words, FAILURES);
  }

  clearFailures(): void {
    Atomics.store(this.#words, FAILURES, 0);
  }

  /** Takes back what a worker that died had counted. */
  forget(worker: number): void {
    const dead = new ReplicaCell(this.memory, worker);
    dead.inFlight.takeBack();
    dead.open.takeBack();
  }
}
