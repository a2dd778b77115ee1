// A replica on a bare socket: reads the head of one request on each connection, and leaves the socket to the test.
// For tunnels, whose bytes are nobody's requests.

import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { Scope } from './fixtures.ts';

export interface RawReplica {
  readonly port: number;
  readonly url: string;
  /** Sockets whose head has arrived, in order. */
  readonly sockets: Socket[];
  /** The heads. */
  readonly heads: string[];
}

/** What the replica does with a socket once the head is in; `rest` is what came behind it. */
export type SocketScript = (socket: Socket, head: string, rest: Buffer) => void;

/** Listens on 127.0.0.1 until the test ends. */
export async function startRawReplica(
  scope: Scope,
  script: SocketScript,
  tls?: { key: string; cert: string },
): Promise<RawReplica> {
  const all = new Set<Socket>();
  const replica = { port: 0, url: '', sockets: [] as Socket[], heads: [] as string[] };
  const accept = (socket: Socket): void => {
    all.add(socket);
    socket.on('close', () => all.delete(socket));
    socket.on('error', () => {});
    let read: Buffer = Buffer.alloc(0);
    const onData = (chunk: Buffer): void => {
      read = Buffer.concat([read, chunk]);
      const end = read.indexOf('\r\n\r\n');
      if (end === -1) return;
      socket.off('data', onData);
      socket.pause();
      const head = read.toString('latin1', 0, end + 4);
      replica.heads.push(head);
      replica.sockets.push(socket);
      script(socket, head, read.subarray(end + 4));
    };
    socket.on('data', onData);
  };
  const options = { allowHalfOpen: true, noDelay: true };
  const server = tls ? createTlsServer({ ...tls, ...options }, accept) : createServer(options, accept);
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.after(async () => {
    for (const socket of all) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  replica.port = (server.address() as AddressInfo).port;
  replica.url = `${tls ? 'https' : 'http'}://127.0.0.1:${replica.port}`;
  return replica;
}

/** Collects what a socket receives from now on, and how it ends. */
export class SocketRecord {
  #chunks: Buffer[] = [];
  size = 0;
  /** FIN was received. */
  ended = false;
  closed = false;
  error: NodeJS.ErrnoException | undefined;

  constructor(socket: Socket, rest: Buffer = Buffer.alloc(0)) {
    this.#add(rest);
    socket.on('data', (chunk: Buffer) => this.#add(chunk));
    socket.on('end', () => {
      this.ended = true;
    });
    socket.on('error', (error) => {
      this.error = error;
    });
    socket.on('close', () => {
      this.closed = true;
    });
    socket.resume();
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get text(): string {
    return this.bytes.toString('latin1');
  }

  #add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.size += chunk.length;
  }
}
