// One bound address: accepts connections, keeps their deadlines, drains them. Outlives reloads.
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { processLog } from '../observe/process-log.ts';
import type { Networks } from '../routing/networks.ts';
import { ClientConnection } from './client-connection.ts';
import { type RequestSink, ServerConnection } from './server-connection.ts';

/**
 * Bytes read ahead of whoever takes them, give or take a read: thousands of uploads and tunnels may be paused at a
 * time. Node sets the mark for what is queued to the client with it; `ServerResponse` has one of its own for that.
 */
const READ_AHEAD = 16 * 1024;
/** Milliseconds between looks at the deadlines of connections. */
const TICK = 250;

export class Listener {
  readonly #server: Server;
  readonly #connections = new Set<ServerConnection>();
  readonly #clock: NodeJS.Timeout;
  #draining = false;

  constructor(sink: RequestSink, proxies: Networks) {
    const onClosed = (connection: ServerConnection): void => {
      this.#connections.delete(connection);
    };
    // Half-open, because a client may say that it has sent everything before it has its answer.
    const options = { allowHalfOpen: true, noDelay: true, keepAlive: true, highWaterMark: READ_AHEAD };
    this.#server = createServer(options, (socket: Socket) => {
      const client = new ClientConnection(socket, false, proxies);
      const connection = new ServerConnection(socket, client, sink, onClosed);
      this.#connections.add(connection);
      if (this.#draining) connection.drain();
    });
    this.#clock = setInterval(() => this.#expire(), TICK).unref();
  }

  /** Binds; resolves with the port, rejects with the error of the system. */
  listen(address: { address: string | undefined; port: number }, reusePort: boolean): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host: address.address, port: address.port, reusePort, backlog: 1024 }, () => {
        this.#server.removeListener('error', reject);
        // Out of file descriptors, for one (RE-02): that client is lost, the others are served.
        this.#server.on('error', (error) => {
          processLog.warn('a connection could not be accepted', { detail: error.message });
        });
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /**
   * Stops accepting, lets each connection end with what is under way. Resolves when all are gone, or after
   * `deadline` milliseconds, when the rest, tunnels that are still open among them, are cut.
   */
  drain(deadline: number): Promise<void> {
    this.#draining = true;
    return new Promise((resolve) => {
      const cut = setTimeout(() => {
        for (const connection of this.#connections) connection.cut();
      }, deadline);
      this.#server.close(() => {
        clearTimeout(cut);
        clearInterval(this.#clock);
        resolve();
      });
      for (const connection of this.#connections) connection.drain();
    });
  }

  #expire(): void {
    const now = performance.now();
    for (const connection of this.#connections) if (connection.deadline.isOver(now)) connection.expire();
  }
}
