// The main thread: reads the folders, watches the replicas, starts the workers, replaces one that died, drains them all. It never
// serves traffic itself.
import { availableParallelism } from 'node:os';
import type { ListenAddress, ResolvedConfig } from '../config/resolved.ts';
import { processLog } from '../observe/process-log.ts';
import { type Manifest, readManifest } from '../static/manifest.ts';
import type { ReplicaReport } from './messages.ts';
import { assertPortIsFree, supportsReusePort } from './port.ts';
import { ReplicaSets } from './replica-sets.ts';
import type { UpstreamStatus } from './replica-status.ts';
import { WorkerHandle } from './worker-handle.ts';

/** Bytes of memory for the files of all folders, variants included. */
const STATIC_BYTES = 256 * 1024 * 1024;
/** Larger files are streamed from disk. */
const STATIC_MAX_FILE = 8 * 1024 * 1024;

/** Milliseconds before a worker that died is replaced: doubled at each death in a row. */
const RESTART_FIRST = 100;
const RESTART_MOST = 10_000;
/** A worker that lived this long starts the count anew. */
const RESTART_FORGET = 30_000;

export class Supervisor {
  readonly #config: ResolvedConfig;
  /** The config as the workers get it. */
  #json = '';
  readonly #wanted: number;
  readonly #workers = new Set<WorkerHandle>();
  /** Workers that wait for their restart. */
  readonly #restarts = new Set<NodeJS.Timeout>();
  readonly #replicas: ReplicaSets;
  #manifests: readonly Manifest[] = [];
  #http: ListenAddress;
  #serving = false;
  #stopping = false;

  constructor(config: ResolvedConfig) {
    this.#config = config;
    this.#http = config.listen.http;
    const wanted = config.workers === 'auto' ? availableParallelism() : config.workers;
    this.#wanted = supportsReusePort() ? wanted : 1;
    this.#replicas = new ReplicaSets(config, this.#wanted, (upstream, replicas) => {
      for (const worker of this.#workers) worker.update(upstream, replicas);
    });
  }

  get workers(): number {
    return this.#workers.size;
  }

  /**
   * Reads folders and starts every worker. Resolves with the port once all listen; nothing listens before every
   * worker has built what it serves.
   * @throws Error when a folder cannot be read or the address cannot be bound, with a message for the operator
   */
  async start(): Promise<number> {
    // Asked first, because it is quickly answered, and again in effect by the workers that bind.
    await assertPortIsFree(this.#http);
    [this.#manifests] = await Promise.all([this.#readFolders(), this.#replicas.start()]);
    this.#json = JSON.stringify(this.#config);
    const [first, ...others] = Array.from({ length: this.#wanted }, (_, number) =>
      this.#startWorker(number, 0),
    );
    await Promise.all([first!.built, ...others.map((worker) => worker.built)]);
    // Another program may have taken the port meanwhile; with SO_REUSEPORT the workers would not notice.
    await assertPortIsFree(this.#http);
    // The first one turns port 0 into a number that the others share.
    const port = await first!.listen(this.#http, this.#reusePort);
    this.#http = { ...this.#http, port };
    await Promise.all(others.map((worker) => worker.listen(this.#http, this.#reusePort)));
    this.#serving = true;
    return port;
  }

  /** How the replicas do now, one for each upstream of the config. */
  status(): UpstreamStatus[] {
    return this.#replicas.status();
  }

  /** Drains every worker; resolves when all are gone. */
  async stop(deadline: number): Promise<void> {
    this.#stopping = true;
    for (const timer of this.#restarts) clearTimeout(timer);
    this.#restarts.clear();
    await Promise.all([...this.#workers].map((worker) => worker.drain(deadline)));
    this.#replicas.stop();
  }

  get #reusePort(): boolean {
    return this.#wanted > 1;
  }

  async #readFolders(): Promise<Manifest[]> {
    const manifests: Manifest[] = [];
    let left = STATIC_BYTES;
    for (const root of this.#config.roots) {
      const manifest = await readManifest(root, { bytes: left, maxFile: STATIC_MAX_FILE });
      left -= manifest.bytes;
      for (const { path, reason } of manifest.skipped)
        processLog.warn('a file is not served', { path, reason });
      manifests.push(manifest);
    }
    return manifests;
  }

  #startWorker(number: number, deaths: number): WorkerHandle {
    const started = Date.now();
    const order = {
      type: 'build',
      config: this.#json,
      manifests: this.#manifests,
      number,
      upstreams: this.#replicas.states(),
    } as const;
    const worker = new WorkerHandle(order, {
      onReplica: (report) => this.#onReplica(report),
      onDeath: (reason) => {
        this.#workers.delete(worker);
        this.#replicas.forgetWorker(number);
        // Before all of them serve, `start` fails with the reason.
        if (this.#stopping || !this.#serving) return;
        this.#replace(number, reason, Date.now() - started > RESTART_FORGET ? 0 : deaths);
      },
    });
    this.#workers.add(worker);
    return worker;
  }

  #onReplica(report: ReplicaReport): void {
    if (report.type === 'suspect') this.#replicas.suspect(report);
    else if (report.type === 'probed') this.#replicas.probed(report);
    else this.#replicas.unreachable(report);
  }

  #replace(number: number, reason: string, deaths: number): void {
    const wait = Math.min(RESTART_FIRST * 2 ** deaths, RESTART_MOST);
    processLog.error('a worker died and is replaced', { reason, wait });
    const timer = setTimeout(() => {
      this.#restarts.delete(timer);
      this.#restart(number, deaths + 1);
    }, wait);
    this.#restarts.add(timer);
  }

  async #restart(number: number, deaths: number): Promise<void> {
    const worker = this.#startWorker(number, deaths);
    try {
      await worker.built;
      if (this.#stopping) return;
      await worker.listen(this.#http, this.#reusePort);
      processLog.info('a new worker listens');
    } catch {
      // Its end is told to `#startWorker` like that of any other, which logs it and waits longer.
    }
  }
}
