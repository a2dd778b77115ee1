// The way of an exchange through the gateway to a replica and back: pick a replica or wait for one, send the
// request, stream the answer back, report the outcome. An attempt that failed before anything was lost is
// repeated. Start reading here.
import { performance } from 'node:perf_hooks';
import { processLog } from '../observe/process-log.ts';
import type { Wish } from '../upstream/choice.ts';
import type { Outcome, Replica } from '../upstream/replica.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { Connection } from '../wire/connection.ts';
import type { ResponseHandler, WireFailure } from '../wire/response-handler.ts';
import type { ResponseHead } from '../wire/response-head.ts';
import type { AnswerSink, BodySource } from './answer.ts';
import type { Exchange } from './exchange.ts';
import { codeOf, isIdempotent, isRetriedStatus } from './failures.ts';
import { type ForwardTarget, targetHead } from './forward-target.ts';
import { isPublic, passableTrailers } from './headers.ts';
import { type Failure, Recovery, type Sender } from './recovery.ts';
import { RequestBody } from './request-body.ts';
import { isVerifiedUpgrade, requestedUpgrade, startTunnel } from './upgrade.ts';
import type { Tried } from './waiting.ts';

/** Forwards an exchange. The sink hears `answer`, `body` and `end`, or `fail`, and never both ends. */
export function forward(exchange: Exchange, target: ForwardTarget, sink: AnswerSink): void {
  new Forward(exchange, target, sink).start();
}

class Forward implements ResponseHandler, BodySource, Wish, Sender {
  readonly #exchange: Exchange;
  readonly #target: ForwardTarget;
  readonly #upstream: Upstream;
  readonly #sink: AnswerSink;
  readonly #body: RequestBody | null;
  /** The protocol that the client wants to switch to, if it may. */
  readonly #upgrade: string | null;
  #connection: Connection | null = null;
  #replica: Replica | null = null;
  /** The attempt is the single one of a half-open replica. */
  #probe = false;
  #outcome: Outcome = 'neutral';
  /** What the replica did, for the log, if it is ejected for it. */
  #reason = '';
  #answered = false;
  /** `performance.now()` by which an answer must have begun, whatever the number of attempts; 0 before the first. */
  deadline = 0;
  /** An attempt has begun. */
  #begun = false;
  #recovery: Recovery | null = null;

  constructor(exchange: Exchange, target: ForwardTarget, sink: AnswerSink) {
    this.#exchange = exchange;
    this.#target = target;
    this.#upstream = target.upstream;
    this.#sink = sink;
    this.#body = exchange.forwardsBody ? new RequestBody(exchange) : null;
    this.#upgrade = target.upgrades === undefined ? null : requestedUpgrade(exchange, target.upgrades);
    sink.attach(this);
  }

  start(): void {
    const upstream = this.#upstream;
    upstream.budget.count();
    // While nobody can be reached, those who may wait leave the trying to one of them.
    const tried = upstream.unreachable && this.#exchange.route.hold !== null ? 'down' : this.trySend(false);
    if (tried !== 'sent') this.#recover().wait(tried);
  }

  get tried(): readonly Replica[] | null {
    return this.#recovery?.tried ?? null;
  }

  get cookie(): string | undefined {
    return this.#exchange.req.headers.cookie;
  }

  get clientAddress(): string {
    return this.#exchange.clientAddress;
  }

  get isRepeatable(): boolean {
    return isIdempotent(this.#exchange.method) && !this.isBodyTouched && !this.#answered;
  }

  get isBodyTouched(): boolean {
    return this.#body?.touched === true;
  }

  get #responseTimeout(): number {
    return this.#exchange.route.timeouts.response ?? this.#upstream.config.timeouts.response;
  }

  /** Sends the request to a replica that has not been tried, if there is one. */
  trySend(fromQueue: boolean): Tried {
    const replica = this.#upstream.pick(this, fromQueue);
    if (typeof replica === 'string') return replica;
    this.#probe = this.#upstream.pickedProbe;
    return this.#attempt(replica);
  }

  #attempt(replica: Replica): Tried {
    const exchange = this.#exchange;
    const { route } = exchange;
    const { pool } = replica;
    const head = targetHead(exchange, this.#target, replica, this.#upgrade);
    // A second attempt must not meet a second connection that has been closed meanwhile.
    let connection: Connection | null = null;
    if (head !== 'LOOP') connection = this.#recovery === null ? pool.take() : (pool.open() ?? pool.take());
    if (head === 'LOOP' || connection === null) {
      // Nothing is sent: somebody else may be the one to try the replica.
      if (this.#probe) replica.reportProbe('neutral', '');
      this.#probe = false;
      if (head !== 'LOOP') return 'busy';
      this.fail({ code: 'LOOP_DETECTED', detail: '', replica: null });
      return 'sent';
    }
    const { timeouts } = this.#upstream.config;
    let responseTimeout = this.#responseTimeout;
    if (this.deadline !== 0)
      responseTimeout = Math.max(1, Math.min(responseTimeout, this.deadline - performance.now()));
    this.#begun = true;
    this.#replica = replica;
    this.#outcome = 'neutral';
    replica.begin();
    this.#recovery?.count();
    this.#connection = connection;
    connection.send(head, this, {
      hasBody: this.#body !== null,
      bodiless: exchange.method === 'HEAD',
      upgrade: this.#upgrade !== null,
      responseTimeout,
      idleTimeout: route.timeouts.idle ?? timeouts.idle,
    });
    if (connection.connected) this.#onStanding(connection);
    else if (this.deadline !== 0) connection.deadline = Math.min(connection.deadline, this.deadline);
    return 'sent';
  }

  /** The attempt is over: the replica is told how it went. */
  #settle(outcome: Outcome, reason = this.#reason): void {
    const replica = this.#replica;
    if (replica === null) return;
    this.#replica = null;
    replica.end(outcome, this.#probe, reason);
    this.#probe = false;
  }

  /** Gives the attempt up. */
  #drop(outcome: Outcome, reason?: string): void {
    const connection = this.#connection;
    this.#connection = null;
    connection?.destroy();
    this.#body?.hold();
    this.#settle(outcome, reason);
  }

  // ---- from the wire ----

  onConnected(): void {
    if (this.#upstream.unreachable) this.#upstream.onReached();
    this.#onStanding(this.#connection!);
  }

  #onStanding(connection: Connection): void {
    // The time for an answer begins with the request; a further attempt has what is left of it.
    if (this.deadline === 0) this.deadline = performance.now() + this.#responseTimeout;
    // The body is touched only once it has somewhere to go: until then another replica may be tried.
    this.#body?.streamTo(connection);
  }

  onInterim(status: number, fields: string[]): void {
    this.#sink.interim(status, fields);
  }

  onHead(head: ResponseHead): void {
    if (this.#upstream.unreachable) this.#upstream.onReached();
    const failed = isRetriedStatus(head.status);
    if (failed && this.isRepeatable && this.#repeatsStatus(head)) return;
    this.#outcome = failed ? 'failed' : 'ok';
    if (failed) this.#reason = `status ${head.status}`;
    this.#onAnswered(head);
    this.#sink.answer(head);
  }

  #onAnswered({ fields }: ResponseHead): void {
    this.#answered = true;
    const replica = this.#replica!;
    // Whether it works is known now; how long its answer takes is another matter.
    if (this.#probe) this.#outcome = replica.reportProbe(this.#outcome, this.#reason);
    this.#probe = false;
    // What is asked for plainly is kept for everybody, and what says so may be.
    const cookie = this.#target.plain ? null : this.#upstream.newCookie(this, replica, this.#exchange.secure);
    if (cookie !== null && !isPublic(fields)) fields.push('set-cookie', cookie);
  }

  onBody(bytes: Buffer, start: number, end: number, owned: boolean): void {
    this.#sink.body(bytes, start, end, owned);
  }

  onPause(): void {
    if (this.#answered) this.#sink.flush();
  }

  onEnd(trailers: string[]): void {
    this.#connection = null;
    this.#settle(this.#outcome);
    this.#body?.stop();
    const { drop } = this.#exchange.route.response;
    this.#sink.end(trailers.length === 0 ? trailers : passableTrailers(trailers, drop));
  }

  onFailure({ kind, detail }: WireFailure): void {
    const reused = this.#connection!.exchanges > 1;
    const replica = this.#replica!;
    this.#connection = null;
    const clientStalled = kind === 'idle-timeout' && this.#body?.waitsForClient === true;
    // Who closes in the middle of an upload may have answered it, and the reset has lost the answer.
    const isRefusal = kind === 'reset' && this.isBodyTouched && !this.#exchange.req.complete;
    this.#settle(clientStalled || isRefusal ? 'neutral' : 'failed', detail);
    // What the client sends meanwhile must not go to the connection that failed.
    this.#body?.hold();
    const code = clientStalled && !this.#answered ? 'REQUEST_TIMEOUT' : codeOf(kind);
    const failure = { code, detail, replica };
    if (kind === 'connect-failed' || kind === 'connect-timeout') this.#recover().tryOther(failure);
    else if (kind === 'reset' && this.isRepeatable && this.#recover().mayRepeat('reset'))
      this.#recover().repeat(failure, reused);
    else this.fail(failure);
  }

  /** The checks say that the replica is down, and it has not begun to answer: somebody else may. */
  onInterrupted(): void {
    if (!this.isRepeatable) return;
    const recovery = this.#recover();
    const other = recovery.elsewhere(this.#replica!, () => this.#upstream.pick(this));
    if (other === null) return;
    this.#drop('neutral');
    if (this.#attempt(other) === 'busy') recovery.wait('busy');
  }

  /** A 502, 503 or 504 that the route would rather have from somebody else. */
  #repeatsStatus(head: ResponseHead): boolean {
    const [recovery, replica] = [this.#recover(), this.#replica!];
    if (!recovery.mayRepeatStatus(head)) return false;
    const failure = { code: 'UPSTREAM_BAD_RESPONSE', detail: `status ${head.status}`, replica } as const;
    this.#drop('failed', failure.detail);
    recovery.repeat(failure, true);
    return true;
  }

  /** The replica switched protocols: from here on bytes go both ways until one side is done. */
  onUpgrade(head: ResponseHead): void {
    const exchange = this.#exchange;
    if (!isVerifiedUpgrade(exchange, this.#upgrade!, head)) {
      const replica = this.#replica;
      const detail = 'the switch of protocols is not the one asked for';
      this.#drop('failed', detail);
      return this.fail({ code: 'UPSTREAM_BAD_RESPONSE', detail, replica });
    }
    const connection = this.#connection!;
    this.#connection = null;
    this.#replica!.pool.onTunnel(connection);
    this.#outcome = 'ok';
    this.#onAnswered(head);
    const idle = exchange.route.timeouts.tunnel ?? this.#upstream.config.timeouts.tunnel;
    startTunnel(exchange, connection, head, this.#upgrade!, idle, () => this.#settle('ok'));
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
    this.#recovery?.cancel();
    this.#drop(this.#outcome);
  }

  #recover(): Recovery {
    return (this.#recovery ??= new Recovery(this.#exchange, this.#upstream, this, this.#begun));
  }

  /** The exchange ends without an answer of a replica. */
  fail({ code, detail, replica }: Failure): void {
    this.#body?.stop();
    // Who stops in the middle of an upload is not a fault of ours or of a replica.
    const report = code === 'REQUEST_TIMEOUT' ? processLog.warn : processLog.error;
    const { source: route } = this.#exchange.route;
    report(code, { route, upstream: this.#upstream.name, replica: replica?.url, detail });
    this.#sink.fail(code);
  }
}
