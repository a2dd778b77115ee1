// One clock for all threads of the process, in milliseconds, that never jumps. `performance.now()` counts from
// the start of its own thread; the difference to the machine's monotonic clock is worked out once.
import { performance } from 'node:perf_hooks';

const OFFSET = Number(process.hrtime.bigint() / 1000n) / 1000 - performance.now();

export function sharedNow(): number {
  return performance.now() + OFFSET;
}
