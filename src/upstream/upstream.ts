// A named group of replicas as a worker sees it: says which one answers next, and keeps the exchanges that have to
// wait for one. Who is up is decided by the supervisor and read from shared memory.
import { performance } from 'node:perf_hooks';
import type { ResolvedHold, ResolvedUpstream } from '../config/resolved.ts';
import { RETRY_DEFAULTS } from '../config/retry-defaults.ts';
import { Sticky } from './balance/sticky.ts';
import { Choice, type NoReplica, type Wish } from './choice.ts';
import { type Outcome, Replica, type ReplicaOwner } from './replica.ts';
import type { ReplicaRecord, UpstreamState } from './replica-record.ts';
import { RetryBudget } from './retry-budget.ts';
import { UpstreamCell } from './upstream-cell.ts';
import { type Waiter, WaitingLine } from './waiting-line.ts';

/** What the supervisor wants to hear. */
export interface UpstreamEvents {
  suspect(replica: number, reason: string): void;
  probed(replica: number, outcome: Outcome, reason: string): void;
  /** No connection to it, or with 0 no replica at all: look at it, and at its name, soon. */
  unreachable(replica: number): void;
}

/** Milliseconds between looks for a connection that another worker has given back. */
const LOOK = 5;
/** Milliseconds in which the other worker looks at least once. */
const YIELD = 2 * LOOK;
/** Milliseconds between two reports that a replica cannot be reached. */
const REPORT = 250;

export class Upstream implements ReplicaOwner {
  readonly name: string;
  readonly config: ResolvedUpstream;
  readonly sticky: Sticky | null;
  readonly budget: RetryBudget;
  replicas: readonly Replica[] = [];
  /** An exchange has tried every replica and could connect to none. Ends with the first connection. */
  unreachable = false;
  /** `performance.now()` at the last tick. */
  #now = performance.now();
  readonly #worker: number;
  readonly #events: UpstreamEvents;
  readonly #cell: UpstreamCell;
  readonly #choice: Choice;
  /** Replicas that left, until their last connection is closed. */
  readonly #leaving = new Set<Replica>();
  readonly #queue = new WaitingLine();
  /** Lines of those who wait for one replica that is their own, so that they hold nobody else up. */
  readonly #ownQueues = new Map<Replica, WaitingLine>();
  readonly #held = new WaitingLine();
  #look: NodeJS.Timeout | null = null;
  #serveSoon = false;
  #lastReport = 0;
  /** `performance.now()` until which only idle connections are taken; 0 for not at all. */
  #yieldUntil = 0;

  constructor(config: ResolvedUpstream, state: UpstreamState, worker: number, events: UpstreamEvents) {
    this.name = config.name;
    this.config = config;
    this.#worker = worker;
    this.#events = events;
    this.#cell = new UpstreamCell(state.cell, worker);
    this.sticky = config.sticky === null ? null : new Sticky(config.sticky.cookie, state.secret, config.name);
    this.#choice = new Choice(config, this.sticky);
    this.budget = new RetryBudget((config.retry ?? RETRY_DEFAULTS).budget);
    this.update(state.replicas);
  }

  /** Takes the replicas that there are from now on. Those that stay keep their connections. */
  update(records: readonly ReplicaRecord[]): void {
    const known = new Map(this.replicas.map((replica) => [replica.id, replica]));
    const before = this.replicas;
    this.replicas = records.map(
      (record) => known.get(record.id) ?? new Replica(record, this.config, this.#worker, this),
    );
    this.sticky?.update(this.replicas);
    for (const replica of before) {
      if (this.replicas.includes(replica)) continue;
      this.#leaving.add(replica);
      replica.leave();
    }
    // What could not be reached may be among those that left.
    this.unreachable = false;
    this.#serve();
  }

  /** The replica for an exchange; see `Choice`. `fromLine`: it is its turn among those that wait. */
  pick(wish: Wish, fromLine = false): Replica | NoReplica {
    // Nobody overtakes those who wait already.
    if (this.#queue.length > 0 && !fromLine) {
      this.#choice.awaited = null;
      return 'busy';
    }
    const picked = this.#choice.pick(this.replicas, wish);
    if (picked === 'down') this.#reportUnreachable(0);
    return picked;
  }

  /** Value of `Set-Cookie` for a client whose cookie does not name the replica that answers; null for none. */
  newCookie({ cookie }: Wish, replica: Replica, secure: boolean): string | null {
    const { sticky } = this;
    if (sticky === null || sticky.find(cookie, this.replicas) === replica) return null;
    return sticky.setCookie(replica, secure);
  }

  /** See `Choice.pickedProbe`. */
  get pickedProbe(): boolean {
    return this.#choice.pickedProbe;
  }

  /** True while a replica is there that an exchange would be sent to. */
  get isUp(): boolean {
    return this.replicas.some((replica) => replica.isUp);
  }

  // ---- waiting ----

  /** Waits for a free connection; false when too many do already. */
  queue(waiter: Waiter, deadline: number): boolean {
    const { queue } = this.config.connections;
    if (!this.#cell.queued.addWithin(1, queue * Math.max(1, this.replicas.length))) return false;
    this.#lineFor(this.#choice.awaited).join(waiter, deadline);
    this.#look ??= setInterval(() => this.#serve(), LOOK);
    return true;
  }

  /** Waits for a replica that is up; false when too many do already. `bytes`: what the exchange keeps in memory. */
  hold(waiter: Waiter, deadline: number, bytes: number, limits: ResolvedHold): boolean {
    if (!this.#cell.held.addWithin(1, limits.exchanges)) return false;
    if (!this.#cell.heldBytes.addWithin(bytes, limits.bytes)) {
      this.#cell.held.add(-1);
      return false;
    }
    this.#held.join(waiter, deadline);
    return true;
  }

  /** The client is gone. */
  leaveQueue(waiter: Waiter): void {
    let left = this.#queue.leave(waiter);
    for (const line of this.#ownQueues.values()) left = line.leave(waiter) || left;
    if (left) this.leftQueue();
  }

  leaveHold(waiter: Waiter, bytes: number): void {
    if (this.#held.leave(waiter)) this.leftHold(bytes);
  }

  /** To be called by a waiter that was told something. */
  leftQueue(): void {
    this.#cell.queued.add(-1);
    if (this.#cell.queued.own > 0 || this.#look === null) return;
    clearInterval(this.#look);
    this.#look = null;
  }

  leftHold(bytes: number): void {
    this.#cell.held.add(-1);
    this.#cell.heldBytes.add(-bytes);
  }

  #lineFor(awaited: Replica | null): WaitingLine {
    if (awaited === null) return this.#queue;
    let line = this.#ownQueues.get(awaited);
    if (line === undefined) this.#ownQueues.set(awaited, (line = new WaitingLine()));
    return line;
  }

  #serve(): void {
    for (const [replica, line] of this.#ownQueues) {
      // Once its replica is down or gone, who waited for it takes any other.
      line.serve(() => replica.hasRoom || !replica.isUp || !this.replicas.includes(replica));
      if (line.length === 0) this.#ownQueues.delete(replica);
    }
    this.#queue.serve(() => this.replicas.some((replica) => replica.isUp && replica.hasRoom));
  }

  // ---- from replicas and attempts ----

  isOverShare({ open, max }: Replica): boolean {
    const { queued } = this.#cell;
    if (queued.value <= queued.own) return false;
    // A worker's share of the connections is its share of the demand: of those that have one, and those that wait.
    const share = (open.own + queued.own) / (open.value + queued.value);
    if (open.own <= max * share) return false;
    this.#yieldUntil = performance.now() + YIELD;
    return true;
  }

  get isYielding(): boolean {
    if (this.#yieldUntil === 0) return false;
    if (performance.now() < this.#yieldUntil) return true;
    this.#yieldUntil = 0;
    return false;
  }

  onRoom(): void {
    if (this.#cell.queued.own === 0 || this.#serveSoon) return;
    this.#serveSoon = true;
    // Not from within the connection that has just become free.
    setImmediate(() => {
      this.#serveSoon = false;
      this.#serve();
    });
  }

  onSuspect(replica: Replica, reason: string): void {
    this.#events.suspect(replica.id, reason);
  }

  onProbed(replica: Replica, outcome: Outcome, reason: string): void {
    this.#events.probed(replica.id, outcome, reason);
  }

  /** A connection to a replica failed. */
  onUnreachable(replica: Replica): void {
    this.#reportUnreachable(replica.id);
  }

  #reportUnreachable(replica: number): void {
    if (this.#now - this.#lastReport < REPORT) return;
    this.#lastReport = this.#now;
    this.#events.unreachable(replica);
  }

  /** A connection to a replica stands, after none did. */
  onReached(): void {
    this.unreachable = false;
    this.#serveHeld();
  }

  // ---- the clock ----

  /** Called several times a second. */
  tick(now: number): void {
    this.#now = now;
    this.budget.tick(now);
    for (const replica of this.replicas) replica.tick(now);
    for (const replica of this.#leaving) {
      replica.pool.expire(now);
      if (replica.pool.size === 0) this.#leaving.delete(replica);
    }
    this.#queue.expire(now);
    for (const line of this.#ownQueues.values()) line.expire(now);
    this.#held.expire(now);
    this.#serveHeld();
  }

  /** Lets those go who waited for a replica that is up; while none can be reached, one of them to see. */
  #serveHeld(): void {
    if (this.#held.length === 0) return;
    // Whoever waits is worth an early look at all replicas.
    this.#reportUnreachable(0);
    if (this.isUp) this.#held.serve(() => true, this.unreachable ? 1 : undefined);
  }

  /** Closes what is idle, for a worker that ends. */
  close(): void {
    for (const replica of this.replicas) replica.pool.closeIdle();
    if (this.#look !== null) clearInterval(this.#look);
    this.#look = null;
  }
}
