// @fastify/http-proxy as a program: `node bench/peers/fastify-proxy.ts PORT ORIGIN`. No logging, bodies
// streamed, undici with a fixed pool.

import httpProxy from '@fastify/http-proxy';
import Fastify from 'fastify';
import { SECURITY_HEADERS } from './peer.ts';

const [port, origin] = process.argv.slice(2);
const app = Fastify({ logger: false, bodyLimit: 16 * 1024 * 1024, keepAliveTimeout: 75_000 });
app.addHook('onRequest', (_request, reply, done) => {
  reply.headers(SECURITY_HEADERS);
  done();
});
await app.register(httpProxy, {
  upstream: origin!,
  prefix: '/api',
  rewritePrefix: '/api',
  disableRequestLogging: true,
  undici: { connections: 64, pipelining: 1, keepAliveTimeout: 60_000 },
  replyOptions: {
    rewriteRequestHeaders: (request, headers) => ({
      ...headers,
      host: request.headers.host,
      'x-real-ip': request.ip,
      'x-forwarded-for': request.ip,
      'x-forwarded-proto': 'http',
      'x-forwarded-host': request.headers.host,
    }),
  },
});
await app.listen({ host: '127.0.0.1', port: Number(port), backlog: 4096 });
