// Milliseconds and bytes in the notation of the config.

const DURATIONS: readonly [unit: string, size: number][] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
];
const SIZES: readonly [unit: string, size: number][] = [
  ['gb', 1024 ** 3],
  ['mb', 1024 ** 2],
  ['kb', 1024],
];

/** `250ms`, `90s`, `5m`: in the largest unit that it is a whole number of. */
export function durationText(ms: number): string {
  return inUnits(ms, DURATIONS, 'ms');
}

/** `512b`, `64kb`, `16mb`, likewise. */
export function sizeText(bytes: number): string {
  return inUnits(bytes, SIZES, 'b');
}

/** Of something measured: `0.4 ms`, `12 ms`, `2.0 s`. */
export function tookText(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

/** Result of a check with its duration: `200 after 3 ms`. One that was given up says for itself how long it took. */
export function checkText(detail: string, ms: number): string {
  return detail.includes(' within ') ? detail : `${detail} after ${tookText(ms)}`;
}

function inUnits(value: number, units: readonly [unit: string, size: number][], smallest: string): string {
  for (const [unit, size] of units) if (value >= size && value % size === 0) return `${value / size}${unit}`;
  return `${value}${smallest}`;
}
