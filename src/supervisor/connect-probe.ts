// Whether somebody accepts connections at an address, found out by opening one and closing it again. Sends nothing.
import { connect } from 'node:net';
import { performance } from 'node:perf_hooks';

export interface ConnectResult {
  /** `late`: nobody answered in time. */
  readonly outcome: 'accepted' | 'failed' | 'late';
  /** Of a failure, the system's reason: `ECONNREFUSED`. */
  readonly reason: string;
  /** Milliseconds. */
  readonly took: number;
}

/** @param limit milliseconds until it is too late. Never rejects. */
export function tryConnect(host: string, port: number, limit: number): Promise<ConnectResult> {
  return new Promise((resolve) => {
    const began = performance.now();
    const socket = connect({ host, port });
    const end = (outcome: ConnectResult['outcome'], reason = ''): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ outcome, reason, took: performance.now() - began });
    };
    const timer = setTimeout(() => end('late'), limit);
    socket.once('error', (error: NodeJS.ErrnoException) => end('failed', error.code ?? error.message));
    socket.once('connect', () => end('accepted'));
  });
}
