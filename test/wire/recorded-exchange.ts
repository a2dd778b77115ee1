// Drives one client connection without a gateway: an owner and a handler that write down what they are told,
// so that a test can compare it with what was sent.

import { performance } from 'node:perf_hooks';
import { Connection, type SendOptions } from '../../src/wire/connection.ts';
import type { ConnectionTarget } from '../../src/wire/open-socket.ts';
import type { ConnectionOwner, ResponseHandler, WireFailure } from '../../src/wire/response-handler.ts';
import type { ResponseHead } from '../../src/wire/response-head.ts';
import type { Scope } from '../support/fixtures.ts';

export const GET = 'GET / HTTP/1.1\r\nhost: a.test\r\n\r\n';

/** Keeps nothing: it only says whether a connection became idle or went away. */
export class RecordedOwner implements ConnectionOwner {
  idle = 0;
  closed = 0;

  onIdle(): void {
    this.idle++;
  }

  onClosed(): void {
    this.closed++;
  }
}

export class RecordedExchange implements ResponseHandler {
  connected = 0;
  drains = 0;
  pauses = 0;
  readonly interims: { status: number; fields: string[] }[] = [];
  head: ResponseHead | undefined;
  body = '';
  bodySize = 0;
  trailers: string[] | undefined;
  failure: WireFailure | undefined;
  /** Bodies too long to keep are only counted. */
  keeping = true;
  interruptions = 0;
  /** What to do with a 101; nothing, if not set. */
  upgrade: ((head: ResponseHead) => void) | undefined;
  /** What to do when interrupted; go on waiting, if not set. */
  interrupted: (() => void) | undefined;
  /** Called for each piece of the body. */
  onPiece: ((size: number) => void) | undefined;
  #changed: () => void = () => {};

  onConnected(): void {
    this.connected++;
    this.#changed();
  }

  onInterim(status: number, fields: string[]): void {
    this.interims.push({ status, fields });
  }

  onHead(head: ResponseHead): void {
    if (this.head !== undefined) throw new Error('a second head');
    this.head = head;
    this.#changed();
  }

  onBody(bytes: Buffer, start: number, end: number): void {
    if (this.over) throw new Error('a piece of the body after the end');
    this.bodySize += end - start;
    if (this.keeping) this.body += bytes.toString('latin1', start, end);
    this.onPiece?.(end - start);
    this.#changed();
  }

  onPause(): void {
    this.pauses++;
  }

  onEnd(trailers: string[]): void {
    if (this.over) throw new Error('a second end');
    this.trailers = trailers;
    this.#changed();
  }

  onFailure(failure: WireFailure): void {
    if (this.over) throw new Error('a failure after the end');
    this.failure = failure;
    this.#changed();
  }

  onDrain(): void {
    this.drains++;
    this.#changed();
  }

  onUpgrade(head: ResponseHead): void {
    if (this.over) throw new Error('an upgrade after the end');
    this.head = head;
    this.upgrade?.(head);
    this.#changed();
  }

  onInterrupted(): void {
    this.interruptions++;
    this.interrupted?.();
    this.#changed();
  }

  get over(): boolean {
    return this.trailers !== undefined || this.failure !== undefined;
  }

  /** Waits until the condition holds; throws after `deadline` ms. */
  async until(condition: (exchange: this) => boolean, deadline = 5000): Promise<this> {
    const end = performance.now() + deadline;
    while (!condition(this)) {
      const left = end - performance.now();
      if (left <= 0) throw new Error(`not in ${deadline} ms: ${condition}; seen: ${this.#summary()}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      // Some conditions are not told by this handler, such as what the owner heard.
      const timer = setTimeout(resolve, Math.min(left, 20));
      this.#changed = resolve;
      await promise;
      clearTimeout(timer);
    }
    return this;
  }

  /** Waits for the end or the failure. */
  done(deadline?: number): Promise<this> {
    return this.until((exchange) => exchange.over, deadline);
  }

  #summary(): string {
    const { head, bodySize, trailers, failure, connected } = this;
    return JSON.stringify({ connected, head, bodySize, trailers, failure });
  }
}

/** Opens a connection to a port of this machine; it is closed when the test ends. */
export function openConnection(
  scope: Scope,
  port: number,
  options: Partial<ConnectionTarget> & { owner?: ConnectionOwner } = {},
): Connection {
  const { owner = new RecordedOwner(), ...target } = options;
  const connection = new Connection(
    { host: '127.0.0.1', port, tls: null, connectTimeout: 5000, ...target },
    owner,
  );
  scope.after(() => connection.destroy());
  return connection;
}

/** Sends a request, GET unless told otherwise, and returns what its handler will hear. */
export function ask(
  connection: Connection,
  options: Partial<SendOptions> & { head?: string } = {},
): RecordedExchange {
  const exchange = new RecordedExchange();
  const { head = GET, ...rest } = options;
  const defaults: SendOptions = {
    hasBody: false,
    bodiless: false,
    upgrade: false,
    responseTimeout: 5000,
    idleTimeout: 5000,
  };
  connection.send(head, exchange, { ...defaults, ...rest });
  return exchange;
}

/** Looks at the deadline as the owner's clock does, until the condition holds. */
export async function tick(connection: Connection, exchange: RecordedExchange): Promise<void> {
  const timer = setInterval(() => {
    if (connection.deadline < performance.now()) connection.expire();
  }, 10);
  try {
    await exchange.done();
  } finally {
    clearInterval(timer);
  }
}
