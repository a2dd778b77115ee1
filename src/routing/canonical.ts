// The gate: the one place where version, Host, request-target and framing fields of a request are judged and
// made canonical, for every protocol alike. What it returns is what is matched and what is forwarded; nothing
// later reads the request line or the Host field. Knows nothing of routes.
import type { ErrorCode } from '../errors.ts';
import { parseAuthority } from './authority.ts';
import { Field, fieldOf } from './field-names.ts';
import { canonicalPath } from './path.ts';

/** A request as it arrived: the part of it that the gate reads. */
export interface RawRequest {
  readonly method: string;
  readonly url: string;
  readonly httpVersionMajor: number;
  readonly httpVersionMinor: number;
  readonly rawHeaders: readonly string[];
}

/** What the gate let through. */
export interface CanonicalRequest {
  /** Lower case, no port, no trailing dot. An IPv6 literal keeps its brackets. */
  readonly host: string;
  /** Digits of the port the client named, or ''. */
  readonly port: string;
  /** Starts with `/`; unreserved characters decoded, other escapes in upper case, no dot segment. */
  readonly path: string;
  /** With its `?`, byte for byte as sent; '' when there is none. */
  readonly query: string;
  /** How the body is framed. `none` also for methods that usually have one. */
  readonly body: 'none' | 'length' | 'chunked';
  /** The client waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean;
}

/** Longest request-target in characters; the path alone may take `MAX_PATH`. */
export const MAX_TARGET = 12 * 1024;
export const MAX_PATH = 4 * 1024;
/** Most header fields a request may carry. */
export const MAX_FIELDS = 100;

/**
 * Methods that are refused: CONNECT asks for a tunnel to anywhere and TRACE echoes what the client may not see
 * (RFC 9110 sections 9.3.6 and 9.3.8). PRI is the HTTP/2 preface on a listener that speaks HTTP/1.
 */
const REFUSED_METHODS = new Set(['CONNECT', 'TRACE', 'TRACK', 'PRI']);

/** Judges a request; returns its canonical form, or the code of the refusal. Total: never throws. */
export function canonicalize(request: RawRequest): CanonicalRequest | ErrorCode {
  // Judged here as well as in the parser, because the gate stands behind every listener.
  if (request.httpVersionMajor !== 1 || request.httpVersionMinor > 1) {
    return request.httpVersionMajor === 0 ? 'BAD_REQUEST' : 'VERSION_UNSUPPORTED';
  }
  if (REFUSED_METHODS.has(request.method)) return 'METHOD_UNKNOWN';

  const fields = request.rawHeaders;
  if (fields.length > MAX_FIELDS * 2) return 'HEADERS_TOO_LARGE';

  let hostField: string | undefined;
  let body: CanonicalRequest['body'] = 'none';
  let expectsContinue = false;
  let authorized = false;
  let typed = false;
  for (let i = 0; i < fields.length; i += 2) {
    switch (fieldOf(fields[i]!)) {
      case Field.HOST:
        // RFC 9112 section 3.2: more than one Host is a 400, equal or not.
        if (hostField !== undefined) return 'BAD_HOST';
        hostField = fields[i + 1]!;
        break;
      case Field.CONTENT_LENGTH:
        // RFC 9112 section 6.3: two framing fields are an attack until proven otherwise.
        if (body !== 'none' || !isLength(fields[i + 1]!)) return 'BAD_FRAMING';
        body = 'length';
        break;
      case Field.TRANSFER_ENCODING: {
        if (body !== 'none') return 'BAD_FRAMING';
        const refusal = judgeCoding(fields[i + 1]!, request.httpVersionMinor);
        if (refusal !== undefined) return refusal;
        body = 'chunked';
        break;
      }
      case Field.AUTHORIZATION:
        // One reader takes the first, another the last: two are never passed on (RFC 9110 section 5.3).
        if (authorized) return 'BAD_HEADER';
        authorized = true;
        break;
      case Field.CONTENT_TYPE:
        if (typed) return 'BAD_HEADER';
        typed = true;
        break;
      case Field.EXPECT:
        if (expectsContinue || !isContinue(fields[i + 1]!)) return 'EXPECTATION_FAILED';
        // RFC 9110 section 10.1.1: an HTTP/1.0 client cannot read interim answers.
        expectsContinue = request.httpVersionMinor === 1;
        break;
    }
  }
  return resolveTarget(request.url, hostField, body, expectsContinue);
}

/** Splits the target into authority, path and query (RFC 9112 section 3.2) and checks each. */
function resolveTarget(
  target: string,
  hostField: string | undefined,
  body: CanonicalRequest['body'],
  expectsContinue: boolean,
): CanonicalRequest | ErrorCode {
  if (hostField === undefined) return 'BAD_HOST';
  if (target.length > MAX_TARGET) return 'URI_TOO_LONG';
  let authority = hostField;
  let start = 0;
  if (target.charCodeAt(0) !== 0x2f) {
    // absolute-form: its authority replaces the Host field (RFC 9112 section 3.2.2), which must still be valid.
    const scheme = /^https?:\/\//i.exec(target)?.[0].length;
    if (scheme === undefined || parseAuthority(hostField) === null) return 'BAD_TARGET';
    start = scheme;
    while (start < target.length && !isAuthorityEnd(target.charCodeAt(start))) start++;
    authority = target.slice(scheme, start);
  }
  const parsed = parseAuthority(authority);
  if (parsed === null) return 'BAD_HOST';

  const mark = target.indexOf('?', start);
  const rawPath = target.slice(start, mark === -1 ? target.length : mark);
  const query = mark === -1 ? '' : target.slice(mark);
  if (rawPath.length > MAX_PATH) return 'URI_TOO_LONG';
  if (!isCleanQuery(query)) return 'BAD_TARGET';
  const path = rawPath === '' ? '/' : canonicalPath(rawPath);
  if (path === null) return 'BAD_TARGET';
  return { host: parsed.host, port: parsed.port, path, query, body, expectsContinue };
}

function isAuthorityEnd(code: number): boolean {
  return code === 0x2f || code === 0x3f || code === 0x23;
}

/** A query is forwarded byte for byte; only what would break the request line or hide a fragment is refused. */
function isCleanQuery(query: string): boolean {
  for (let i = 0; i < query.length; i++) {
    const code = query.charCodeAt(i);
    if (code <= 0x20 || code >= 0x7f || code === 0x23) return false;
  }
  return true;
}

function isLength(value: string): boolean {
  if (value.length === 0 || value.length > 15) return false;
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code < 0x30 || code > 0x39) return false;
  }
  return true;
}

/** Transfer codings that exist and that we do not speak. */
const CODINGS = new Set(['gzip', 'deflate', 'compress', 'x-gzip', 'x-compress', 'br', 'zstd']);

/** Without OWS, which is space and tab; `trim` would take a no-break space for it (RFC 9110 section 5.6.3). */
function withoutBlanks(text: string): string {
  return text.replace(/^[ \t]+|[ \t]+$/g, '');
}

/** RFC 9112 section 6.1: exactly `chunked` is understood, on HTTP/1.1 only. */
function judgeCoding(value: string, minor: number): ErrorCode | undefined {
  if (minor === 0) return 'BAD_FRAMING';
  if (value === 'chunked') return undefined;
  const codings = value.toLowerCase().split(',').map(withoutBlanks);
  if (codings.pop() !== 'chunked') return 'BAD_FRAMING';
  if (codings.length === 0) return undefined;
  return codings.every((coding) => CODINGS.has(coding)) ? 'CODING_UNKNOWN' : 'BAD_FRAMING';
}

function isContinue(value: string): boolean {
  return value === '100-continue' || value.toLowerCase() === '100-continue';
}
