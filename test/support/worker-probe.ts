// Preloaded into a gateway with `node --import`, so that a test can see into its workers and make one of them
// fail without a single line for tests in the gateway itself. SIGUSR2 strikes the worker that has lived longest.

import { subscribe } from 'node:diagnostics_channel';
import { appendFileSync, existsSync } from 'node:fs';
import { BroadcastChannel, isMainThread, threadId } from 'node:worker_threads';

/** What SIGUSR2 does to the worker: it throws where nobody catches, or its event loop is stuck. */
const STRIKE = process.env.PROBE_STRIKE ?? 'throw';
/** While this file exists, a worker throws before it has built anything. */
const BROKEN = process.env.PROBE_BROKEN_WHILE;
/** Each connection adds a line with the worker's thread to this file; standard output might lose the last ones. */
const LOG = process.env.PROBE_LOG;

type Message = { born: number } | { strike: number };

const channel = new BroadcastChannel('worker-probe');
// Neither side stays alive for it.
channel.unref();
const listen = (take: (message: Message) => void): void => {
  channel.onmessage = (event) => take((event as unknown as { data: Message }).data);
};

if (isMainThread) {
  const living: number[] = [];
  listen((message) => {
    if ('born' in message) living.push(message.born);
  });
  process.on('SIGUSR2', () => {
    const strike = living.shift();
    if (strike === undefined) throw new Error('no worker to strike');
    channel.postMessage({ strike } satisfies Message);
  });
} else {
  if (BROKEN !== undefined && existsSync(BROKEN)) throw new Error('broken by the probe');
  listen((message) => {
    if (!('strike' in message) || message.strike !== threadId) return;
    // Out of the channel's own error handling.
    setImmediate(() => {
      if (STRIKE === 'throw') throw new Error('struck by the probe');
      for (;;);
    });
  });
  channel.postMessage({ born: threadId } satisfies Message);
  if (LOG !== undefined) {
    subscribe('net.server.socket', () => appendFileSync(LOG, `${threadId}\n`));
  }
}
