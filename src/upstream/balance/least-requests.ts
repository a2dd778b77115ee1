// Power of two choices: two replicas are drawn, and the one with less to do gets the exchange. Nearly as even as
// asking all of them, and many workers that decide at the same moment do not all run to the same idle replica.
import type { Balancer, Candidate } from './balancer.ts';
import { weightAt } from './slow-start.ts';

/**
 * The draw is by weight, and the second replica is taken only if, with this exchange, it has no more to do for its
 * weight than the first has without it. With equal weights that is the plain rule (fewer in flight, ties at
 * random). With others it holds the shares at every load. The plain rule, (in flight + 1) / weight after an even
 * draw, does not: with one exchange at a time a replica of weight 1 beside one of 2 gets none at all, and under
 * any load no replica gets more than 2/n. Shares of the heavy replica, in a closed loop with exponential times:
 *
 *     weights                  2, 1            10, 1, 1       5 and nine times 1
 *     at a time              1   4   30        1   4   30        1   4   30
 *     by weight             67  67   67       83  83   83       36  36   36
 *     plain rule           100  75   67       67  67   67       20  20   20
 *     this one              67  64   67       84  86   84       36  41   37
 */
export class LeastRequests implements Balancer {
  readonly #slowStart: number;
  readonly #random: () => number;
  readonly #now: () => number;
  #weights = new Float64Array(8);

  constructor(slowStart: number, random: () => number, now: () => number) {
    this.#slowStart = slowStart;
    this.#random = random;
    this.#now = now;
  }

  choose<C extends Candidate>(candidates: readonly C[], count: number): C {
    if (count === 1) return candidates[0]!;
    if (count > this.#weights.length) this.#weights = new Float64Array(2 * count);
    const weights = this.#weights;
    const slowStart = this.#slowStart;
    const time = slowStart === 0 ? 0 : this.#now();
    let total = 0;
    for (let i = 0; i < count; i++) total += weights[i] = weightAt(candidates[i]!, slowStart, time);

    const a = draw(weights, count, -1, this.#random() * total);
    const b = count === 2 ? 1 - a : draw(weights, count, a, this.#random() * (total - weights[a]!));
    const first = candidates[a]!;
    const second = candidates[b]!;
    const busy = first.cell.inFlight.value * weights[b]!;
    return (second.cell.inFlight.value + 1) * weights[a]! <= busy ? second : first;
  }
}

/** The index at which the weights, summed up without that of `but`, pass `point`. */
function draw(weights: Float64Array, count: number, but: number, point: number): number {
  let left = point;
  let last = 0;
  for (let i = 0; i < count; i++) {
    if (i === but) continue;
    last = i;
    left -= weights[i]!;
    if (left < 0) break;
  }
  // Also where rounding let the point reach the very end.
  return last;
}
