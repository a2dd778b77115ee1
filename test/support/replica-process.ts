// A replica in a process of its own (see `replica-program.ts`): killed, stopped, started anew at the same address.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Scope } from './fixtures.ts';
import { freePort } from './ports.ts';

const PROGRAM = join(import.meta.dirname, 'replica-program.ts');

/** Starts a replica; it is gone when the test ends. @param host an address of this machine, such as 127.0.0.2 */
export async function startReplicaProcess(
  scope: Scope,
  host = '127.0.0.1',
  port?: number,
): Promise<ReplicaProcess> {
  const replica = new ReplicaProcess(host, port ?? (await freePort()));
  scope.after(() => replica.kill());
  await replica.start();
  return replica;
}

export class ReplicaProcess {
  readonly host: string;
  readonly port: number;
  /** `METHOD /path body` of every request, over all lives of the process. */
  readonly seen: string[] = [];
  #child: ChildProcess | null = null;

  constructor(host: string, port: number) {
    this.host = host;
    this.port = port;
  }

  get url(): string {
    return `http://${this.host}:${this.port}`;
  }

  /** Resolves when it listens. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, [PROGRAM, this.host, String(this.port)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child = child;
    await new Promise<void>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`the replica at ${this.url} ended with code ${code}`)));
      createInterface({ input: child.stdout! }).on('line', (line) => {
        if (line === 'ready') resolve();
        else this.seen.push(line);
      });
    });
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  /** Ends it the hard way, as a crash would. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Ends it as a deploy would: what is under way is answered. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'close');
    child.kill(signal);
    await ended;
  }
}
