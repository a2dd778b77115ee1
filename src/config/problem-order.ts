// Puts problems in the order of the file, so that a reader fixes them from top to bottom.
import type { Finding } from './problem.ts';

/** Sorted by where their paths stand in `config`; a missing field stands behind the fields that are there. */
export function inFileOrder(config: unknown, findings: readonly Finding[]): Finding[] {
  // One look at the keys of an object, however many problems lie below it.
  const keys = new WeakMap<object, Map<string, number>>();
  const positions = new Map(findings.map((finding) => [finding, position(config, finding, keys)]));
  return [...findings].sort((a, b) => compare(positions.get(a)!, positions.get(b)!));
}

function position(config: unknown, { path }: Finding, keys: WeakMap<object, Map<string, number>>): number[] {
  let value = config;
  return path.map((segment) => {
    const inside = typeof value === 'object' && value !== null ? value : {};
    value = Object.hasOwn(inside, segment) ? (inside as Record<string, unknown>)[segment] : undefined;
    if (typeof segment === 'number') return segment;
    let order = keys.get(inside);
    if (order === undefined)
      keys.set(inside, (order = new Map(Object.keys(inside).map((key, index) => [key, index]))));
    return order.get(segment) ?? Number.POSITIVE_INFINITY;
  });
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let index = 0; index < Math.min(a.length, b.length); index++) {
    if (a[index] !== b[index]) return a[index]! - b[index]!;
  }
  return a.length - b.length;
}
