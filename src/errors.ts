// The one table of errors a client or a log can meet. It holds words for people and programs; it never
// holds an address, a path or a stack, because every message here may be sent to a client.
// `docs/errors.md` explains each code, and a test compares the two.

/** Who caused it: the client's side, the replica's side, or the gateway itself. */
export type ErrorSide = 'downstream' | 'upstream' | 'gateway';

export interface ErrorEntry {
  /** HTTP status that answers the client. */
  readonly status: number;
  readonly side: ErrorSide;
  /** Plain sentence for the client. */
  readonly message: string;
  /** True where the same request may succeed later without being changed. */
  readonly retry: boolean;
  /** Seconds for `Retry-After`; 0 sends none. */
  readonly retryAfter: number;
}

const entry = (
  status: number,
  side: ErrorSide,
  message: string,
  retry = false,
  retryAfter = 0,
): ErrorEntry => ({ status, side, message, retry, retryAfter });

export const ERRORS = {
  // Refused by the gate or the parser: the message is not one we forward.
  BAD_REQUEST: entry(400, 'downstream', 'The request could not be read.'),
  BAD_FRAMING: entry(400, 'downstream', 'The length of the request body is not stated clearly.'),
  BAD_HOST: entry(400, 'downstream', 'The Host header is missing, repeated or not a valid name.'),
  BAD_TARGET: entry(400, 'downstream', 'The request target is not a valid path.'),
  BAD_HEADER: entry(400, 'downstream', 'A request header is not allowed.'),
  REQUEST_TIMEOUT: entry(408, 'downstream', 'The request did not arrive in time.', true),
  URI_TOO_LONG: entry(414, 'downstream', 'The request target is too long.'),
  HEADERS_TOO_LARGE: entry(431, 'downstream', 'The request headers are too large or too many.'),
  EXPECTATION_FAILED: entry(417, 'downstream', 'The Expect header asks for something unknown.'),
  CODING_UNKNOWN: entry(501, 'downstream', 'The transfer coding of the request is not supported.'),
  METHOD_UNKNOWN: entry(501, 'downstream', 'The request method is not supported.'),
  VERSION_UNSUPPORTED: entry(505, 'downstream', 'The HTTP version is not supported.'),
  // Understood, and refused by what is configured.
  HOST_UNKNOWN: entry(404, 'downstream', 'No site is served under this name.'),
  NOT_FOUND: entry(404, 'downstream', 'There is nothing at this address.'),
  METHOD_NOT_ALLOWED: entry(405, 'downstream', 'This method is not allowed here.'),
  PRECONDITION_FAILED: entry(412, 'downstream', 'The condition of the request is not met.'),
  RANGE_NOT_SATISFIABLE: entry(416, 'downstream', 'The requested range does not exist.'),
  MAINTENANCE: entry(503, 'gateway', 'This site is being worked on and will be back soon.', true),
  LOOP_DETECTED: entry(508, 'gateway', 'The request came back to the gateway that sent it.'),
  // A replica failed the exchange.
  UPSTREAM_DOWN: entry(503, 'upstream', 'The service is not available at the moment.', true, 5),
  UPSTREAM_BUSY: entry(503, 'upstream', 'The service has too much to do at the moment.', true, 1),
  UPSTREAM_CONNECT_FAILED: entry(503, 'upstream', 'The service could not be reached.', true, 5),
  UPSTREAM_CONNECT_TIMEOUT: entry(503, 'upstream', 'The service could not be reached in time.', true, 5),
  UPSTREAM_RESET: entry(502, 'upstream', 'The service closed the connection before it answered.', true),
  UPSTREAM_BAD_RESPONSE: entry(502, 'upstream', 'The service sent an answer that cannot be passed on.', true),
  UPSTREAM_RESPONSE_TIMEOUT: entry(504, 'upstream', 'The service did not answer in time.', true),
  UPSTREAM_BODY_ABORTED: entry(502, 'upstream', 'The service stopped in the middle of its answer.', true),
  UPSTREAM_BODY_TIMEOUT: entry(504, 'upstream', 'The service went silent in the middle of its answer.', true),
  STATIC_FILE_CHANGED: entry(503, 'gateway', 'The file is being replaced.', true),
  // The client left, or the gateway is at fault.
  DOWNSTREAM_ABORTED: entry(499, 'downstream', 'The client closed the connection before the answer ended.'),
  SHUTTING_DOWN: entry(503, 'gateway', 'The gateway is shutting down.', true),
  INTERNAL: entry(500, 'gateway', 'The gateway failed to handle the request.', true),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;
