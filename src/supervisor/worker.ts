// A thread that serves traffic: builds its snapshot, listens, and drains, each when told to. A fault that nobody
// caught ends the thread; the supervisor starts another.
import { parentPort } from 'node:worker_threads';
import type { ListenAddress, ResolvedConfig } from '../config/resolved.ts';
import { Dispatcher } from '../gateway/dispatch.ts';
import { buildSnapshot } from '../gateway/snapshot.ts';
import { TrustedProxies } from '../listener/client-address.ts';
import { Listener } from '../listener/listener.ts';
import type { Manifest } from '../static/manifest.ts';
import { DeadlineClock } from '../upstream/deadline-clock.ts';
import type { WorkerOrder, WorkerReport } from './messages.ts';

const port = parentPort!;
const tell = (report: WorkerReport): void => port.postMessage(report);

class Serving {
  readonly #dispatcher: Dispatcher;
  readonly #clock: DeadlineClock;
  readonly #listener: Listener;

  static async build(json: string, manifests: readonly Manifest[]): Promise<Serving> {
    const config = JSON.parse(json) as ResolvedConfig;
    return new Serving(new Dispatcher(await buildSnapshot(config, manifests)), config.trustedProxies);
  }

  constructor(dispatcher: Dispatcher, trustedProxies: readonly string[]) {
    this.#dispatcher = dispatcher;
    this.#clock = new DeadlineClock(() => dispatcher.current.upstreams);
    this.#listener = new Listener(
      (req, res, client) => dispatcher.handle(req, res, client),
      new TrustedProxies(trustedProxies),
    );
  }

  listen(http: ListenAddress, reusePort: boolean): Promise<number> {
    return this.#listener.listen(http, reusePort);
  }

  async drain(deadline: number): Promise<void> {
    await this.#listener.drain(deadline);
    this.#clock.stop();
    for (const upstream of this.#dispatcher.current.upstreams) {
      for (const replica of upstream.replicas) replica.pool.closeIdle();
    }
  }
}

let serving: Serving | null = null;

port.on('message', async (order: WorkerOrder) => {
  switch (order.type) {
    case 'build':
      serving = await Serving.build(order.config, order.manifests);
      tell({ type: 'built' });
      return;
    case 'listen':
      try {
        tell({ type: 'listening', port: await serving!.listen(order.http, order.reusePort) });
      } catch (error) {
        const { code = 'UNKNOWN', message } = error as NodeJS.ErrnoException;
        tell({ type: 'cannot-listen', code, detail: message });
        port.close();
      }
      return;
    case 'drain':
      // Null when the order to stop came while the snapshot was still being built.
      await serving?.drain(order.deadline);
      tell({ type: 'drained' });
      // With the port closed nothing keeps the thread: it ends by itself.
      port.close();
  }
});
