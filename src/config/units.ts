// Durations and sizes: text with a unit to a plain number. Knows nothing of where they are used.

/** A length of time with its unit: `'250ms'`, `'10s'`, `'5m'`, `'2h'`, `'365d'`. */
export type Duration = string;
/** A size in bytes with its unit, 1kb = 1024 bytes: `'512b'`, `'64kb'`, `'10mb'`, `'1gb'`. */
export type Size = string;

const MILLISECONDS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const BYTES: Record<string, number> = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 };

/** Node's timers hold 31 bits; a longer delay would fire at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * Milliseconds of `'250ms'`, `'10s'`, `'5m'`, `'2h'`, `'365d'`.
 * @throws RangeError that says what would work
 */
export function parseDuration(text: string): number {
  return parse(text, MILLISECONDS, 'a duration', '"250ms", "10s", "5m", "2h" or "365d"');
}

/**
 * Milliseconds of a duration that is longer than nothing.
 * @throws RangeError that says what would work
 */
export function parseSpan(text: string): number {
  const milliseconds = parseDuration(text);
  if (milliseconds === 0) throw new RangeError(`"${text}" leaves no time at all; write, say, "60s"`);
  return milliseconds;
}

/**
 * Milliseconds of a duration that a timer will wait for: longer than nothing, at most 24 days.
 * @throws RangeError that says what would work
 */
export function parseTimeout(text: string): number {
  const milliseconds = parseSpan(text);
  if (milliseconds > LONGEST_TIMER) throw new RangeError(`"${text}" is too long; the longest is "24d"`);
  return milliseconds;
}

/**
 * Bytes of `'512b'`, `'64kb'`, `'10mb'`, `'1gb'`, with 1kb = 1024 bytes.
 * @throws RangeError that says what would work
 */
export function parseSize(text: string): number {
  return parse(text, BYTES, 'a size', '"512b", "64kb", "10mb" or "1gb"');
}

function parse(text: string, units: Record<string, number>, kind: string, examples: string): number {
  const match = /^(\d+)([a-z]+)$/.exec(text);
  const unit = match === null ? undefined : unitOf(match[2]!, units);
  if (match === null || unit === undefined) {
    const lower = text.trim().toLowerCase().replaceAll(' ', '');
    const near = /^(\d+)([a-z]+)$/.exec(lower);
    if (lower !== text && near !== null && unitOf(near[2]!, units) !== undefined) {
      throw new RangeError(`${JSON.stringify(text)} is not ${kind}; write "${lower}"`);
    }
    throw new RangeError(
      `${JSON.stringify(text)} is not ${kind}; write a whole number and a unit, such as ${examples}`,
    );
  }
  const value = Number(match[1]) * unit;
  if (!Number.isSafeInteger(value)) throw new RangeError(`"${text}" is too large`);
  return value;
}

function unitOf(name: string, units: Record<string, number>): number | undefined {
  return Object.hasOwn(units, name) ? units[name] : undefined;
}
