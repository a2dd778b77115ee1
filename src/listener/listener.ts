// One bound address. Holds the protocol limits and timeouts, answers what never becomes a request, and hands
// (req, res) on together with what is known of the connection. Outlives reloads.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TrustedProxies } from './client-address.ts';
import { ClientConnection } from './client-connection.ts';
import { type ListenerSocket, onClientError, onConnectRequest, refuse } from './refusal.ts';

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

/** Requests of one connection that may wait for the answer to the one ahead of them. */
const MAX_WAITING = 100;

type WithClient = ListenerSocket & { client?: ClientConnection };

export class Listener {
  readonly #server: Server;
  readonly #handler: RequestHandler;
  readonly #proxies: TrustedProxies;
  #draining = false;

  constructor(handler: RequestHandler, proxies: TrustedProxies) {
    this.#handler = handler;
    this.#proxies = proxies;
    const handle = (req: IncomingMessage, res: ServerResponse): void => {
      // Said `connection: close` and closing: what still arrives is not acted on (RFC 9112 section 9.6).
      if (!req.socket.writable) return;
      // Node gives the socket to one response at a time.
      if (res.socket === null) this.#enqueue(req, res);
      else this.#handle(req, res);
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
    this.#server.on('connect', onConnectRequest);
    this.#server.on('clientError', onClientError);
  }

  #handle(req: IncomingMessage, res: ServerResponse): void {
    if (this.#draining) res.shouldKeepAlive = false;
    const socket = req.socket as WithClient;
    this.#handler(req, res, (socket.client ??= new ClientConnection(socket, false, this.#proxies)));
  }

  /**
   * Holds a pipelined request back until the answer ahead of it is complete. An answer that closes the
   * connection is thus the end: nothing behind it is acted on (RFC 9112 section 9.6), and one connection has
   * one exchange under way at a time.
   */
  #enqueue(req: IncomingMessage, res: ServerResponse<IncomingMessage>): void {
    const socket = req.socket as WithClient;
    const waiting = (socket.waiting ??= []);
    // Node reads on while answers are short. A client that pipelines has to expect a close (section 9.3.2).
    if (waiting.length === MAX_WAITING) return void socket.destroy();
    waiting.push(res);
    res.once('socket', () => {
      waiting.shift();
      if (socket.broken !== undefined && !req.complete) refuse(socket, socket.broken);
      else this.#handle(req, res);
    });
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
