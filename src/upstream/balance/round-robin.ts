// Replicas in turn, each as often as its weight says and spread evenly: a a b a c a a for weights 5, 1, 1. This
// is nginx's smooth weighted round robin: in each turn every candidate gains its weight, and the one that has most
// gets the exchange and pays the weight of all. Each worker keeps its own turns.
import type { Balancer, Candidate } from './balancer.ts';
import { weightAt } from './slow-start.ts';

/** Turns between two looks for replicas that are no candidates any more. Who was none in between is forgotten. */
const SWEEP = 10_000;

/** Where a replica stands. */
class Standing {
  readonly id: number;
  /** Turn in which it was last a candidate; kept up to date only when the candidates change. */
  seen = 0;
  /**
   * What it has gained and not paid yet; that of all candidates sums up to 0. In weights while it is a candidate, in
   * turns while it is none.
   */
  credit = 0;

  constructor(id: number) {
    this.id = id;
  }
}

export class RoundRobin implements Balancer {
  readonly #slowStart: number;
  readonly #random: () => number;
  readonly #now: () => number;
  /** Of the candidates of the last turn, in their order. */
  readonly #standings: Standing[] = [];
  readonly #known = new Map<number, Standing>();
  /** Weight of all candidates in the last turn, which is what a turn cost. */
  #total = 1;
  #turn = 0;
  #nextSweep = 0;

  constructor(slowStart: number, random: () => number, now: () => number) {
    this.#slowStart = slowStart;
    this.#random = random;
    this.#now = now;
  }

  choose<C extends Candidate>(candidates: readonly C[], count: number): C {
    // No turn is taken, so that the others find themselves where they were.
    if (count === 1) return candidates[0]!;
    const slowStart = this.#slowStart;
    const time = slowStart === 0 ? 0 : this.#now();
    this.#turn++;
    if (!this.#isKnown(candidates, count)) this.#rearrange(candidates, count, time);
    const standings = this.#standings;
    let total = 0;
    let best = 0;
    for (let i = 0; i < count; i++) {
      const standing = standings[i]!;
      const weight = weightAt(candidates[i]!, slowStart, time);
      total += weight;
      standing.credit += weight;
      if (standing.credit > standings[best]!.credit) best = i;
    }
    standings[best]!.credit -= total;
    this.#total = total;
    return candidates[best]!;
  }

  /** The number of replicas remembered, candidates or not. */
  get remembered(): number {
    return this.#known.size;
  }

  #isKnown(candidates: readonly Candidate[], count: number): boolean {
    const standings = this.#standings;
    if (standings.length !== count) return false;
    for (let i = 0; i < count; i++) if (standings[i]!.id !== candidates[i]!.id) return false;
    return true;
  }

  /**
   * The candidates are others now. Everybody takes along the turns that it was owed or owed, so that coming and
   * going (a full replica does that all the time) brings no more than the share; a turn had another price before.
   * Who is new starts anywhere in a round, so that workers do not march in step. Then the sum is made 0 again: if
   * it were let drift, the next to come would get turn after turn.
   */
  #rearrange(candidates: readonly Candidate[], count: number, time: number): void {
    const standings = this.#standings;
    for (let i = 0; i < standings.length; i++) {
      const standing = standings[i]!;
      standing.seen = this.#turn;
      standing.credit /= this.#total;
    }
    let total = 0;
    for (let i = 0; i < count; i++) total += weightAt(candidates[i]!, this.#slowStart, time);
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const { id } = candidates[i]!;
      let standing = this.#known.get(id);
      if (standing === undefined) {
        standing = new Standing(id);
        this.#known.set(id, standing);
        standing.credit = this.#random() - 0.5;
      }
      // Nobody is owed or owes more than one turn.
      standing.credit = total * Math.min(Math.max(standing.credit, -1), 1);
      sum += standing.credit;
      standings[i] = standing;
    }
    standings.length = count;
    for (let i = 0; i < count; i++) standings[i]!.credit -= sum / count;
    if (this.#turn < this.#nextSweep) return;
    for (const [id, { seen }] of this.#known) if (this.#turn - seen > SWEEP) this.#known.delete(id);
    this.#nextSweep = this.#turn + SWEEP;
  }
}
