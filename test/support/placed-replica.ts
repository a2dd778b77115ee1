// A replica in this process at any address of this machine (127.0.20.1, ::1), for names with several addresses, which
// all have one port. It tells which requests and connections it got.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Scope } from './fixtures.ts';
import { freePort } from './ports.ts';

export interface PlacedReplica {
  readonly host: string;
  /** Targets of all requests, in order. */
  readonly seen: string[];
  /** Open connections. */
  readonly sockets: ReadonlySet<Socket>;
  /** Connections so far. */
  readonly connections: number;
  /** The `Host` of the last request. */
  readonly lastHost: string | undefined;
  /** Refuses from now on, and cuts what is open. */
  close(): void;
}

/** Answers a request. The default says the host of the replica. */
export type Answerer = (request: IncomingMessage, response: ServerResponse, host: string) => void;

/** Starts a replica at each host, all on one port, until the test ends. @param port 0 takes a free one */
export async function placeReplicas(
  scope: Scope,
  hosts: readonly string[],
  port = 0,
  answer: Answerer = (_, response, host) => void response.end(host),
): Promise<{ port: number; replicas: PlacedReplica[] }> {
  for (;;) {
    const chosen = port === 0 ? await freePort() : port;
    try {
      return {
        port: chosen,
        replicas: await Promise.all(hosts.map((host) => place(scope, host, chosen, answer))),
      };
    } catch (error) {
      // Free at 127.0.0.1, but not at all of these.
      if (port !== 0 || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
}

async function place(scope: Scope, host: string, port: number, answer: Answerer): Promise<PlacedReplica> {
  const sockets = new Set<Socket>();
  const seen: string[] = [];
  let connections = 0;
  let lastHost: string | undefined;
  const server = createServer((request, response) => {
    seen.push(request.url!);
    lastHost = request.headers.host;
    answer(request, response, host);
  });
  // Who closes idle connections is the gateway.
  server.keepAliveTimeout = 120_000;
  server.on('connection', (socket) => {
    connections++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  const close = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  scope.after(close);
  server.listen(port, host);
  await once(server, 'listening');
  return {
    host,
    seen,
    sockets,
    get connections() {
      return connections;
    },
    get lastHost() {
      return lastHost;
    },
    close,
  };
}
