// How the replicas do, for people: the console of `start --local`, `explain`, and whoever else asks the supervisor.

export interface UpstreamStatus {
  readonly name: string;
  readonly replicas: readonly ReplicaStatus[];
  /** Exchanges that wait for a free connection, and those that wait for a replica that is up. */
  readonly queued: number;
  readonly held: number;
}

/**
 * `up`: checked, or not checked and nothing against it. `down`: the checks fail. `ejected`: exchanges failed there, so
 * it is left alone for a while; `trying`: that time is over, and a single exchange tries it.
 */
export type ReplicaCondition = 'up' | 'down' | 'ejected' | 'trying';

export interface ReplicaStatus {
  readonly url: string;
  readonly condition: ReplicaCondition;
  /** Result of the last check; '' when it has not been checked. */
  readonly lastCheck: string;
  /** `sharedNow()` at its end, and the milliseconds it took; 0 and 0 when there was none. */
  readonly lastCheckAt: number;
  readonly lastCheckTook: number;
  readonly weight: number;
  readonly backup: boolean;
  /** Exchanges and tunnels under way, and connections, over all workers. */
  readonly inFlight: number;
  readonly connections: number;
}
