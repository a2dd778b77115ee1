// A replica on a raw TCP socket: it records every byte, connection and request, answers what a test tells it
// to, and misbehaves on demand (closes mid-body, stalls, resets, refuses).

import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { Scope } from './fixtures.ts';
import { listenApart } from './ports.ts';
import { type RecordedRequest, RequestReader } from './request-reader.ts';

/**
 * Bytes to send, or a function that returns them or uses the connection itself (and returns nothing).
 * Text is sent as latin1. `answer()` builds well-formed bytes.
 */
export type Script =
  | Answer
  | ((request: RecordedRequest, on: ReplicaConnection) => Answered | Promise<Answered>);
type Answer = string | Uint8Array;
// biome-ignore lint/suspicious/noConfusingVoidType: a function that returns nothing is a script as well
type Answered = Answer | undefined | void;

export interface ReplicaOptions {
  /** Answer when the head of a request is in, or when its body is. @default 'request' */
  when?: 'head' | 'request';
  /** Bytes kept of each body, and of each connection's raw bytes. @default 16 MB */
  keep?: number;
  /** @default 0, a free one */
  port?: number;
  /** Speak TLS with this key and certificate (PEM); see `selfSigned()`. */
  tls?: { key: string; cert: string };
}

/** Starts a replica on 127.0.0.1; it is closed when the test ends. The default answer names the path. */
export async function startReplica(
  scope: Scope,
  script: Script = (request) => answer(`${request.method} ${request.target}`),
  options: ReplicaOptions = {},
): Promise<RecordingReplica> {
  const replica = new RecordingReplica(script, options);
  scope.after(() => replica.close());
  await replica.accept();
  return replica;
}

/** A well-formed response with Content-Length (and only that) beside the given headers. */
export function answer(
  body: string | Uint8Array,
  headers: Record<string, string> = {},
  status = 200,
): Buffer {
  const bytes = Buffer.from(body as string);
  const fields = Object.entries({ ...headers, 'Content-Length': String(bytes.length) });
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([
    Buffer.from(`HTTP/1.1 ${status} Scripted\r\n${lines.join('')}\r\n`, 'latin1'),
    bytes,
  ]);
}

export class RecordingReplica {
  /** Every connection ever accepted, in order. */
  readonly connections: ReplicaConnection[] = [];
  /** Every request whose head arrived, over all connections, in order. */
  readonly requests: RecordedRequest[] = [];
  script: Script;
  readonly #options: Required<Omit<ReplicaOptions, 'tls'>> & Pick<ReplicaOptions, 'tls'>;
  #server: Server | undefined;
  #waiting: (() => void)[] = [];

  constructor(script: Script, options: ReplicaOptions) {
    this.script = script;
    this.#options = { when: 'request', keep: 16 * 1024 * 1024, port: 0, ...options };
  }

  get port(): number {
    return this.#options.port;
  }

  get url(): string {
    return `${this.#options.tls ? 'https' : 'http'}://127.0.0.1:${this.port}`;
  }

  get openConnections(): number {
    return this.connections.filter((connection) => !connection.closed).length;
  }

  /** Listens, again on the same port after `refuse()`. */
  async accept(): Promise<void> {
    const { tls } = this.#options;
    const connected = (socket: Socket) => this.#connected(socket);
    const server = tls
      ? createTlsServer({ ...tls, allowHalfOpen: true }, connected)
      : createServer({ allowHalfOpen: true, noDelay: true }, connected);
    if (this.port === 0) this.#options.port = await listenApart(server);
    else {
      server.listen(this.port, '127.0.0.1');
      await once(server, 'listening');
    }
    this.#server = server;
  }

  /** New connections are refused from now on; open ones go on. */
  refuse(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  /** Refuses, and cuts every open connection. */
  async close(): Promise<void> {
    const server = this.#server;
    this.refuse();
    for (const connection of this.connections) connection.socket.destroy();
    if (server?.listening) await once(server, 'close');
  }

  /** Resolves as soon as `condition` holds; it is asked at every event. Throws after `deadline` ms. */
  async until(condition: (replica: this) => boolean, deadline = 5000): Promise<void> {
    const end = performance.now() + deadline;
    while (!condition(this)) {
      const left = end - performance.now();
      if (left <= 0) {
        throw new Error(
          `the replica waited ${deadline} ms in vain for ${condition}; it saw ${this.connections.length} ` +
            `connections and ${JSON.stringify(this.requests.map((request) => request.head))}`,
        );
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, left);
      this.#waiting.push(resolve);
      await promise;
      clearTimeout(timer);
    }
  }

  #event(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #connected(socket: Socket): void {
    const connection = new ReplicaConnection(socket, this.connections.length);
    this.connections.push(connection);
    const { when, keep } = this.#options;
    const reader = new RequestReader(connection.id, keep, {
      head: (request) => {
        this.requests.push(request);
        connection.requests.push(request);
        if (when === 'head') connection.schedule(() => this.#run(request, connection));
      },
      end: (request) => {
        if (when === 'request') connection.schedule(() => this.#run(request, connection));
      },
    });
    socket.on('data', (chunk: Buffer) => {
      connection.record(chunk, keep);
      reader.push(chunk);
      this.#event();
    });
    socket.on('end', () => {
      connection.ended = true;
      if (connection.closesAfterPeer) socket.end();
      this.#event();
    });
    socket.on('error', (error) => {
      connection.error = error;
    });
    socket.on('close', () => {
      connection.closed = true;
      this.#event();
    });
    this.#event();
  }

  async #run(request: RecordedRequest, connection: ReplicaConnection): Promise<void> {
    const bytes = typeof this.script === 'function' ? await this.script(request, connection) : this.script;
    if (bytes !== undefined) connection.write(bytes);
  }
}

export class ReplicaConnection {
  readonly socket: Socket;
  readonly id: number;
  readonly requests: RecordedRequest[] = [];
  /** The peer sent FIN. */
  ended = false;
  /** Nothing moves on it any more. */
  closed = false;
  /** ECONNRESET and the like. */
  error: Error | undefined;
  /** Answer the peer's FIN with ours, as servers do. */
  closesAfterPeer = true;
  size = 0;
  #chunks: Buffer[] = [];
  #queue: Promise<void> = Promise.resolve();

  constructor(socket: Socket, id: number) {
    this.socket = socket;
    this.id = id;
  }

  /** Every byte received, as far as kept. */
  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  write(bytes: string | Uint8Array): boolean {
    if (!this.socket.writable) return false;
    return this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** Sends the bytes, if any, and then FIN. */
  end(bytes: string | Uint8Array = ''): void {
    this.write(bytes);
    this.socket.end();
  }

  /** RST. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** Stops reading until `resume()`: a slow replica. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  record(chunk: Buffer, keep: number): void {
    if (this.size < keep) this.#chunks.push(chunk.subarray(0, keep - this.size));
    this.size += chunk.length;
  }

  /** Answers of one connection go out in the order of its requests. A script that throws fails the test file. */
  schedule(run: () => Promise<void>): void {
    this.#queue = this.#queue.then(run);
  }
}
