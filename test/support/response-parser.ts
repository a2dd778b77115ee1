// Strict HTTP/1.1 response parser for tests (RFC 9112). Anything a careful client would stumble over throws,
// so that a test that parses an answer has also checked its framing.

export interface RawResponse {
  status: number;
  reason: string;
  /** As on the wire: name, value, name, value. */
  headers: string[];
  /** Without its framing. */
  body: Buffer;
  /** After a chunked body, as `headers`. */
  trailers: string[];
  framing: 'none' | 'length' | 'chunked' | 'close';
}

export type Parsed = { response: RawResponse; size: number } | { missing: number };

/** The answer breaks the protocol. */
export class ResponseViolation extends Error {}
/** The connection closed before the answer was whole: how a proxy tells its client that a body broke off. */
export class TruncatedResponse extends ResponseViolation {}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** The value of a header, undefined where it is absent; throws where it is repeated. */
export function headerOf(message: { headers: string[] }, name: string): string | undefined {
  const values = headersOf(message, name);
  if (values.length > 1) throw new ResponseViolation(`${name} is repeated: ${JSON.stringify(values)}`);
  return values[0];
}

/** Every value of a header, in order. */
export function headersOf(message: { headers: string[] }, name: string): string[] {
  const { headers } = message;
  return headers.filter((_, i) => i % 2 === 1 && headers[i - 1]!.toLowerCase() === name.toLowerCase());
}

/**
 * Takes the first response off `bytes`. `method` is the request's (HEAD has no body); `ended` says that the
 * connection is closed, which completes a body without length. `missing` is how many more bytes, at least,
 * it takes. Throws ResponseViolation, or TruncatedResponse where the bytes end too soon.
 */
export function parseResponse(bytes: Buffer, method: string, ended: boolean): Parsed {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd === -1) {
    if (ended && bytes.length > 0) cut('the connection closed inside a response head', bytes);
    return { missing: 1 };
  }
  const [statusLine, ...lines] = bytes.toString('latin1', 0, headEnd).split('\r\n');
  const match = /^HTTP\/1\.1 ([1-9]\d\d) ([\t\x20-\x7e\x80-\xff]*)$/.exec(statusLine!);
  if (!match) fail('this is not a status line', bytes);
  const response: RawResponse = {
    status: Number(match[1]),
    reason: match[2]!,
    headers: parseFields(lines, bytes),
    body: Buffer.alloc(0),
    trailers: [],
    framing: 'none',
  };
  const start = headEnd + 4;
  const length = headerOf(response, 'content-length');
  const coding = headerOf(response, 'transfer-encoding');
  if (length !== undefined && !/^\d+$/.test(length)) fail('Content-Length is not a number', bytes);
  if (length !== undefined && coding !== undefined) fail('both Content-Length and Transfer-Encoding', bytes);
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') fail('unknown Transfer-Encoding', bytes);
  const bodiless = response.status < 200 || response.status === 204;
  // RFC 9112 section 6.1 and RFC 9110 section 8.6: neither field on 1xx and 204.
  if (bodiless && (length ?? coding) !== undefined) fail('framing on a 1xx or 204', bytes);
  if (bodiless || response.status === 304 || method === 'HEAD') return { response, size: start };
  if (coding !== undefined) return parseChunked(bytes, start, response, ended);
  if (length === undefined) {
    response.framing = 'close';
    response.body = bytes.subarray(start);
    return ended ? { response, size: bytes.length } : { missing: 1 };
  }
  const end = start + Number(length);
  if (bytes.length < end) {
    if (ended) cut(`the connection closed ${end - bytes.length} bytes before the end of the body`, bytes);
    return { missing: end - bytes.length };
  }
  response.framing = 'length';
  response.body = bytes.subarray(start, end);
  return { response, size: end };
}

function parseChunked(bytes: Buffer, start: number, response: RawResponse, ended: boolean): Parsed {
  const short = (missing: number): Parsed => {
    if (ended) cut('the connection closed inside a chunked body', bytes);
    return { missing };
  };
  const chunks: Buffer[] = [];
  let at = start;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd === -1) return short(1);
    const line = bytes.toString('latin1', at, lineEnd);
    // A gateway has no reason to send chunk extensions, so they count as a violation.
    if (!/^[0-9A-Fa-f]{1,12}$/.test(line)) fail(`bad chunk size ${JSON.stringify(line)}`, bytes);
    const size = Number.parseInt(line, 16);
    at = lineEnd + 2;
    if (size === 0) break;
    if (bytes.length < at + size + 2) return short(at + size + 2 - bytes.length);
    chunks.push(bytes.subarray(at, at + size));
    at += size;
    if (bytes[at] !== 0x0d || bytes[at + 1] !== 0x0a) fail('chunk data does not end with CRLF', bytes);
    at += 2;
  }
  // `at - 2` is the CRLF of the last chunk's line, so an empty trailer section is found as well.
  const trailerEnd = bytes.indexOf('\r\n\r\n', at - 2);
  if (trailerEnd === -1) return short(1);
  if (trailerEnd >= at) {
    response.trailers = parseFields(bytes.toString('latin1', at, trailerEnd).split('\r\n'), bytes);
  }
  response.framing = 'chunked';
  response.body = Buffer.concat(chunks);
  return { response, size: trailerEnd + 4 };
}

function parseFields(lines: string[], bytes: Buffer): string[] {
  const fields: string[] = [];
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0));
    const value = line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '');
    if (!TOKEN.test(name)) fail(`bad header line ${JSON.stringify(line)}`, bytes);
    if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) fail(`control character in ${JSON.stringify(line)}`, bytes);
    fields.push(name, value);
  }
  return fields;
}

function fail(message: string, bytes: Buffer): never {
  throw new ResponseViolation(`${message}; the response begins ${preview(bytes)}`);
}

function cut(message: string, bytes: Buffer): never {
  throw new TruncatedResponse(`${message}; the response begins ${preview(bytes)}`);
}

function preview(bytes: Buffer): string {
  return JSON.stringify(bytes.toString('latin1', 0, 400));
}
