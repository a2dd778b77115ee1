// Checks all replicas side by side, each on a schedule of its own, and writes into their cells which are up. Runs
// in the supervisor. Knows nothing of ejections: it says when a check passed, and others draw their conclusions.
import type { ResolvedHealth } from '../../config/resolved.ts';
import { processLog } from '../../observe/process-log.ts';
import type { ConnectionTarget } from '../../wire/open-socket.ts';
import { Checked, type ReplicaCell } from '../replica-cell.ts';
import { type Cancel, jittered, systemTime, type TimeSource } from '../time-source.ts';
import { type CheckResult, startCheck } from './health-check.ts';
import { type Health, HealthState } from './health-state.ts';

/** Milliseconds between the beginnings of two checks when workers ask for them. */
const MIN_GAP = 250;

const CHECKED: Readonly<Record<Health, Checked>> = Checked;

export interface ProbeTarget {
  /** Of the replica. A replica whose check changes is removed and added: its state starts anew. */
  readonly id: number;
  /** Name of the upstream. */
  readonly upstream: string;
  readonly url: string;
  readonly authority: string;
  readonly connection: ConnectionTarget;
  readonly cell: ReplicaCell;
  readonly check: ResolvedHealth;
}

/** Called after the cell was written, `onPass` before `onTurn`. */
export interface ProberHooks {
  /**
   * A check passed. `began` is when it was begun (`sharedNow()`); `recovered` says that the one before it had
   * failed, so that this pass is news.
   */
  onPass(id: number, began: number, recovered: boolean): void;
  /** The state changed; also from unknown to up by the first check. */
  onTurn(id: number, up: boolean, detail: string): void;
}

/** For status displays. */
export interface ProbeState {
  readonly state: Health;
  /** Of the last check that ended; '' before. */
  readonly lastDetail: string;
  /** `sharedNow()` at its end; 0 before. */
  readonly lastAt: number;
  /** Milliseconds it took. */
  readonly lastTook: number;
  /** Checks in a row that ended alike. */
  readonly streak: number;
}

export interface ProberOptions {
  readonly time?: TimeSource;
  readonly log?: Pick<typeof processLog, 'info' | 'warn'>;
  readonly check?: typeof startCheck;
}

interface Probe {
  readonly target: ProbeTarget;
  readonly state: HealthState;
  began: number;
  /** null while no check is under way. */
  cancelCheck: Cancel | null;
  /** null while no check is due. */
  cancelTimer: Cancel | null;
  lastDetail: string;
  lastAt: number;
  lastTook: number;
}

export class Prober {
  readonly #hooks: ProberHooks;
  readonly #time: TimeSource;
  readonly #log: Pick<typeof processLog, 'info' | 'warn'>;
  readonly #startCheck: typeof startCheck;
  readonly #probes = new Map<number, Probe>();

  constructor(hooks: ProberHooks, options: ProberOptions = {}) {
    this.#hooks = hooks;
    this.#time = options.time ?? systemTime;
    this.#log = options.log ?? processLog;
    this.#startCheck = options.check ?? startCheck;
  }

  /** Checks a replica from now on, for the first time at once. Instead of what was known under its id. */
  add(target: ProbeTarget): void {
    this.remove(target.id);
    const probe: Probe = {
      target,
      state: new HealthState(target.check),
      began: 0,
      cancelCheck: null,
      cancelTimer: null,
      lastDetail: '',
      lastAt: 0,
      lastTook: 0,
    };
    this.#probes.set(target.id, probe);
    target.cell.checked = Checked.unknown;
    this.#begin(probe);
  }

  /**
   * Checks a replica no longer. Its cell keeps what it says: workers still choose by it until they hear that the
   * replica has left. For one that stays without a check, set `checked` to unknown.
   */
  remove(id: number): void {
    const probe = this.#probes.get(id);
    if (probe === undefined) return;
    this.#probes.delete(id);
    halt(probe);
  }

  /** A worker noticed trouble: checks at once, unless that is being done or was done a moment ago. */
  checkNow(id: number): void {
    const probe = this.#probes.get(id);
    if (probe === undefined || probe.cancelCheck !== null) return;
    if (this.#time.now() - probe.began < MIN_GAP) return;
    probe.cancelTimer?.();
    this.#begin(probe);
  }

  /** What is known of a replica; undefined when it is not checked. */
  stateOf(id: number): ProbeState | undefined {
    const probe = this.#probes.get(id);
    if (probe === undefined) return undefined;
    const { state, lastDetail, lastAt, lastTook } = probe;
    return { state: state.health, lastDetail, lastAt, lastTook, streak: state.streak };
  }

  /** Ends all checks. The cells keep what they say. */
  stop(): void {
    for (const probe of this.#probes.values()) halt(probe);
    this.#probes.clear();
  }

  #begin(probe: Probe): void {
    probe.began = this.#time.now();
    probe.cancelTimer = null;
    probe.cancelCheck = this.#startCheck(probe.target, (result) => this.#end(probe, result), this.#time);
  }

  #end(probe: Probe, { ok, detail, took }: CheckResult): void {
    const { target, state, began } = probe;
    const { id, cell } = target;
    const now = this.#time.now();
    const before = state.health;
    const recovered = ok && state.streak > 0 && !state.passed;
    const turned = state.record(ok);
    Object.assign(probe, { cancelCheck: null, lastDetail: detail, lastAt: now, lastTook: took });
    // From beginning to beginning: a replica that lets checks hang is found out no later than the config says.
    const wait = Math.max(0, began + jittered(state.interval, this.#time) - now);
    probe.cancelTimer = this.#time.after(wait, () => this.#begin(probe));
    if (turned) {
      // Before the state: whoever sees the replica up must find since when.
      if (before === 'down') cell.upSince = now;
      cell.checked = CHECKED[state.health];
      this.#report(probe, before);
    }
    if (ok) this.#hooks.onPass(id, began, recovered);
    if (turned) this.#hooks.onTurn(id, ok, detail);
  }

  #report({ target, state, lastDetail }: Probe, before: Health): void {
    const facts = { upstream: target.upstream, replica: target.url };
    if (state.health === 'down') {
      this.#log.warn('a replica is down', { ...facts, reason: lastDetail, after: state.streak });
    } else if (before === 'down') this.#log.info('a replica is up', { ...facts, after: state.streak });
  }
}

function halt(probe: Probe): void {
  probe.cancelTimer?.();
  probe.cancelCheck?.();
}
