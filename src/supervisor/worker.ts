// A thread that serves traffic: builds its snapshot, listens, and drains, each when told to. A fault that nobody
// caught ends the thread; the supervisor starts another.
import { parentPort } from 'node:worker_threads';
import type { ListenAddress, ResolvedConfig, ResolvedUpstream } from '../config/resolved.ts';
import { Dispatcher } from '../gateway/dispatch.ts';
import { buildSnapshot } from '../gateway/snapshot.ts';
import { Listener } from '../listener/listener.ts';
import { Networks } from '../routing/networks.ts';
import type { Manifest } from '../static/manifest.ts';
import { DeadlineClock } from '../upstream/deadline-clock.ts';
import type { UpstreamState } from '../upstream/replica-record.ts';
import { Upstream, type UpstreamEvents } from '../upstream/upstream.ts';
import type { WorkerOrder, WorkerReport } from './messages.ts';

const port = parentPort!;
const tell = (report: WorkerReport): void => port.postMessage(report);

class Serving {
  readonly #upstreams: readonly Upstream[];
  readonly #dispatcher: Dispatcher;
  readonly #clock: DeadlineClock;
  readonly #listener: Listener;

  static async build(
    config: ResolvedConfig,
    manifests: readonly Manifest[],
    upstreams: readonly Upstream[],
  ): Promise<Serving> {
    const snapshot = await buildSnapshot(config, manifests, upstreams);
    return new Serving(new Dispatcher(snapshot), upstreams, config.trustedProxies);
  }

  constructor(dispatcher: Dispatcher, upstreams: readonly Upstream[], trustedProxies: readonly string[]) {
    this.#dispatcher = dispatcher;
    this.#upstreams = upstreams;
    this.#clock = new DeadlineClock(upstreams);
    this.#listener = new Listener(
      (req, res, client) => this.#dispatcher.handle(req, res, client),
      new Networks(trustedProxies),
    );
  }

  listen(http: ListenAddress, reusePort: boolean): Promise<number> {
    return this.#listener.listen(http, reusePort);
  }

  async drain(deadline: number): Promise<void> {
    await this.#listener.drain(deadline);
    this.#clock.stop();
    for (const upstream of this.#upstreams) upstream.close();
  }
}

let serving: Serving | null = null;
/** There before the rest is built, because news of their replicas may come meanwhile. */
let upstreams: readonly Upstream[] = [];

function openUpstreams(
  configs: readonly ResolvedUpstream[],
  states: readonly UpstreamState[],
  worker: number,
): Upstream[] {
  return configs.map((config, index) => {
    const events: UpstreamEvents = {
      suspect: (replica, reason) => tell({ type: 'suspect', upstream: index, replica, reason }),
      unreachable: (replica) => tell({ type: 'unreachable', upstream: index, replica }),
      probed: (replica, outcome, reason) =>
        tell({ type: 'probed', upstream: index, replica, outcome, reason }),
    };
    return new Upstream(config, states[index]!, worker, events);
  });
}

port.on('message', async (order: WorkerOrder) => {
  switch (order.type) {
    case 'build': {
      const config = JSON.parse(order.config) as ResolvedConfig;
      upstreams = openUpstreams(config.upstreams, order.upstreams, order.number);
      serving = await Serving.build(config, order.manifests, upstreams);
      tell({ type: 'built' });
      return;
    }
    case 'replicas':
      upstreams[order.upstream]!.update(order.replicas);
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
