// Load from a program made for it (autocannon, in a process of its own), and what it says of the answers.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

const AUTOCANNON = join(import.meta.dirname, '../../node_modules/autocannon/autocannon.js');

export interface LoadOptions {
  readonly url: string;
  /** Seconds. */
  readonly seconds: number;
  readonly connections: number;
  /** Requests a second, over all connections. */
  readonly rate: number;
  /** `POST` with a body that is another one each time. @default 'GET' */
  readonly method?: 'GET' | 'POST';
  /** @default 'a.test' */
  readonly host?: string;
  /** Seconds after which an answer counts as failed. @default 10 */
  readonly patience?: number;
}

export interface LoadResult {
  /** Answers with these statuses. */
  readonly '2xx': number;
  readonly non2xx: number;
  /** Connections that broke, and answers that took too long, which are counted in both. */
  readonly errors: number;
  readonly timeouts: number;
  /** Connections that were reset. */
  readonly resets: number;
  readonly requests: { readonly sent: number; readonly total: number };
}

/** Loads until the time is over. */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const { url, seconds, connections, rate, method = 'GET', host = 'a.test', patience = 10 } = options;
  const amount = ['-c', connections, '-d', seconds, '-R', rate, '-t', patience];
  const args = ['--json', ...amount, '-m', method, '-H', `Host: ${host}`];
  if (method === 'POST') args.push('-I', '-b', '[<id>]');
  const child = spawn(process.execPath, [AUTOCANNON, ...args.map(String), url], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'close');
  const [out, complaint] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = (await ended) as [number];
  if (code !== 0) throw new Error(`autocannon ended with code ${code}: ${complaint}`);
  return JSON.parse(out) as LoadResult;
}
