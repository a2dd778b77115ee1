// The two Fastify plugins as peers. Each runs in its own Node process.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Peer } from './peer.ts';

export const fastifyProxy: Peer = {
  name: '@fastify/http-proxy',
  serves: ['proxy'],
  version: () => installedVersion('@fastify/http-proxy'),
  launch: ({ port, originPort }) => ({
    command: [process.execPath, beside('fastify-proxy.ts'), String(port), `http://127.0.0.1:${originPort}`],
    env: { NODE_ENV: 'production' },
  }),
};

export const fastifyStatic: Peer = {
  name: '@fastify/static',
  serves: ['site'],
  version: () => installedVersion('@fastify/static'),
  launch({ port, site, scenario }) {
    // Looking for `.gz` siblings costs, so it is only on where an answer has to be compressed.
    const preCompressed = scenario.encoding === 'gzip';
    const root = preCompressed ? site.precompressedRoot : site.root;
    return {
      command: [process.execPath, beside('fastify-static.ts'), String(port), root, String(preCompressed)],
      env: { NODE_ENV: 'production' },
    };
  },
};

function beside(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url));
}

function installedVersion(name: string): string {
  const file = new URL(`../../node_modules/${name}/package.json`, import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
