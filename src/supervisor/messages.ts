// What supervisor and workers say to each other, in the order in which they say it.
import type { ListenAddress } from '../config/resolved.ts';
import type { Manifest } from '../static/manifest.ts';

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

/** Worker → supervisor: the answers to `build`, `listen` and `drain`. */
export type WorkerReport =
  | { readonly type: 'built' }
  | { readonly type: 'listening'; readonly port: number }
  | { readonly type: 'cannot-listen'; readonly code: string; readonly detail: string }
  | { readonly type: 'drained' };
