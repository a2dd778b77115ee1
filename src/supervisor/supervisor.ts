// The main thread: reads the folders, starts the workers, replaces one that died, drains them all. It never
// serves traffic itself.
import { availableParallelism } from 'node:os';
import type { ListenAddress, ResolvedConfig } from '../config/resolved.ts';
import { processLog } from '../observe/process-log.ts';
import { type Manifest, readManifest } from '../static/manifest.ts';
import { assertPortIsFree, supportsReusePort } from './port.ts';
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
  readonly #wanted: number;
  readonly #workers = new Set<WorkerHandle>();
  #manifests: readonly Manifest[] = [];
  #http: ListenAddress;
  #stopping = false;

  constructor(config: ResolvedConfig) {
    this.#config = config;
    this.#http = config.listen.http;
    const wanted = config.workers === 'auto' ? availableParallelism() : config.workers;
    this.#wanted = supportsReusePort() ? wanted : 1;
  }

  get workers(): number {
    return this.#workers.size;
  }

  /**
   * Reads folders and starts every worker. Resolves with the port once all listen.
   * @throws Error when a folder cannot be read or the address cannot be bound, with a message for the operator
   */
  async start(): Promise<number> {
    this.#manifests = await this.#readFolders();
    await assertPortIsFree(this.#http);
    // The first one turns port 0 into a number that the others share.
    const first = await this.#startWorker();
    this.#http = { ...this.#http, port: first };
    await Promise.all(Array.from({ length: this.#wanted - 1 }, () => this.#startWorker()));
    return first;
  }

  /** Drains every worker; resolves when all are gone. */
  async stop(deadline: number): Promise<void> {
    this.#stopping = true;
    await Promise.all([...this.#workers].map((worker) => worker.drain(deadline)));
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

  async #startWorker(deaths = 0): Promise<number> {
    const started = Date.now();
    const worker = new WorkerHandle(
      {
        config: this.#config,
        manifests: this.#manifests,
        http: this.#http,
        reusePort: this.#wanted > 1,
      },
      (reason) => {
        this.#workers.delete(worker);
        if (this.#stopping) return;
        this.#replace(reason, Date.now() - started > RESTART_FORGET ? 0 : deaths);
      },
    );
    this.#workers.add(worker);
    return worker.listening;
  }

  #replace(reason: string, deaths: number): void {
    const wait = Math.min(RESTART_FIRST * 2 ** deaths, RESTART_MOST);
    processLog.error('a worker died and is replaced', { reason, wait });
    setTimeout(() => {
      if (this.#stopping) return;
      // Its end is reported to the callback above like any other.
      this.#startWorker(deaths + 1).catch((error: Error) => {
        processLog.error('a worker could not be replaced', { reason: error.message });
      });
    }, wait);
  }
}
