// Which error a client sees for which failure on the wire, and what may be tried again, when.
import type { ErrorCode } from '../errors.ts';
import type { FailureKind } from '../wire/response-handler.ts';

const CODES: Record<FailureKind, ErrorCode> = {
  'connect-failed': 'UPSTREAM_CONNECT_FAILED',
  'connect-timeout': 'UPSTREAM_CONNECT_TIMEOUT',
  reset: 'UPSTREAM_RESET',
  malformed: 'UPSTREAM_BAD_RESPONSE',
  'response-timeout': 'UPSTREAM_RESPONSE_TIMEOUT',
  'body-aborted': 'UPSTREAM_BODY_ABORTED',
  'idle-timeout': 'UPSTREAM_BODY_TIMEOUT',
};

export function codeOf(kind: FailureKind): ErrorCode {
  return CODES[kind];
}

/** Methods that may be sent twice (RFC 9110 section 9.2.2). */
const IDEMPOTENT = new Set([
  'GET',
  'HEAD',
  'OPTIONS',
  'PUT',
  'DELETE',
  'PROPFIND',
  'REPORT',
  'SEARCH',
  'QUERY',
]);

/** Whether a request may be sent twice, as far as its method says. */
export function isIdempotent(method: string): boolean {
  return IDEMPOTENT.has(method);
}

/** Longest wait before the first retry; twice that before each one after it, up to `LONGEST_WAIT`. In milliseconds. */
const FIRST_WAIT = 25;
const LONGEST_WAIT = 250;

/** A random wait before the retry number `n`, counted from 1: all of those that failed together must not come back together. */
export function retryWait(n: number): number {
  return Math.random() * Math.min(FIRST_WAIT * 2 ** (n - 1), LONGEST_WAIT);
}

/** Statuses by which a replica says that it cannot answer, and which a route may want from another one. */
export function isRetriedStatus(status: number): boolean {
  return status >= 502 && status <= 504;
}

export function hasRetryAfter(fields: readonly string[]): boolean {
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i]!.length === 11 && fields[i]!.toLowerCase() === 'retry-after') return true;
  }
  return false;
}
