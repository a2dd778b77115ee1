// An address at which connections are neither accepted nor refused, as behind a firewall or at a machine that is gone:
// a process that listens and never looks, with a full line of connections that wait for it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Scope } from './fixtures.ts';

const PROGRAM = `
const server = require('node:net').createServer();
server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
  require('node:fs').writeSync(1, server.address().port + '\\n');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});`;

/** Returns its URL; it is gone when the test ends. */
export async function startBlackHole(scope: Scope): Promise<string> {
  const child = spawn(process.execPath, ['-e', PROGRAM], { stdio: ['ignore', 'pipe', 'inherit'] });
  scope.after(() => void child.kill('SIGKILL'));
  const [text] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(text.toString());
  // As many as it takes until one is left hanging.
  for (let count = 0; count < 50; count++) {
    const socket = connect(port, '127.0.0.1');
    scope.after(() => void socket.destroy());
    socket.on('error', () => {});
    const connected = await Promise.race([once(socket, 'connect').then(() => true), sleep(500, false)]);
    if (!connected) return `http://127.0.0.1:${port}`;
  }
  throw new Error('it takes every connection');
}
