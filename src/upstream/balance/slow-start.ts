// The weight that counts at a moment: a replica that has just come up, with cold caches and no connections, is
// given its full share little by little.
import type { Candidate } from './balancer.ts';

/** Smallest part of the weight, as in Envoy: with none at all a replica would never warm up. */
const LEAST = 0.1;

/**
 * @param slowStart milliseconds until the full weight; 0 turns it off, and `time` is not looked at
 * @param time `sharedNow()`
 */
export function weightAt(candidate: Candidate, slowStart: number, time: number): number {
  const { weight } = candidate;
  if (slowStart === 0) return weight;
  const { upSince } = candidate.cell;
  // It was there when the gateway started: nobody knows since when, and all of them are in the same position.
  if (upSince <= 0) return weight;
  const elapsed = time - upSince;
  return elapsed >= slowStart ? weight : weight * Math.max(LEAST, elapsed / slowStart);
}
