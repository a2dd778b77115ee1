// Which header names and values a configuration may hold, names of cookies and protocols among them, and what a
// Content-Security-Policy may look like.
// Every check returns what is wrong as a sentence without a subject, or undefined.
import { knownNames, nearest } from './problem.ts';

/** RFC 9110 section 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const CONNECTION = 'belongs to one connection; the gateway writes it for each side itself';
const FRAMING = 'says where the message ends; the gateway writes it itself';
const FORWARDED = 'tells the replica who the client is; the gateway writes it itself (see trustedProxies)';
const BYTES = 'describes the bytes that are sent; only who makes them can write it';

/** Headers that no policy may set or remove, either way. */
const NEVER: ReadonlyMap<string, string> = new Map([
  ['connection', CONNECTION],
  ['keep-alive', CONNECTION],
  ['proxy-connection', CONNECTION],
  ['proxy-authenticate', CONNECTION],
  ['proxy-authorization', CONNECTION],
  ['te', CONNECTION],
  ['upgrade', CONNECTION],
  ['http2-settings', CONNECTION],
  ['transfer-encoding', FRAMING],
  ['content-length', FRAMING],
  ['trailer', FRAMING],
]);
const NEVER_TO_REPLICA: ReadonlyMap<string, string> = new Map([
  ['host', 'is chosen by the action: proxy: { upstream, hostHeader }'],
  ['expect', 'is answered by the gateway'],
  ['forwarded', FORWARDED],
  ['via', FORWARDED],
  ['x-real-ip', FORWARDED],
  ['x-forwarded-for', FORWARDED],
  ['x-forwarded-host', FORWARDED],
  ['x-forwarded-port', FORWARDED],
  ['x-forwarded-proto', FORWARDED],
]);
const NEVER_TO_CLIENT: ReadonlyMap<string, string> = new Map([
  ['host', 'is a request header'],
  ['content-encoding', BYTES],
  ['content-range', BYTES],
  ['date', 'says when the answer was made; the gateway writes it itself'],
]);

export type HeaderSide = 'request' | 'response';

/** A header name that a policy sets or removes on the way to the replica or to the client. */
export function headerNameProblem(name: string, side: HeaderSide): string | undefined {
  if (!TOKEN.test(name)) return `${JSON.stringify(name)} is not a header name`;
  const lower = name.toLowerCase();
  const reason = NEVER.get(lower) ?? (side === 'request' ? NEVER_TO_REPLICA : NEVER_TO_CLIENT).get(lower);
  if (reason !== undefined) return `the header "${name}" ${reason}`;
  // Replicas that turn "-" into "_" (CGI, WSGI) cannot tell the two apart; the gateway drops such names.
  if (side === 'request' && name.includes('_')) return `the header "${name}" has an underscore; use "-"`;
  if (side === 'request' && !/^[A-Za-z0-9-]+$/.test(name)) {
    return `the header "${name}" may hold letters, digits and "-" only`;
  }
  return undefined;
}

/** The name of a cookie, a token by RFC 6265 section 4.1.1. */
export function cookieNameProblem(name: string): string | undefined {
  return TOKEN.test(name)
    ? undefined
    : `${JSON.stringify(name)} is not the name of a cookie: letters, digits, "-", "_" and "." will do`;
}

/** Protocols that carry requests of their own: what a client sends after the switch would meet no gate. */
const REQUEST_PROTOCOL = /^(?:h2c?|h3|(?:http|tls)(?:\/.*)?)$/i;

/** A protocol that a client may switch to (RFC 9110 section 7.8): a token, with a version or without. */
export function protocolProblem(name: string): string | undefined {
  const [token, version, ...rest] = name.split('/');
  if (!TOKEN.test(token!) || (version !== undefined && !TOKEN.test(version)) || rest.length > 0) {
    return `${JSON.stringify(name)} is not a protocol; write, say, "websocket"`;
  }
  return REQUEST_PROTOCOL.test(name)
    ? `"${name}" would smuggle requests past the gateway: no route and no policy sees what comes after the switch`
    : undefined;
}

/** Field content of RFC 9110 section 5.5: nothing that ends the line, nothing that latin1 cannot carry. */
export function headerValueProblem(value: string): string | undefined {
  if (/[\r\n]/.test(value)) return 'a header value must not hold a line break';
  if (/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/.test(value))
    return 'a header value must not hold control characters';
  if (/[^\x00-\xff]/.test(value)) return 'a header value can only hold latin1 characters';
  if (value !== value.trim()) return 'a header value must not start or end with white space';
  return undefined;
}

/** As `headerValueProblem`; an empty string would switch a header off by accident, `false` says it. */
export function headerTextProblem(value: string): string | undefined {
  return value === '' ? 'is empty; false leaves the header out' : headerValueProblem(value);
}

const DIRECTIVES = [
  'default-src',
  'script-src',
  'script-src-elem',
  'script-src-attr',
  'style-src',
  'style-src-elem',
  'style-src-attr',
  'img-src',
  'font-src',
  'connect-src',
  'media-src',
  'object-src',
  'frame-src',
  'child-src',
  'worker-src',
  'manifest-src',
  'fenced-frame-src',
  'prefetch-src',
  'base-uri',
  'form-action',
  'frame-ancestors',
  'sandbox',
  'report-uri',
  'report-to',
  'require-trusted-types-for',
  'trusted-types',
  'upgrade-insecure-requests',
  'block-all-mixed-content',
];

const KEYWORD =
  /^(?:none|self|strict-dynamic|report-sample|unsafe-[a-z-]+|wasm-unsafe-eval|(?:nonce|sha256|sha384|sha512)-.*)$/i;

/** A directive of a policy written as an object. Browsers ignore unknown ones silently, so they are refused. */
export function directiveProblem(name: string): string | undefined {
  if (DIRECTIVES.includes(name)) return undefined;
  const dashed = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const meant = DIRECTIVES.includes(dashed) ? dashed : nearest(name, DIRECTIVES);
  if (meant !== undefined) return `no such directive. Did you mean "${meant}"?`;
  return `no such directive.${knownNames(name, DIRECTIVES)} A policy written as one string is not checked.`;
}

/** One value of a directive; nothing in it can start another value, directive, policy or header. */
export function sourceProblem(directive: string, value: string): string | undefined {
  if (value === '') return 'is empty';
  if (!/^[\x21-\x7e]+$/.test(value) || /[;,]/.test(value)) {
    return `${JSON.stringify(value)} must be one word of ASCII without ";" and ","; each value is an item of its own`;
  }
  const sources =
    directive.endsWith('-src') || /^(?:base-uri|form-action|frame-ancestors|.*-src-.*)$/.test(directive);
  if (sources && KEYWORD.test(value)) return `needs its quotes: "'${value}'"`;
  return undefined;
}
