// What supervisor and workers say to each other, in the order in which they say it.
import type { ListenAddress } from '../config/resolved.ts';
import type { Manifest } from '../static/manifest.ts';
import type { Outcome } from '../upstream/replica.ts';
import type { ReplicaRecord, UpstreamState } from '../upstream/replica-record.ts';

/** Supervisor → worker. */
export type WorkerOrder =
  | {
      /** Build a snapshot. */
      readonly type: 'build';
      /**
       * `ResolvedConfig` as JSON. For 10,000 hosts with 20 routes a structured clone costs the supervisor 0.5 s for
       * each worker and the worker as much again; JSON costs 0.3 s once and 0.3 s in the worker.
       */
      readonly config: string;
      /** The bytes of the files are shared, not copied. */
      readonly manifests: readonly Manifest[];
      /** Of this worker, from 0: whoever replaces it gets the same. */
      readonly number: number;
      /** One for each upstream of the config. */
      readonly upstreams: readonly UpstreamState[];
    }
  | {
      /** An upstream has other replicas now. */
      readonly type: 'replicas';
      /** Its index in the config. */
      readonly upstream: number;
      readonly replicas: readonly ReplicaRecord[];
    }
  | {
      readonly type: 'listen';
      readonly http: ListenAddress;
      /** Several workers listen on the same port. */
      readonly reusePort: boolean;
    }
  | {
      readonly type: 'drain';
      /** Milliseconds for what is under way. */
      readonly deadline: number;
    };

/** Worker → supervisor: the answers to `build`, `listen` and `drain`, and what is noticed of replicas. */
export type WorkerReport =
  | ReplicaReport
  | { readonly type: 'built' }
  | { readonly type: 'listening'; readonly port: number }
  | { readonly type: 'cannot-listen'; readonly code: string; readonly detail: string }
  | { readonly type: 'drained' };

/** What a worker has noticed of a replica; `upstream` is its index in the config. See `UpstreamEvents`. */
export type ReplicaReport =
  | {
      readonly type: 'suspect';
      readonly upstream: number;
      readonly replica: number;
      /** Of the last failure, for the log. */
      readonly reason: string;
    }
  | { readonly type: 'unreachable'; readonly upstream: number; readonly replica: number }
  | {
      readonly type: 'probed';
      readonly upstream: number;
      readonly replica: number;
      readonly outcome: Outcome;
      readonly reason: string;
    };
