// One address of an upstream as a worker uses it: its connections, and the words of shared memory that say
// whether it is up and how busy it is.
import type { ResolvedUpstream } from '../config/resolved.ts';
import { ConnectionPool, type PoolOwner } from './connection-pool.ts';
import { Checked, Ejection, ReplicaCell } from './replica-cell.ts';
import type { ReplicaRecord } from './replica-record.ts';
import type { SharedCount } from './shared-count.ts';

/** How an attempt ended, for the health of the replica. `neutral` says nothing: the client left, say. */
export type Outcome = 'ok' | 'failed' | 'neutral';

/** The upstream, as far as its replicas concern it. */
export interface ReplicaOwner {
  /** Another worker waits, and this one has more than its share of the connections to the replica. */
  isOverShare(replica: Replica): boolean;
  /** What was given back is not for this worker to take, for a moment. */
  readonly isYielding: boolean;
  onRoom(): void;
  /** Failures in a row are as many as the config allows. */
  onSuspect(replica: Replica, reason: string): void;
  /** The single exchange of a half-open replica has ended. */
  onProbed(replica: Replica, outcome: Outcome, reason: string): void;
}

export class Replica implements PoolOwner {
  readonly id: number;
  /** For the log and `explain`, never for clients. */
  readonly url: string;
  /** `Host` for upstreams that want their own name: without the default port of the scheme. */
  readonly authority: string;
  readonly weight: number;
  readonly backup: boolean;
  readonly cell: ReplicaCell;
  readonly pool: ConnectionPool;
  readonly open: SharedCount;
  readonly max: number;
  readonly #owner: ReplicaOwner;
  /** Failures in a row that make it suspect; 0 for never. */
  readonly #patience: number;
  #wasDown = false;

  constructor(record: ReplicaRecord, config: ResolvedUpstream, worker: number, owner: ReplicaOwner) {
    this.id = record.id;
    this.url = record.url;
    this.authority = record.authority;
    this.weight = record.weight;
    this.backup = record.backup;
    this.cell = new ReplicaCell(record.cell, worker);
    this.open = this.cell.open;
    this.max = config.connections.max;
    this.#owner = owner;
    this.#patience = config.eject?.consecutive ?? 0;
    const tls = { ...config.tls, serverName: config.tls.serverName ?? record.serverName };
    this.pool = new ConnectionPool(
      {
        host: record.host,
        port: record.port,
        tls: record.secure ? tls : null,
        connectTimeout: config.timeouts.connect,
      },
      this,
    );
  }

  get isWantedElsewhere(): boolean {
    return this.open.value >= this.max && this.#owner.isOverShare(this);
  }

  /** There is, or may be, a connection for one more exchange. */
  get hasRoom(): boolean {
    return this.pool.idle > 0 || (this.open.value < this.max && !this.#owner.isYielding);
  }

  onRoom(): void {
    this.#owner.onRoom();
  }

  /** The checks, if there are any, do not say otherwise. */
  get isUp(): boolean {
    return this.cell.checked !== Checked.down;
  }

  /** An attempt begins; `end` must follow. */
  begin(): void {
    this.cell.inFlight.add(1);
  }

  /**
   * @param probe it was the single exchange of a half-open replica, and nobody has been told yet
   * @param reason of a failure, for the log
   */
  end(outcome: Outcome, probe: boolean, reason: string): void {
    this.cell.inFlight.add(-1);
    this.#report(outcome, probe, reason);
  }

  /** How the single exchange of a half-open replica goes, before it ends; returns what is left to say at its end. */
  reportProbe(outcome: Outcome, reason: string): Outcome {
    this.#report(outcome, true, reason);
    return outcome === 'failed' ? 'neutral' : outcome;
  }

  #report(outcome: Outcome, probe: boolean, reason: string): void {
    const { cell } = this;
    if (outcome === 'ok') {
      if (cell.failures !== 0) cell.clearFailures();
    } else if (outcome === 'failed' && this.#patience > 0) {
      if (cell.countFailure() >= this.#patience && cell.ejection === Ejection.none)
        this.#owner.onSuspect(this, reason);
    }
    if (probe) this.#owner.onProbed(this, outcome, reason);
  }

  /** Looks at what has changed, now and then. */
  tick(now: number): void {
    const isDown = !this.isUp;
    if (isDown && !this.#wasDown) {
      this.pool.closeIdle();
      this.pool.interrupt('the replica is down');
    }
    this.#wasDown = isDown;
    this.pool.expire(now);
    if (this.isWantedElsewhere) this.pool.closeIdle();
  }

  /** It is no part of the upstream any more: what is under way may end. */
  leave(): void {
    this.pool.close();
    this.pool.interruptConnecting('its address is gone');
  }
}
