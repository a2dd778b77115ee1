// One worker thread as the supervisor sees it: started, listening, drained, gone.
import { Worker } from 'node:worker_threads';
import type { WorkerAssignment, WorkerReport } from './messages.ts';
import { listenProblem } from './port.ts';

export class WorkerHandle {
  /** Resolves with the port; rejects with a message for the operator if the worker cannot listen. */
  readonly listening: Promise<number>;
  readonly #thread: Worker;
  readonly #gone: Promise<void>;

  /** @param onDeath told once when the thread is gone without having been drained */
  constructor(assignment: WorkerAssignment, onDeath: (reason: string) => void) {
    const listening = Promise.withResolvers<number>();
    const gone = Promise.withResolvers<void>();
    this.listening = listening.promise;
    this.#gone = gone.promise;
    this.#thread = new Worker(new URL('./worker.ts', import.meta.url), {
      workerData: assignment,
      name: 'worker',
      // Short-lived objects of many exchanges at once die young here instead of being copied.
      resourceLimits: { maxYoungGenerationSizeMb: 64 },
    });
    let served = false;
    let drained = false;
    let reason = '';
    this.#thread.on('message', (report: WorkerReport) => {
      if (report.type === 'listening') {
        served = true;
        listening.resolve(report.port);
      } else if (report.type === 'drained') drained = true;
      else listening.reject(new Error(listenProblem(assignment.http, report.code, report.detail)));
    });
    this.#thread.on('error', (error: unknown) => {
      reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    });
    this.#thread.on('exit', (code) => {
      gone.resolve();
      if (drained) return;
      const why = reason === '' ? `ended with code ${code}` : reason;
      // Before it served, the one who waits for it is told; afterwards, the supervisor.
      if (served) onDeath(why);
      else listening.reject(new Error(why));
    });
  }

  /** Tells the worker to finish what it has; resolves when the thread is gone. */
  async drain(deadline: number): Promise<void> {
    this.#thread.postMessage({ type: 'drain', deadline });
    await this.#gone;
  }
}
