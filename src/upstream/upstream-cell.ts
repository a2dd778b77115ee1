// What all threads know of one upstream, in shared memory: the exchanges that wait for one of its replicas.
import { SharedCount } from './shared-count.ts';

const QUEUED = 0;
const HELD = 1;
const HELD_BYTES = 2;
/** Three words for each worker behind these. */
const OWN = 4;

export class UpstreamCell {
  readonly memory: SharedArrayBuffer;
  /** Exchanges that wait because every replica has as many connections as it may have. */
  readonly queued: SharedCount;
  /** Exchanges that wait because no replica is up. */
  readonly held: SharedCount;
  readonly heldBytes: SharedCount;

  static create(workers: number): UpstreamCell {
    return new UpstreamCell(new SharedArrayBuffer((OWN + 3 * workers) * 4), 0);
  }

  /** @param worker number of the worker that counts through this object */
  constructor(memory: SharedArrayBuffer, worker: number) {
    this.memory = memory;
    const words = new Int32Array(memory);
    const own = OWN + 3 * worker;
    this.queued = new SharedCount(words, QUEUED, own);
    this.held = new SharedCount(words, HELD, own + 1);
    this.heldBytes = new SharedCount(words, HELD_BYTES, own + 2);
  }

  /** Takes back what a worker that died had counted. */
  forget(worker: number): void {
    const dead = new UpstreamCell(this.memory, worker);
    dead.queued.takeBack();
    dead.held.takeBack();
    dead.heldBytes.takeBack();
  }
}
