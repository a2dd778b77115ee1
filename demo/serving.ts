// One node:http server on a port of 127.0.0.1 that can be stopped, started again at the same place, and made to
// hang: what every stand-in of the sample stack is made of.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

export type ServedState = 'running' | 'stopped' | 'paused';

export interface Served {
  /** `api-2` */
  readonly name: string;
  /** `http://127.0.0.1:PORT`, the same for as long as it lives. */
  readonly url: string;
  readonly state: ServedState;
  /** As a crash: connections are refused, and those that are open are cut. */
  stop(): Promise<void>;
  /** @throws when another program has taken the port meanwhile */
  start(): Promise<void>;
  /** Accepts from now on and answers nothing, as a process that hangs. */
  pause(): void;
  /** Answers again, also whoever has waited for it. */
  resume(): void;
  /** Ends it for good. */
  close(): Promise<void>;
}

export type Answering = (req: IncomingMessage, res: ServerResponse) => void | Promise<void>;

/**
 * Below the range that the system serves outgoing connections from: the port of a server that is stopped for a
 * while must not go to somebody else.
 */
const FIRST_PORT = 10_000;
const LAST_PORT = 32_000;

/** Starts serving. A handler that fails answers 500 and says why on stderr. */
export async function serve(name: string, answer: Answering): Promise<Served> {
  const served = new ServedProgram(name, answer);
  await served.begin();
  return served;
}

class ServedProgram implements Served {
  readonly name: string;
  readonly #answer: Answering;
  readonly #server: Server;
  #port = 0;
  #state: ServedState = 'stopped';
  /** What those who are not answered wait for. */
  #resumed = Promise.withResolvers<void>();

  constructor(name: string, answer: Answering) {
    this.name = name;
    this.#answer = answer;
    this.#server = createServer((req, res) => void this.#handle(req, res));
    // Longer than any gateway's pool, so that the stand-in is not the one to close an idle connection.
    this.#server.keepAliveTimeout = 120_000;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get state(): ServedState {
    return this.#state;
  }

  /** Listens on a port that is free. */
  async begin(): Promise<void> {
    while (this.#state === 'stopped') {
      this.#port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
      try {
        await this.start();
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      }
    }
  }

  async start(): Promise<void> {
    if (this.#state !== 'stopped') return;
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#state = 'running';
  }

  async stop(): Promise<void> {
    if (this.#state === 'stopped') return;
    this.#state = 'stopped';
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    // Whoever waits for an answer finds that nobody wants it any more.
    this.#release();
    await closed;
  }

  pause(): void {
    if (this.#state === 'running') this.#state = 'paused';
  }

  resume(): void {
    if (this.#state !== 'paused') return;
    this.#state = 'running';
    this.#release();
  }

  close(): Promise<void> {
    return this.stop();
  }

  #release(): void {
    this.#resumed.resolve();
    this.#resumed = Promise.withResolvers();
  }

  async #handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    try {
      while (this.#state === 'paused' && !res.destroyed) {
        await Promise.race([this.#resumed.promise, once(res, 'close')]);
      }
      if (!res.destroyed) await this.#answer(req, res);
    } catch (error) {
      // A client that leaves in the middle of its upload is no fault of the stand-in.
      if (req.destroyed && !req.complete) return;
      console.error(`stand-in ${this.name}: ${req.method} ${req.url}`, error);
      if (res.headersSent) res.destroy();
      else res.writeHead(500, { 'content-type': 'text/plain' }).end(`${this.name} failed\n`);
    }
  }
}

/** Answers with JSON. */
export function sendJson(res: ServerResponse, value: unknown, status = 200): void {
  const body = `${JSON.stringify(value, null, 2)}\n`;
  res.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
  });
  res.end(body);
}

/** Text as HTML. */
export function escapeHtml(text: string): string {
  const entities: Record<string, string> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (character) => entities[character]!);
}
