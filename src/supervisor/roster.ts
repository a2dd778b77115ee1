// The replicas of one upstream as the supervisor keeps them: from the entries of the config and the addresses behind
// their names to records with shared memory, each with its check and under one judge.
import { isIP } from 'node:net';
import type { ResolvedReplica, ResolvedUpstream } from '../config/resolved.ts';
import type { NameLookup } from '../upstream/discovery/name-lookup.ts';
import { type FoundAddress, NameWatch, type NameWatchOptions } from '../upstream/discovery/name-watch.ts';
import { EjectionJudge } from '../upstream/health/ejection-judge.ts';
import type { Prober } from '../upstream/health/prober.ts';
import { hostAndPort } from '../upstream/host-and-port.ts';
import { Checked, Ejection, ReplicaCell } from '../upstream/replica-cell.ts';
import type { ReplicaRecord, UpstreamState } from '../upstream/replica-record.ts';
import { sharedNow } from '../upstream/shared-clock.ts';
import { replicaRecord } from '../upstream/static-state.ts';
import { UpstreamCell } from '../upstream/upstream-cell.ts';
import type { ReplicaCondition, UpstreamStatus } from './replica-status.ts';

/** What the rosters of all upstreams share. */
export interface RosterParts {
  readonly lookup: NameLookup;
  readonly prober: Prober;
  /** Milliseconds between two questions about a name. */
  readonly interval: number;
  readonly workers: number;
  /** Key of sticky cookies whose upstream names none. */
  readonly secret: string;
  /** Where trouble with names is reported; the process log unless set. */
  readonly log?: NameWatchOptions['log'];
  /** A replica joins a roster: the id that it gets. */
  enroll(roster: Roster): number;
  /** It has left. */
  strike(id: number): void;
}

/** A replica of now. */
interface Member {
  readonly record: ReplicaRecord;
  readonly cell: ReplicaCell;
  readonly id: number;
  readonly url: string;
}

export class Roster {
  readonly judge: EjectionJudge | null;
  readonly #config: ResolvedUpstream;
  readonly #parts: RosterParts;
  readonly #onChange: (records: readonly ReplicaRecord[]) => void;
  readonly #cell: UpstreamCell;
  /** One for each entry of the config; null for what needs no name looked up. */
  readonly #watches: readonly (NameWatch | null)[];
  readonly #found: (readonly FoundAddress[])[];
  /** By where they are and what the config says of them. */
  #members = new Map<string, Member>();
  /** Cells of replicas that left: a worker may still be busy there. */
  readonly #left = new Set<ReplicaCell>();
  #started = false;

  constructor(
    config: ResolvedUpstream,
    parts: RosterParts,
    onChange: (records: readonly ReplicaRecord[]) => void,
  ) {
    this.#config = config;
    this.#parts = parts;
    this.#onChange = onChange;
    this.#cell = UpstreamCell.create(parts.workers);
    this.#found = config.replicas.map((replica) => [
      { host: replica.host, port: replica.port, name: null, weight: null, backup: null },
    ]);
    this.#watches = config.replicas.map((replica, index) => this.#watch(replica, index));
    const { eject } = config;
    this.judge = eject === null ? null : new EjectionJudge(eject, () => this.#members.values(), config.name);
  }

  /** Resolves once every name has been asked for, and the first checks are under way. */
  async start(): Promise<void> {
    await Promise.all(this.#watches.map((watch) => watch?.start()));
    this.#rebuild();
    this.#started = true;
  }

  state(): UpstreamState {
    const secret = this.#config.sticky?.secret ?? this.#parts.secret;
    return { replicas: this.#records(), cell: this.#cell.memory, secret };
  }

  /** The name behind a replica is asked for, and the replica checked, at once; for 0 all of them. */
  lookNow(id: number): void {
    for (const { record } of this.#members.values()) {
      if (id !== 0 && id !== record.id) continue;
      this.#parts.prober.checkNow(record.id);
      if (id !== 0) this.#watches[record.source]?.refreshNow();
    }
    if (id === 0) for (const watch of this.#watches) watch?.refreshNow();
  }

  status(): UpstreamStatus {
    const { queued, held } = this.#cell;
    const replicas = [...this.#members.values()].map(({ record, cell, id }) => {
      const check = this.#parts.prober.stateOf(id);
      return {
        url: record.url,
        condition: conditionOf(cell),
        lastCheck: check?.lastDetail ?? '',
        lastCheckAt: check?.lastAt ?? 0,
        lastCheckTook: check?.lastTook ?? 0,
        weight: record.weight,
        backup: record.backup,
        inFlight: cell.inFlight.value,
        connections: cell.open.value,
      };
    });
    return { name: this.#config.name, replicas, queued: queued.value, held: held.value };
  }

  forgetWorker(worker: number): void {
    this.#cell.forget(worker);
    for (const { cell } of this.#members.values()) cell.forget(worker);
    for (const cell of this.#left) cell.forget(worker);
  }

  stop(): void {
    for (const watch of this.#watches) watch?.stop();
    this.judge?.stop();
  }

  #watch(replica: ResolvedReplica, index: number): NameWatch | null {
    const { lookup, interval, log } = this.#parts;
    const { host: name, port, srv, expect } = replica;
    if (!srv && (this.#config.discover === 'static' || isIP(name) !== 0)) return null;
    this.#found[index] = [];
    const onChange = (found: readonly FoundAddress[]): void => {
      this.#found[index] = found;
      if (this.#started) this.#rebuild();
    };
    return new NameWatch({
      upstream: this.#config.name,
      name,
      port,
      srv,
      expect,
      interval,
      lookup,
      onChange,
      log,
    });
  }

  /** Brings the members in line with what was found. Those that stay keep their cell. */
  #rebuild(): void {
    const before = this.#members;
    this.#members = new Map();
    const places = new Set<string>();
    for (const [source, entry] of this.#config.replicas.entries()) {
      for (const found of this.#found[source]!) {
        // Two names for one address are one replica.
        const place = hostAndPort(found.host, found.port);
        if (places.has(place)) continue;
        places.add(place);
        const weight = found.weight ?? entry.weight;
        const backup = entry.backup || found.backup === true;
        const key = `${source} ${place} ${found.name} ${weight} ${backup}`;
        this.#members.set(key, before.get(key) ?? this.#join({ source, entry, found, weight, backup }));
      }
    }
    for (const [key, member] of before) if (!this.#members.has(key)) this.#leave(member);
    if (this.#started) this.#onChange(this.#records());
  }

  #join(facts: {
    source: number;
    entry: ResolvedReplica;
    found: FoundAddress;
    weight: number;
    backup: boolean;
  }): Member {
    const { prober, workers } = this.#parts;
    const cell = ReplicaCell.create(workers);
    // One that joins later is new, and may want to be given its share slowly.
    if (this.#started) cell.upSince = sharedNow();
    const id = this.#parts.enroll(this);
    const record = replicaRecord({ id, cell: cell.memory, ...facts });
    const { health, tls, timeouts, name } = this.#config;
    if (health !== null) {
      const connection = {
        host: record.host,
        port: health.port ?? record.port,
        tls: record.secure ? { ...tls, serverName: tls.serverName ?? record.serverName } : null,
        connectTimeout: timeouts.connect,
      };
      const { url, authority } = record;
      prober.add({ id, upstream: name, url, authority, connection, cell, check: health });
    }
    return { record, cell, id, url: record.url };
  }

  #leave({ id, cell }: Member): void {
    this.#parts.strike(id);
    this.#parts.prober.remove(id);
    this.judge?.forget(id);
    for (const left of this.#left) {
      if (left.open.value === 0 && left.inFlight.value === 0) this.#left.delete(left);
    }
    this.#left.add(cell);
  }

  #records(): ReplicaRecord[] {
    return [...this.#members.values()].map(({ record }) => record);
  }
}

function conditionOf({ checked, ejection }: ReplicaCell): ReplicaCondition {
  if (checked === Checked.down) return 'down';
  if (ejection === Ejection.none) return 'up';
  return ejection === Ejection.ejected ? 'ejected' : 'trying';
}
