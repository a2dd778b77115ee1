// Which replica takes a request and why: asks the choice that serves traffic, again and again, and puts into words
// what it said. Decides nothing, and asks nobody outside of this process.
import type { ResolvedRetry, ResolvedUpstream } from '../config/resolved.ts';
import { findCookie } from '../upstream/balance/cookie-value.ts';
import type { Replica } from '../upstream/replica.ts';
import { Checked, ReplicaCell } from '../upstream/replica-cell.ts';
import type { ReplicaRecord } from '../upstream/replica-record.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { WireFailure } from '../wire/response-handler.ts';
import type { ExplainedReplica, ExplainedReplicas } from './explanation.ts';
import type { Rehearsed } from './rehearsal.ts';

/** What was found out about the replicas of an upstream by asking them. */
export interface ReplicaLook {
  /** Those that there are. What their checks say stands in their cells. Their ids are none of `staticState`. */
  readonly records: readonly ReplicaRecord[];
  /** What each of them answered, in the same order. */
  readonly findings: readonly ReplicaFinding[];
  /** What is wrong with names. */
  readonly troubles: readonly NameTrouble[];
}

export interface ReplicaFinding {
  /** `200`, `status 503`, `accepts connections`. */
  readonly detail: string;
  /** Milliseconds. */
  readonly took: number;
  /** How a connection of an exchange would fail; null where one can be made, or where a check speaks for it. */
  readonly failure: WireFailure | null;
}

export interface NameTrouble {
  /** As an entry of the config has it. */
  readonly name: string;
  readonly message: string;
  /** '' where there is none. */
  readonly detail: string;
}

/** Who wants a replica. */
export interface Asking {
  readonly client: string;
  /** Value of the `Cookie` field. */
  readonly cookie: string | undefined;
}

/** All replicas that the choice would give for this request, each without those before it. */
export function replicasInOrder(upstream: Upstream, asking: Asking): Replica[] {
  const order: Replica[] = [];
  for (;;) {
    const tried = order.length === 0 ? null : order;
    const { client: clientAddress, cookie } = asking;
    const picked = upstream.pick({ tried, cookie, clientAddress, isRepeatable: true }, true);
    if (typeof picked === 'string') return order;
    order.push(picked);
  }
}

/**
 * @param order see `replicasInOrder`
 * @param look null when nobody was asked
 * @param retry rules of the route
 */
export function describeReplicas(
  upstream: Upstream,
  asking: Asking,
  order: readonly Replica[],
  look: ReplicaLook | null,
  rehearsed: Rehearsed,
  retry: ResolvedRetry | null,
): ExplainedReplicas {
  const { config } = upstream;
  const { replica, failed } = rehearsed;
  const passesOver = retry?.connect === true;
  const unreachable = unreachableIn(look);
  const able = passesOver ? order.filter(({ id }) => !unreachable.has(id)) : order;
  const kept = keptByCookie(upstream, asking.cookie);
  const isKept = kept !== null && able[0] === kept;
  const first = able[0];
  const isCertain = isKept || config.balance === 'hash-client';
  const sameTier = able.filter(({ backup }) => backup === first?.backup);
  const anyOf = isCertain ? sameTier.slice(0, 1) : sameTier;
  const reasons: string[] = [];
  if (first === undefined) reasons.push(whyNone(upstream, order.length));
  else {
    const others = upstream.replicas.length - 1;
    if (first.backup && upstream.replicas.some(({ backup }) => !backup))
      reasons.push('a backup, because no other replica can be asked');
    if (isKept) reasons.push('the cookie names it');
    else if (sameTier.length === 1) reasons.push(others === 0 ? 'the only replica' : 'no other one is left');
    else reasons.push(whyBalanced(config, sameTier, asking.client));
  }
  for (const { id, url } of first === undefined ? [] : upstream.replicas) {
    if (!unreachable.has(id)) continue;
    if (passesOver) reasons.push(`${url} cannot be reached, so another one is asked`);
    else reasons.push(`an exchange that comes to ${url} fails, because retries are off`);
  }
  return {
    upstream: config.name,
    asked: look !== null,
    all: look === null ? upstream.replicas.map(unasked) : listed(config, look),
    notes: look === null ? [] : notesOf(config, look),
    balance: config.balance,
    sticky: describeSticky(upstream, asking.cookie, kept, isKept),
    // Without retries, one that cannot be reached is the end of it.
    picked: (replica ?? (passesOver ? undefined : failed[0]))?.url ?? null,
    anyOf: upstream.replicas.filter((each) => anyOf.includes(each)).map(({ url }) => url),
    why: reasons.join('; '),
  };
}

/** By id, how the connections to replicas fail that have no checks which would say so. */
export function unreachableIn(look: ReplicaLook | null): Map<number, WireFailure> {
  const failures = new Map<number, WireFailure>();
  for (const [index, { failure }] of (look?.findings ?? []).entries()) {
    if (failure !== null) failures.set(look!.records[index]!.id, failure);
  }
  return failures;
}

function unasked({ url, weight, backup }: Replica): ExplainedReplica {
  return { url, state: 'unchecked', check: null, took: null, weight, backup };
}

/** Entry by entry: its addresses, or that it has none. */
function listed(config: ResolvedUpstream, { records, findings, troubles }: ReplicaLook): ExplainedReplica[] {
  return config.replicas.flatMap((entry, source): ExplainedReplica[] => {
    const all = records.flatMap((record, index): ExplainedReplica[] => {
      if (record.source !== source) return [];
      const { detail, took } = findings[index]!;
      const { url, weight, backup, cell } = record;
      return [{ url, state: stateOf(cell), check: detail, took, weight, backup }];
    });
    if (all.length > 0) return all;
    // It may also stand for addresses that an earlier entry stands for already.
    const trouble = troubles.find(({ name }) => name === entry.host);
    if (trouble === undefined) return [];
    const { url, weight, backup } = entry;
    return [
      { url, state: 'no address', check: trouble.detail || trouble.message, took: null, weight, backup },
    ];
  });
}

/** What was noticed of names that have addresses; of the others it is told with the entry. */
function notesOf(config: ResolvedUpstream, { records, troubles }: ReplicaLook): string[] {
  const named = new Set(records.map(({ source }) => config.replicas[source]!.host));
  return troubles
    .filter(({ name }) => named.has(name))
    .map(({ name, message, detail }) => `${name}: ${message}${detail === '' ? '' : `; ${detail}`}`);
}

function stateOf(memory: SharedArrayBuffer): ExplainedReplica['state'] {
  const { checked } = new ReplicaCell(memory, 0);
  return checked === Checked.unknown ? 'unchecked' : checked === Checked.up ? 'up' : 'down';
}

function whyNone({ replicas }: Upstream, choices: number): string {
  if (replicas.length === 0) return 'there is no replica: no name has an address';
  return choices === 0 ? 'no replica is up' : 'no replica can be reached';
}

function whyBalanced({ balance }: ResolvedUpstream, candidates: readonly Replica[], client: string): string {
  const isWeighted = candidates.some(({ weight }) => weight !== candidates[0]!.weight);
  switch (balance) {
    case 'least-requests': {
      const wins = `the one with fewer exchanges in flight${isWeighted ? ' for its weight' : ''} wins`;
      return `two are drawn${isWeighted ? ' by weight' : ''}, and ${wins}; nothing is in flight here`;
    }
    case 'round-robin':
      return `they take turns${isWeighted ? ', each as often as its weight says' : ''}`;
    case 'hash-client':
      return `the client ${client} belongs to it while it is up`;
  }
}

/** The replica that the cookie names, whether it may be asked or not. */
function keptByCookie({ sticky, replicas }: Upstream, cookie: string | undefined): Replica | null {
  return sticky === null ? null : sticky.find(cookie, replicas);
}

function describeSticky(
  { config, sticky }: Upstream,
  field: string | undefined,
  kept: Replica | null,
  isKept: boolean,
): ExplainedReplicas['sticky'] {
  if (sticky === null) return null;
  const { cookie, secret } = config.sticky!;
  const say = (why: string): ExplainedReplicas['sticky'] => ({ cookie, replica: kept?.url ?? null, why });
  if (field === undefined || findCookie(field, cookie) === -1) return say('not sent: the answer sets it');
  if (isKept) return say(`names ${kept!.url}`);
  if (kept !== null) return say(`names ${kept.url}, which cannot be asked: the answer sets a new one`);
  if (secret !== null) return say('names no replica: the answer sets a new one');
  return say('cannot be read here: without sticky.secret the gateway makes a key at each start');
}
