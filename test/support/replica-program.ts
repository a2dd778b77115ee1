// `node replica-program.ts HOST PORT`: a replica in a process of its own, which a test can kill, stop and start anew.
// Every request but those for /health is one line on standard output: method, path and body.

import { writeSync } from 'node:fs';
import { createServer } from 'node:http';

const [host, port] = process.argv.slice(2);
/** Milliseconds an answer takes, so that there is always something under way. */
const WORK = 3;

const server = createServer((request, response) => {
  if (request.url === '/health') return void response.end('fine');
  let body = '';
  request.setEncoding('latin1').on('data', (piece: string) => {
    body += piece;
  });
  request.on('end', () => {
    // At once, because the process may be killed a moment later.
    writeSync(1, `${request.method} ${request.url} ${body}\n`);
    setTimeout(() => response.end(`by ${host}:${port}`), WORK);
  });
});
server.listen(Number(port), host, () => writeSync(1, 'ready\n'));
// As an application behind a process manager does: no new connections, then the end of what is under way.
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
