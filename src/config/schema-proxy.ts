// The schema of the `proxy` action: to which upstream, or to which of several, and how the request looks there.
import { cookieNameProblem, headerNameProblem, protocolProblem } from './header-rules.ts';
import { hostHeaderProblem } from './names.ts';
import { pathProblem } from './path-pattern.ts';
import type { Finding } from './problem.ts';
import { either, fields, list, named, only, text, whole, withCheck, word } from './schema-parts.ts';

/** Whether there is such an upstream is checked elsewhere. */
export const upstreamName = () =>
  text('the name of an upstream', (name) =>
    name === '' ? 'is empty; expected the name of an upstream' : undefined,
  );

const prefix = () =>
  text('a path such as "/api"', (path) => {
    if (path === '/') return '"/" changes nothing; remove it';
    return path.endsWith('/') ? 'write it without the final "/"' : pathProblem(path);
  });

const override = withCheck(
  fields('{ header, cookie }', {
    header: text('a header name', (name) => headerNameProblem(name, 'request')).optional(),
    cookie: text('the name of a cookie', cookieNameProblem).optional(),
  }),
  function* ({ header, cookie }) {
    if (header === undefined && cookie === undefined) {
      yield { path: [], message: 'names neither a header nor a cookie' };
    }
  },
);

const protocols = list(
  'a list of protocols such as ["websocket"], or false for none',
  text('a protocol such as "websocket"', protocolProblem),
  { least: 1, same: (name) => (typeof name === 'string' ? name.toLowerCase() : undefined) },
);

const options = fields('{ upstream } or { split }', {
  upstream: upstreamName().optional(),
  split: named('names of upstreams with their percentages', whole(0, 100)).optional(),
  by: word(['client', 'exchange']).optional(),
  override: override.optional(),
  stripPrefix: prefix().optional(),
  addPrefix: prefix().optional(),
  hostHeader: text('"keep", "replica" or a name', hostHeaderProblem).optional(),
  upgrade: either(
    'a list of protocols such as ["websocket"], or false',
    protocols,
    only(false, 'false'),
  ).optional(),
});

export const proxy = either(
  'the name of an upstream, { upstream } or { split }',
  upstreamName(),
  withCheck(options, targetFindings),
);

function* targetFindings(value: Record<string, unknown>): Generator<Finding> {
  const { upstream, split } = value;
  if (upstream !== undefined && split !== undefined) {
    yield { path: [], message: 'has both upstream and split; keep one' };
  } else if (upstream === undefined && split === undefined) {
    yield { path: [], message: 'needs upstream (a name), or split (names with percentages)' };
  }
  for (const field of ['by', 'override']) {
    if (value[field] !== undefined && split === undefined) {
      yield { path: [field], message: 'only has a meaning with split; remove it' };
    }
  }
  if (typeof split === 'object' && split !== null && !Array.isArray(split)) yield* shareFindings(split);
}

function* shareFindings(split: object): Generator<Finding> {
  const shares: unknown[] = Object.values(split);
  if (shares.length < 2) {
    yield { path: ['split'], message: 'needs at least two upstreams; for a single one write upstream' };
    return;
  }
  // Of shares that are wrong themselves, the sum says nothing.
  if (!shares.every((share) => Number.isInteger(share) && (share as number) >= 0 && (share as number) <= 100))
    return;
  const sum = (shares as number[]).reduce((all, share) => all + share, 0);
  if (sum !== 100) yield { path: ['split'], message: `the shares make ${sum} together; they must make 100` };
}
