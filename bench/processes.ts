// Starting and ending the programs of a run: each pinned to a core, each ended by its own PID, none left
// behind whatever happens to the run.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { processTree } from './process-cost.ts';

const running = new Set<Program>();

// The last resort, for ends nobody planned: an ordinary end has stopped everything by now.
process.once('exit', () => {
  for (const program of running) program.child.kill('SIGTERM');
});

export interface ProgramOptions {
  core: number;
  env?: Record<string, string>;
  cwd: string;
  /** Opens a message channel, for programs that are told what to do. */
  channel?: boolean;
}

export class Program {
  readonly name: string;
  readonly child: ChildProcess;
  /** The last of what it wrote, for error messages. */
  #output = '';
  readonly #ended: Promise<void>;

  constructor(name: string, command: string[], options: ProgramOptions) {
    this.name = name;
    this.child = spawn('taskset', ['-c', String(options.core), ...command], {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: options.channel ? ['ignore', 'pipe', 'pipe', 'ipc'] : ['ignore', 'pipe', 'pipe'],
    });
    const keep = (chunk: Buffer) => {
      this.#output = (this.#output + chunk.toString()).slice(-4000);
    };
    this.child.stdout?.on('data', keep);
    this.child.stderr?.on('data', keep);
    running.add(this);
    this.#ended = new Promise((resolve) => {
      const end = () => {
        running.delete(this);
        resolve();
      };
      this.child.once('exit', end);
      this.child.on('error', (error) => {
        this.#output += error.message;
        if (this.child.pid === undefined) end();
      });
    });
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error(`${this.name} did not start: ${this.#output}`);
    return this.child.pid;
  }

  get alive(): boolean {
    return running.has(this);
  }

  /** What it last wrote, in one short line: from the first error on, if there is one. */
  lastWords(): string {
    const all = this.#output.trim().split('\n');
    const first = all.findIndex((line) => /\berror\b|Error:/i.test(line));
    const lines = first === -1 ? all.slice(-4) : all.slice(first, first + 4);
    return (
      lines
        .map((line) => line.trim())
        .join(' | ')
        .slice(0, 600) || 'it wrote nothing'
    );
  }

  async listening(port: number, seconds: number): Promise<void> {
    const deadline = Date.now() + seconds * 1000;
    while (!(await accepts(port))) {
      if (!this.alive) throw new Error(`${this.name} ended before it listened: ${this.lastWords()}`);
      if (Date.now() > deadline)
        throw new Error(`${this.name} did not listen within ${seconds} s: ${this.lastWords()}`);
      await sleep(50);
    }
  }

  /** SIGTERM, and what is left of its process tree after five seconds SIGKILL. */
  async stop(): Promise<void> {
    if (!this.alive || this.child.pid === undefined) return;
    const tree = processTree(this.child.pid);
    this.child.kill('SIGTERM');
    const bound = new AbortController();
    const late = sleep(5000, 'late', { signal: bound.signal }).catch(() => 'aborted');
    if ((await Promise.race([this.#ended, late])) === 'late') {
      for (const pid of tree) killIfThere(pid);
      await this.#ended;
    }
    bound.abort();
  }
}

export async function stopAll(): Promise<void> {
  await Promise.all([...running].map((program) => program.stop()));
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port to be had on 127.0.0.1');
  return address.port;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
