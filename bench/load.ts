// The load tool, a program of its own that takes jobs over its message channel. It runs autocannon through
// warm-up and window without a break and reads the proxy's CPU time itself at both edges of the window, so
// that neither connecting nor the end of the run is in the numbers.

import { createHistogram } from 'node:perf_hooks';
import autocannon from 'autocannon';
import { busyMicrosOf, costOf } from './process-cost.ts';

export interface LoadJob {
  id: number;
  /** Root of the process tree whose cost is measured. */
  pid: number;
  originPid: number;
  /** The cores of proxy, origin and load tool. */
  cores: number[];
  url: string;
  method: 'GET' | 'POST';
  headers: Record<string, string>;
  uploadBytes: number;
  connections: number;
  warmSeconds: number;
  windowSeconds: number;
}

export interface LoadResult {
  requests: number;
  seconds: number;
  cpuMicros: number;
  /** CPU time of the origin, which shares the proxy's core. */
  originCpuMicros: number;
  /** Share of the cores' time that nobody here used. */
  foreignShare: number;
  /** The highest of several readings in the window. */
  rssBytes: number;
  p50Millis: number;
  p99Millis: number;
  /** Over the whole run, warm-up included. */
  errors: number;
  non2xx: number;
  /** Requests that were sent and neither answered nor in flight at the end. */
  lost: number;
  firstError: string | null;
}

/** Either a result or the reason why there is none. */
export interface LoadReply {
  id: number;
  result?: LoadResult;
  error?: string;
}

async function run(job: LoadJob): Promise<LoadResult> {
  const histogram = createHistogram();
  let requests = 0;
  let open = false;
  let firstError: string | null = null;
  const { promise, resolve, reject } = Promise.withResolvers<autocannon.Result>();
  const instance = autocannon(
    {
      url: job.url,
      method: job.method,
      headers: job.headers,
      body: job.uploadBytes > 0 ? Buffer.alloc(job.uploadBytes, 'u') : undefined,
      connections: job.connections,
      timeout: 10,
      // Ends by stop() below; this only bounds it.
      duration: job.warmSeconds + job.windowSeconds + 10,
      sampleInt: 100,
    },
    (error, result) => (error ? reject(error) : resolve(result)),
  );
  instance.on('response', (_client, _status, _bytes, millis) => {
    if (!open) return;
    requests++;
    histogram.record(Math.max(1, Math.round(millis * 1000)));
  });
  instance.on('reqError', (error: Error) => {
    firstError ??= error.message;
  });

  let rssBytes = 0;
  let start = reading(job);
  const window = { seconds: 0, cpuMicros: 0, originCpuMicros: 0, foreignShare: 0 };
  const sampling = setInterval(() => {
    if (open) rssBytes = Math.max(rssBytes, costOf(job.pid).rssBytes);
  }, 500);
  setTimeout(() => {
    start = reading(job);
    open = true;
  }, job.warmSeconds * 1000);
  setTimeout(
    () => {
      open = false;
      const end = reading(job);
      window.seconds = (end.millis - start.millis) / 1000;
      window.cpuMicros = end.proxy - start.proxy;
      window.originCpuMicros = end.origin - start.origin;
      const own = window.cpuMicros + window.originCpuMicros + end.self - start.self;
      const available = window.seconds * 1e6 * new Set(job.cores).size;
      window.foreignShare = Math.max(0, (end.busy - start.busy - own) / available);
      clearInterval(sampling);
      (instance as unknown as { stop(): void }).stop();
    },
    (job.warmSeconds + job.windowSeconds) * 1000,
  );

  const result = await promise;
  return {
    requests,
    ...window,
    rssBytes,
    p50Millis: histogram.percentile(50) / 1000,
    p99Millis: histogram.percentile(99) / 1000,
    errors: result.errors,
    non2xx: result.non2xx,
    lost: Math.max(0, result.requests.sent - result.requests.total - result.errors - job.connections),
    firstError,
  };
}

function reading({ pid, originPid, cores }: LoadJob) {
  const { user, system } = process.cpuUsage();
  return {
    millis: performance.now(),
    proxy: costOf(pid).cpuMicros,
    origin: costOf(originPid).cpuMicros,
    self: user + system,
    busy: busyMicrosOf(cores),
  };
}

process.on('message', async (job: LoadJob) => {
  const reply: LoadReply = { id: job.id };
  try {
    reply.result = await run(job);
  } catch (error) {
    reply.error = String(error);
  }
  process.send?.(reply);
});
process.on('disconnect', () => process.exit(0));
