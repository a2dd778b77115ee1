// The way of an exchange through the gateway to a replica and back: pick a replica, send the request, stream
// the answer back, report the outcome. An attempt that failed before anything was lost is repeated. Start
// reading here.
import type { ErrorCode } from '../errors.ts';
import { processLog } from '../observe/process-log.ts';
import type { Replica } from '../upstream/replica.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { Connection } from '../wire/connection.ts';
import type { ResponseHandler, WireFailure } from '../wire/response-handler.ts';
import type { ResponseHead } from '../wire/response-head.ts';
import type { AnswerSink, BodySource } from './answer.ts';
import type { Exchange } from './exchange.ts';
import { codeOf, retryAfter } from './failures.ts';
import { clientAuthority, passableTrailers, requestHead } from './headers.ts';
import { RequestBody } from './request-body.ts';

/** Attempts for one exchange, the first included. More than two only while no replica could be reached. */
const MAX_ATTEMPTS = 4;

/** Where a request goes and how it looks there. */
export interface ForwardTarget {
  readonly upstream: Upstream;
  readonly path: string;
  readonly query: string;
  /** `Host` for the replica: null keeps the client's, '' names the replica. */
  readonly hostHeader: string | null;
  /** See `RequestTarget.plain`. */
  readonly plain: boolean;
  /** Asks with this method instead of the client's. */
  readonly method?: string;
}

/** Forwards an exchange. The sink hears `answer`, `body` and `end`, or `fail`, and never both ends. */
export function forward(exchange: Exchange, target: ForwardTarget, sink: AnswerSink): void {
  new Forward(exchange, target, sink).attempt(null);
}

class Forward implements ResponseHandler, BodySource {
  readonly #exchange: Exchange;
  readonly #target: ForwardTarget;
  readonly #sink: AnswerSink;
  readonly #body: RequestBody | null;
  #connection: Connection | null = null;
  #replica: Replica | null = null;
  #tried: Replica[] | null = null;
  #attempts = 0;
  #answered = false;

  constructor(exchange: Exchange, target: ForwardTarget, sink: AnswerSink) {
    this.#exchange = exchange;
    this.#target = target;
    this.#sink = sink;
    this.#body = exchange.forwardsBody ? new RequestBody(exchange) : null;
    sink.attach(this);
  }

  /** Sends the request to `again`, or to the next replica. */
  attempt(again: Replica | null): void {
    const exchange = this.#exchange;
    const { upstream, hostHeader } = this.#target;
    const replica = again ?? upstream.pick(this.#tried) ?? upstream.pick(null)!;
    this.#replica = replica;
    this.#attempts++;
    const { request, route } = exchange;
    const authority =
      hostHeader === null ? clientAuthority(request.host, request.port) : hostHeader || replica.authority;
    const method = this.#target.method ?? exchange.method;
    const head = requestHead(exchange, {
      method,
      path: this.#target.path,
      query: this.#target.query,
      authority,
      plain: this.#target.plain,
    });
    if (head === 'LOOP') return this.#end('LOOP_DETECTED', '');
    const connection = again === null ? replica.pool.take() : replica.pool.open();
    this.#connection = connection;
    connection.send(head, this, {
      hasBody: this.#body !== null,
      bodiless: method === 'HEAD',
      responseTimeout: route.timeouts.response ?? upstream.timeouts.response,
      idleTimeout: route.timeouts.idle ?? upstream.timeouts.idle,
    });
    // The body is touched only once it has somewhere to go: until then another replica may be tried.
    if (connection.connected) this.#body?.streamTo(connection);
  }

  // ---- from the wire ----

  onConnected(): void {
    this.#body?.streamTo(this.#connection!);
  }

  onInterim(status: number, fields: string[]): void {
    this.#sink.interim(status, fields);
  }

  onHead(head: ResponseHead): void {
    this.#answered = true;
    this.#sink.answer(head);
  }

  onBody(bytes: Buffer, start: number, end: number, owned: boolean): void {
    this.#sink.body(bytes, start, end, owned);
  }

  onPause(): void {
    if (this.#answered) this.#sink.flush();
  }

  onEnd(trailers: string[]): void {
    this.#connection = null;
    this.#body?.stop();
    const { drop } = this.#exchange.route.response;
    this.#sink.end(trailers.length === 0 ? trailers : passableTrailers(trailers, drop));
  }

  onFailure(failure: WireFailure): void {
    const connection = this.#connection!;
    this.#connection = null;
    const clientStalled = failure.kind === 'idle-timeout' && this.#body?.waitsForClient === true;
    // What the client sends meanwhile must not go to the connection that failed.
    this.#body?.hold();
    if (!this.#answered && this.#attempts < MAX_ATTEMPTS) {
      const again = retryAfter(failure.kind, {
        method: this.#exchange.method,
        reused: connection.exchanges > 1,
        bodyTouched: this.#body?.touched === true,
      });
      if (again === 'same' && this.#attempts === 1) return this.attempt(this.#replica);
      const tried = (this.#tried?.length ?? 0) + 1;
      if (again === 'other' && tried < this.#target.upstream.replicas.length) {
        processLog.warn('a replica could not be reached, another one is tried', {
          upstream: this.#target.upstream.name,
          replica: this.#replica!.url,
          reason: failure.detail,
        });
        this.#tried = [...(this.#tried ?? []), this.#replica!];
        return this.attempt(null);
      }
    }
    this.#end(clientStalled && !this.#answered ? 'REQUEST_TIMEOUT' : codeOf(failure.kind), failure.detail);
  }

  onDrain(): void {
    this.#body?.resume();
  }

  // ---- from the client's side ----

  pause(): void {
    this.#connection?.pause();
  }

  resume(): void {
    this.#connection?.resume();
  }

  /** The client is gone: the replica need not go on. */
  abort(): void {
    this.#body?.stop();
    const connection = this.#connection;
    this.#connection = null;
    connection?.destroy();
  }

  #end(code: ErrorCode, detail: string): void {
    this.#body?.stop();
    // Who stops in the middle of an upload is not a fault of ours or of a replica.
    const report = code === 'REQUEST_TIMEOUT' ? processLog.warn : processLog.error;
    report(code, {
      route: this.#exchange.route.source,
      upstream: this.#target.upstream.name,
      replica: this.#replica?.url,
      detail,
    });
    this.#sink.fail(code);
  }
}
