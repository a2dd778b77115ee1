// What a balancer is asked and what it may know of a replica. Which replicas may be asked at all (up, not full,
// not a backup while others are up) is decided before; a balancer only says which of them is next.
import type { ResolvedUpstream } from '../../config/resolved.ts';
import type { ReplicaCell } from '../replica-cell.ts';
import { sharedNow } from '../shared-clock.ts';
import { HashClient } from './hash-client.ts';
import { LeastRequests } from './least-requests.ts';
import { RoundRobin } from './round-robin.ts';

/** A replica, as far as a choice depends on it. */
export interface Candidate {
  /** Never given twice in the life of the process. */
  readonly id: number;
  /** The same in every worker and after a restart. */
  readonly url: string;
  /** As configured, 1 or more. See `weightAt` for the one that counts. */
  readonly weight: number;
  readonly cell: ReplicaCell;
}

/** Each worker has one per upstream. Called for every attempt, so it allocates nothing. */
export interface Balancer {
  /**
   * One of the first `count` of `candidates` (1 or more), which come in a stable order and may be others at each
   * call. The array is the caller's to reuse.
   * @param client address of the client
   */
  choose<C extends Candidate>(candidates: readonly C[], count: number, client: string): C;
}

/**
 * @param slowStart milliseconds, 0 for none
 * @param random at least 0, below 1
 * @param now the clock of `ReplicaCell.upSince`
 */
export function createBalancer(
  kind: ResolvedUpstream['balance'],
  slowStart: number,
  random: () => number = Math.random,
  now: () => number = sharedNow,
): Balancer {
  switch (kind) {
    case 'least-requests':
      return new LeastRequests(slowStart, random, now);
    case 'round-robin':
      return new RoundRobin(slowStart, random, now);
    case 'hash-client':
      return new HashClient(slowStart, now);
  }
}
