// From a file on disk to a checked configuration. The file is evaluated in a thread of its own, because the cache
// of ES modules cannot be cleared, and because a file may loop, wait for ever or exit.
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { reason } from './disk.ts';
import { type Evaluation, shownFile, thrownProblem } from './evaluate.ts';
import type { Problem } from './problem.ts';
import { resolvePlain } from './resolve.ts';
import type { ResolvedConfig } from './resolved.ts';

export { type Resolution, resolveConfig } from './resolve.ts';

export type LoadResult =
  | { ok: true; config: ResolvedConfig; warnings: Problem[] }
  | { ok: false; problems: Problem[] };

const DEFAULT_TIMEOUT = 10_000;
/** Well above what 10,000 hosts take, well below what a machine has: a file that fills memory fails alone. */
const MOST_MEMORY_MB = 1024;

const THREAD = `
const { parentPort, workerData } = require('node:worker_threads');
import(workerData.evaluator).then(({ evaluate }) =>
  evaluate(workerData.file, (evaluation) => parentPort.postMessage(evaluation)));
`;

/**
 * Evaluates, checks and resolves a config file. Never throws for what is wrong with the file: that comes back as
 * problems, all of them at once.
 * @param file path, absolute or relative to the working directory
 * @param options.timeout milliseconds the file may take to be evaluated (default 10,000)
 */
export async function loadConfig(file: string, options: { timeout?: number } = {}): Promise<LoadResult> {
  const absolute = resolve(file);
  try {
    await readFile(absolute);
  } catch (error) {
    return { ok: false, problems: [{ path: shownFile(absolute), message: reason(error) }] };
  }
  const evaluation = await evaluateInThread(absolute, options.timeout ?? DEFAULT_TIMEOUT);
  if (!evaluation.ok) return evaluation;
  const { config, problems, warnings } = resolvePlain(JSON.parse(evaluation.json), {
    baseDir: dirname(absolute),
  });
  return config === undefined ? { ok: false, problems } : { ok: true, config, warnings };
}

async function evaluateInThread(file: string, timeout: number): Promise<Evaluation> {
  const thread = new Worker(THREAD, {
    eval: true,
    name: 'config',
    workerData: { file, evaluator: new URL('./evaluate.ts', import.meta.url).href },
    // A config file need not stand beside a package.json.
    execArgv: ['--disable-warning=MODULE_TYPELESS_PACKAGE_JSON', '--disable-warning=ExperimentalWarning'],
    resourceLimits: { maxOldGenerationSizeMb: MOST_MEMORY_MB },
  });
  const failed = (message: string): Evaluation => ({
    ok: false,
    problems: [{ path: shownFile(file), message }],
  });
  const { promise, resolve } = Promise.withResolvers<Evaluation>();
  const tooLate = `did not finish within ${timeout / 1000} s: it loops, or waits for something that never comes`;
  const timer = setTimeout(() => resolve(failed(tooLate)), timeout);
  thread.once('message', resolve);
  thread.once('error', (error) => resolve({ ok: false, problems: [thrownProblem(file, error)] }));
  // A thread with nothing left to do ends; messages come before its exit.
  thread.once('exit', () =>
    resolve(failed('waits at its top level for something that never comes ("await")')),
  );
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    await thread.terminate();
  }
}
