// Replicas as a balancer sees them, for its tests: real cells, and exchanges that can be begun and ended.
import type { Balancer, Candidate } from '../../../src/upstream/balance/balancer.ts';
import { ReplicaCell } from '../../../src/upstream/replica-cell.ts';
import { SeededRandom } from '../../routing/seeded-random.ts';

export interface TestCandidate extends Candidate {
  /** For the messages of assertions. */
  readonly name: string;
}

/** One candidate per weight, called `a`, `b`, `c` … */
export function candidates(weights: readonly number[], firstId = 1): TestCandidate[] {
  return weights.map((weight, index) => {
    const name = String.fromCharCode(97 + index);
    return {
      id: firstId + index,
      url: `http://api-${index + 1}:3000`,
      weight,
      cell: ReplicaCell.create(1),
      name,
    };
  });
}

/** Numbers from 0 to below 1 that are the same in every run. */
export function seededRandom(seed: number): () => number {
  const source = new SeededRandom(seed);
  return () => source.below(2 ** 32) / 2 ** 32;
}

/** How often each of `all` was chosen in `picks` choices, in their order. */
export function shares(
  balancer: Balancer,
  all: readonly TestCandidate[],
  picks: number,
  client: (pick: number) => string = () => '',
): number[] {
  const counts = new Map(all.map((candidate) => [candidate, 0]));
  for (let i = 0; i < picks; i++) {
    const chosen = balancer.choose(all, all.length, client(i));
    counts.set(chosen, counts.get(chosen)! + 1);
  }
  return all.map((candidate) => counts.get(candidate)! / picks);
}

/** An IPv4 address for a number; neighbours are neighbours. */
export function ipv4(number: number): string {
  return `10.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`;
}
