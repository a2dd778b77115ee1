// CPU time and memory of a process and everything below it, read from /proc. Threads need no extra step:
// the kernel counts them, running or ended, in their process.

import { readdirSync, readFileSync } from 'node:fs';

/** USER_HZ, the unit of times in /proc: 100 on every Linux port Node runs on. */
const MICROS_PER_TICK = 1e6 / 100;

export interface ProcessCost {
  cpuMicros: number;
  rssBytes: number;
}

/** The process and its living descendants, root first. */
export function processTree(root: number): number[] {
  const tree = [root];
  for (let i = 0; i < tree.length; i++) {
    const pid = tree[i]!;
    for (const thread of unlessGone(() => readdirSync(`/proc/${pid}/task`)) ?? []) {
      const children = unlessGone(() => readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1')) ?? '';
      tree.push(...children.split(' ').filter(Boolean).map(Number));
    }
  }
  return tree;
}

export function costOf(root: number): ProcessCost {
  let ticks = 0;
  let rssBytes = 0;
  for (const pid of processTree(root)) {
    const stat = unlessGone(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
    if (stat === undefined) continue;
    // The second field is the command name in brackets and may hold spaces; counting starts behind it.
    // utime, stime, cutime, cstime are fields 14 to 17; the c ones are children that ended and were waited for.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    for (let field = 11; field <= 14; field++) ticks += Number(fields[field]);
    const status = unlessGone(() => readFileSync(`/proc/${pid}/status`, 'latin1')) ?? '';
    rssBytes += Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
  }
  return { cpuMicros: ticks * MICROS_PER_TICK, rssBytes };
}

/** Time these cores were not idle, whoever used them; what the hypervisor took away is in it. */
export function busyMicrosOf(cores: number[]): number {
  const stat = readFileSync('/proc/stat', 'latin1');
  let ticks = 0;
  for (const core of new Set(cores)) {
    const fields = new RegExp(`^cpu${core} (.+)$`, 'm').exec(stat)?.[1]?.split(' ').map(Number) ?? [];
    const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = fields;
    ticks += user + nice + system + irq + softirq + steal;
  }
  return ticks * MICROS_PER_TICK;
}

/** Processes come and go between two reads; that a file is no longer there is an answer, not an error. */
function unlessGone<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}
