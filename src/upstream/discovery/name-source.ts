// The addresses that one entry of the config stands for: those of its name, or those of every target of its SRV
// records. Each question is put once; what earlier answers said fills in for one that fails. Knows no schedule.
import { isIPv6 } from 'node:net';
import { hostAndPort } from '../host-and-port.ts';
import { LastGood } from './last-good.ts';
import type { NameLookup, ServiceRecord } from './name-lookup.ts';
import type { RefusedAddress } from './usable-address.ts';

/** Where one replica is. */
export interface FoundAddress {
  readonly host: string;
  readonly port: number;
  /** The target of the SRV record, by which the replica knows itself; null for a plain name. */
  readonly name: string | null;
  /** From the SRV record; null for a plain name, whose entry in the config says it. */
  readonly weight: number | null;
  readonly backup: boolean | null;
}

/** What is wrong with an answer. */
export interface Trouble {
  /**
   * `failed`: no answer. `partial`: none about a family or a target. `unknown`: the name does not exist. `doubtful`:
   * it is said not to exist, but not yet often enough to be believed.
   */
  readonly kind: 'failed' | 'partial' | 'unknown' | 'doubtful';
  readonly detail: string;
}

export interface Finding {
  /** Sorted, each address and port once. */
  readonly addresses: readonly FoundAddress[];
  readonly refused: readonly RefusedAddress[];
  readonly trouble: Trouble | null;
}

/** What there is to say about one name. */
interface Resolved {
  readonly addresses: readonly string[];
  readonly refused: readonly RefusedAddress[];
  readonly trouble: Trouble | null;
}

/** Most addresses and SRV records used of one entry: each is a replica with memory and checks of its own. */
const MOST = 256;

export class NameSource {
  readonly #lookup: NameLookup;
  readonly #name: string;
  readonly #port: number;
  readonly #srv: boolean;
  readonly #records = new LastGood<ServiceRecord>();
  readonly #names = new Map<string, LastGood<string>>();

  /** @param port of every address; without meaning for `srv` */
  constructor(lookup: NameLookup, name: string, port: number, srv: boolean) {
    this.#lookup = lookup;
    this.#name = name;
    this.#port = port;
    this.#srv = srv;
  }

  /** Asks now. Never rejects. */
  ask(): Promise<Finding> {
    return this.#srv ? this.#service() : this.#plain();
  }

  async #plain(): Promise<Finding> {
    const { addresses, refused, trouble } = await this.#resolve(this.#name);
    return finding(
      addresses.map((host) => ({ host, port: this.#port, name: null, weight: null, backup: null })),
      refused,
      trouble,
    );
  }

  async #service(): Promise<Finding> {
    const troubles = [await this.#askRecords()];
    const records = this.#records.value.slice(0, MOST);
    const names = new Set(records.map(({ name }) => name));
    for (const name of this.#names.keys()) if (!names.has(name)) this.#names.delete(name);
    const resolved = new Map<string, Resolved>();
    await Promise.all([...names].map(async (name) => resolved.set(name, await this.#resolve(name))));

    for (const [name, { trouble }] of resolved) {
      if (trouble === null) continue;
      const kind = trouble.kind === 'doubtful' ? 'doubtful' : 'partial';
      troubles.push({ kind, detail: `${name}: ${trouble.detail}` });
    }
    // RFC 2782: the lowest priority is asked first, and the others only while none of it can be reached.
    const primary = records[0]?.priority;
    const addresses = records.flatMap(({ name, port, priority, weight }) =>
      resolved
        .get(name)!
        .addresses.map((host) => ({ host, port, name, weight, backup: priority !== primary })),
    );
    const refused = [...resolved.values()].flatMap((one) => one.refused);
    return finding(addresses, refused, worst(troubles));
  }

  async #askRecords(): Promise<Trouble | null> {
    const answer = await this.#lookup.records(this.#name);
    if (answer.kind === 'found') {
      this.#records.found(answer.records);
      return null;
    }
    return troubleOf(answer, this.#records);
  }

  async #resolve(name: string): Promise<Resolved> {
    let memory = this.#names.get(name);
    if (memory === undefined) this.#names.set(name, (memory = new LastGood()));
    const answer = await this.#lookup.addresses(name);
    if (answer.kind !== 'found') {
      const trouble = troubleOf(answer, memory);
      return { addresses: memory.value, refused: [], trouble };
    }
    const { addresses, refused, missing } = answer;
    if (missing === null) {
      memory.found(addresses);
      return { addresses, refused, trouble: null };
    }
    const kept = memory.value.filter((address) => isIPv6(address) === (missing.family === 6));
    memory.found([...new Set([...addresses, ...kept])]);
    return { addresses: memory.value, refused, trouble: { kind: 'partial', detail: missing.detail } };
  }
}

function troubleOf<T>(
  answer: { kind: 'unknown' } | { kind: 'failed'; detail: string },
  memory: LastGood<T>,
): Trouble {
  if (answer.kind === 'failed') {
    memory.failed();
    return answer;
  }
  return { kind: memory.denied() ? 'unknown' : 'doubtful', detail: 'no such name' };
}

/** The gravest kind, with every detail of it. */
function worst(troubles: readonly (Trouble | null)[]): Trouble | null {
  for (const kind of ['unknown', 'failed', 'partial', 'doubtful'] as const) {
    const details = troubles.flatMap((trouble) => (trouble?.kind === kind ? [trouble.detail] : []));
    if (details.length > 0) return { kind, detail: details.join(', ') };
  }
  return null;
}

/** The first of those with the same address and port, at most `MOST` of them, sorted. */
function finding(
  addresses: readonly FoundAddress[],
  refused: readonly RefusedAddress[],
  trouble: Trouble | null,
): Finding {
  const unique = new Map<string, FoundAddress>();
  for (const address of addresses) {
    const key = addressText(address);
    if (!unique.has(key)) unique.set(key, address);
  }
  const all = [...unique];
  const used = all.slice(0, MOST).sort(([a], [b]) => (a < b ? -1 : 1));
  const over = all.slice(MOST).map(([address]) => ({ address, reason: `more than ${MOST} addresses` }));
  return { addresses: used.map(([, address]) => address), refused: [...refused, ...over], trouble };
}

export function addressText({ host, port }: FoundAddress): string {
  return hostAndPort(host, port);
}
