// Runs the action of a route for a request that nobody sent, and writes down what it would do: the head that a
// replica would get, or the answer that the gateway gives by itself. For `explain`; nothing leaves this process.
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { ERRORS, type ErrorCode } from '../errors.ts';
import { ClientConnection } from '../listener/client-connection.ts';
import type { DownstreamResponse } from '../listener/downstream.ts';
import { ServerRequest } from '../listener/server-request.ts';
import { divertLog } from '../observe/process-log.ts';
import { errorBody } from '../proxy/error-reply.ts';
import { Exchange, type RoutePlan } from '../proxy/exchange.ts';
import type { CanonicalRequest } from '../routing/canonical.ts';
import { Networks } from '../routing/networks.ts';
import { ConnectionPool } from '../upstream/connection-pool.ts';
import type { Replica } from '../upstream/replica.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { Connection } from '../wire/connection.ts';
import type { ResponseHandler, WireFailure } from '../wire/response-handler.ts';

export interface RehearsedRequest {
  readonly method: string;
  readonly rawHeaders: readonly string[];
  readonly secure: boolean;
  /** Address of the client. */
  readonly client: string;
}

export interface Rehearsed {
  /** The head for a replica, with the empty line at its end; null when none is asked, or none can be reached. */
  readonly requestHead: string | null;
  /** The upstream that was asked for a replica; null where the gateway answers by itself. */
  readonly upstream: Upstream | null;
  /** The replica that got the head. */
  readonly replica: Replica | null;
  /** Those that could not be reached, in the order in which they were tried. */
  readonly failed: readonly Replica[];
  /** Nobody was there, so that the exchange waited as long as it may. */
  readonly held: boolean;
  /** The gateway's own answer; null when a replica gives it. */
  readonly answer: {
    readonly status: number;
    readonly fields: readonly string[];
    code: ErrorCode | null;
  } | null;
}

/**
 * @param upstreams all that the route may ask; their connection pools are replaced, so use them for nothing else
 * @param unreachable by the id of the replica, how a connection to it fails
 */
export function rehearse(
  plan: RoutePlan,
  request: CanonicalRequest,
  asked: RehearsedRequest,
  upstreams: readonly Upstream[],
  unreachable: ReadonlyMap<number, WireFailure> = new Map(),
): Rehearsed {
  const stage = new Stage(upstreams, unreachable);
  // What would be logged of the exchange is told by the explanation.
  const log = divertLog(() => {});
  try {
    const client = new ClientConnection(
      { remoteAddress: asked.client } as Socket,
      asked.secure,
      new Networks([]),
    );
    const exchange = new Exchange(requestOf(asked), stage.response, client, request, plan);
    plan.action.run(exchange);
    stage.play();
    const held = plan.hold !== null && stage.isSilent;
    if (held) stage.passTime(plan.hold.time);
    const { accept } = exchange.req.headers;
    return { ...stage.seen(accept), held };
  } finally {
    divertLog(log);
  }
}

/** As the listener would hand it over, with its body, if any, already read. */
function requestOf({ method, rawHeaders }: RehearsedRequest): ServerRequest {
  const fields = [...rawHeaders];
  const none = { framing: 'none', length: 0, keepAlive: true, end: 0 } as const;
  const head = { method, target: '/', minor: 1, fields, ...none } as const;
  return new ServerRequest(head, { setFlowing: () => {} });
}

/** Where it is played: what stands for the client and for the connections to replicas. */
class Stage {
  readonly response: DownstreamResponse;
  readonly #upstreams: readonly Upstream[];
  readonly #unreachable: ReadonlyMap<number, WireFailure>;
  readonly #failures: (() => void)[] = [];
  readonly #failed: Replica[] = [];
  #requestHead: string | null = null;
  #upstream: Upstream | null = null;
  #replica: Replica | null = null;
  #status = 0;
  #fields: readonly string[] = [];
  #body = '';

  constructor(upstreams: readonly Upstream[], unreachable: ReadonlyMap<number, WireFailure>) {
    this.#upstreams = upstreams;
    this.#unreachable = unreachable;
    for (const upstream of upstreams) {
      for (const replica of upstream.replicas) {
        const pool = new RehearsedPool(replica, (head, handler) =>
          this.#sent(upstream, replica, head, handler),
        );
        (replica as { -readonly [K in keyof Replica]: Replica[K] }).pool = pool;
      }
    }
    this.response = this.#makeResponse();
  }

  /** Neither an answer nor a request to a replica has been seen. */
  get isSilent(): boolean {
    return this.#status === 0 && this.#requestHead === null;
  }

  /** Lets the connections fail that do so, until nothing comes of it any more. */
  play(): void {
    for (let fail = this.#failures.shift(); fail !== undefined; fail = this.#failures.shift()) fail();
  }

  /** As if somebody had waited so long, in vain. */
  passTime(ms: number): void {
    const late = performance.now() + ms + 1000;
    for (const upstream of this.#upstreams) {
      upstream.tick(late);
      upstream.close();
    }
  }

  /** @param accept what the client accepts: errors are told in its words */
  seen(accept: string | undefined): Omit<Rehearsed, 'held'> {
    const codes = Object.keys(ERRORS) as ErrorCode[];
    const code = codes.find((each) => errorBody(each, accept).text === this.#body) ?? null;
    return {
      requestHead: this.#requestHead,
      upstream: this.#upstream,
      replica: this.#replica,
      failed: this.#failed,
      answer: this.#status === 0 ? null : { status: this.#status, fields: this.#fields, code },
    };
  }

  #sent(upstream: Upstream, replica: Replica, head: string, handler: ResponseHandler): void {
    this.#upstream = upstream;
    const failure = this.#unreachable.get(replica.id);
    if (failure === undefined) {
      this.#requestHead = head;
      this.#replica = replica;
      return;
    }
    this.#failed.push(replica);
    // Never from within `send`, as on the wire.
    this.#failures.push(() => handler.onFailure(failure));
  }

  #answered(status: number, fields: readonly string[]): void {
    this.#status = status;
    this.#fields = fields;
  }

  #makeResponse(): DownstreamResponse {
    return {
      observer: null,
      keepAlive: true,
      headersSent: false,
      ended: false,
      isChunked: false,
      pendingBytes: 0,
      writeInterim: () => {},
      writeHead: (status, fields) => this.#answered(status, fields),
      writePrepared: ({ status, fields }) => this.#answered(status, fields),
      flushHead: () => {},
      write: (chunk) => {
        this.#body += chunk;
        return true;
      },
      end: (chunk = '') => {
        this.#body += chunk;
      },
      switchProtocols: () => {
        throw new Error('no replica has answered');
      },
      abort: () => {},
    };
  }
}

type Sent = (head: string, handler: ResponseHandler) => void;

/** Gives connections that lead nowhere. */
class RehearsedPool extends ConnectionPool {
  readonly #sent: Sent;

  constructor(replica: Replica, sent: Sent) {
    super({ host: '', port: 0, tls: null, connectTimeout: 0 }, replica);
    this.#sent = sent;
  }

  override open(): Connection {
    const connection = { connected: false, exchanges: 1, send: this.#sent, destroy: () => {} };
    return connection as unknown as Connection;
  }
}
