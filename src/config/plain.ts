// Is a value plain data: objects, lists, text, numbers, true, false, null? Anything else would be lost or changed
// on its way from the thread that evaluates the file. Knows nothing of the contract.

import type { Finding, PathSegment } from './problem.ts';

/** Keys that reach an object's prototype in careless code. No field, host or route is called like that. */
const REFUSED_KEYS = new Set(['__proto__', 'constructor', 'prototype']);
const MOST_FINDINGS = 100;

/**
 * Everything in `value` that is not plain data, with its key path. Objects used twice are read once. What passes
 * means the same after a round trip through JSON, unless it contains itself.
 */
export function plainFindings(value: unknown): Finding[] {
  const found: Finding[] = [];
  const seen = new Set<object>();
  const path: PathSegment[] = [];

  const visit = (item: unknown): void => {
    const wrong = notPlain(item);
    if (wrong !== undefined) {
      if (found.length < MOST_FINDINGS) found.push({ path: [...path], message: wrong });
      return;
    }
    if (typeof item !== 'object' || item === null || seen.has(item)) return;
    seen.add(item);
    if (Array.isArray(item)) {
      for (let index = 0; index < item.length; index++) {
        path.push(index);
        if (item[index] === undefined) found.push({ path: [...path], message: 'is undefined' });
        else visit(item[index]);
        path.pop();
      }
      return;
    }
    for (const key of Object.keys(item)) {
      path.push(key);
      if (REFUSED_KEYS.has(key)) found.push({ path: [...path], message: `"${key}" cannot be a name here` });
      else visit((item as Record<string, unknown>)[key]);
      path.pop();
    }
  };

  visit(value);
  return found;
}

function notPlain(item: unknown): string | undefined {
  switch (typeof item) {
    case 'function':
      return 'is a function; a configuration is plain data';
    case 'symbol':
    case 'bigint':
      return `is a ${typeof item}; a configuration is plain data`;
    case 'number':
      return Number.isFinite(item) ? undefined : `is ${String(item)}`;
    case 'object':
      return item === null || Array.isArray(item) ? undefined : instanceProblem(item);
    default:
      return undefined;
  }
}

function instanceProblem(item: object): string | undefined {
  const prototype: unknown = Object.getPrototypeOf(item);
  if (prototype === null || prototype === Object.prototype) return undefined;
  if (item instanceof Promise) return 'is a promise; put "await" before it';
  const name: unknown = (prototype as { constructor?: { name?: unknown } }).constructor?.name;
  const kind =
    typeof name === 'string' && name !== '' && name !== 'Object'
      ? `an instance of ${name}`
      : 'an object with a prototype';
  return `is ${kind}; a configuration is plain data`;
}
