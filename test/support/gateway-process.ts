// Runs the gateway as its users do: `node src/main.ts …` as a child process, with a config written to a
// temporary folder. Knows nothing of what is inside `src/`.

import { type ChildProcess, spawn } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Scope, temporaryFolder } from './fixtures.ts';

export const PROJECT = join(import.meta.dirname, '../..');
const MAIN = join(PROJECT, 'src/main.ts');
const LISTENING = /listening on http:\/\/[^\s"]*?:(\d+)/;

export interface GatewayOptions {
  /** Further command line arguments of `start`. */
  args?: string[];
  /** Arguments of node itself, before the script. */
  nodeArgs?: string[];
  env?: Record<string, string>;
  /** Lets the test write to its standard input (`type`); otherwise that is empty. */
  typed?: boolean;
  /** Files beside the config (path → content): SPA folders and the like, named in it by relative paths. */
  files?: Record<string, string | Uint8Array>;
  /** Longest wait until it listens (ms). @default 15000 */
  deadline?: number;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/**
 * Starts the gateway on a free port and waits until it listens. `config` is a plain object, or the text of a
 * module. It is stopped when the test ends, and the test fails when it had died by itself before.
 */
export async function startGateway(
  scope: Scope,
  config: object | string,
  options: GatewayOptions = {},
): Promise<GatewayProcess> {
  // Registered first, because what is registered first runs first: the gateway stops before its folder goes.
  let gateway: GatewayProcess | undefined;
  scope.after(async () => {
    if (!gateway) return;
    const died = gateway.exit !== undefined && !gateway.stopping;
    await gateway.stop();
    if (died) throw new Error(`the gateway ended during the test: ${gateway.report()}`);
  });
  const folder = await temporaryFolder(scope, options.files);
  const configFile = join(folder, 'routes.config.mjs');
  await writeFile(configFile, moduleText(config));
  const args = [...(options.nodeArgs ?? []), MAIN, 'start', '--config', configFile, '--http-port', '0'];
  const { env, typed } = options;
  gateway = new GatewayProcess([...args, ...(options.args ?? [])], folder, configFile, env, typed);
  await gateway.listening(options.deadline ?? 15_000);
  return gateway;
}

/** Runs any command of the gateway to its end (`check`, `explain`, a `start` that fails). */
export async function runGateway(
  args: string[],
  options: { env?: Record<string, string>; deadline?: number } = {},
): Promise<Exit & { stdout: string; stderr: string }> {
  const gateway = new GatewayProcess([MAIN, ...args], PROJECT, '', options.env);
  const { deadline = 30_000 } = options;
  const late = setTimeout(() => gateway.child.kill('SIGKILL'), deadline);
  const exit = await gateway.exited;
  clearTimeout(late);
  if (exit.signal === 'SIGKILL') throw new Error(`not finished after ${deadline} ms: ${gateway.report()}`);
  return { ...exit, stdout: gateway.stdout, stderr: gateway.stderr };
}

function moduleText(config: object | string): string {
  return typeof config === 'string' ? config : `export default ${JSON.stringify(config, null, 2)};\n`;
}

export class GatewayProcess {
  readonly child: ChildProcess;
  readonly configFile: string;
  readonly exited: Promise<Exit>;
  exit: Exit | undefined;
  stopping = false;
  stdout = '';
  stderr = '';
  port = 0;
  #changed: () => void = () => {};

  constructor(
    args: string[],
    cwd: string,
    configFile: string,
    env: Record<string, string> = {},
    typed = false,
  ) {
    this.configFile = configFile;
    // A test runner's own environment would make the child report as one of its tests.
    const { NODE_TEST_CONTEXT: _, ...inherited } = process.env;
    const stdio: ['pipe' | 'ignore', 'pipe', 'pipe'] = [typed ? 'pipe' : 'ignore', 'pipe', 'pipe'];
    const child = spawn(process.execPath, args, { cwd, stdio, env: { ...inherited, ...env } });
    this.child = child;
    // A test process that ends in a hurry leaves no gateway behind.
    const kill = () => child.kill('SIGKILL');
    process.once('exit', kill);
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.#changed();
    });
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.exited = new Promise((resolve, reject) => {
      child.on('error', reject);
      // 'close' rather than 'exit': the output is complete by then.
      child.on('close', (code, signal) => {
        process.off('exit', kill);
        this.exit = { code, signal };
        this.#changed();
        resolve(this.exit);
      });
    });
  }

  get pid(): number {
    return this.child.pid!;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Writes a line to its standard input. */
  type(line: string): void {
    this.child.stdin!.write(`${line}\n`);
  }

  async listening(deadline: number): Promise<void> {
    const match = await this.output(LISTENING, deadline);
    this.port = Number(match[1]);
  }

  /** Waits until stdout matches; throws after `deadline` ms, or when the process ends first. */
  async output(pattern: RegExp, deadline = 5000): Promise<RegExpExecArray> {
    const until = performance.now() + deadline;
    for (;;) {
      const match = pattern.exec(this.stdout);
      if (match) return match;
      if (this.exit) throw new Error(`the gateway ended before ${pattern}: ${this.report()}`);
      const left = until - performance.now();
      if (left <= 0) throw new Error(`no ${pattern} within ${deadline} ms: ${this.report()}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, left);
      this.#changed = resolve;
      await promise;
      clearTimeout(timer);
    }
  }

  /** Replaces the config file; the gateway notices by itself or is told by SIGHUP. */
  async writeConfig(config: object | string): Promise<void> {
    await writeFile(this.configFile, moduleText(config));
  }

  signal(name: NodeJS.Signals): void {
    if (name !== 'SIGHUP') this.stopping = true;
    this.child.kill(name);
  }

  /** SIGTERM, and SIGKILL with an error when that is not obeyed within `deadline` ms. */
  async stop(deadline = 15_000): Promise<Exit> {
    this.stopping = true;
    if (this.exit) return this.exit;
    this.child.kill('SIGTERM');
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.child.kill('SIGKILL');
    }, deadline);
    const exit = await this.exited;
    clearTimeout(timer);
    if (late) throw new Error(`still running ${deadline} ms after SIGTERM: ${this.report()}`);
    return exit;
  }

  /** Resident memory in bytes, now or at its peak. */
  async memory(which: 'VmRSS' | 'VmHWM' = 'VmRSS'): Promise<number> {
    const status = await readFile(`/proc/${this.pid}/status`, 'utf8');
    const match = new RegExp(`^${which}:\\s+(\\d+) kB`, 'm').exec(status);
    if (!match) throw new Error(`no ${which} in /proc/${this.pid}/status`);
    return Number(match[1]) * 1024;
  }

  /** Open file descriptors, sockets included. */
  async openFiles(): Promise<number> {
    return (await readdir(`/proc/${this.pid}/fd`)).length;
  }

  /** How it ended, and the last of what it printed. */
  report(): string {
    const state = this.exit ? `exit ${this.exit.code ?? this.exit.signal}` : 'running';
    return `${state}\n--- stdout\n${this.stdout.slice(-4000)}\n--- stderr\n${this.stderr.slice(-4000)}`;
  }
}
