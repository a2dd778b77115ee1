// The ejections of one replica: out for a while, then half open to a single exchange, then back or out for longer.
// Knows nothing of the other replicas: whether this one may be ejected is decided elsewhere.
import type { ResolvedEjection } from '../../config/resolved.ts';
import type { processLog } from '../../observe/process-log.ts';
import { Ejection, type ReplicaCell } from '../replica-cell.ts';
import type { Cancel, TimeSource } from '../time-source.ts';
import { ejectionLength, oneMore, remembered } from './ejection-length.ts';

/** Milliseconds a half-open exchange may go untold: its worker has died then. */
const LEASE = 90_000;
/** Milliseconds between looks at whether a worker has taken the half-open exchange. */
const LOOK = 10_000;
/**
 * Milliseconds in which a check that passed as all before it does not lift an ejection: it was asked for by the very
 * trouble that led to it, or was due by chance, and what the one before it did not see it will not see either.
 */
const SETTLE = 1000;

/** A replica of the upstream. */
export interface Member {
  readonly id: number;
  readonly url: string;
  readonly cell: ReplicaCell;
}

export interface CaseContext {
  /** Name of the upstream, for the log. */
  readonly upstream: string;
  readonly time: TimeSource;
  readonly log: Pick<typeof processLog, 'info' | 'warn'>;
}

export class EjectionCase {
  readonly member: Member;
  /** `sharedNow()` at which the replica is half open; of the last ejection. */
  until = 0;
  readonly #context: CaseContext;
  #times = 0;
  #ejectedAt = 0;
  /** When it came back. */
  #backAt = 0;
  /** When its single exchange was first seen under way. */
  #probingSince: number | null = null;
  /** A check that had noticed nothing has lifted an ejection. */
  #liftedUnseen = false;
  #cancelTimer: Cancel | null = null;

  constructor(member: Member, context: CaseContext) {
    this.member = member;
    this.#context = context;
  }

  /** Out, half open or tried by its single exchange: no other exchange goes there. */
  get isEjected(): boolean {
    return this.member.cell.ejection !== Ejection.none;
  }

  /** Ejections not forgotten yet. They are counted to where the length of the next one is `max`. */
  times(config: ResolvedEjection): number {
    if (this.isEjected) return this.#times;
    return remembered(config, this.#times, this.#context.time.now() - this.#backAt);
  }

  /** Also when it is half open: then for longer. `reason`: of the last failure, for the log. */
  eject(config: ResolvedEjection, reason: string): void {
    const { time, log, upstream } = this.#context;
    const { cell, url } = this.member;
    const times = this.times(config);
    if (times === 0) this.#liftedUnseen = false;
    const length = ejectionLength(config, times, time);
    this.#times = oneMore(config, times);
    this.#ejectedAt = time.now();
    this.until = this.#ejectedAt + length;
    cell.ejection = Ejection.ejected;
    this.#schedule(length, () => this.#halfOpen());
    const facts = { upstream, replica: url, for: Math.round(length), failures: cell.failures, reason };
    log.warn('a replica is ejected', facts);
  }

  /** Ends the ejection. `slowly`: the replica is given its full share only bit by bit, if the config says so. */
  release(why: string, slowly: boolean): void {
    const { time, log, upstream } = this.#context;
    const { cell, url } = this.member;
    this.#backAt = time.now();
    // Before the state: whoever sees the replica back must find since when.
    if (slowly) cell.upSince = this.#backAt;
    this.discard();
    log.info('a replica is back', { upstream, replica: url, why });
  }

  /** Ends the ejection without a word, for one that is judged no longer. */
  discard(): void {
    const { cell } = this.member;
    this.abandon();
    cell.clearFailures();
    cell.ejection = Ejection.none;
  }

  /** Leaves everything as it is, for ever. */
  abandon(): void {
    this.#cancelTimer?.();
  }

  /**
   * Whether the single exchange may still be heard: also after its lease has run out, no longer when something
   * else has decided meanwhile.
   */
  get awaitsProbe(): boolean {
    const { ejection } = this.member.cell;
    return ejection === Ejection.probing || ejection === Ejection.halfOpen;
  }

  /** The single exchange said nothing: another one may try. */
  probeAgain(): void {
    this.#probingSince = null;
    this.member.cell.ejection = Ejection.halfOpen;
  }

  /** The single exchange succeeded. */
  probeSucceeded(): void {
    this.#liftedUnseen = false;
    this.release('an exchange succeeded', true);
  }

  /** A check passed, see `EjectionJudge.passed`. */
  checkPassed(began: number, recovered: boolean): void {
    if (began < this.#ejectedAt) return;
    if (!recovered && (this.#liftedUnseen || began < this.#ejectedAt + SETTLE)) return;
    this.#liftedUnseen = !recovered;
    this.release('a check passed', true);
  }

  #halfOpen(): void {
    this.probeAgain();
    this.#watch();
  }

  /** Workers take the single exchange in shared memory without a word: only looking tells that one has it. */
  #watch(): void {
    this.#schedule(LOOK, () => {
      const { time, log, upstream } = this.#context;
      const { cell, url } = this.member;
      if (cell.ejection !== Ejection.probing) this.#probingSince = null;
      else if (this.#probingSince === null) this.#probingSince = time.now();
      else if (time.now() - this.#probingSince >= LEASE) {
        this.probeAgain();
        log.warn('nobody told how a half-open exchange ended', { upstream, replica: url });
      }
      this.#watch();
    });
  }

  #schedule(ms: number, run: () => void): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#context.time.after(ms, run);
  }
}
