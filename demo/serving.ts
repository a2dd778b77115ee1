// One node:http server on a free port of 127.0.0.1: what every stand-in of the sample stack is made of.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Served {
  /** `http://127.0.0.1:PORT` */
  url: string;
  /** Stops listening and cuts what is open. */
  close(): Promise<void>;
}

export type Answering = (req: IncomingMessage, res: ServerResponse) => void | Promise<void>;

/** Starts serving. A handler that fails answers 500 and says why on stderr. */
export async function serve(name: string, answer: Answering): Promise<Served> {
  const server = createServer(async (req, res) => {
    try {
      await answer(req, res);
    } catch (error) {
      // A client that leaves in the middle of its upload is no fault of the stand-in.
      if (req.destroyed && !req.complete) return;
      console.error(`stand-in ${name}: ${req.method} ${req.url}`, error);
      if (res.headersSent) res.destroy();
      else res.writeHead(500, { 'content-type': 'text/plain' }).end(`${name} failed\n`);
    }
  });
  // Longer than any gateway's pool, so that the stand-in is not the one to close an idle connection.
  server.keepAliveTimeout = 120_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Answers with JSON. */
export function sendJson(res: ServerResponse, value: unknown, status = 200): void {
  const body = `${JSON.stringify(value, null, 2)}\n`;
  res.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
  });
  res.end(body);
}

/** Text as HTML. */
export function escapeHtml(text: string): string {
  const entities: Record<string, string> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (character) => entities[character]!);
}
