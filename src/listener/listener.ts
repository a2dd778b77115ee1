// One bound address. Holds the protocol limits and timeouts, answers what never becomes a request, and hands
// (req, res) on together with what is known of the connection. Outlives reloads.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { ERRORS, type ErrorCode } from '../errors.ts';
import type { TrustedProxies } from './client-address.ts';
import { ClientConnection } from './client-connection.ts';

export type RequestHandler = (req: IncomingMessage, res: ServerResponse, client: ClientConnection) => void;

/** Protocol limits. Milliseconds and bytes. */
const LIMITS = {
  /** Start line and fields together. */
  maxHeaderSize: 16 * 1024,
  /** From the first byte of a request, or the start of the connection, to the end of its head. */
  headersTimeout: 10_000,
  /** A whole request. Uploads are cut by the route's idle time long before; this ends what trickles on. */
  requestTimeout: 3_600_000,
  keepAliveTimeout: 72_000,
  connectionsCheckingInterval: 2_000,
  /** Bytes queued to a client before its replica is paused. */
  highWaterMark: 128 * 1024,
} as const;

type WithClient = Socket & { client?: ClientConnection };

export class Listener {
  readonly #server: Server;
  #draining = false;

  constructor(handler: RequestHandler, proxies: TrustedProxies) {
    const handle = (req: IncomingMessage, res: ServerResponse): void => {
      if (this.#draining) res.shouldKeepAlive = false;
      const socket = req.socket as WithClient;
      handler(req, res, (socket.client ??= new ClientConnection(socket, false, proxies)));
    };
    this.#server = createServer({
      ...LIMITS,
      // Named, so that no command-line flag of Node can weaken it.
      httpValidation: 'strict',
      // The gate judges Host itself, with an answer of ours.
      requireHostHeader: false,
      optimizeEmptyRequests: true,
      keepAlive: true,
      noDelay: true,
    } as Parameters<typeof createServer>[0]);
    this.#server.on('request', handle);
    // The gate decides whether `100 Continue` is sent, and whether the expectation is one we know.
    this.#server.on('checkContinue', handle);
    this.#server.on('checkExpectation', handle);
    this.#server.on('connect', (_req: IncomingMessage, socket: Socket) => refuse(socket, 'METHOD_UNKNOWN'));
    this.#server.on('clientError', onClientError);
  }

  /** Binds; resolves with the port, rejects with the error of the system. */
  listen(address: { address: string | undefined; port: number }, reusePort: boolean): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host: address.address, port: address.port, reusePort, backlog: 1024 }, () => {
        this.#server.removeListener('error', reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /**
   * Stops accepting, asks clients to close, waits for what is under way. Resolves when all connections are gone,
   * or after `deadline` milliseconds, when the rest are cut.
   */
  drain(deadline: number): Promise<void> {
    this.#draining = true;
    return new Promise((resolve) => {
      const cut = setTimeout(() => this.#server.closeAllConnections(), deadline);
      this.#server.close(() => {
        clearTimeout(cut);
        resolve();
      });
      this.#server.closeIdleConnections();
    });
  }
}

/** What the parser refuses never becomes a request: answered here in plain bytes, then closed. */
function onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  refuse(socket, codeOfParserError(error.code));
}

function codeOfParserError(code: string | undefined): ErrorCode {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return 'HEADERS_TOO_LARGE';
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return 'REQUEST_TIMEOUT';
    default:
      return 'BAD_REQUEST';
  }
}

const STATUS_TEXT: Record<number, string> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
  501: 'Not Implemented',
};

function refuse(socket: Socket, code: ErrorCode): void {
  const { status, message } = ERRORS[code];
  const current = (socket as unknown as { _httpMessage?: { headersSent?: boolean } | null })._httpMessage;
  // In the middle of an answer another one would be taken for part of it.
  if (!socket.writable || current?.headersSent === true) {
    socket.destroy();
    return;
  }
  const body = `${JSON.stringify({ error: { code, status, message, retry: false } })}\n`;
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_TEXT[status] ?? 'Error'}\r\nconnection: close\r\n` +
      `content-type: application/json; charset=utf-8\r\nx-content-type-options: nosniff\r\n` +
      `cache-control: no-store\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}
