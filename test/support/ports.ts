// Ports for the tests that must know one before anything listens on it, or that free one and take it again. They
// lie below the range from which the system serves port 0 and outgoing connections: a port from there may belong
// to somebody else a moment later. Everything else uses port 0.

import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';

const FIRST = 10_000;
const LAST = 32_000;

/** Makes a server listen on 127.0.0.1, on a port that nobody is given by the system. Resolves with the port. */
export async function listenApart(server: Server): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    server.listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
      return port;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
}

/** A port of 127.0.0.1 on which nothing listens, for a test that listens there itself. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listenApart(server);
  server.close();
  await once(server, 'close');
  return port;
}

/** A port of 127.0.0.1 on which nothing listens nor ever will: a connection to it is refused. */
export async function closedPort(): Promise<number> {
  for (let port = 1; port < 1024; port++) if (await isRefused(port)) return port;
  throw new Error('something answers on every port below 1024');
}

function isRefused(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => socket.destroy());
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
    socket.once('close', () => resolve(false));
  });
}
