// What the log says of one name: every state once, when it begins, and again only after it was over. A name is asked
// about every two seconds, for months. Decides nothing.
import type { processLog } from '../../observe/process-log.ts';
import { addressText, type Finding, type FoundAddress } from './name-source.ts';

export type Log = Pick<typeof processLog, 'info' | 'warn'>;

export interface ReportedName {
  /** Name of the upstream. */
  readonly upstream: string;
  readonly name: string;
  readonly srv: boolean;
  /** Addresses it should have; null where nothing is said. */
  readonly expect: number | null;
}

/** Refused addresses that are named in a line of the log. */
const MOST_NAMED = 8;

export class NameReport {
  readonly #subject: ReportedName;
  readonly #log: Log;
  readonly #facts: { upstream: string; name: string };
  #state: 'found' | 'failing' | 'unknown' = 'found';
  #refusing = false;
  #tooFew = false;

  constructor(subject: ReportedName, log: Log) {
    this.#subject = subject;
    this.#log = log;
    this.#facts = { upstream: subject.upstream, name: subject.name };
  }

  /** After each answer. */
  answered({ addresses, refused, trouble }: Finding): void {
    if (trouble?.kind === 'doubtful') return;
    const kind = trouble?.kind ?? 'found';
    const state = kind === 'failed' || kind === 'partial' ? 'failing' : kind;
    if (state !== this.#state) {
      if (trouble !== null) this.#log.warn(warning(kind, addresses.length), this.#with(trouble.detail));
      else if (this.#state === 'failing') this.#log.info('a name can be resolved again', this.#facts);
      this.#state = state;
    }
    if (kind === 'failed' || kind === 'unknown') return;
    this.#judgeRefused(refused);
    if (kind === 'found') this.#judgeCount(addresses.length);
  }

  /** Nothing is said of the first set. */
  changed(before: readonly FoundAddress[], after: readonly FoundAddress[]): void {
    const [old, now] = [before, after].map(byText) as [Map<string, FoundAddress>, Map<string, FoundAddress>];
    const added = [...now.keys()].filter((text) => !old.has(text));
    const removed = [...old.keys()].filter((text) => !now.has(text));
    // Those that stayed where they are, with another weight or priority.
    const altered = [...now].flatMap(([text, { weight, backup }]) => {
      const was = old.get(text);
      const same = was === undefined || (was.weight === weight && was.backup === backup);
      return same ? [] : [text];
    });
    const facts = { ...this.#facts, added, removed };
    this.#log.info('the addresses of a name changed', altered.length > 0 ? { ...facts, altered } : facts);
  }

  #judgeRefused(refused: Finding['refused']): void {
    if (refused.length > 0 && !this.#refusing) {
      this.#log.warn('addresses of a name are not used', {
        ...this.#facts,
        count: refused.length,
        addresses: refused.slice(0, MOST_NAMED).map(({ address, reason }) => `${address} (${reason})`),
      });
    }
    this.#refusing = refused.length > 0;
  }

  #judgeCount(count: number): void {
    const { expect, name, srv } = this.#subject;
    const tooFew = expect !== null && count < expect;
    if (tooFew && !this.#tooFew) {
      const facts = { ...this.#facts, expected: expect, found: count };
      // The commonest reason by far for exactly one.
      const virtual = count === 1 && expect > 1 && !srv && !name.startsWith('tasks.');
      const hint = `in Swarm a service name answers with one virtual address; use tasks.${name}`;
      this.#log.warn('a name has fewer addresses than expected', virtual ? { ...facts, hint } : facts);
    }
    this.#tooFew = tooFew;
  }

  #with(detail: string): Record<string, string> {
    return { ...this.#facts, detail };
  }
}

function warning(kind: 'found' | 'failed' | 'partial' | 'unknown', known: number): string {
  if (kind === 'unknown') return 'a name is not known, it has no addresses';
  if (kind === 'partial')
    return 'a name can be resolved in part only, the last addresses of the rest are kept';
  return known > 0
    ? 'a name cannot be resolved, the last addresses are kept'
    : 'a name cannot be resolved, it has no addresses yet';
}

function byText(addresses: readonly FoundAddress[]): Map<string, FoundAddress> {
  return new Map(addresses.map((address) => [addressText(address), address]));
}
