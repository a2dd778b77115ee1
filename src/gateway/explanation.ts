// What `explain` finds out about a request, as plain data: `--json` prints it as it stands. Durations are in
// milliseconds, sizes in bytes.
import type { ResolvedHold, ResolvedRetry, ResolvedUpstream } from '../config/resolved.ts';
import type { ErrorCode } from '../errors.ts';

export interface Explanation {
  /** What the gate made of the request, or why it refused it. */
  request: { method: string; host: string; port: string; path: string; query: string } | null;
  refusal: { code: ErrorCode; status: number; message: string } | null;
  /** The config's host that the name leads to. */
  host: { name: string; source: string; otherHosts: number } | null;
  /** The route that answers; null for a refusal, an unknown host or a host without a fitting route. */
  route: { source: string; pattern: string; action: string; why: string } | null;
  /** Every other route of the host, and why it does not answer. */
  others: { source: string; pattern: string; action: string; why: string }[];
  /** Address of the client that the request is rehearsed for. It is not trusted as a proxy. */
  client: string;
  /** null where the route serves as always. */
  maintenance: ExplainedMaintenance | null;
  /** null where no replica is asked. */
  replicas: ExplainedReplicas | null;
  /** What holds for an exchange that a replica answers; null where none is asked. */
  rules: ExplainedRules | null;
  policies: {
    responseSet: [name: string, value: string][];
    responseDefaults: [name: string, value: string][];
    responseRemoved: string[];
    cache: string | null;
    compress: string | null;
  } | null;
  /** Lines of the head that the replica would see, if only it were up; null where none is asked. */
  requestToReplica: string[] | null;
  /** What the gateway answers by itself; null where a replica or a folder decides. */
  answer: ExplainedAnswer | null;
}

export interface ExplainedAnswer {
  status: number;
  /** Of an error. */
  code: ErrorCode | null;
  location: string | null;
  /** As sent. */
  retryAfter: string | null;
  /** How long the client has waited by then for a replica that is up. */
  heldFor: number;
}

export interface ExplainedMaintenance {
  /** Seconds. */
  retryAfter: number;
  /** Networks that are served as always. */
  allow: string[];
  /** The client is in one of them. */
  letThrough: boolean;
}

export interface ExplainedReplicas {
  upstream: string;
  /** Names were resolved and replicas asked for this explanation. */
  asked: boolean;
  all: ExplainedReplica[];
  /** What else was noticed of names. */
  notes: string[];
  balance: ResolvedUpstream['balance'];
  sticky: { cookie: string; replica: string | null; why: string } | null;
  /** The one that the rehearsed request came to; null when there is none. */
  picked: string | null;
  /** All that it might have come to just as well. */
  anyOf: string[];
  why: string;
}

export interface ExplainedReplica {
  /** As written, with the address where a name was resolved. */
  url: string;
  /** `unchecked`: the upstream has no checks, or nobody was asked. */
  state: 'up' | 'down' | 'unchecked' | 'no address';
  /** Result of the check, or of a mere connection where there is none; null when nobody was asked. */
  check: string | null;
  took: number | null;
  weight: number;
  backup: boolean;
}

export interface ExplainedRules {
  hold: ResolvedHold | null;
  /** null for no second attempt at all. */
  retry: ResolvedRetry | null;
  connections: ResolvedUpstream['connections'];
  timeouts: ResolvedUpstream['timeouts'];
  health: ResolvedUpstream['health'];
  eject: ResolvedUpstream['eject'];
}
