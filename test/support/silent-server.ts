// A TCP server that takes connections and never says a word.

import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { Scope } from './fixtures.ts';

/** Resolves with its port on 127.0.0.1. */
export async function startSilentServer(scope: Scope): Promise<number> {
  const server = createServer((socket) => socket.on('error', () => socket.destroy()).resume());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.after(() => void server.close());
  return (server.address() as AddressInfo).port;
}
