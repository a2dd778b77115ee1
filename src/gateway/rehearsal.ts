// Runs the action of a route for a request that nobody sent, and writes down what it would do: the head that a
// replica would get, or the answer that the gateway gives by itself. For `explain`; nothing leaves this process.
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { TrustedProxies } from '../listener/client-address.ts';
import { ClientConnection } from '../listener/client-connection.ts';
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
  const pool = { take: () => connection, open: () => connection } as unknown as ConnectionPool;
  for (const { replicas } of upstreams) {
    for (const replica of replicas) (replica as { -readonly [K in keyof Replica]: Replica[K] }).pool = pool;
  }

  const req = messageOf(asked);
  const res = new ServerResponse(req);
  res.writeHead = ((status: number, fields: string[]) => {
    answer = { status, fields };
    return res;
  }) as typeof res.writeHead;
  res.write = (() => true) as typeof res.write;
  res.end = (() => res) as typeof res.end;
  const peer = { remoteAddress: EXAMPLE_CLIENT } as Socket;
  const client = new ClientConnection(peer, asked.secure, new TrustedProxies([]));
  plan.action.run(new Exchange(req, res, client, request, plan, asked.secure));
  return { requestHead, answer };
}

/** The request as the server would hand it over, with its body, if any, already read. */
function messageOf({ method, rawHeaders }: RehearsedRequest): IncomingMessage {
  const message = new IncomingMessage(new Socket());
  message.method = method;
  message.httpVersionMajor = 1;
  message.httpVersionMinor = 1;
  message.rawHeaders = [...rawHeaders];
  const fields: Record<string, string> = {};
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase();
    const value = rawHeaders[i + 1]!;
    fields[name] = fields[name] === undefined ? value : `${fields[name]}, ${value}`;
  }
  message.headers = fields;
  message.complete = true;
  return message;
}
