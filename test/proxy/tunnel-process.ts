// The joint of `tunnel-joint.ts` as a process of its own, so that its memory can be told from that of its clients
// and replicas. Arguments: the port of the replica. Says its own port over IPC, then the state of its tunnels when
// asked.
import { startJoint } from './tunnel-joint.ts';

const joint = await startJoint({ after: () => {} }, { port: Number(process.argv[2]) });
process.on('message', () => {
  // What is garbage is not what the tunnels hold.
  globalThis.gc?.();
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
  const { opened, closed } = joint;
  process.send!({ rss, heapUsed, external, arrayBuffers, opened, closed });
});
process.on('disconnect', () => process.exit());
process.send!({ port: joint.port });
