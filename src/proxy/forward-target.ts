// Where the request of an exchange goes, and how it looks there.
import type { Upstream } from '../upstream/upstream.ts';

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
