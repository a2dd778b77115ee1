// Answers to what never becomes a request: bytes the parser refuses, heads that never end, CONNECT. Plain
// bytes on the socket, behind the answers that are still due, then the connection is closed.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ERRORS, type ErrorCode } from '../errors.ts';

/** A client's socket with what the listener keeps on it. */
export type ListenerSocket = Socket & {
  /** Requests that came before the answer to the one ahead of them was complete, oldest first. */
  waiting?: Waiting[];
  /** Why nothing more is read from this connection. */
  broken?: ErrorCode;
};

export type Waiting = ServerResponse<IncomingMessage>;

/** Milliseconds that a refused client's bytes are still read and thrown away, so that it gets to see the answer. */
const LINGER = 1_000;

/** Listener for `clientError`. */
export function onClientError(error: NodeJS.ErrnoException, client: Socket): void {
  const socket = client as ListenerSocket;
  const code = codeOfParserError(error.code);
  if (code === null) return void socket.destroy();
  // The parser says the same again for each read that follows.
  if (socket.broken !== undefined) return;
  socket.broken = code;
  const current = answerUnderWay(socket);
  if (current === null) return refuse(socket, code);
  const newest = socket.waiting?.at(-1) ?? current;
  if (newest.req.complete) {
    // What is wrong comes after whole requests: their answers go first.
    newest.once('close', () => refuse(socket, code));
    return;
  }
  // A request that waits is refused when its turn comes; see `Listener`.
  if (newest !== current) return;
  if (current.headersSent) {
    // In the middle of an answer another one would be taken for part of it. Whoever has answered and reads the
    // rest of the body is told that there is none.
    current.req.emit('aborted');
    if (current.writableEnded) socket.destroySoon();
    else socket.resetAndDestroy();
    return;
  }
  current.detachSocket(socket);
  current.emit('close');
  refuse(socket, code);
}

/** Listener for `connect`. Node has let go of the socket: errors, reads and the order of answers are ours now. */
export function onConnectRequest(_req: IncomingMessage, client: Socket): void {
  const socket = client as ListenerSocket;
  // The client is gone, which `close` says as well.
  socket.on('error', () => socket.destroy());
  // Nobody pipelines CONNECT; an answer now would be taken for that to the request ahead.
  if (answerUnderWay(socket) !== null) return void socket.destroy();
  socket.resume();
  refuse(socket, 'METHOD_UNKNOWN');
}

/** The response that has the socket at the moment. */
function answerUnderWay(socket: Socket): ServerResponse<IncomingMessage> | null {
  return (socket as Socket & { _httpMessage?: ServerResponse<IncomingMessage> | null })._httpMessage ?? null;
}

/** Null for what is not about the bytes of the client: the connection is gone. */
function codeOfParserError(code = ''): ErrorCode | null {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return 'HEADERS_TOO_LARGE';
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return 'BAD_FRAMING';
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return 'REQUEST_TIMEOUT';
    default:
      return code.startsWith('HPE_') ? 'BAD_REQUEST' : null;
  }
}

const STATUS_TEXT: Record<number, string> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
  501: 'Not Implemented',
};

/** Answers and closes. After that the socket is silent, whatever arrives on it. */
export function refuse(socket: ListenerSocket, code: ErrorCode): void {
  socket.broken = code;
  // An answer with `connection: close` was the last word.
  if (socket.writableEnded || socket.destroyed) return;
  const { status, message } = ERRORS[code];
  const body = `${JSON.stringify({ error: { code, status, message, retry: false } })}\n`;
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_TEXT[status] ?? 'Error'}\r\nconnection: close\r\n` +
      `content-type: application/json; charset=utf-8\r\nx-content-type-options: nosniff\r\n` +
      `cache-control: no-store\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  // Closing with unread bytes would make the kernel reset the connection and lose the answer (RFC 9112
  // section 9.6).
  const timer = setTimeout(() => socket.destroy(), LINGER);
  socket.once('close', () => clearTimeout(timer));
}
