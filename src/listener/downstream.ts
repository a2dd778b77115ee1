// What everything above the listener sees of a request and its response: as little as it needs, so that
// another protocol can stand underneath. `ServerRequest` and `ServerResponse` are the HTTP/1.1 side of it.
import type { IncomingHttpHeaders } from 'node:http';
import type { TunnelEnd } from '../wire/tunnel-end.ts';

/** Who reads the body of a request. Told nothing after `onEnd` or `onAborted`. */
export interface BodyReader {
  /** A piece. Where it is not `owned`, its memory is only lent: it must be copied before this returns. */
  onData(chunk: Buffer, owned: boolean): void;
  onEnd(): void;
  /** The rest will not come. */
  onAborted(): void;
}

export interface DownstreamRequest {
  readonly method: string;
  /** The target as sent. The shell lends this property while it runs; see `gateway/app.ts`. */
  url: string;
  readonly httpVersionMajor: number;
  readonly httpVersionMinor: number;
  /** Names as sent and values, alternating. */
  readonly rawHeaders: readonly string[];
  /** By lower-case name; repeated fields are joined with a comma, cookies with a semicolon. */
  readonly headers: IncomingHttpHeaders;
  /** Fields of the trailer section once `complete`, names and values alternating. */
  readonly rawTrailers: readonly string[];
  /** The whole request is here, body included. */
  readonly complete: boolean;
  /** Begins or goes on to read the body. */
  readTo(reader: BodyReader): void;
  pause(): void;
  resume(): void;
}

/** Who writes a response and wants to know how the client takes it. */
export interface ResponseObserver {
  /** More may be written, after `write` said false. */
  onDrain(): void;
  /** The client is gone before the response ended. */
  onGone(): void;
}

/**
 * The head of an answer that is given again and again. Its fields hold a content-length (unless the status has no
 * body) and neither date nor connection.
 */
export interface PreparedHead {
  readonly status: number;
  /** Names and values, alternating. */
  readonly fields: readonly string[];
  /** The same as field lines, each with its CRLF. */
  readonly lines: string;
}

export function prepareHead(status: number, fields: readonly string[]): PreparedHead {
  let lines = '';
  for (let i = 0; i < fields.length; i += 2) lines += `${fields[i]}: ${fields[i + 1]}\r\n`;
  return { status, fields, lines };
}

export interface DownstreamResponse {
  observer: ResponseObserver | null;
  /** False closes the connection after this response. To be set before `writeHead`. */
  keepAlive: boolean;
  readonly headersSent: boolean;
  readonly ended: boolean;
  /** The body is chunked, so trailers can follow. */
  readonly isChunked: boolean;
  /** Bytes that the kernel has not taken yet. */
  readonly pendingBytes: number;
  /** Sends an interim head (1xx). */
  writeInterim(status: number, fields: readonly string[]): void;
  /**
   * Takes the head: names and values, alternating, checked by whoever made them. It leaves with the first
   * piece of the body, `flushHead` or `end`.
   */
  writeHead(status: number, fields: readonly string[]): void;
  /** As `writeHead`, with a head that was made before. */
  writePrepared(head: PreparedHead): void;
  flushHead(): void;
  /** Writes a piece; a string is latin1. False asks to wait for `onDrain`. */
  write(chunk: Buffer | string): boolean;
  /** Ends the response; `trailers` are fields behind a chunked body. */
  end(chunk?: Buffer | string, trailers?: readonly string[]): void;
  /**
   * Answers with 101 and the fields, names and values, alternating, `connection` and `upgrade` among them; the
   * connection is a tunnel from then on. Only for a request that is whole and has no answer yet. `begin` is to be
   * called at once.
   */
  switchProtocols(fields: readonly string[]): TunnelEnd;
  /** Breaks the connection so that nobody takes what was sent for the whole. */
  abort(): void;
}
