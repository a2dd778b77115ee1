// How long a replica is ejected: longer each time it happens again, and forgotten bit by bit while it serves.
import type { ResolvedEjection } from '../../config/resolved.ts';
import { jittered, type TimeSource } from '../time-source.ts';

type Lengths = Pick<ResolvedEjection, 'base' | 'max'>;

/** `base` × 2 to the power of `times`, with jitter, never more than `max`. Milliseconds. */
export function ejectionLength({ base, max }: Lengths, times: number, time: TimeSource): number {
  return Math.min(max, jittered(Math.min(max, base * 2 ** times), time));
}

/** Ejections to remember when there is one more. Not counted on once the length is at `max`. */
export function oneMore({ base, max }: Lengths, times: number): number {
  return base * 2 ** times < max ? times + 1 : times;
}

/** Ejections still remembered after `served` ms in service: half of them for each span as long as `max`. */
export function remembered({ max }: Lengths, times: number, served: number): number {
  return Math.floor(times / 2 ** Math.floor(served / max));
}
