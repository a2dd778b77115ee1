// A named group of replicas: says which one is next.
import type { ResolvedUpstream } from '../config/resolved.ts';
import { Replica } from './replica.ts';

export class Upstream {
  readonly name: string;
  readonly replicas: readonly Replica[];
  /** Milliseconds; a route may have its own. */
  readonly timeouts: { readonly response: number; readonly idle: number };
  #next: number;

  constructor(config: ResolvedUpstream) {
    this.name = config.name;
    this.timeouts = config.timeouts;
    this.replicas = config.replicas.map(
      (replica) =>
        new Replica(replica.url, {
          host: replica.host,
          port: replica.port,
          tls: replica.secure ? config.tls : null,
          connectTimeout: config.timeouts.connect,
        }),
    );
    // Workers start at different replicas, so that a few requests do not all meet the first one.
    this.#next = Math.floor(Math.random() * this.replicas.length);
  }

  /** The next replica in turn that is not in `tried`; undefined when all are. */
  pick(tried: readonly Replica[] | null): Replica | undefined {
    for (let i = 0; i < this.replicas.length; i++) {
      const replica = this.replicas[this.#next]!;
      this.#next = this.#next + 1 < this.replicas.length ? this.#next + 1 : 0;
      if (tried === null || !tried.includes(replica)) return replica;
    }
    return undefined;
  }
}
