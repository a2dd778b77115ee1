// Where the request of an exchange goes, and how it looks there.
import type { Replica } from '../upstream/replica.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { Exchange } from './exchange.ts';
import { clientAuthority, requestHead } from './headers.ts';

export interface ForwardTarget {
  readonly upstream: Upstream;
  readonly path: string;
  readonly query: string;
  /** `Host` for the replica: null keeps the client's, '' names the replica. */
  readonly hostHeader: string | null;
  /** See `RequestTarget.plain`. */
  readonly plain: boolean;
  /** Protocols that the client may switch to; none where nothing is said. */
  readonly upgrades?: readonly string[];
}

/** The head of the request for one replica; 'LOOP' when this gateway has forwarded it before. */
export function targetHead(
  exchange: Exchange,
  { hostHeader, path, query, plain }: ForwardTarget,
  replica: Replica,
  upgrade: string | null,
): string | 'LOOP' {
  const { request, method } = exchange;
  const authority =
    hostHeader === null ? clientAuthority(request.host, request.port) : hostHeader || replica.authority;
  return requestHead(exchange, { method, path, query, authority, plain, upgrade });
}
