// The time an exchange spends in a line because no replica can take it: all are busy, or none is up. Nothing of its
// request has been read meanwhile beyond what came with its head.
import { performance } from 'node:perf_hooks';
import type { ResolvedHold } from '../config/resolved.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { Waiter } from '../upstream/waiting-line.ts';
import type { Exchange } from './exchange.ts';

/** What became of a try to send. */
export type Tried = 'sent' | 'busy' | 'down';

export interface WaitingOwner {
  /** Tries to send; `fromQueue`: it is this exchange's turn among those that wait for a connection. */
  trySend(fromQueue: boolean): Tried;
  /** No replica came in time, or too many wait already. */
  onNoReplica(why: 'busy' | 'down'): void;
}

/** What a head takes in memory, roughly: its text, and the fields made of it. */
const HEAD_BYTES = 4 * 1024;
/** Most of a body that is read along with the head. */
const READ_AHEAD = 64 * 1024;

export class Waiting implements Waiter {
  readonly #upstream: Upstream;
  readonly #owner: WaitingOwner;
  readonly #limits: ResolvedHold | null;
  readonly #bytes: number;
  #line: 'queue' | 'hold' | null = null;
  /** `performance.now()` until which it may be held, from when it was held first; 0 before. */
  #holdUntil = 0;

  constructor(exchange: Exchange, upstream: Upstream, owner: WaitingOwner) {
    this.#upstream = upstream;
    this.#owner = owner;
    this.#limits = exchange.route.hold;
    const { body } = exchange.request;
    const length = body === 'length' ? Number(exchange.req.headers['content-length']) : READ_AHEAD;
    this.#bytes = HEAD_BYTES + (body === 'none' ? 0 : Math.min(length, READ_AHEAD));
  }

  /** Joins the line for what is missing; the owner is told when there is no place or no hold. */
  join(why: 'busy' | 'down'): void {
    if (why === 'busy' ? !this.#joinQueue() : !this.#joinHold()) this.#owner.onNoReplica(why);
  }

  /** The client is gone. */
  leave(): void {
    if (this.#line === 'queue') this.#upstream.leaveQueue(this);
    else if (this.#line === 'hold') this.#upstream.leaveHold(this, this.#bytes);
    this.#line = null;
  }

  onTurn(): boolean {
    const line = this.#line!;
    const tried = this.#owner.trySend(line === 'queue');
    if (tried === (line === 'queue' ? 'busy' : 'down')) return false;
    if (line === 'hold' && tried === 'busy') {
      // Where the queue is full, it waits on here.
      if (!this.#joinQueue()) return false;
      this.#upstream.leftHold(this.#bytes);
      return true;
    }
    this.#left();
    if (tried !== 'sent') this.join(tried);
    return true;
  }

  onTooLate(): void {
    const why = this.#line === 'queue' ? 'busy' : 'down';
    this.#left();
    this.#owner.onNoReplica(why);
  }

  #left(): void {
    if (this.#line === 'queue') this.#upstream.leftQueue();
    else if (this.#line === 'hold') this.#upstream.leftHold(this.#bytes);
    this.#line = null;
  }

  #joinQueue(): boolean {
    const upstream = this.#upstream;
    // What was held may still be, whatever the rest of the line is told.
    const { queueTimeout } = upstream.config.connections;
    const deadline = Math.max(performance.now() + queueTimeout, this.#holdUntil);
    if (!upstream.queue(this, deadline)) return false;
    this.#line = 'queue';
    return true;
  }

  #joinHold(): boolean {
    const limits = this.#limits;
    if (limits === null) return false;
    const now = performance.now();
    if (this.#holdUntil === 0) this.#holdUntil = now + limits.time;
    if (this.#holdUntil <= now) return false;
    if (!this.#upstream.hold(this, this.#holdUntil, this.#bytes, limits)) return false;
    this.#line = 'hold';
    return true;
  }
}
