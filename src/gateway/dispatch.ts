// From a parsed request to its route: the gate, the route table, then the Fastify shell. The first function of
// ours that runs for each request.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { FailAction } from '../actions/fail.ts';
import type { ErrorCode } from '../errors.ts';
import type { ClientConnection } from '../listener/client-connection.ts';
import { Exchange, type RoutePlan } from '../proxy/exchange.ts';
import { type CanonicalRequest, canonicalize, type RawRequest } from '../routing/canonical.ts';
import type { ShellRequest } from './app.ts';
import type { Snapshot } from './snapshot.ts';

/** What stands for the parts of a request that was refused before they were known. */
const NOWHERE: CanonicalRequest = {
  host: '',
  port: '',
  path: '/',
  query: '',
  body: 'none',
  expectsContinue: false,
};
/** The same with a body on its way: it is read for a while, so that the client gets to see the answer. */
const NOWHERE_WITH_BODY: CanonicalRequest = { ...NOWHERE, body: 'chunked' };

/** Handles every request of a listener with the snapshot that `current` names at that moment. */
export class Dispatcher {
  current: Snapshot;
  readonly #refusals = new Map<ErrorCode, FailAction>();

  constructor(snapshot: Snapshot) {
    this.current = snapshot;
  }

  handle(req: IncomingMessage, res: ServerResponse, client: ClientConnection): void {
    const snapshot = this.current;
    const request = canonicalize(req as RawRequest);
    if (typeof request === 'string') return this.#refuse(snapshot, req, res, client, request);
    const route: RoutePlan = snapshot.table.match(request.host, request.path) ?? snapshot.unknownHost;
    const secure = client.secure || (client.trusted && client.forwarded(req.headers).proto === 'https');
    const shellRequest = req as ShellRequest;
    shellRequest.exchange = new Exchange(req, res, client, request, route, secure);
    shellRequest.originalUrl = req.url as string;
    req.url = route.shellPath;
    snapshot.shell(req, res);
  }

  /** RFC 9112 section 9.6: after a request that cannot be trusted, nothing more is read from its connection. */
  #refuse(
    snapshot: Snapshot,
    req: IncomingMessage,
    res: ServerResponse,
    client: ClientConnection,
    code: ErrorCode,
  ): void {
    let action = this.#refusals.get(code);
    if (action === undefined) this.#refusals.set(code, (action = new FailAction(code)));
    res.shouldKeepAlive = false;
    const { 'content-length': length, 'transfer-encoding': coding, expect } = req.headers;
    // A client that expects an answer first has not sent its body.
    const body = (length !== undefined || coding !== undefined) && expect === undefined;
    const request = body ? NOWHERE_WITH_BODY : NOWHERE;
    action.run(new Exchange(req, res, client, request, snapshot.unknownHost, client.secure));
  }
}
