// The two stacks that come with the gateway, with replicas of the tests in place of their services, and what those
// replicas answer.

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Scope } from '../support/fixtures.ts';
import { type GatewayProcess, PROJECT, startGateway } from '../support/gateway-process.ts';
import { closedPort } from '../support/ports.ts';
import { answer, type RecordingReplica, type Script, startReplica } from '../support/recording-replica.ts';

export const HASHED = '/assets/index-BxY3k_9Z.js';
export const INDEX = '<!doctype html><title>app</title>';
export const SCRIPT = `console.log("${'gateway '.repeat(400)}");`;

/** What an application that sets its own, weaker, security headers would send. */
export const REPLICAS_OWN = {
  'X-Frame-Options': 'ALLOWALL',
  'x-content-type-options': 'none',
  'X-XSS-Protection': '0',
  'Referrer-Policy': 'unsafe-url',
  'Content-Security-Policy': 'default-src *',
  'Strict-Transport-Security': 'max-age=1',
  Server: 'nginx/1.27.0',
};

/** An SPA container: some files, and index.html for everything else. */
const container: Script = ({ target, headers, method }) => {
  const files: Record<string, [type: string, body: string]> = {
    [HASHED]: ['application/javascript', SCRIPT],
    '/static/logo.svg': ['image/svg+xml', '<svg/>'],
    '/logo.png': ['image/png', 'png'],
    '/sw.js': ['application/javascript', 'self'],
  };
  const [type, body] = files[target] ?? ['text/html', INDEX];
  const all = { ...REPLICAS_OWN, 'Content-Type': type, ETag: '"v1"' };
  if (headers.includes('"v1"')) return answer('', all, 304);
  const bytes = answer(body, all);
  return method === 'HEAD' ? bytes.subarray(0, bytes.indexOf('\r\n\r\n') + 4) : bytes;
};

const api: Script = ({ target, method }) => {
  const status = target.startsWith('/api/missing') ? 404 : target.startsWith('/api/broken') ? 500 : 200;
  const bytes = answer('{"from":"api"}', { ...REPLICAS_OWN, 'Content-Type': 'application/json' }, status);
  return method === 'HEAD' ? bytes.subarray(0, bytes.indexOf('\r\n\r\n') + 4) : bytes;
};

/** The configuration with other replicas, one worker, and this machine as a trusted proxy. */
export function replacing(file: string, replicas: Record<string, string>): string {
  return `
    import config from ${JSON.stringify(pathToFileURL(join(PROJECT, file)).href)};
    const replicas = ${JSON.stringify(replicas)};
    const upstreams = Object.fromEntries(Object.entries(config.upstreams).map(([name, upstream]) =>
      [name, { ...upstream, replicas: [replicas[name]] }]));
    export default { ...config, upstreams, workers: 1, trustedProxies: ['127.0.0.1'] };
  `;
}

export interface Stack {
  gateway: GatewayProcess;
  /** Gone down: 502. */
  broken: GatewayProcess;
  replica: RecordingReplica;
}

export async function startStack(scope: Scope, file: string, spas: string[], apis: string[]): Promise<Stack> {
  const spa = await startReplica(scope, container);
  const backend = await startReplica(scope, api);
  const named = (names: string[], url: string) => names.map((name) => [name, url]);
  const up = [...named(spas, spa.url), ...named(apis, backend.url)];
  const nowhere = `http://127.0.0.1:${await closedPort()}`;
  const down = named([...spas, ...apis], nowhere);
  const [gateway, broken] = await Promise.all([
    startGateway(scope, replacing(file, Object.fromEntries(up))),
    startGateway(scope, replacing(file, Object.fromEntries(down))),
  ]);
  return { gateway, broken, replica: backend };
}
