// Host map, then a trie of path segments: finds the route of a canonical request in time that depends on the
// length of its path alone. `match` and `explain` walk the same code. Holds routes of any type `T`.
import type { PathTrie } from './path-trie.ts';

/** One name with its routes, as given to the table. */
export interface HostEntry<T> {
  /** Exact name or `*.example.com`, lower case. */
  readonly name: string;
  /** Answers when no route of the host matches. */
  readonly fallback: T;
  readonly routes: PathTrie<T>;
}

export class RouteTable<T> {
  readonly #exact = new Map<string, HostEntry<T>>();
  readonly #wildcard = new Map<string, HostEntry<T>>();

  /** Adds a name. The config has made sure that names are unique. */
  add(entry: HostEntry<T>): void {
    if (entry.name.startsWith('*.')) this.#wildcard.set(entry.name.slice(1), entry);
    else this.#exact.set(entry.name, entry);
  }

  /** Number of names. */
  get size(): number {
    return this.#exact.size + this.#wildcard.size;
  }

  /** Names in the table, exact ones first. */
  names(): string[] {
    return [...this.#exact.keys(), ...[...this.#wildcard.keys()].map((suffix) => `*${suffix}`)];
  }

  /** The entry of a canonical host: exact before wildcard; a wildcard stands for exactly one label. */
  host(host: string): HostEntry<T> | undefined {
    const exact = this.#exact.get(host);
    if (exact !== undefined || this.#wildcard.size === 0) return exact;
    const dot = host.indexOf('.');
    return dot > 0 ? this.#wildcard.get(host.slice(dot)) : undefined;
  }

  /** The route for host and path; the host's fallback if no pattern matches; undefined for an unknown host. */
  match(host: string, path: string): T | undefined {
    const entry = this.host(host);
    if (entry === undefined) return undefined;
    return entry.routes.match(path) ?? entry.fallback;
  }
}
