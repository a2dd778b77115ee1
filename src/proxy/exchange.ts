// One request with its response, and what the snapshot has decided about it. Every layer above the wire gets
// this object and nothing else; it is made by the gateway once the gate and the route table have spoken.

import type { ResolvedHold, ResolvedPolicies } from '../config/resolved.ts';
import type { ForwardedFacts } from '../listener/client-address.ts';
import type { ClientConnection } from '../listener/client-connection.ts';
import type { DownstreamRequest, DownstreamResponse } from '../listener/downstream.ts';
import type { CanonicalRequest } from '../routing/canonical.ts';
import type { RequestPlan, ResponsePlan } from './plans.ts';

/** How a route ends. */
export interface Action {
  /** Answers the exchange. Must not throw; a failure becomes an error reply. */
  run(exchange: Exchange): void;
}

/** A route, compiled. Immutable and shared by all exchanges of a snapshot. */
export interface RoutePlan {
  /** Key path in the config, for logs and `explain`. */
  readonly source: string;
  /** Pattern as written. */
  readonly pattern: string;
  readonly action: Action;
  readonly request: RequestPlan;
  readonly response: ResponsePlan;
  /** Path of the Fastify route that runs the policies of this route. */
  readonly shellPath: string;
  /** Milliseconds; null leaves the upstream's own. */
  readonly timeouts: ResolvedPolicies['timeouts'];
  /** How long, and how many, exchanges wait while no replica is up; null for not at all. */
  readonly hold: ResolvedHold | null;
  /** What the route wants otherwise than its upstream. */
  readonly retry: ResolvedPolicies['retry'];
}

export class Exchange {
  readonly req: DownstreamRequest;
  readonly res: DownstreamResponse;
  readonly client: ClientConnection;
  readonly request: CanonicalRequest;
  readonly route: RoutePlan;
  /** What a trusted proxy says of the client behind it; null for everybody else. */
  readonly forwarded: ForwardedFacts | null;
  /** The client speaks TLS, to us or to a trusted proxy that says so. */
  readonly secure: boolean;
  /** The client waits for `100 Continue` and has sent nothing of the body yet. */
  awaitsContinue: boolean;

  constructor(
    req: DownstreamRequest,
    res: DownstreamResponse,
    client: ClientConnection,
    request: CanonicalRequest,
    route: RoutePlan,
  ) {
    this.req = req;
    this.res = res;
    this.client = client;
    this.request = request;
    this.route = route;
    this.forwarded = client.trusted ? client.forwarded(req.headers) : null;
    this.secure = client.secure || this.forwarded?.proto === 'https';
    this.awaitsContinue = request.expectsContinue;
  }

  /** Address of the client, as far as it is known. */
  get clientAddress(): string {
    return this.forwarded?.client ?? this.client.address;
  }

  get method(): string {
    return this.req.method;
  }

  /** Tells a client that asked for it to send the body (RFC 9110 section 10.1.1). */
  sendContinue(): void {
    if (!this.awaitsContinue) return;
    this.awaitsContinue = false;
    this.res.writeInterim(100, []);
  }

  /** True where the body of the request goes on to a replica. A GET's is read and thrown away. */
  get forwardsBody(): boolean {
    return this.request.body !== 'none' && this.method !== 'GET' && this.method !== 'HEAD';
  }
}
