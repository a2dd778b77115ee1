// The Dockerfile, .dockerignore and compose file of this project pass their checks, and the checks find faults.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { checkCompose, serviceLines } from '../../deploy/compose.ts';
import { checkDockerfile, commandOf, copies, isIgnored, parseStages } from '../../deploy/dockerfile.ts';
import { PROJECT } from '../support/gateway-process.ts';
import { closedPort } from '../support/ports.ts';
import { answer, startReplica } from '../support/recording-replica.ts';

const read = (path: string) => readFileSync(join(PROJECT, path), 'utf8');
const dockerfile = read('Dockerfile');
const dockerignore = read('.dockerignore');
const compose = read('docker-compose.yml');
const exists = (path: string) => existsSync(join(PROJECT, path));

suite('Dockerfile', () => {
  test('has no faults', () => {
    assert.deepEqual(checkDockerfile(dockerfile, dockerignore, exists), []);
  });

  test('is read as Docker reads it', () => {
    const image = parseStages(dockerfile).at(-1)!;
    assert.deepEqual(commandOf(image, 'CMD'), ['node', 'src/main.ts', 'start']);
    assert.deepEqual(commandOf(image, 'HEALTHCHECK'), ['node', 'deploy/healthcheck.ts', '80']);
    assert.deepEqual(copies(image).at(1), { sources: ['src'], target: './src' });
  });

  for (const [what, from, to, rule] of [
    ['a root user', 'USER node', 'USER root', /USER is root/],
    ['no user', 'USER node', '', /USER is not set/],
    ['a missing source', 'COPY src ./src', 'COPY src nowhere ./', /COPY nowhere: does not exist/],
    ['an ignored source', 'COPY src ./src', 'COPY src test ./', /COPY test: .dockerignore keeps it out/],
    ['development dependencies', 'npm ci --omit=dev', 'npm ci', /npm ci --omit=dev/],
    ['a script that was not copied', 'src/main.ts', 'test/run.ts', /CMD: test\/run\.ts is not in the image/],
    ['no health check', /HEALTHCHECK.*/, '', /no HEALTHCHECK/],
    ['a shell command', /CMD \["node", "src.*/, 'CMD node src/main.ts start', /no CMD in JSON form/],
    ['another Node', 'FROM node:26-slim AS', 'FROM node:20-slim AS', /FROM node:20-slim/],
    ['other ports', 'EXPOSE 80 443', 'EXPOSE 8080', /EXPOSE/],
  ] as const) {
    test(`${what} is found`, () => {
      const problems = checkDockerfile(
        dockerfile.replace(from, to),
        dockerignore,
        (path) => path !== 'nowhere',
      );
      assert.equal(problems.length, 1, problems.join('\n'));
      assert.match(problems[0]!, rule);
    });
  }
});

suite('.dockerignore', () => {
  for (const path of [
    '.git/config',
    'certs/account.json',
    '.env',
    'node_modules/zod/index.js',
    'test/run.ts',
  ]) {
    test(`keeps ${path} out`, () => assert.ok(isIgnored(path, dockerignore)));
  }
  test('lets in what is copied', () => {
    for (const path of ['package.json', 'src', 'src/config/load.ts', 'deploy/healthcheck.ts']) {
      assert.ok(!isIgnored(path, dockerignore), path);
    }
  });
});

suite('docker-compose.yml', () => {
  const replicas = ['http://main-app:80', 'http://expert-desk:80', 'http://api-1:3000', 'http://dolibarr:80'];

  test('has no faults', () => assert.deepEqual(checkCompose(compose, replicas), []));

  test('is read service by service', () => {
    const names = [...serviceLines(compose).keys()];
    assert.deepEqual(names.slice(1, 5), ['gateway', 'main-app', 'expert-desk', 'api-1']);
    assert.deepEqual(names.slice(-2), ['mysql', 'mongo']);
  });

  for (const [what, from, to, rule] of [
    ['a published database', 'image: mongo:8', 'ports: ["27017:27017"]', /mongo: "ports: .*only the gateway/],
    [
      'a published API by its anchor',
      'x-api: &api',
      'x-api: &api\n  ports: ["3000:3000"]',
      /outside of the services/,
    ],
    ['a gateway without ports', /ports:\n.*\n.*\n/, '', /publishes no ports/],
    ['no grace period', /stop_grace_period.*/, '', /stop_grace_period/],
    [
      'a writable configuration',
      'routes.config.ts:ro',
      'routes.config.ts',
      /routes\.config\.ts:ro is missing/,
    ],
    ['an unknown replica', 'expert-desk:', 'desk:', /no service is named "expert-desk"/],
  ] as const) {
    test(`${what} is found`, () => {
      const problems = checkCompose(compose.replace(from, to), replicas);
      assert.equal(problems.length, 1, problems.join('\n'));
      assert.match(problems[0]!, rule);
    });
  }
});

suite('health check', () => {
  const healthCheck = async (port: number): Promise<number> => {
    const child = spawn(process.execPath, [join(PROJECT, 'deploy/healthcheck.ts'), String(port)]);
    const [code] = await once(child, 'exit');
    return code;
  };

  test('any HTTP answer is healthy', async (t) => {
    const server = await startReplica(t, answer('nothing here', {}, 404));
    assert.equal(await healthCheck(server.port), 0);
  });

  test('a refused connection and a server that hangs up are not', async (t) => {
    const server = await startReplica(t, (_, on) => on.end());
    assert.equal(await healthCheck(server.port), 1);
    assert.equal(await healthCheck(await closedPort()), 1);
  });
});
