// Which error a client sees for which failure on the wire, and whether another attempt may follow.
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

/**
 * Where a failed attempt may be repeated: `other` replica when nothing was sent; the `same` one on a fresh
 * connection when a kept-alive connection turned out to be closed before the first byte of an answer, for
 * idempotent methods whose body was not touched (RFC 9112 section 9.3.1); otherwise `null`.
 */
export function retryAfter(
  kind: FailureKind,
  attempt: { method: string; reused: boolean; bodyTouched: boolean },
): 'other' | 'same' | null {
  if (attempt.bodyTouched) return null;
  if (kind === 'connect-failed' || kind === 'connect-timeout') return 'other';
  if (kind === 'reset' && attempt.reused && IDEMPOTENT.has(attempt.method)) return 'same';
  return null;
}
