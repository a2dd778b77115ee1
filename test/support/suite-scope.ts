// A scope for what all tests of a suite or file share: `after` called inside a `before` hook would clean up as soon
// as that hook is over.

import { after } from 'node:test';
import type { Scope } from './fixtures.ts';

/** Call in the body of a suite, or at the top of a file; cleans up when all its tests are over. */
export function suiteScope(): Scope {
  const cleaners: (() => void | Promise<void>)[] = [];
  after(async () => {
    // First registered, first run, as in a test's own context.
    for (const clean of cleaners) await clean();
  });
  return { after: (clean) => void cleaners.push(clean) };
}
