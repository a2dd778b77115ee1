// The schema of policies, one entry for each policy of the contract.
import {
  directiveProblem,
  type HeaderSide,
  headerNameProblem,
  headerTextProblem,
  headerValueProblem,
  sourceProblem,
} from './header-rules.ts';
import { either, fields, flag, later, list, measured, named, only, text, word } from './schema-parts.ts';
import { parseDuration, parseSize, parseTimeout } from './units.ts';

/** Any length of time. */
export const duration = () => measured('a duration', '365d', parseDuration);
/** A length of time that a timer waits for. */
export const timeout = () => measured('a duration', '60s', parseTimeout);

const headerText = () => text('a header value', headerTextProblem);
const off = () => only(false, 'false');
const textOrOff = () => either('text, or false to leave the header out', headerText(), off());

const directives = named(
  'directives with their values, such as { "default-src": ["\'self\'"] }',
  list('a list of values', text('a value such as "\'self\'"')),
  { least: 1, key: directiveProblem },
).superRefine(
  (csp: unknown, context) => {
    if (typeof csp !== 'object' || csp === null) return;
    for (const [directive, values] of Object.entries(csp)) {
      if (!Array.isArray(values)) continue;
      for (const [index, value] of values.entries()) {
        const wrong = typeof value === 'string' ? sourceProblem(directive, value) : undefined;
        if (wrong !== undefined)
          context.addIssue({ code: 'custom', message: wrong, path: [directive, index] });
      }
    }
  },
  { when: () => true },
);

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
  return fields('{ set, remove }', {
    set: named('header names with their values', text('a header value', headerValueProblem), {
      key: name,
    }).optional(),
    remove: list('a list of header names', text('a header name', name), { same: lowerCase }).optional(),
  }).superRefine(
    (value: unknown, context) => {
      for (const [path, message] of repeatedNames(value)) context.addIssue({ code: 'custom', message, path });
    },
    { when: () => true },
  );
}

/** One header under two spellings, or both set and removed: nobody could say which one counts. */
function* repeatedNames(value: unknown): Generator<[path: (string | number)[], message: string]> {
  const { set, remove } = (value ?? {}) as { set?: unknown; remove?: unknown };
  const seen = new Map<string, string>();
  for (const name of typeof set === 'object' && set !== null ? Object.keys(set) : []) {
    const earlier = seen.get(name.toLowerCase());
    if (earlier === undefined) seen.set(name.toLowerCase(), name);
    else yield [['set', name], `is the same header as "${earlier}"; keep one`];
  }
  for (const [index, name] of (Array.isArray(remove) ? remove : []).entries()) {
    if (typeof name === 'string' && seen.has(name.toLowerCase())) {
      yield [['remove', index], `"${name}" is both set and removed; keep one`];
    }
  }
}

const control = () => text('a Cache-Control value such as "public, max-age=60"', headerTextProblem);

export const timeouts = { response: timeout().optional(), idle: timeout().optional() };

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
  timeouts: fields('{ response, idle }', timeouts).optional(),
  allow: later('network rules'),
  deny: later('network rules'),
  maintenance: later('maintenance pages'),
  rateLimit: later('rate limits'),
  auth: later('authentication'),
  cors: later('CORS'),
  limits: later('body limits'),
  plugins: later('Fastify plugins'),
  hold: later('holding requests'),
  retry: later('retries'),
};
