// The Fastify shell: runs the policies and plugins of a route around its action. It never listens and never
// chooses a route; the route table has done that. One Fastify route stands for each distinct set of policies
// that run here, at an internal path, and every exchange enters through `app.routing`.
import { METHODS } from 'node:http';
import fastify, { type FastifyInstance } from 'fastify';
import type { DownstreamRequest, DownstreamResponse } from '../listener/downstream.ts';
import { processLog } from '../observe/process-log.ts';
import type { Exchange } from '../proxy/exchange.ts';
import { ResponseWriter } from '../proxy/response-writer.ts';

/** Path of the shell route of exchanges whose policies are all compiled into their plans. */
export const PLAIN_SHELL = '/p0';

/** A request on its way through the shell. */
export type ShellRequest = DownstreamRequest & { exchange: Exchange; originalUrl: string };

export type Shell = (req: DownstreamRequest, res: DownstreamResponse) => void;

/** Builds the app and returns the function that takes exchanges into it. */
export async function buildShell(): Promise<Shell> {
  const app = fastify({
    logger: false,
    exposeHeadRoutes: false,
    routerOptions: { querystringParser: () => ({}) },
    return503OnClosing: false,
  });
  // Bodies stay untouched streams whatever the method.
  for (const method of METHODS)
    app.addHttpMethod(method, { hasBody: false, overrideExisting: true } as never);
  app.addHook('onRequest', (request, _reply, done) => {
    const raw = request.raw as unknown as ShellRequest;
    raw.url = raw.originalUrl;
    done();
  });
  app.setErrorHandler((error, request, reply) => {
    reply.hijack();
    failExchange((request.raw as unknown as ShellRequest).exchange, error);
  });
  addShellRoute(app, PLAIN_SHELL);
  await app.ready();
  return app.routing as unknown as Shell;
}

function addShellRoute(app: FastifyInstance, url: string): void {
  app.route({
    method: app.supportedMethods,
    url,
    handler: (request, reply) => {
      reply.hijack();
      const { exchange } = request.raw as unknown as ShellRequest;
      try {
        exchange.route.action.run(exchange);
      } catch (error) {
        failExchange(exchange, error);
      }
    },
  });
}

/** A fault of ours: told to the log in full, to the client in one sentence. */
function failExchange(exchange: Exchange, error: unknown): void {
  processLog.error('INTERNAL', {
    route: exchange.route.source,
    detail: error instanceof Error ? (error.stack ?? error.message) : String(error),
  });
  const { observer } = exchange.res;
  const writer = observer instanceof ResponseWriter ? observer : new ResponseWriter(exchange);
  writer.fail('INTERNAL');
}
