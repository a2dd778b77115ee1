// From a parsed request to its route: the gate, the route table, then the Fastify shell. The first function of
// ours that runs for each request.
import { FailAction } from '../actions/fail.ts';
import type { ErrorCode } from '../errors.ts';
import type { ClientConnection } from '../listener/client-connection.ts';
import type { DownstreamRequest, DownstreamResponse } from '../listener/downstream.ts';
import { Exchange, type RoutePlan } from '../proxy/exchange.ts';
import { type CanonicalRequest, canonicalize } from '../routing/canonical.ts';
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

/** Handles every request of a listener with the snapshot that `current` names at that moment. */
export class Dispatcher {
  current: Snapshot;
  readonly #refusals = new Map<ErrorCode, FailAction>();

  constructor(snapshot: Snapshot) {
    this.current = snapshot;
  }

  handle(req: DownstreamRequest, res: DownstreamResponse, client: ClientConnection): void {
    const snapshot = this.current;
    const request = canonicalize(req);
    if (typeof request === 'string') return this.#refuse(snapshot, req, res, client, request);
    const route: RoutePlan = snapshot.table.match(request.host, request.path) ?? snapshot.unknownHost;
    const shellRequest = req as ShellRequest;
    shellRequest.exchange = new Exchange(req, res, client, request, route);
    shellRequest.originalUrl = req.url;
    req.url = route.shellPath;
    snapshot.shell(req, res);
  }

  /** RFC 9112 section 9.6: after a request that cannot be trusted, nothing more is read from its connection. */
  #refuse(
    snapshot: Snapshot,
    req: DownstreamRequest,
    res: DownstreamResponse,
    client: ClientConnection,
    code: ErrorCode,
  ): void {
    let action = this.#refusals.get(code);
    if (action === undefined) this.#refusals.set(code, (action = new FailAction(code)));
    res.keepAlive = false;
    action.run(new Exchange(req, res, client, NOWHERE, snapshot.unknownHost));
  }
}
