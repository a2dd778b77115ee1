// One worker thread as the supervisor sees it: built, listening, drained, gone.
import { Worker } from 'node:worker_threads';
import type { ListenAddress } from '../config/resolved.ts';
import type { ReplicaRecord } from '../upstream/replica-record.ts';
import type { ReplicaReport, WorkerOrder, WorkerReport } from './messages.ts';
import { listenProblem } from './port.ts';

/** Milliseconds a drained worker has to end by itself, and a worker has beyond the deadline of its drain. */
const GRACE = 2_000;

export type BuildOrder = Extract<WorkerOrder, { type: 'build' }>;

export interface WorkerHooks {
  /** Told once, when the thread is gone without having been drained. */
  onDeath(reason: string): void;
  /** The worker has noticed something of a replica. */
  onReplica(report: ReplicaReport): void;
}

export class WorkerHandle {
  /** Resolves once the snapshot is built; rejects if the thread ends before. */
  readonly built: Promise<void>;
  readonly #thread: Worker;
  readonly #listening = Promise.withResolvers<number>();
  readonly #gone = Promise.withResolvers<void>();
  #http: ListenAddress | null = null;
  #drained = false;
  /** Why the thread ended, as far as it could say. */
  #reason = '';

  /** Number of the worker: whoever replaces it gets the same. */
  readonly number: number;
  readonly #hooks: WorkerHooks;

  constructor(build: BuildOrder, hooks: WorkerHooks) {
    this.number = build.number;
    this.#hooks = hooks;
    const built = Promise.withResolvers<void>();
    this.built = built.promise;
    // Whoever did not ask is told of an early end by `onDeath`.
    this.built.catch(() => {});
    this.#listening.promise.catch(() => {});
    this.#thread = new Worker(new URL('./worker.ts', import.meta.url), {
      name: 'worker',
    });
    this.#thread.on('message', (report: WorkerReport) => {
      if (report.type === 'built') built.resolve();
      else this.#onReport(report);
    });
    this.#thread.on('error', (error: unknown) => {
      this.#reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    });
    this.#thread.on('exit', (code) => {
      this.#gone.resolve();
      if (this.#reason === '') this.#reason = `ended with code ${code}`;
      const ended = new Error(this.#reason);
      built.reject(ended);
      this.#listening.reject(ended);
      if (!this.#drained) hooks.onDeath(this.#reason);
    });
    this.#order(build);
  }

  /** Binds the address; resolves with the port, rejects with a message for the operator. */
  listen(http: ListenAddress, reusePort: boolean): Promise<number> {
    this.#http = http;
    this.#order({ type: 'listen', http, reusePort });
    return this.#listening.promise;
  }

  /** Tells the worker to finish what it has; resolves when the thread is gone, by force if need be. */
  async drain(deadline: number): Promise<void> {
    this.#order({ type: 'drain', deadline });
    this.#endWithin(deadline + GRACE);
    await this.#gone.promise;
  }

  /** Tells it who the replicas of an upstream are from now on. */
  update(upstream: number, replicas: readonly ReplicaRecord[]): void {
    this.#order({ type: 'replicas', upstream, replicas });
  }

  #order(order: WorkerOrder): void {
    this.#thread.postMessage(order);
  }

  #onReport(report: WorkerReport): void {
    if (report.type === 'listening') this.#listening.resolve(report.port);
    else if (report.type === 'cannot-listen') {
      this.#reason = listenProblem(this.#http!, report.code, report.detail);
      this.#listening.reject(new Error(this.#reason));
    } else if (report.type === 'drained') {
      this.#drained = true;
      this.#endWithin(GRACE);
    } else if (report.type !== 'built') this.#hooks.onReplica(report);
  }

  /** A worker whose event loop is stuck obeys no message. */
  #endWithin(time: number): void {
    const late = setTimeout(() => {
      // Resolves when the thread is gone, which is what `drain` waits for.
      void this.#thread.terminate();
    }, time);
    this.#gone.promise.then(() => clearTimeout(late));
  }
}
