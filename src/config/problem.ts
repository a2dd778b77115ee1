// What is wrong with a configuration, where it stands, and what would work instead. Knows how a problem is
// written, not how one is found.

/** One mistake. `path` is a key path (`hosts["a.com"].aliases[0]`), or the file when it could not be read. */
export interface Problem {
  path: string;
  message: string;
}

export type PathSegment = string | number;

/** A problem before its path is written out. */
export interface Finding {
  path: PathSegment[];
  message: string;
}

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;
const MOST_NAMES = 16;
const LONGEST_VALUE = 60;

/** `['hosts', 'a.com', 'aliases', 0]` as `hosts["a.com"].aliases[0]`; the top of the file is `config`. */
export function keyPath(segments: readonly PathSegment[]): string {
  let path = '';
  for (const segment of segments) {
    if (typeof segment === 'number') path += `[${segment}]`;
    else if (!IDENTIFIER.test(segment)) path += `[${JSON.stringify(segment)}]`;
    else path += path === '' ? segment : `.${segment}`;
  }
  return path === '' ? 'config' : path;
}

/** One line: key path, what was seen, what would work. */
export function formatProblem(problem: Problem): string {
  return `${problem.path}: ${problem.message}`;
}

/** ` Known: api, crm. Did you mean "api"?`, to be put behind a sentence about the unknown name. */
export function knownNames(name: string, known: readonly string[]): string {
  if (known.length === 0) return '';
  const shown = known.slice(0, MOST_NAMES).join(', ');
  const more = known.length > MOST_NAMES ? ` and ${known.length - MOST_NAMES} more` : '';
  const near = nearest(name, known);
  return ` Known: ${shown}${more}.${near === undefined ? '' : ` Did you mean "${near}"?`}`;
}

/** The known name that was probably meant: at most a third of its letters differ. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const allowed = Math.max(1, Math.floor(candidate.length / 3));
    if (Math.abs(candidate.length - name.length) > allowed) continue;
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance <= allowed && distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** A value as a message shows it: strings and numbers as written, everything else by its kind. */
export function show(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'string') {
    // JSON keeps control characters visible and the message on one line.
    const text = value.length > LONGEST_VALUE ? `${value.slice(0, LONGEST_VALUE)}…` : value;
    return JSON.stringify(text);
  }
  return String(value);
}

/** Letters added, dropped, changed or swapped with their neighbour (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const changed = last[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1);
      let cost = Math.min(changed, last[column]! + 1, current[column - 1]! + 1);
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        cost = Math.min(cost, beforeLast[column - 2]! + 1);
      }
      current.push(cost);
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length]!;
}
