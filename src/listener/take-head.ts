// Looks for a request head at the front of what a connection has read: a whole one, the beginning of one, or
// something that can never become one.
import type { ErrorCode } from '../errors.ts';
import { headEnd } from '../wire/message-syntax.ts';
import { beginsBroken } from './request-framing.ts';
import { isHopeless, MAX_HEAD, parseRequestHead, type RequestHead } from './request-head.ts';

/**
 * The head that begins at `start`, the code of its refusal, or null when more bytes are needed. A chunked body
 * whose first bytes are here and wrong is refused with it.
 */
export function takeHead(bytes: Buffer, start: number): RequestHead | ErrorCode | null {
  let at = start;
  // RFC 9112 section 2.2: one empty line in front of a request is overlooked.
  if (bytes[at] === 0x0d && bytes[at + 1] === 0x0a) at += 2;
  const end = headEnd(bytes, at, bytes.length);
  if ((end === -1 ? bytes.length : end) - at > MAX_HEAD) return 'HEADERS_TOO_LARGE';
  if (end === -1) return isHopeless(bytes, at) ? 'BAD_REQUEST' : null;
  const head = parseRequestHead(bytes, at, end);
  return typeof head !== 'string' && beginsBroken(head, bytes, end) ? 'BAD_FRAMING' : head;
}
