// Runs the action of a route for a request that nobody sent, and writes down what it would do: the head that a
// replica would get, or the answer that the gateway gives by itself. For `explain`; nothing leaves this process.
import type { Socket } from 'node:net';
import { TrustedProxies } from '../listener/client-address.ts';
import { ClientConnection } from '../listener/client-connection.ts';
import type { DownstreamResponse } from '../listener/downstream.ts';
import { ServerRequest } from '../listener/server-request.ts';
import { Exchange, type RoutePlan } from '../proxy/exchange.ts';
import type { CanonicalRequest } from '../routing/canonical.ts';
import type { ConnectionPool } from '../upstream/connection-pool.ts';
import type { Replica } from '../upstream/replica.ts';
import type { Upstream } from '../upstream/upstream.ts';

export interface RehearsedRequest {
  readonly method: string;
  readonly rawHeaders: readonly string[];
  readonly secure: boolean;
}

export interface Rehearsed {
  /** The head for a replica, with the empty line at its end; null when none is asked. */
  readonly requestHead: string | null;
  /** The gateway's own answer; null when a replica gives it. */
  readonly answer: { readonly status: number; readonly fields: readonly string[] } | null;
}

/** Client address used where one is needed: from the block for documentation (RFC 5737). */
const EXAMPLE_CLIENT = '203.0.113.7';

/** @param upstreams all that the route may ask; their connection pools are replaced, so use them for nothing else */
export function rehearse(
  plan: RoutePlan,
  request: CanonicalRequest,
  asked: RehearsedRequest,
  upstreams: readonly Upstream[],
): Rehearsed {
  let requestHead: string | null = null;
  let answer: Rehearsed['answer'] = null;
  const connection = {
    connected: false,
    exchanges: 1,
    send: (head: string): void => {
      requestHead = head;
    },
    destroy: (): void => {},
  };
  const pool = {
    hasRoom: true,
    take: () => connection,
    open: () => connection,
  } as unknown as ConnectionPool;
  for (const { replicas } of upstreams) {
    for (const replica of replicas) (replica as { -readonly [K in keyof Replica]: Replica[K] }).pool = pool;
  }

  const { method, rawHeaders } = asked;
  const fields = [...rawHeaders];
  // As the listener would hand it over, with its body, if any, already read.
  const head = {
    method,
    target: '/',
    minor: 1,
    fields,
    framing: 'none',
    length: 0,
    keepAlive: true,
    end: 0,
  } as const;
  const req = new ServerRequest(head, { setFlowing: () => {} });
  const res: DownstreamResponse = {
    observer: null,
    keepAlive: true,
    headersSent: false,
    ended: false,
    isChunked: false,
    pendingBytes: 0,
    writeInterim: () => {},
    writeHead: (status, head) => {
      answer = { status, fields: head };
    },
    writePrepared: (head) => {
      answer = head;
    },
    flushHead: () => {},
    write: () => true,
    end: () => {},
    switchProtocols: () => {
      throw new Error('no replica has answered');
    },
    abort: () => {},
  };
  const peer = { remoteAddress: EXAMPLE_CLIENT } as Socket;
  const client = new ClientConnection(peer, asked.secure, new TrustedProxies([]));
  plan.action.run(new Exchange(req, res, client, request, plan));
  return { requestHead, answer };
}
