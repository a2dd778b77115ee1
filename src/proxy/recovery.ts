// What becomes of an exchange that no replica has answered yet: another replica, a second try, a place in a line, or
// an error. Made when the straight way has failed; most exchanges never need it.
import { performance } from 'node:perf_hooks';
import type { ErrorCode } from '../errors.ts';
import { processLog } from '../observe/process-log.ts';
import type { Replica } from '../upstream/replica.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { ResponseHead } from '../wire/response-head.ts';
import type { Exchange } from './exchange.ts';
import { hasRetryAfter } from './failures.ts';
import { Retries } from './retries.ts';
import { type Tried, Waiting, type WaitingOwner } from './waiting.ts';

/** Why an attempt ended without an answer. */
export interface Failure {
  readonly code: ErrorCode;
  readonly detail: string;
  readonly replica: Replica | null;
}

/** The exchange on its way, as far as it is steered from here. */
export interface Sender {
  /** The body of the request was read in part: it cannot be sent again. */
  readonly isBodyTouched: boolean;
  /** `performance.now()` after which no further attempt begins; 0 before the first one. */
  readonly deadline: number;
  trySend(fromQueue: boolean): Tried;
  fail(failure: Failure): void;
}

export class Recovery implements WaitingOwner {
  /** Replicas that have failed this exchange; null for none. */
  tried: Replica[] | null = null;
  readonly #exchange: Exchange;
  readonly #upstream: Upstream;
  readonly #sender: Sender;
  readonly #retries: Retries;
  #waiting: Waiting | null = null;
  #lastFailure: Failure | null = null;

  /** @param begun there was an attempt */
  constructor(exchange: Exchange, upstream: Upstream, sender: Sender, begun: boolean) {
    this.#exchange = exchange;
    this.#upstream = upstream;
    this.#sender = sender;
    this.#retries = new Retries(exchange.route.retry, upstream, begun ? 1 : 0);
  }

  /** An attempt begins. */
  count(): void {
    this.#retries.count();
  }

  /** The client is gone. */
  cancel(): void {
    this.#waiting?.leave();
    this.#retries.cancel();
  }

  /** For one that waits. When there is none left that has not been tried, those that come back may be asked again. */
  trySend(fromQueue: boolean): Tried {
    const tried = this.#sender.trySend(fromQueue);
    if (tried === 'down') this.tried = null;
    return tried;
  }

  /** Waits for what is missing. */
  wait(why: 'busy' | 'down'): void {
    (this.#waiting ??= new Waiting(this.#exchange, this.#upstream, this)).join(why);
  }

  onNoReplica(why: 'busy' | 'down'): void {
    const busy: Failure = {
      code: 'UPSTREAM_BUSY',
      detail: 'no connection to a replica was free in time',
      replica: null,
    };
    const last = this.#lastFailure;
    const detail = last?.detail ?? 'no replica is up';
    const down: Failure = { code: 'UPSTREAM_DOWN', detail, replica: last?.replica ?? null };
    const isHeld = this.#exchange.route.hold !== null;
    this.#sender.fail(why === 'busy' ? busy : isHeld ? down : (last ?? down));
  }

  /** No connection, so nothing was sent: whatever the method, each other replica may be asked, and waited for. */
  tryOther(failure: Failure & { replica: Replica }): void {
    const upstream = this.#upstream;
    this.#retries.uncount();
    upstream.onUnreachable(failure.replica);
    this.#lastFailure = failure;
    if (this.#sender.isBodyTouched) return this.#sender.fail(failure);
    if (this.#retries.rules?.connect === true && this.#isInTime()) {
      this.#avoid(failure.replica);
      const tried = this.#sender.trySend(false);
      if (tried === 'sent') return this.#log('a replica could not be reached, another one is tried', failure);
      if (tried === 'busy') return this.wait(tried);
      upstream.unreachable = true;
    }
    this.tried = null;
    this.wait('down');
  }

  /** Whether a request that may have reached a replica is sent again; if so, one attempt is taken. */
  mayRepeat(after: 'reset' | number): boolean {
    return this.#isInTime() && this.#retries.take(after);
  }

  /** Whether an answer that says "not now" is thrown away for another attempt. */
  mayRepeatStatus({ status, fields }: ResponseHead): boolean {
    // Who says when to come back does not want to be asked before.
    return !hasRetryAfter(fields) && this.mayRepeat(status);
  }

  /** Sends once more after a wait, to another replica if there is one, else perhaps to the `same`. */
  repeat(failure: Failure & { replica: Replica }, same: boolean): void {
    this.#lastFailure = failure;
    this.#avoid(failure.replica);
    this.#retries.wait(() => {
      let tried = this.#sender.trySend(false);
      if (tried === 'down') {
        this.tried = null;
        if (same) tried = this.#sender.trySend(false);
      }
      if (tried === 'sent') this.#log('the request is sent once more', failure);
      else this.wait(tried);
    });
  }

  /** Another replica than `replica`, for a request that waits there in vain; null when there is none. */
  elsewhere(replica: Replica, pick: () => Replica | string): Replica | null {
    const before = this.tried;
    this.#avoid(replica);
    const other = pick();
    // At the cost of no budget: they are no more than were under way at one replica, and it answers none of them.
    if (typeof other !== 'string' && this.#isInTime() && this.#retries.allows('reset')) {
      const failure: Failure = { code: 'UPSTREAM_RESET', detail: 'it went down before it answered', replica };
      this.#log('another replica is asked', failure);
      return other;
    }
    this.tried = before;
    return null;
  }

  #avoid(replica: Replica): void {
    this.tried = [...(this.tried ?? []), replica];
  }

  #isInTime(): boolean {
    return this.#sender.deadline === 0 || performance.now() < this.#sender.deadline;
  }

  #log(message: string, { detail, replica }: Failure): void {
    processLog.warn(message, { upstream: this.#upstream.name, replica: replica?.url, reason: detail });
  }
}
