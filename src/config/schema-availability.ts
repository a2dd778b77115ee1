// The schema of what keeps a service answering: checks, ejection, retries and limits of an upstream, and the policies
// that have to do with them.
import { healthPathProblem } from './health-path.ts';
import { hostHeaderProblem, networkProblem } from './names.ts';
import type { Finding } from './problem.ts';
import {
  either,
  fields,
  flag,
  fraction,
  list,
  measured,
  oneOf,
  only,
  refused,
  text,
  timeout,
  whole,
  withCheck,
} from './schema-parts.ts';
import { parseStatuses } from './status-ranges.ts';
import { parseDuration, parseSize, parseSpan } from './units.ts';

const off = () => only(false, 'false');

const healthPath = () => text('a path such as "/health"', healthPathProblem);

const statuses = either(
  'statuses such as "2xx-3xx"',
  text('statuses such as "2xx-3xx"', (value) => {
    const ranges = parseStatuses(value);
    return typeof ranges === 'string' ? ranges : undefined;
  }),
  whole(200, 599),
);

const MOST_CHECKS = 100;

export const health = either(
  'a path such as "/health", or { path }',
  healthPath(),
  withCheck(
    fields('{ path }', {
      path: healthPath(),
      interval: timeout().optional(),
      timeout: timeout().optional(),
      rise: whole(1, MOST_CHECKS).optional(),
      fall: whole(1, MOST_CHECKS).optional(),
      status: statuses.optional(),
      host: text('a name, as in a Host header', hostHeaderProblem).optional(),
      port: whole(1, 65535).optional(),
    }),
    ({ interval, timeout }) => notLonger('timeout', timeout, 'interval', interval, '10s'),
  ),
);

export const eject = either(
  '{ consecutive, base, max, atMost }, or false',
  withCheck(
    fields('{ consecutive, base, max, atMost }', {
      consecutive: whole(1, 1000).optional(),
      base: timeout().optional(),
      max: timeout().optional(),
      atMost: fraction('some').optional(),
    }),
    ({ base, max }) => notLonger('base', base, 'max', max, '5m'),
  ),
  off(),
);

const attempts = () => whole(1, 10);
const retryReasons = () =>
  list(
    'what is retried, such as ["connect", "reset"] (retry: false is for nothing)',
    oneOf('"connect", "reset", 502, 503 or 504', ['connect', 'reset', 502, 503, 504]),
    { least: 1 },
  );

export const retry = either(
  '{ attempts, budget, on }, or false',
  fields('{ attempts, budget, on }', {
    attempts: attempts().optional(),
    budget: fraction('none').optional(),
    on: retryReasons().optional(),
  }),
  off(),
);

export const connections = fields('{ max, queue, queueTimeout }', {
  max: whole(1, 65_535).optional(),
  queue: whole(0, 1_000_000).optional(),
  queueTimeout: timeout().optional(),
});

/** All workers count the bytes in one word of 31 bits. */
const MOST_HELD = '1gb';

function parseHeldBytes(text: string): number {
  const bytes = parseSize(text);
  if (bytes === 0) throw new RangeError(`"${text}" leaves room for nothing; write, say, "16mb"`);
  if (bytes > parseSize(MOST_HELD)) throw new RangeError(`"${text}" is too much; the most is "${MOST_HELD}"`);
  return bytes;
}

/** As fields of `host.policies` and of every route. */
export const availabilityPolicies = {
  maintenance: either(
    'true, false, or { page, retryAfter, allow }',
    flag(),
    fields('{ page, retryAfter, allow }', {
      page: text('an HTML file', (file) =>
        file === '' ? 'is empty; expected an HTML file' : undefined,
      ).optional(),
      retryAfter: measured('a duration', '5m', parseSpan).optional(),
      allow: list(
        'a list of networks such as ["10.0.0.0/8"]',
        text('a network such as "10.0.0.0/8"', (network) =>
          networkProblem(network, 'would serve everybody; list only the networks of those who test'),
        ),
      ).optional(),
    }),
  ).optional(),
  hold: either(
    'a duration such as "5s", { for, exchanges, bytes }, or false',
    timeout(),
    fields('{ for, exchanges, bytes }', {
      for: timeout(),
      exchanges: whole(1, 1_000_000).optional(),
      bytes: measured('a size', '16mb', parseHeldBytes).optional(),
    }),
    off(),
  ).optional(),
  retry: either(
    '{ attempts, on }, or false',
    fields('{ attempts, on }', {
      attempts: attempts().optional(),
      on: retryReasons().optional(),
      budget: refused(
        'all routes of an upstream share one budget; write it there: upstreams.NAME.retry.budget',
      ),
    }),
    off(),
  ).optional(),
};

/** A duration that must not exceed another one of the same object. What is no duration is reported elsewhere. */
function* notLonger(
  field: string,
  value: unknown,
  limit: string,
  written: unknown,
  otherwise: string,
): Generator<Finding> {
  if (!(milliseconds(value) > milliseconds(written ?? otherwise))) return;
  const most = written === undefined ? `which is "${otherwise}" unless set` : `"${written}"`;
  yield { path: [field], message: `"${value}" is longer than ${limit}, ${most}` };
}

function milliseconds(value: unknown): number {
  try {
    return parseDuration(String(value));
  } catch {
    return Number.NaN;
  }
}
