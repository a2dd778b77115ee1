// A thread that serves traffic: builds its snapshot, listens, and drains when told to. A fault that nobody
// caught ends the thread; the supervisor starts another.
import { parentPort, workerData } from 'node:worker_threads';
import { Dispatcher } from '../gateway/dispatch.ts';
import { buildSnapshot } from '../gateway/snapshot.ts';
import { TrustedProxies } from '../listener/client-address.ts';
import { Listener } from '../listener/listener.ts';
import { DeadlineClock } from '../upstream/deadline-clock.ts';
import type { DrainOrder, WorkerAssignment, WorkerReport } from './messages.ts';

const port = parentPort!;
const tell = (report: WorkerReport): void => port.postMessage(report);

const { config, manifests, http, reusePort } = workerData as WorkerAssignment;
const dispatcher = new Dispatcher(await buildSnapshot(config, manifests));
const clock = new DeadlineClock(() => dispatcher.current.upstreams);
const listener = new Listener(
  (req, res, client) => dispatcher.handle(req, res, client),
  new TrustedProxies(config.trustedProxies),
);

port.on('message', async (order: DrainOrder) => {
  await listener.drain(order.deadline);
  clock.stop();
  for (const upstream of dispatcher.current.upstreams) {
    for (const replica of upstream.replicas) replica.pool.closeIdle();
  }
  tell({ type: 'drained' });
  // With the port closed nothing keeps the thread: it ends by itself.
  port.close();
});

try {
  tell({ type: 'listening', port: await listener.listen(http, reusePort) });
} catch (error) {
  const { code = 'UNKNOWN', message } = error as NodeJS.ErrnoException;
  tell({ type: 'cannot-listen', code, detail: message });
}
