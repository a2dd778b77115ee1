// The building blocks of the schema: zod types whose messages say what was seen and what would work.
// Knows nothing of the fields of a gateway.
import * as z from 'zod';
import { type Finding, knownNames, type PathSegment, show } from './problem.ts';
import { parseDuration, parseTimeout } from './units.ts';

type Check = (value: string) => string | undefined;

/** Checks of a container run even when something inside it is wrong: every problem is reported at once. */
const ALWAYS = { when: () => true };

const expected = (what: string) => ({
  error: (issue: { input?: unknown }) =>
    issue.input === undefined ? `is missing; expected ${what}` : `expected ${what}, got ${show(issue.input)}`,
});

/** Text that passes `check`. */
export function text(what: string, check?: Check) {
  const schema = z.string(expected(what));
  if (check === undefined) return schema;
  return schema.check(({ value, issues }) => {
    const message = check(value);
    if (message !== undefined) issues.push({ code: 'custom', message, input: value });
  });
}

/** Text that `parse` reads without throwing. A bare number gets the hint that a unit is missing. */
export function measured(what: string, example: string, parse: (value: string) => number) {
  const schema = z.string({
    error: (issue) =>
      typeof issue.input === 'number'
        ? `${issue.input} has no unit; write ${what} as text, such as "${example}"`
        : expected(`${what} such as "${example}"`).error(issue),
  });
  return schema.superRefine((value, context) => {
    try {
      parse(value);
    } catch (error) {
      context.addIssue((error as RangeError).message);
    }
  });
}

/** Any length of time. */
export const duration = () => measured('a duration', '365d', parseDuration);
/** A length of time that a timer waits for. */
export const timeout = () => measured('a duration', '60s', parseTimeout);

export const flag = () => z.boolean(expected('true or false'));

/** Exactly this value. */
export const only = <const T extends string | number | boolean>(value: T, what = String(value)) =>
  z.literal(value, expected(what));

/** A whole number from `least` to `most`. */
export function whole(least: number, most: number) {
  const what = `a whole number from ${least} to ${most}`;
  return z.number(expected(what)).superRefine((value, context) => {
    if (!Number.isInteger(value) || value < least || value > most)
      context.addIssue(`expected ${what}, got ${value}`);
  });
}

/** A part of a whole, 0 to 1; 0 itself only where it may be `none`. */
export function fraction(least: 'none' | 'some') {
  const what = least === 'none' ? 'a number from 0 to 1' : 'a number above 0, at most 1';
  return z.number(expected(what)).superRefine((value, context) => {
    if (value < 0 || value > 1 || (value === 0 && least === 'some')) {
      context.addIssue(`expected ${what}, got ${value}`);
    }
  });
}

/** One of a few words. */
export function word(words: readonly string[]) {
  const what = words.map((known) => JSON.stringify(known)).join(' or ');
  return z.string(expected(what)).superRefine((value, context) => {
    if (!words.includes(value))
      context.addIssue(`expected ${what}, got ${show(value)}.${knownNames(value, words)}`);
  });
}

/** One of a few values, of whatever type. */
export const oneOf = (what: string, values: readonly (string | number)[]) =>
  z.literal(values, expected(what));

/** Text that no message may show, at least `least` characters of it. */
export function secret(least: number) {
  const what = `text of at least ${least} characters`;
  return z.string(`expected ${what}`).superRefine((value, context) => {
    if (value.length < least) context.addIssue(`has ${value.length} characters; expected ${what}`);
  });
}

/** A list without repetitions. `same` says when two items are one, `instead` what else to say of a wrong type. */
export function list<T extends z.ZodType>(
  what: string,
  item: T,
  options: {
    least?: number;
    same?: (item: unknown) => unknown;
    instead?: (input: unknown) => string | undefined;
  } = {},
) {
  const same = options.same ?? ((value: unknown) => value);
  const error = (issue: { input?: unknown }) => options.instead?.(issue.input) ?? expected(what).error(issue);
  return z.array(item, { error }).superRefine((value: unknown, context) => {
    if (!Array.isArray(value)) return;
    if (value.length < (options.least ?? 0)) context.addIssue(`is empty; expected ${what}`);
    const first = new Map<unknown, number>();
    for (const [index, entry] of value.entries()) {
      const key = same(entry);
      const earlier = first.get(key);
      if (earlier === undefined) first.set(key, index);
      else if (key !== undefined) {
        context.addIssue({ code: 'custom', message: `repeats item [${earlier}]`, path: [index] });
      }
    }
  }, ALWAYS);
}

/**
 * Names of the operator's own choice, each with a value. Not `z.record`: it copies what it checks, which for
 * 200,000 routes with names of their own takes more time than the checks.
 */
export function named(
  what: string,
  value: z.ZodType | ((value: unknown) => Finding[]),
  options: { least?: number; key?: Check } = {},
) {
  const check = typeof value === 'function' ? value : (item: unknown) => findings(value, item);
  return z.unknown().superRefine((record, context) => {
    if (typeof record !== 'object' || record === null || Array.isArray(record)) {
      const message = expected(what).error({ input: record });
      // Of the wrong type: `either` must not take this for the form that was meant.
      context.addIssue({ code: 'invalid_type', expected: 'record', input: record, message, continue: false });
      return;
    }
    const entries = Object.entries(record);
    if (entries.length < (options.least ?? 0)) context.addIssue(`is empty; expected ${what}`);
    for (const [key, item] of entries) {
      const wrong = options.key?.(key);
      if (wrong !== undefined) context.addIssue({ code: 'custom', message: wrong, path: [key] });
      for (const { path, message } of check(item)) {
        context.addIssue({ code: 'custom', message, path: [key, ...path] });
      }
    }
  });
}

/** An object with these fields and no others; each unknown field is a problem of its own. */
export function fields<T extends z.ZodRawShape>(what: string, shape: T) {
  const known = Object.keys(shape).filter((key) => !REFUSED.has(shape[key] as z.ZodType));
  const unknown = z.undefined({
    error: (issue) => {
      const name = String((issue as { path?: PropertyKey[] }).path?.at(-1) ?? '');
      return `unknown field.${knownNames(name, known)}`;
    },
  });
  return z.object(shape, expected(what)).catchall(unknown);
}

const REFUSED = new WeakSet<z.ZodType>();

/** A field that is always refused, with the reason. It is not named among the known ones. */
export function refused(reason: string) {
  const schema = z.undefined({ error: () => reason }).optional();
  REFUSED.add(schema);
  return schema;
}

/** A field of the design whose feature does not exist yet: refused, because ignoring it would mislead. */
export const later = (feature: string) => refused(`${feature}: not in this version yet; remove this field`);

/** `schema`, and what `check` finds in the object as a whole, also where a part of it is wrong. */
export function withCheck<T extends z.ZodType>(
  schema: T,
  check: (value: Record<string, unknown>) => Iterable<Finding>,
) {
  return schema.superRefine((value: unknown, context) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
    for (const { path, message } of check(value as Record<string, unknown>)) {
      context.addIssue({ code: 'custom', message, path });
    }
  }, ALWAYS);
}

/** One of several forms that a look at the value tells apart. */
export function chosen(choose: (value: unknown) => z.ZodType) {
  return z.unknown().superRefine((value, context) => {
    for (const { path, message } of findings(choose(value), value)) {
      context.addIssue({ code: 'custom', message, path });
    }
  });
}

/** One of several forms. The problems of the form that was meant are reported, not those of all. */
export function either<T extends readonly [z.ZodType, ...z.ZodType[]]>(what: string, ...forms: T) {
  return z.union(forms, expected(what));
}

/** Everything that `schema` finds wrong with `value`. */
export function findings(schema: z.ZodType, value: unknown): Finding[] {
  const result = schema.safeParse(value);
  return result.success ? [] : result.error.issues.flatMap((issue) => flatten(issue, []));
}

function flatten(issue: z.core.$ZodIssue, above: PathSegment[]): Finding[] {
  const path = [...above, ...(issue.path as PathSegment[])];
  if (issue.code === 'invalid_union') {
    // The form that was meant is the one whose own type fits; its problems lie deeper or in its content.
    const meant = issue.errors.find((inner) => !inner.some(isOwnType));
    if (meant !== undefined) return meant.flatMap((inner) => flatten(inner, path));
  }
  return [{ path, message: issue.message }];
}

function isOwnType(issue: z.core.$ZodIssue): boolean {
  return issue.path.length === 0 && (issue.code === 'invalid_type' || issue.code === 'invalid_value');
}
