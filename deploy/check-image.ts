// `node deploy/check-image.ts [--smoke]`: what can be said about the image and the compose file without a
// Docker engine. With `--smoke` it also installs and starts what the image would hold.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { checkCompose } from './compose.ts';
import { checkDockerfile } from './dockerfile.ts';
import { smokeStart } from './smoke.ts';

const PROJECT = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(PROJECT, path), 'utf8');

const [dockerfile, dockerignore, compose] = [
  read('Dockerfile'),
  read('.dockerignore'),
  read('docker-compose.yml'),
];
const problems = [
  ...checkDockerfile(dockerfile, dockerignore, (path) => existsSync(join(PROJECT, path))),
  ...checkCompose(compose, await replicasOf('routes.config.ts')),
  ...askDocker(compose),
];
for (const problem of problems) console.error(problem);
if (problems.length === 0) console.log('Dockerfile, .dockerignore and docker-compose.yml: no problems');
if (problems.length > 0) process.exitCode = 1;
else if (process.argv.includes('--smoke')) await smoke();

async function smoke(): Promise<void> {
  try {
    await smokeStart(PROJECT, dockerfile, dockerignore);
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}

async function replicasOf(path: string): Promise<string[]> {
  type Config = { upstreams?: Record<string, { replicas: (string | { url: string })[] }> };
  const module = (await import(pathToFileURL(join(PROJECT, path)).href)) as { default: Config };
  const replicas = Object.values(module.default.upstreams ?? {}).flatMap((upstream) => upstream.replicas);
  return replicas.map((replica) => (typeof replica === 'string' ? replica : replica.url));
}

/** Docker's own opinion of the compose file, where its client is installed. */
function askDocker(text: string): string[] {
  if (spawnSync('docker', ['compose', 'version']).status !== 0) return [];
  const env = { ...process.env };
  for (const [, name] of text.matchAll(/\$\{(\w+):\?\}/g)) env[name!] = 'x';
  const args = ['compose', '-f', join(PROJECT, 'docker-compose.yml'), 'config', '--quiet'];
  const { status, stderr } = spawnSync('docker', args, { env, encoding: 'utf8' });
  return status === 0 ? [] : [`docker compose config: ${stderr.trim()}`];
}
