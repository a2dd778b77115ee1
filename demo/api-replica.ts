// An API replica that names itself. It answers at every path, so that it can stand in for any API, and has
// a few paths that behave in a special way; each works with and without the `/api` prefix.

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Served, sendJson, serve } from './serving.ts';

/** Starts the replica called `name`. */
export function startApiReplica(name: string): Promise<Served> {
  let requests = 0;
  return serve(name, async (req, res) => {
    requests++;
    res.setHeader('x-replica', name);
    const url = new URL(req.url ?? '/', 'http://replica');
    const path = url.pathname.replace(/^\/api(?=\/|$)/, '');
    const status = /^\/status\/([2-5]\d\d)$/.exec(path)?.[1];
    if (status !== undefined) return sendStatus(res, name, Number(status));
    switch (path) {
      case '/health':
        return sendJson(res, { status: 'ok', replica: name });
      case '/slow':
        await pause(numberOf(url, 'ms', 1000, 600_000));
        return sendJson(res, { replica: name, waited: numberOf(url, 'ms', 1000, 600_000) });
      case '/stream':
        return sendEvents(res, name, numberOf(url, 'events', 10, 10_000), numberOf(url, 'ms', 500, 60_000));
      case '/echo':
        return echo(req, res);
      case '/upload': {
        let bytes = 0;
        for await (const chunk of req) bytes += (chunk as Buffer).length;
        return sendJson(res, { replica: name, bytes });
      }
      default:
        req.resume();
        return sendJson(res, {
          replica: name,
          path: req.url,
          method: req.method,
          headers: req.headers,
          requests,
        });
    }
  });
}

function sendStatus(res: ServerResponse, name: string, status: number): void {
  if (status === 204 || status === 205 || status === 304) res.writeHead(status).end();
  else sendJson(res, { replica: name, status }, status);
}

/** Server-sent events, one every `interval` ms: to see that a stream is passed on chunk by chunk. */
async function sendEvents(res: ServerResponse, name: string, count: number, interval: number): Promise<void> {
  res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  for (let event = 1; event <= count && !res.destroyed; event++) {
    const data = JSON.stringify({ replica: name, event, of: count, at: new Date().toISOString() });
    res.write(`id: ${event}\ndata: ${data}\n\n`);
    await pause(interval);
  }
  res.end();
}

async function echo(req: IncomingMessage, res: ServerResponse): Promise<void> {
  res.writeHead(200, { 'content-type': req.headers['content-type'] ?? 'application/octet-stream' });
  for await (const chunk of req) {
    if (!res.write(chunk)) await Promise.race([once(res, 'drain'), once(res, 'close')]);
  }
  res.end();
}

function numberOf(url: URL, name: string, fallback: number, most: number): number {
  const value = Number(url.searchParams.get(name) ?? fallback);
  return Number.isFinite(value) && value >= 0 ? Math.min(value, most) : fallback;
}

/** Waits without keeping the process alive: the open connection does that as long as somebody listens. */
function pause(ms: number): Promise<void> {
  return sleep(ms, undefined, { ref: false });
}
