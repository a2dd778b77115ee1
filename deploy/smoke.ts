// Starts what the image would hold: the files the Dockerfile copies, in a folder of their own with production
// dependencies only, run by its CMD on a free port. Asks it one thing, runs its health check, stops it.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, join, relative, sep } from 'node:path';
import { commandOf, copies, isIgnored, parseStages } from './dockerfile.ts';

/** Throws with what went wrong and what the gateway printed. */
export async function smokeStart(project: string, dockerfile: string, dockerignore: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'parvis-image-'));
  try {
    const stages = parseStages(dockerfile);
    for (const { sources, target } of stages.flatMap(copies)) {
      const into = target.endsWith('/') || sources.length > 1;
      for (const source of sources) {
        const to = join(folder, target, into ? basename(source) : '');
        mkdirSync(join(to, '..'), { recursive: true });
        cpSync(join(project, source), to, {
          recursive: true,
          filter: (path) => !isIgnored(relative(project, path).split(sep).join('/'), dockerignore),
        });
      }
    }
    const install = spawnSync('npm', ['ci', '--omit=dev'], { cwd: folder, encoding: 'utf8' });
    if (install.status !== 0)
      throw new Error(`npm ci --omit=dev failed:\n${install.stdout}${install.stderr}`);
    const image = stages.at(-1)!;
    await run(folder, commandOf(image, 'CMD')!.slice(1), commandOf(image, 'HEALTHCHECK')!.slice(1));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function run(cwd: string, command: string[], healthCheck: string[]): Promise<void> {
  // Node's `process.execPath` is what `node` is in the image: version 26.
  const env = { ...process.env, NODE_ENV: 'production' };
  const gateway = spawn(process.execPath, [...command, '--http-port', '0'], { cwd, env, stdio: 'pipe' });
  let output = '';
  gateway.stdout.on('data', (text) => (output += text));
  gateway.stderr.on('data', (text) => (output += text));
  const exited = new Promise<number | null>((resolve, reject) => {
    gateway.on('error', reject);
    gateway.on('close', resolve);
  });
  try {
    const port = await listening(gateway, () => output, exited);
    const status = await ask(port);
    const health = (on: number) =>
      spawnSync(process.execPath, [healthCheck[0]!, String(on)], { cwd, encoding: 'utf8' });
    const healthy = health(port);
    if (healthy.status !== 0) throw new Error(`the health check failed: ${healthy.stderr}`);
    gateway.kill('SIGTERM');
    const code = await Promise.race([exited, after(20_000, 'it did not stop within 20 s of SIGTERM')]);
    if (code !== 0) throw new Error(`exit code ${code} after SIGTERM`);
    if (health(port).status === 0) throw new Error('the health check passes although nothing listens');
    console.log(`smoke start: answered ${status}, healthy, stopped with exit code 0`);
  } catch (error) {
    throw new Error(`smoke start: ${(error as Error).message}\n--- output\n${output}`, { cause: error });
  } finally {
    gateway.kill('SIGKILL');
    await exited;
  }
}

async function listening(
  gateway: ChildProcess,
  output: () => string,
  exited: Promise<number | null>,
): Promise<number> {
  const found = new Promise<number>((resolve) => {
    gateway.stdout!.on('data', () => {
      const port = /listening on http:\/\/[^\s"]*?:(\d+)/.exec(output())?.[1];
      if (port !== undefined) resolve(Number(port));
    });
  });
  const died = exited.then((code): never => {
    throw new Error(`it ended with exit code ${code} before it listened`);
  });
  return Promise.race([found, died, after(20_000, 'it did not listen within 20 s')]);
}

/** Any answer will do: no replica of the stack is there. */
function ask(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { host: 'oraclelumira.com' };
    const request = get({ host: '127.0.0.1', port, headers, timeout: 10_000 }, (response) => {
      response.resume();
      resolve(response.statusCode!);
    });
    request.on('timeout', () => request.destroy(new Error('no answer within 10 s')));
    request.on('error', reject);
  });
}

function after(ms: number, message: string): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error(message)), ms).unref();
  });
}
