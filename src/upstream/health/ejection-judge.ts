// Passive health of one upstream: decides which replicas are ejected because exchanges fail there, and sees to it
// that enough are left. Runs in the supervisor, which alone decides; workers count, ask and tell.
import type { ResolvedEjection } from '../../config/resolved.ts';
import { processLog } from '../../observe/process-log.ts';
import { Checked, Ejection } from '../replica-cell.ts';
import { systemTime, type TimeSource } from '../time-source.ts';
import { type CaseContext, EjectionCase, type Member } from './ejection-case.ts';

/** How the single exchange of a half-open replica ended; `neutral` when that says nothing of the replica. */
export type ProbeOutcome = 'ok' | 'failed' | 'neutral';

/** For status displays. */
export interface EjectionState {
  /** No exchange goes there, or but the single one. */
  readonly ejected: boolean;
  /** `sharedNow()` from which on a single exchange may try it; 0 when it is not ejected. */
  readonly until: number;
  /** Ejections not yet forgotten. */
  readonly times: number;
}

export interface JudgeOptions {
  readonly time?: TimeSource;
  readonly log?: Pick<typeof processLog, 'info' | 'warn'>;
}

export class EjectionJudge {
  readonly #config: ResolvedEjection;
  readonly #members: () => Iterable<Member>;
  readonly #context: CaseContext;
  /** Of the members that were ejected at least once. */
  readonly #cases = new Map<number, EjectionCase>();

  /** `members` are those of now, backups among them: it is asked at each decision. */
  constructor(
    config: ResolvedEjection,
    members: () => Iterable<Member>,
    upstream: string,
    options: JudgeOptions = {},
  ) {
    this.#config = config;
    this.#members = members;
    this.#context = { upstream, time: options.time ?? systemTime, log: options.log ?? processLog };
  }

  /** A worker has counted `consecutive` failures in a row at this replica. */
  suspect(id: number, reason = ''): void {
    const member = this.#find(id);
    if (member === undefined) return;
    const { cell } = member;
    // Late news: it is ejected already, or the count has begun anew.
    if (cell.ejection !== Ejection.none || cell.failures < this.#config.consecutive) return;
    const { serving, ejected } = this.#count();
    // What the checks hold down is out anyway. When it may not be ejected, it is asked about again later.
    if (cell.checked === Checked.down || ejected >= this.#limit(serving)) cell.clearFailures();
    else {
      let its = this.#cases.get(id);
      if (its === undefined) this.#cases.set(id, (its = new EjectionCase(member, this.#context)));
      its.eject(this.#config, reason);
    }
  }

  /** The single exchange of a half-open replica is over. */
  probed(id: number, outcome: ProbeOutcome, reason = ''): void {
    const its = this.#cases.get(id);
    if (its === undefined || !its.awaitsProbe) return;
    if (outcome === 'ok') its.probeSucceeded();
    else if (outcome === 'neutral') its.probeAgain();
    else {
      its.eject(this.#config, reason);
      this.review();
    }
  }

  /**
   * A check of the replica has passed: that lifts its ejection, unless the check began before it.
   *
   * Some troubles no check sees: a replica that answers `/health` but no exchange would be back at once, time and
   * again. So a check that was passing all along is believed only if it began a second after the ejection or
   * later, and not again once the replica was ejected anew after it. Then time and the single exchange decide,
   * until the ejections are forgotten. A check that had failed before and passes now is always believed.
   *
   * @param began when the check was begun, `sharedNow()`
   * @param recovered the check before it had failed
   */
  passed(id: number, began: number = this.#context.time.now(), recovered = true): void {
    const its = this.#cases.get(id);
    if (its?.isEjected) its.checkPassed(began, recovered);
  }

  /**
   * The replica has left the upstream. Its cell keeps what it says: workers still choose by it until they hear that
   * as well.
   */
  forget(id: number): void {
    this.#cases.get(id)?.abandon();
    this.#cases.delete(id);
    this.review(id);
  }

  /**
   * Brings replicas back while more are ejected than may be; to be called when a check turned one down. Those that
   * would be tried again first come first.
   * @param gone a member that is not to be counted any more
   */
  review(gone?: number): void {
    for (;;) {
      const { serving, ejected } = this.#count(gone);
      if (ejected <= this.#limit(serving)) return;
      let first: EjectionCase | undefined;
      for (const its of this.#cases.values()) {
        if (!its.isEjected || its.member.cell.checked === Checked.down) continue;
        if (first === undefined || its.until < first.until) first = its;
      }
      if (first === undefined) return;
      // It is needed now, with its full share.
      first.release('too few are left', false);
    }
  }

  /** What is known of a replica. */
  stateOf(id: number): EjectionState {
    const its = this.#cases.get(id);
    if (its === undefined) return { ejected: false, until: 0, times: 0 };
    const ejected = its.isEjected;
    return { ejected, until: ejected ? its.until : 0, times: its.times(this.#config) };
  }

  /** Judges no longer. Nobody would end the ejections that are under way, so they end here. */
  stop(): void {
    for (const its of this.#cases.values()) its.discard();
    this.#cases.clear();
  }

  #find(id: number): Member | undefined {
    for (const member of this.#members()) if (member.id === id) return member;
    return undefined;
  }

  /** How many members the checks leave to serve, and how many of these are ejected. */
  #count(except?: number): { serving: number; ejected: number } {
    let serving = 0;
    let ejected = 0;
    for (const { id, cell } of this.#members()) {
      if (id === except || cell.checked === Checked.down) continue;
      serving++;
      if (cell.ejection !== Ejection.none) ejected++;
    }
    return { serving, ejected };
  }

  /**
   * Most members that may be ejected at a time: `atMost` of those that the checks leave to serve, but one of two or
   * more, and never the last one. What the checks hold down is no part of the whole, so that both together never
   * take more than the config allows of what works; nor does it use up the part. Backups count like the
   * others: the last primary may go while a backup can stand in. 0 ejects nobody.
   */
  #limit(serving: number): number {
    const { atMost } = this.#config;
    if (atMost === 0 || serving < 2) return 0;
    // 0.29 × 100 is a little less than 29.
    return Math.min(serving - 1, Math.max(1, Math.floor(serving * atMost + 1e-9)));
  }
}
