// How a response ends while the request is still arriving (RFC 9112 sections 9.3 and 9.6).
import type { Exchange } from './exchange.ts';

/** A request body that nobody wants is read to its end up to this length; a longer one costs the connection. */
const DRAIN_LIMIT = 64 * 1024;
/** Milliseconds such a body is read for, so that the client gets to see the answer before the close. */
const LINGER = 2_000;

/** The request is not all here, and waiting for the rest is not worth the connection: it closes after the answer. */
export function mustClose({ req, request }: Exchange): boolean {
  if (request.body === 'none' || req.complete) return false;
  // A client that asked may take the answer for a no, and send its next request where the body would be
  // (CVE-2024-24791).
  if (request.expectsContinue) return true;
  const length = req.headers['content-length'];
  return length === undefined || Number(length) > DRAIN_LIMIT;
}

/** Ends the response, after what is left of the request was read or its time is over. */
export function finish(exchange: Exchange, body: string | Buffer | undefined): void {
  const { req, res, request, awaitsContinue } = exchange;
  if (request.body === 'none' || req.complete || awaitsContinue) {
    if (typeof body === 'string') res.end(body, 'latin1');
    else res.end(body);
    return;
  }
  // Closing with unread bytes would make the kernel reset the connection and lose the answer.
  if (typeof body === 'string') res.write(body, 'latin1');
  else if (body !== undefined && body.length > 0) res.write(body);
  const timer = setTimeout(() => res.end(), LINGER);
  const done = (): void => {
    clearTimeout(timer);
    res.end();
  };
  // `aborted`: what should have been the rest of the body was not.
  req.once('end', done).once('aborted', done).once('close', done).resume();
}
