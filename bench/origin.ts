// The replica behind every proxy: `node bench/origin.ts PORT`. The small JSON request is answered on
// the raw socket, so that the origin costs little beside the proxy; a connection that asks for anything else is
// handed to node:http.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { DOWNLOAD_BODY, JSON_BODY } from './scenarios.ts';

const REQUEST_START = 'GET /api/json HTTP/1.1\r\n';
const HEAD_END = '\r\n\r\n';
const JSON_ANSWER = Buffer.concat([
  Buffer.from(
    'HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nCache-Control: no-store\r\n' +
      `Date: ${new Date().toUTCString()}\r\nContent-Length: ${JSON_BODY.length}\r\n\r\n`,
  ),
  JSON_BODY,
]);

const http = createHttpServer({ keepAliveTimeout: 600_000, requestTimeout: 0 }, answer);

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', (error: NodeJS.ErrnoException) => {
    // Peers are stopped in the middle of exchanges; anything but that is worth seeing.
    if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') console.error(`origin: ${error.message}`);
  });
  let rest = '';
  const onData = (chunk: Buffer) => {
    rest += chunk.toString('latin1');
    for (let end = 0; rest !== '' && (end = rest.indexOf(HEAD_END)) !== -1; ) {
      if (!rest.startsWith(REQUEST_START)) return handOver(socket, Buffer.from(rest, 'latin1'), onData);
      socket.write(JSON_ANSWER);
      rest = rest.slice(end + HEAD_END.length);
    }
  };
  socket.on('data', onData);
});

function handOver(socket: Socket, chunk: Buffer, onData: (chunk: Buffer) => void): void {
  socket.removeListener('data', onData);
  socket.unshift(chunk);
  http.emit('connection', socket);
}

function answer(req: IncomingMessage, res: ServerResponse): void {
  if (req.url === '/api/upload') {
    let received = 0;
    req.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    req.on('end', () => send(res, 'application/json', Buffer.from(`{"received":${received}}`)));
    return;
  }
  if (req.url === '/api/json') send(res, 'application/json; charset=utf-8', JSON_BODY);
  else if (req.url === '/api/download') send(res, 'application/octet-stream', DOWNLOAD_BODY);
  else if (req.url === '/api/echo') send(res, 'application/json', Buffer.from(JSON.stringify(req.headers)));
  else res.writeHead(404, { 'content-length': 0 }).end();
}

function send(res: ServerResponse, type: string, body: Buffer): void {
  res.writeHead(200, { 'content-type': type, 'cache-control': 'no-store', 'content-length': body.length });
  res.end(body);
}

server.listen(Number(process.argv[2]), '127.0.0.1', 4096);
