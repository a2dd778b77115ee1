// An answer that is ready before its request has arrived in full (RFC 9112 section 9.3).
import type { Exchange } from './exchange.ts';

/** The rest of a request that nobody wants is read over up to this length; a longer one costs the connection. */
const DRAIN_LIMIT = 64 * 1024;

/** The request is not all here, and waiting for the rest is not worth the connection: it closes after the answer. */
export function mustClose({ req, request }: Exchange): boolean {
  if (request.body === 'none' || req.complete) return false;
  // A client that asked may take the answer for a no, and send its next request where the body would be
  // (CVE-2024-24791).
  if (request.expectsContinue) return true;
  const length = req.headers['content-length'];
  return length === undefined || Number(length) > DRAIN_LIMIT;
}
