// The schema of a route: exactly one action and, beside it, policies.
import { headerNameProblem, headerValueProblem } from './header-rules.ts';
import { patternProblem } from './path-pattern.ts';
import { type Finding, nearest } from './problem.ts';
import { redirectTargetProblem } from './redirect-target.ts';
import { either, fields, findings, flag, list, named, only, text, whole, withCheck } from './schema-parts.ts';
import { policies } from './schema-policies.ts';
import { proxy, upstreamName } from './schema-proxy.ts';

const ACTIONS = ['proxy', 'spa', 'files', 'redirect', 'respond'] as const;

const fileName = () =>
  text('a file name such as "index.html"', (name) => {
    const inside =
      name !== '' && !/[\\\x00]/.test(name) && name.split('/').every((part) => !/^\.{0,2}$/.test(part));
    return inside ? undefined : `${JSON.stringify(name)} is not the name of a file inside the folder`;
  });

const folder = () =>
  text('a folder', (root) => (root === '' ? 'is empty; "." is the folder of this file' : undefined));
const immutable = () =>
  list('a list of path patterns', text('a path pattern such as "/static/*"', patternProblem));

const actions = {
  proxy: proxy.optional(),
  spa: withCheck(
    fields('{ root } or { upstream }', {
      root: folder().optional(),
      upstream: upstreamName().optional(),
      index: fileName().optional(),
      immutable: immutable().optional(),
      sourceMaps: flag().optional(),
    }),
    function* ({ root, upstream }) {
      if (root !== undefined && upstream !== undefined)
        yield { path: [], message: 'has both root and upstream; keep one' };
      if (root === undefined && upstream === undefined) {
        const message = 'needs the build: root (a folder) or upstream (a container that serves it)';
        yield { path: [], message };
      }
    },
  ).optional(),
  files: fields('{ root }', {
    root: folder(),
    index: either('a file name, or false', fileName(), only(false, 'false')).optional(),
    immutable: immutable().optional(),
    sourceMaps: flag().optional(),
  }).optional(),
  redirect: either(
    'a path or a URL, or { to, status }',
    text('a path or a URL', redirectTargetProblem),
    fields('{ to }', {
      to: text('a path or a URL', redirectTargetProblem),
      status: either(
        '301, 302, 303, 307 or 308',
        only(301),
        only(302),
        only(303),
        only(307),
        only(308),
      ).optional(),
      keepQuery: flag().optional(),
    }),
  ).optional(),
  respond: withCheck(
    fields('{ status, body, headers }', {
      status: whole(200, 599).optional(),
      body: text('text').optional(),
      headers: named('header names with their values', text('a header value', headerValueProblem), {
        key: (name) => headerNameProblem(name, 'response'),
      }).optional(),
    }),
    function* ({ status, body }) {
      // RFC 9110 sections 15.3.5, 15.3.6 and 15.4.5.
      if ((status === 204 || status === 205 || status === 304) && body !== undefined && body !== '') {
        yield { path: ['body'], message: `an answer with status ${status} has no body` };
      }
    },
  ).optional(),
};

const routeFields = { ...actions, ...policies };

const route = withCheck(
  fields('an object with one action, such as { proxy: "api" }', routeFields),
  function* (value) {
    const message = actionProblem(value);
    if (message !== undefined) yield { path: [], message };
  },
);

function actionProblem(value: Record<string, unknown>): string | undefined {
  const found = ACTIONS.filter((action) => value[action] !== undefined);
  if (found.length === 1) return undefined;
  if (found.length > 1) return `has ${found.length} actions, ${found.join(' and ')}; keep one`;
  // A misspelt action is reported as an unknown field; that it is missing would be the same mistake twice.
  const misspelt = Object.keys(value).some(
    (key) =>
      !Object.hasOwn(routeFields, key) &&
      ACTIONS.some((action) => nearest(key, Object.keys(routeFields)) === action),
  );
  return misspelt ? undefined : `needs one action: ${ACTIONS.join(', ')}`;
}

/**
 * Routes that have passed since the last `clear`, as text. Large configurations repeat a few routes under many
 * hosts: 200,000 of them take zod 1.3 s one by one, and 0.2 s when equal ones are checked once.
 */
export const passedRoutes = new Set<string>();
const MOST_PASSED = 10_000;

/** Everything that is wrong with one route. */
export function routeFindings(value: unknown): Finding[] {
  const content = JSON.stringify(value) ?? '';
  if (passedRoutes.has(content)) return [];
  const found = findings(route, value);
  if (found.length === 0 && passedRoutes.size < MOST_PASSED) passedRoutes.add(content);
  return found;
}
