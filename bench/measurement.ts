// One cell of the table, once: start the peer, check its answer, load it, stop it. A fresh process each time,
// so that the median is also one over process starts, which in JIT-compiled peers differ.

import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LoadJob, LoadReply, LoadResult } from './load.ts';
import type { Options } from './options.ts';
import type { Peer } from './peers/peer.ts';
import { freePort, Program } from './processes.ts';
import { HOST, type Scenario } from './scenarios.ts';
import type { Site } from './site.ts';
import { verify } from './verification.ts';

export interface Cores {
  proxy: number;
  load: number;
}

/** What stays up for the whole run. */
export interface Bench {
  /** The root of the repository. */
  home: string;
  /** A temporary folder, gone after the run. */
  folder: string;
  site: Site;
  origin: Program;
  originPort: number;
  load: Program;
  cores: Cores;
  profileFolder: string | null;
}

export interface Measurement {
  scenario: string;
  peer: string;
  round: number;
  result: LoadResult | null;
  /** Why this measurement can't be believed, or null. */
  failure: string | null;
}

const warmUpJob = {
  method: 'GET',
  headers: { host: HOST },
  uploadBytes: 0,
  connections: 64,
  warmSeconds: 2,
  windowSeconds: 0.5,
} as const;

/**
 * Proxy and origin share the first core this process may use, the load tool has the second. A proxy with a core
 * of its own is faster than the load tool, sleeps between requests and pays a wake-up for each: nginx then
 * costs 58 µs per proxied JSON answer instead of 35, and everybody else looks good beside it.
 */
export function chooseCores(): Cores {
  const list = /^Cpus_allowed_list:\s+(\S+)/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0';
  const cores = list.split(',').flatMap((part) => {
    const [first, last] = part.split('-').map(Number);
    return Array.from({ length: (last ?? first!) - first! + 1 }, (_, i) => first! + i);
  });
  return { proxy: cores[0]!, load: cores[1] ?? cores[0]! };
}

export async function openBench(
  home: string,
  folder: string,
  site: Site,
  profile: string | null,
): Promise<Bench> {
  const cores = chooseCores();
  const originPort = await freePort();
  const program = (file: string) => [process.execPath, join(home, 'bench', file)];
  const origin = new Program('origin', [...program('origin.ts'), String(originPort)], {
    core: cores.proxy,
    cwd: home,
  });
  const load = new Program('load tool', program('load.ts'), { core: cores.load, cwd: home, channel: true });
  await origin.listening(originPort, 10);
  // Both are JIT-compiled too: a cold load tool would make the first peer look idle.
  await runLoad(load, {
    ...warmUpJob,
    pid: origin.pid,
    originPid: origin.pid,
    cores: [cores.proxy, cores.load],
    url: `http://127.0.0.1:${originPort}/api/json`,
  });
  return { home, folder, site, origin, originPort, load, cores, profileFolder: profile };
}

export async function measure(
  bench: Bench,
  peer: Peer,
  scenario: Scenario,
  round: number,
  options: Options,
): Promise<Measurement> {
  const cell = { scenario: scenario.name, peer: peer.name, round };
  const port = await freePort();
  const folder = join(bench.folder, `${scenario.name}-${peer.name.replaceAll('/', '-')}-${round}`);
  mkdirSync(folder);
  const { originPort, site, profileFolder } = bench;
  const { command, env } = peer.launch({ port, originPort, site, folder, scenario, profileFolder });
  const program = new Program(peer.name, command, { core: bench.cores.proxy, cwd: bench.home, env });
  try {
    await program.listening(port, 20);
    await verify(port, scenario);
    const result = await runLoad(bench.load, {
      pid: program.pid,
      originPid: bench.origin.pid,
      cores: [bench.cores.proxy, bench.cores.load],
      url: `http://127.0.0.1:${port}${scenario.path}`,
      method: scenario.method,
      headers: scenario.headers,
      uploadBytes: scenario.uploadBytes,
      connections: scenario.connections,
      warmSeconds: options.warmSeconds,
      windowSeconds: options.windowSeconds,
    });
    const alive = program.alive ? null : `it ended under load: ${program.lastWords()}`;
    return { ...cell, result, failure: alive ?? faultIn(result) };
  } catch (error) {
    return { ...cell, result: null, failure: error instanceof Error ? error.message : String(error) };
  } finally {
    await program.stop();
  }
}

function faultIn(result: LoadResult): string | null {
  const faults: string[] = [];
  if (result.requests === 0) faults.push('no request completed');
  if (result.errors > 0) faults.push(`${result.errors} errors (${result.firstError})`);
  if (result.non2xx > 0) faults.push(`${result.non2xx} answers other than 2xx`);
  if (result.lost > 0) faults.push(`${result.lost} requests lost on connections the peer closed`);
  return faults.length > 0 ? faults.join(', ') : null;
}

let jobs = 0;

async function runLoad(load: Program, order: Omit<LoadJob, 'id'>): Promise<LoadResult> {
  const job: LoadJob = { ...order, id: ++jobs };
  const bound = (job.warmSeconds + job.windowSeconds + 20) * 1000;
  const { promise, resolve, reject } = Promise.withResolvers<LoadResult>();
  const onMessage = (reply: LoadReply) => {
    // The reply to a job that was given up may still come.
    if (reply.id !== job.id) return;
    if (reply.result) resolve(reply.result);
    else reject(new Error(`load tool: ${reply.error}`));
  };
  const onExit = () => reject(new Error(`the load tool ended: ${load.lastWords()}`));
  const timer = setTimeout(() => reject(new Error('the load tool did not report in time')), bound);
  load.child.on('message', onMessage).once('exit', onExit);
  try {
    if (!load.alive) onExit();
    else load.child.send(job);
    return await promise;
  } finally {
    clearTimeout(timer);
    load.child.off('message', onMessage).off('exit', onExit);
  }
}
