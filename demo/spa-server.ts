// Serves a build folder the way the stack's nginx containers do with `try_files $uri $uri/ /index.html`:
// index.html answers for everything that is not a file, missing assets included. That is the fault a
// gateway in front has to put right, so it is kept here on purpose.

import { readdir, readFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { extname, join, relative, sep } from 'node:path';
import { type Served, serve } from './serving.ts';

const TYPES: Record<string, string> = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.ico': 'image/x-icon',
  '.js': 'application/javascript',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain',
  // What nginx answers for an extension its mime.types does not know, as it did for this one.
  '.webmanifest': 'application/octet-stream',
};

/** Starts a server for `folder`, whose files are read once. */
export async function startSpaServer(name: string, folder: string): Promise<Served> {
  const files = new Map<string, Buffer>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(`/${relative(folder, path).split(sep).join('/')}`, await readFile(path));
  }
  return serve(name, (req, res) => {
    req.resume();
    if (req.method !== 'GET' && req.method !== 'HEAD') {
      res.writeHead(405, { allow: 'GET, HEAD' }).end();
      return;
    }
    const path = new URL(req.url ?? '/', 'http://spa').pathname;
    const found = files.has(path) ? path : '/index.html';
    send(res, found, files.get(found)!, req.headers['if-none-match'], req.method === 'HEAD');
  });
}

function send(
  res: ServerResponse,
  path: string,
  body: Buffer,
  known: string | undefined,
  headOnly: boolean,
): void {
  // nginx builds its tag from time and size as well; here the size and a checksum of the bytes do.
  const tag = `"${body.length.toString(16)}-${checksum(body)}"`;
  const headers = { server: 'nginx/1.27.3', etag: tag, 'x-powered-by': 'stand-in' };
  // As nginx does, and RFC 9110 section 13.1.2 asks for: `W/` makes no difference.
  if (known?.replace(/^W\//, '') === tag) {
    res.writeHead(304, headers).end();
    return;
  }
  res.writeHead(200, {
    ...headers,
    'content-type': TYPES[extname(path)] ?? 'application/octet-stream',
    'content-length': body.length,
  });
  res.end(headOnly ? undefined : body);
}

function checksum(bytes: Buffer): string {
  let sum = 0;
  for (const byte of bytes) sum = (sum * 31 + byte) >>> 0;
  return sum.toString(16);
}
