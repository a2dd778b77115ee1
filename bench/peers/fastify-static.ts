// @fastify/static as a program: `node bench/peers/fastify-static.ts PORT ROOT PRECOMPRESSED`, set up as its
// README shows for an SPA. It does not compress; for gzip its own answer is `.gz` files beside the files.

import fastifyStatic from '@fastify/static';
import Fastify from 'fastify';
import { REVALIDATED_ALWAYS, SECURITY_HEADERS } from './peer.ts';

const [port, root, preCompressed] = process.argv.slice(2);
const app = Fastify({ logger: false, keepAliveTimeout: 75_000 });
app.addHook('onRequest', (_request, reply, done) => {
  reply.headers(SECURITY_HEADERS);
  done();
});
await app.register(fastifyStatic, {
  root: root!,
  preCompressed: preCompressed === 'true',
  maxAge: '365d',
  immutable: true,
  setHeaders(reply, path) {
    if (path.endsWith('.html')) reply.header('cache-control', REVALIDATED_ALWAYS);
  },
});
app.setNotFoundHandler((_request, reply) => reply.sendFile('index.html'));
await app.listen({ host: '127.0.0.1', port: Number(port), backlog: 4096 });
