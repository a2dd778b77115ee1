// Keeps the addresses of one entry of the config fresh: asks on a schedule, whatever the TTL, and says when the set
// changed. Runs in the supervisor. Knows neither DNS nor what becomes of an address that left.
import { processLog } from '../../observe/process-log.ts';
import { type Cancel, jittered, systemTime, type TimeSource } from '../time-source.ts';
import type { NameLookup } from './name-lookup.ts';
import { type Log, NameReport } from './name-report.ts';
import { type FoundAddress, NameSource } from './name-source.ts';

export type { FoundAddress } from './name-source.ts';

/** Milliseconds between the beginnings of two questions when workers ask for them. */
const MIN_GAP = 250;

export interface NameWatchOptions {
  /** Name of the upstream, for the log. */
  readonly upstream: string;
  /** Never an address. For `srv` the name of the service: `_http._tcp.api.internal`. */
  readonly name: string;
  /** The addresses are those of the targets of SRV records, which also say ports, weights and backups. */
  readonly srv: boolean;
  /** Of every address; without meaning for `srv`. */
  readonly port: number;
  /** Addresses the name should have; null where nothing is said. */
  readonly expect: number | null;
  /** Milliseconds from an answer to the next question, give or take 20 %. */
  readonly interval: number;
  readonly lookup: NameLookup;
  /** Called with the whole set, sorted, whenever it is another one than before. At first it is empty. */
  onChange(found: readonly FoundAddress[]): void;
  readonly time?: TimeSource;
  readonly log?: Log;
}

export class NameWatch {
  readonly #options: NameWatchOptions;
  readonly #time: TimeSource;
  readonly #source: NameSource;
  readonly #report: NameReport;
  #found: readonly FoundAddress[] = [];
  /** `#found` as text. */
  #key = '[]';
  #answers = 0;
  #asking = false;
  /** Somebody asked for an answer that is newer than the question under way. */
  #again = false;
  #stopped = false;
  #lastBegin = Number.NEGATIVE_INFINITY;
  #cancelTimer: Cancel | null = null;
  /** When the timer runs. */
  #due = Number.POSITIVE_INFINITY;

  constructor(options: NameWatchOptions) {
    this.#options = options;
    this.#time = options.time ?? systemTime;
    this.#source = new NameSource(options.lookup, options.name, options.port, options.srv);
    this.#report = new NameReport(options, options.log ?? processLog);
  }

  /** The addresses as they are known now, sorted. */
  get found(): readonly FoundAddress[] {
    return this.#found;
  }

  /** Asks at once, and from then on until `stop()`. Resolves after the first answer, whatever it is. Called once. */
  async start(): Promise<void> {
    await this.#ask();
  }

  /** Asks as soon as possible, at most every 250 ms: for when no replica could be reached. */
  refreshNow(): void {
    if (this.#asking) this.#again = true;
    else if (this.#answers > 0 && this.#time.now() + this.#gap() < this.#due) this.#schedule(this.#gap());
  }

  /** Asks no more. A question under way ends by itself, within seconds, without effect. */
  stop(): void {
    this.#stopped = true;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  async #ask(): Promise<void> {
    if (this.#stopped) return;
    this.#cancelTimer = null;
    this.#asking = true;
    this.#again = false;
    this.#lastBegin = this.#time.now();
    const finding = await this.#source.ask();
    this.#asking = false;
    if (this.#stopped) return;
    // Before the change is told: whoever is told of it may call `stop()` or `refreshNow()`.
    this.#schedule(this.#again ? this.#gap() : jittered(this.#options.interval, this.#time));
    this.#answers++;
    this.#report.answered(finding);
    this.#take(finding.addresses);
  }

  #take(addresses: readonly FoundAddress[]): void {
    const key = JSON.stringify(addresses);
    if (key === this.#key) return;
    const before = this.#found;
    this.#key = key;
    this.#found = addresses;
    if (this.#answers > 1) this.#report.changed(before, addresses);
    this.#options.onChange(addresses);
  }

  /** Milliseconds until the next question may begin. */
  #gap(): number {
    return Math.max(this.#lastBegin + MIN_GAP - this.#time.now(), 0);
  }

  #schedule(ms: number): void {
    if (this.#stopped) return;
    this.#cancelTimer?.();
    this.#due = this.#time.now() + ms;
    this.#cancelTimer = this.#time.after(ms, () => void this.#ask());
  }
}
