// `start`: loads the config, starts the supervisor, and stays until a signal says stop.
import { loadConfig } from '../config/load.ts';
import { formatProblem } from '../config/problem.ts';
import type { ResolvedConfig } from '../config/resolved.ts';
import { processLog } from '../observe/process-log.ts';
import { type LocalStack, prepareLocal } from '../supervisor/local.ts';
import { Supervisor } from '../supervisor/supervisor.ts';
import { printProblems } from './check.ts';
import { isReadable, LocalConsole } from './local-console.ts';
import { localTable } from './local-table.ts';

/** Milliseconds for what is under way when a signal comes; the rest is cut. */
const DRAIN = 30_000;
/**
 * Milliseconds in which a repeated signal is the same wish: Ctrl-C reaches the gateway from the terminal and once
 * more from npm, and timeout(1) signals both its child and its group.
 */
const SAME_WISH = 500;

export interface StartOptions {
  readonly config: string;
  readonly local: boolean;
  readonly httpPort: number | undefined;
  readonly workers: number | undefined;
}

/** Serves until SIGTERM or SIGINT; returns the exit code. */
export async function start(options: StartOptions): Promise<number> {
  const loaded = await loadConfig(options.config);
  if (!loaded.ok) {
    printProblems(options.config, loaded.problems);
    return 1;
  }
  for (const warning of loaded.warnings) processLog.warn(formatProblem(warning));
  const local: LocalStack | null = options.local ? await prepareLocal(loaded.config) : null;
  const config = applyOptions(local?.config ?? loaded.config, options);
  const supervisor = new Supervisor(config);
  const stopped = onSignal();
  let port: number;
  try {
    port = await supervisor.start();
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    // Whatever did start must not keep the process: nothing serves yet.
    process.exit(1);
  }
  const { address } = config.listen.http;
  const shown = address === undefined ? '127.0.0.1' : address.includes(':') ? `[${address}]` : address;
  let terminal: LocalConsole | null = null;
  if (local !== null) {
    const { standIns } = local;
    const hasConsole = isReadable(process.stdin);
    process.stdout.write(localTable(config, standIns, port, hasConsole));
    const streams = { input: process.stdin, output: process.stdout };
    if (hasConsole) terminal = new LocalConsole({ ...streams, standIns, status: () => supervisor.status() });
  }
  processLog.info(`listening on http://${shown}:${port}`, {
    addresses: address === undefined ? 'all' : address,
    workers: supervisor.workers,
  });
  processLog.info('stopping', { signal: await stopped });
  terminal?.close();
  await supervisor.stop(DRAIN);
  await Promise.all([...(local?.standIns.values() ?? [])].map((standIn) => standIn.close()));
  processLog.info('stopped');
  return 0;
}

function applyOptions(config: ResolvedConfig, { httpPort, workers }: StartOptions): ResolvedConfig {
  const http = { ...config.listen.http, ...(httpPort !== undefined && { port: httpPort }) };
  return { ...config, listen: { http }, workers: workers ?? config.workers };
}

/** Resolves with the name of the first stop signal; a later one ends the process at once. */
function onSignal(): Promise<string> {
  return new Promise((resolve) => {
    let first = Number.NaN;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (performance.now() - first > SAME_WISH) {
          process.stderr.write(`${signal} again: stopped at once\n`);
          process.exit(1);
        }
        if (Number.isNaN(first)) first = performance.now();
        resolve(signal);
      });
    }
  });
}
