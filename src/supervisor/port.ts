// Questions about the address to bind: is it free, may we, and can several threads share it?
import { createServer } from 'node:net';
import type { ListenAddress } from '../config/resolved.ts';

/** Systems whose kernel spreads connections over sockets with SO_REUSEPORT. Elsewhere one worker serves. */
export function supportsReusePort(): boolean {
  return ['linux', 'freebsd', 'dragonfly', 'sunos', 'aix'].includes(process.platform);
}

/**
 * Binds the address alone for a moment. With SO_REUSEPORT two gateways could share a port without a word, each
 * taking half of the connections.
 * @throws Error with a message for the operator
 */
export function assertPortIsFree(http: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => {
      reject(new Error(listenProblem(http, error.code ?? 'UNKNOWN', error.message)));
    });
    probe.listen({ host: http.address, port: http.port, exclusive: true }, () =>
      probe.close(() => resolve()),
    );
  });
}

/** `127.0.0.1:8080`, for people. */
export function shownAddress({ address, port }: ListenAddress): string {
  if (address === undefined) return `port ${port}`;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** What keeps us from listening, and what would help. */
export function listenProblem(http: ListenAddress, code: string, detail: string): string {
  const where = shownAddress(http);
  switch (code) {
    case 'EADDRINUSE':
      return `cannot listen on ${where}: another program does. Stop it, or choose another port with --http-port`;
    case 'EACCES':
      return `cannot listen on ${where}: not allowed. Ports below 1024 need privileges; try --http-port 8080`;
    case 'EADDRNOTAVAIL':
      return `cannot listen on ${where}: this machine does not have that address`;
    default:
      return `cannot listen on ${where}: ${detail}`;
  }
}
