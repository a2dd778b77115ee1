// What supervisor and workers say to each other.
import type { ListenAddress, ResolvedConfig } from '../config/resolved.ts';
import type { Manifest } from '../static/manifest.ts';

/** Given to a worker at its start. Bytes of manifests are shared, not copied. */
export interface WorkerAssignment {
  readonly config: ResolvedConfig;
  readonly manifests: readonly Manifest[];
  readonly http: ListenAddress;
  /** Several workers listen on the same port. */
  readonly reusePort: boolean;
}

/** Worker → supervisor. */
export type WorkerReport =
  | { readonly type: 'listening'; readonly port: number }
  | { readonly type: 'cannot-listen'; readonly code: string; readonly detail: string }
  | { readonly type: 'drained' };

/** Supervisor → worker. */
export interface DrainOrder {
  readonly type: 'drain';
  /** Milliseconds for what is under way. */
  readonly deadline: number;
}
