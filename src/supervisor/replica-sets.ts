// Who the replicas are and how they do, for all workers: keeps the addresses of names fresh, checks every replica,
// ejects those that fail too often, and tells the workers. Decided here alone, so that limits over all workers hold.
import { randomBytes } from 'node:crypto';
import type { ResolvedConfig } from '../config/resolved.ts';
import { NameLookup } from '../upstream/discovery/name-lookup.ts';
import type { EjectionJudge } from '../upstream/health/ejection-judge.ts';
import { Prober } from '../upstream/health/prober.ts';
import type { ReplicaRecord, UpstreamState } from '../upstream/replica-record.ts';
import type { ReplicaReport } from './messages.ts';
import type { UpstreamStatus } from './replica-status.ts';
import { Roster } from './roster.ts';

export type OnReplicas = (upstream: number, replicas: readonly ReplicaRecord[]) => void;

export class ReplicaSets {
  readonly #rosters: readonly Roster[];
  readonly #prober: Prober;
  readonly #lookup: NameLookup;

  /** @param onReplicas told when the replicas of an upstream have changed, once `start` has resolved */
  constructor(config: ResolvedConfig, workers: number, onReplicas: OnReplicas) {
    this.#lookup = new NameLookup(config.resolver.servers);
    /** Where each replica of now is. */
    const enrolled = new Map<number, Roster>();
    const judgeOf = (id: number): EjectionJudge | null => enrolled.get(id)?.judge ?? null;
    this.#prober = new Prober({
      onPass: (id, began, recovered) => judgeOf(id)?.passed(id, began, recovered),
      // With fewer replicas up, fewer may be ejected.
      onTurn: (id, up) => {
        if (!up) judgeOf(id)?.review();
      },
    });
    let ids = 0;
    const parts = {
      lookup: this.#lookup,
      prober: this.#prober,
      interval: config.resolver.interval,
      workers,
      secret: randomBytes(32).toString('base64url'),
      enroll: (roster: Roster) => {
        enrolled.set(++ids, roster);
        return ids;
      },
      strike: (id: number) => void enrolled.delete(id),
    };
    this.#rosters = config.upstreams.map(
      (upstream, index) => new Roster(upstream, parts, (replicas) => onReplicas(index, replicas)),
    );
  }

  /** Asks for every name; resolves with the first answers, whatever they are. */
  async start(): Promise<void> {
    await Promise.all(this.#rosters.map((roster) => roster.start()));
  }

  /** What a worker that starts now gets, one for each upstream of the config. */
  states(): UpstreamState[] {
    return this.#rosters.map((roster) => roster.state());
  }

  /** How they do now, one for each upstream of the config. */
  status(): UpstreamStatus[] {
    return this.#rosters.map((roster) => roster.status());
  }

  /** A worker counted too many failures in a row. */
  suspect({ upstream, replica, reason }: Extract<ReplicaReport, { type: 'suspect' }>): void {
    this.#rosters[upstream]?.judge?.suspect(replica, reason);
    this.#prober.checkNow(replica);
  }

  /** The single exchange of a half-open replica has ended. */
  probed({ upstream, replica, outcome, reason }: Extract<ReplicaReport, { type: 'probed' }>): void {
    this.#rosters[upstream]?.judge?.probed(replica, outcome, reason);
  }

  /** A worker got no connection, or with 0 found no replica: the checks and names concerned do not wait. */
  unreachable({ upstream, replica }: Extract<ReplicaReport, { type: 'unreachable' }>): void {
    this.#rosters[upstream]?.lookNow(replica);
  }

  /** Takes back what a worker that died had counted. */
  forgetWorker(worker: number): void {
    for (const roster of this.#rosters) roster.forgetWorker(worker);
  }

  stop(): void {
    this.#prober.stop();
    this.#lookup.close();
    for (const roster of this.#rosters) roster.stop();
  }
}
