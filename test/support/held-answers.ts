// A script for recording replicas that answers when the test says so, and a poll for what has no event.

import { setTimeout as sleep } from 'node:timers/promises';
import { answer, type Script } from './recording-replica.ts';

export interface HeldAnswers {
  readonly script: Script;
  /** Requests that wait for their answer. */
  readonly waiting: number;
  /** Answers those that wait, the oldest first, at most `count` of them. */
  release(count?: number): void;
  /** From now on everything is answered at once, what waits included. */
  open(): void;
}

/** Answers name the method and the path. */
export function holdAnswers(): HeldAnswers {
  const waiting: (() => void)[] = [];
  let isOpen = false;
  return {
    script: async ({ method, target }) => {
      if (!isOpen) await new Promise<void>((resolve) => waiting.push(resolve));
      return answer(`${method} ${target}`);
    },
    get waiting() {
      return waiting.length;
    },
    release(count = waiting.length) {
      for (const go of waiting.splice(0, count)) go();
    },
    open() {
      isOpen = true;
      this.release();
    },
  };
}

/** Resolves as soon as `condition` holds, which is looked at again and again. Throws after `limit` ms. */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
  limit = 15_000,
): Promise<void> {
  const end = performance.now() + limit;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not within ${limit} ms: ${what}`);
    await sleep(10);
  }
}
