// The same replica for the same client, as long as it is there, by weighted rendezvous hashing: each replica has a
// number for each client, and the highest wins. A replica that leaves or comes moves only its own clients, and
// so does a weight that changes. Nothing is remembered, so all workers agree, also after a restart.
import type { Balancer, Candidate } from './balancer.ts';
import { clientHash } from './client-hash.ts';
import { fractionOf, hashText, mix } from './hash32.ts';
import { weightAt } from './slow-start.ts';

/**
 * With slow start the weight of a replica that comes up grows, so its clients come to it one after the other, each
 * of them once. Without, all of them would arrive at the same moment.
 */
export class HashClient implements Balancer {
  readonly #slowStart: number;
  readonly #now: () => number;
  readonly #seeds = new WeakMap<Candidate, number>();
  /** Ids and seeds of the last call, by position: candidates are nearly always the same. */
  #ids = new Float64Array(8).fill(-1);
  #seedAt = new Int32Array(8);

  constructor(slowStart: number, now: () => number) {
    this.#slowStart = slowStart;
    this.#now = now;
  }

  choose<C extends Candidate>(candidates: readonly C[], count: number, client: string): C {
    if (count === 1) return candidates[0]!;
    if (count > this.#ids.length) this.#makeRoom(count);
    const slowStart = this.#slowStart;
    const time = slowStart === 0 ? 0 : this.#now();
    const hash = clientHash(client);
    let best = candidates[0]!;
    let bestNumber = this.#numberOf(best, 0, hash);
    let bestWeight = weightAt(best, slowStart, time);
    /** Negative while it has not been worked out. */
    let bestCost = -1;
    for (let i = 1; i < count; i++) {
      const candidate = candidates[i]!;
      const number = this.#numberOf(candidate, i, hash);
      const weight = weightAt(candidate, slowStart, time);
      let itsCost = -1;
      // With equal weights the lowest cost is that of the highest number, and no logarithm need be taken.
      if (weight === bestWeight) {
        if (number <= bestNumber) continue;
      } else {
        if (bestCost < 0) bestCost = cost(bestNumber, bestWeight);
        itsCost = cost(number, weight);
        if (itsCost >= bestCost) continue;
      }
      best = candidate;
      bestNumber = number;
      bestWeight = weight;
      bestCost = itsCost;
    }
    return best;
  }

  #numberOf(candidate: Candidate, position: number, client: number): number {
    if (this.#ids[position] !== candidate.id) this.#remember(position, candidate);
    return mix(client ^ this.#seedAt[position]!);
  }

  #remember(position: number, candidate: Candidate): void {
    let seed = this.#seeds.get(candidate);
    if (seed === undefined) this.#seeds.set(candidate, (seed = hashText(candidate.url)));
    this.#ids[position] = candidate.id;
    this.#seedAt[position] = seed;
  }

  #makeRoom(count: number): void {
    this.#ids = new Float64Array(2 * count).fill(-1);
    this.#seedAt = new Int32Array(2 * count);
  }
}

/**
 * For even numbers this is exponentially distributed with the weight as its rate, so the lowest belongs to each
 * replica as often as its weight says.
 */
function cost(number: number, weight: number): number {
  return -Math.log(fractionOf(number)) / weight;
}
