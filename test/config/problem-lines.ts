// A small valid configuration with one part replaced, and the problems that the whole check finds in it.
import assert from 'node:assert/strict';
import { formatProblem } from '../../src/config/problem.ts';
import { resolveConfig } from '../../src/config/resolve.ts';

export const PROXY = { proxy: 'api' };

/** The configuration, with these fields instead of its own. */
export function config(changes: { [field: string]: unknown } = {}) {
  return {
    upstreams: { api: { replicas: ['http://api:3000'] } },
    hosts: { 'a.com': { routes: { '/*': PROXY } } },
    ...changes,
  };
}

/** One line for each problem. */
export function lines(plain: unknown): string[] {
  const { config, problems } = resolveConfig(plain, { baseDir: import.meta.dirname });
  assert.equal(
    config === undefined,
    problems.length > 0,
    'a config comes out exactly when there are no problems',
  );
  return problems.map(formatProblem);
}

/** One line for each warning about a configuration that has no problems. */
export function warnings(plain: unknown): string[] {
  const { problems, warnings } = resolveConfig(plain, { baseDir: import.meta.dirname });
  assert.deepEqual(problems, []);
  return warnings.map(formatProblem);
}

/** Problems of the upstream `api`, whose one replica has an address unless the fields say otherwise. */
export const upstream = (fields: object) =>
  lines(config({ upstreams: { api: { replicas: ['http://api:3000'], ...fields } } }));

export const host = (fields: object) =>
  lines(config({ hosts: { 'a.com': { routes: { '/*': PROXY }, ...fields } } }));

/** Problems of one route beside a valid one. */
export const route = (fields: unknown, pattern = '/x/*') =>
  host({ routes: { '/api/*': PROXY, [pattern]: fields } });

/** Problems of policies on a route, without the path of the route. */
export const policy = (fields: object) =>
  route({ ...PROXY, ...fields }).map((line) => line.replace('hosts["a.com"].routes["/x/*"].', ''));
