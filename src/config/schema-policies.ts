// The schema of policies, one entry for each policy of the contract.
import {
  directiveProblem,
  type HeaderSide,
  headerNameProblem,
  headerTextProblem,
  headerValueProblem,
  sourceProblem,
} from './header-rules.ts';
import type { Finding } from './problem.ts';
import { availabilityPolicies } from './schema-availability.ts';
import {
  duration,
  either,
  fields,
  flag,
  later,
  list,
  measured,
  named,
  only,
  text,
  timeout,
  withCheck,
  word,
} from './schema-parts.ts';
import { parseSize } from './units.ts';

const headerText = () => text('a header value', headerTextProblem);
const off = () => only(false, 'false');
const textOrOff = () => either('text, or false to leave the header out', headerText(), off());

const directives = withCheck(
  named(
    'directives with their values, such as { "default-src": ["\'self\'"] }',
    list('a list of values', text('a value such as "\'self\'"')),
    { least: 1, key: directiveProblem },
  ),
  wrongSources,
);

function* wrongSources(csp: Record<string, unknown>): Generator<Finding> {
  for (const [directive, values] of Object.entries(csp)) {
    for (const [index, value] of (Array.isArray(values) ? values : []).entries()) {
      const wrong = typeof value === 'string' ? sourceProblem(directive, value) : undefined;
      if (wrong !== undefined) yield { path: [directive, index], message: wrong };
    }
  }
}

const policy = () => either('a policy as text, its directives, or false', headerText(), directives, off());

const security = fields('an object with security headers, or false', {
  csp: policy().optional(),
  cspReportOnly: policy().optional(),
  hsts: either(
    'text, { maxAge: "365d" }, or false',
    headerText(),
    fields('{ maxAge: "365d" }', {
      maxAge: duration(),
      includeSubDomains: flag().optional(),
      preload: flag().optional(),
    }),
    off(),
  ).optional(),
  frameOptions: textOrOff().optional(),
  contentTypeOptions: textOrOff().optional(),
  referrerPolicy: textOrOff().optional(),
  xssProtection: textOrOff().optional(),
  permissionsPolicy: textOrOff().optional(),
  crossOriginOpenerPolicy: textOrOff().optional(),
});

const lowerCase = (value: unknown) => (typeof value === 'string' ? value.toLowerCase() : undefined);

function headers(side: HeaderSide) {
  const name = (value: string) => headerNameProblem(value, side);
  return withCheck(
    fields('{ set, remove }', {
      set: named('header names with their values', text('a header value', headerValueProblem), {
        key: name,
      }).optional(),
      remove: list('a list of header names', text('a header name', name), { same: lowerCase }).optional(),
    }),
    repeatedNames,
  );
}

/** One header under two spellings, or both set and removed: nobody could say which one counts. */
function* repeatedNames({ set, remove }: { set?: unknown; remove?: unknown }): Generator<Finding> {
  const seen = new Map<string, string>();
  for (const name of typeof set === 'object' && set !== null ? Object.keys(set) : []) {
    const earlier = seen.get(name.toLowerCase());
    if (earlier === undefined) seen.set(name.toLowerCase(), name);
    else yield { path: ['set', name], message: `is the same header as "${earlier}"; keep one` };
  }
  for (const [index, name] of (Array.isArray(remove) ? remove : []).entries()) {
    if (typeof name === 'string' && seen.has(name.toLowerCase())) {
      yield { path: ['remove', index], message: `"${name}" is both set and removed; keep one` };
    }
  }
}

const control = () => text('a Cache-Control value such as "public, max-age=60"', headerTextProblem);

export const timeouts = {
  response: timeout().optional(),
  idle: timeout().optional(),
  tunnel: timeout().optional(),
};

/** The policies, as fields of `host.policies` and of every route. */
export const policies = {
  security: either('an object with security headers, or false', security, off()).optional(),
  headers: fields('{ request, response }', {
    request: headers('request').optional(),
    response: headers('response').optional(),
  }).optional(),
  cache: either(
    'a Cache-Control value, or { control, override }',
    control(),
    fields('{ control, override }', { control: control(), override: flag().optional() }),
  ).optional(),
  compress: either(
    '{ encodings, minSize }, or false',
    fields('{ encodings, minSize }', {
      encodings: list('a list of encodings', word(['zstd', 'br', 'gzip']), { least: 1 }).optional(),
      minSize: measured('a size', '1kb', parseSize).optional(),
    }),
    off(),
  ).optional(),
  timeouts: fields('{ response, idle, tunnel }', timeouts).optional(),
  ...availabilityPolicies,
  allow: later('network rules'),
  deny: later('network rules'),
  rateLimit: later('rate limits'),
  auth: later('authentication'),
  cors: later('CORS'),
  limits: later('body limits'),
  plugins: later('Fastify plugins'),
};
