// Actions in the form the gateway runs, each distinct one stored once, with the folders they serve. Takes only what
// the schema has passed.
import type { ActionConfig, ProxyConfig } from './contract-actions.ts';
import type { Disk } from './disk.ts';
import type { ResolvedAction, ResolvedForwarding, ResolvedRoot } from './resolved.ts';

const UPGRADES = ['websocket'];

/** Collects the distinct actions of a configuration; a route keeps an index into `actions`. */
export class ActionSets {
  readonly actions: ResolvedAction[] = [];
  readonly roots: ResolvedRoot[] = [];
  readonly #upstreams: ReadonlyMap<string, number>;
  readonly #disk: Disk;
  readonly #actionByContent = new Map<string, number>();
  readonly #rootByContent = new Map<string, number>();

  /** @param upstreams name → index in the resolved configuration */
  constructor(upstreams: ReadonlyMap<string, number>, disk: Disk) {
    this.#upstreams = upstreams;
    this.#disk = disk;
  }

  /** The index of a route's action. */
  ofRoute(route: ActionConfig): number {
    // The short form of the common action is its own key: JSON for each of 200,000 routes takes a while.
    const short = typeof route.proxy === 'string' ? route.proxy : undefined;
    const known = short === undefined ? undefined : this.#actionByContent.get(short);
    if (known !== undefined) return known;
    const action = this.#action(route);
    const content = short ?? JSON.stringify(action);
    let index = this.#actionByContent.get(content);
    if (index === undefined) {
      index = this.actions.push(action) - 1;
      this.#actionByContent.set(content, index);
    }
    return index;
  }

  #action({ proxy, spa, files, redirect, respond }: ActionConfig): ResolvedAction {
    if (proxy !== undefined) return this.#proxy(typeof proxy === 'string' ? { upstream: proxy } : proxy);
    if (spa !== undefined) {
      const { root, upstream, index = 'index.html', immutable = [], sourceMaps = false } = spa;
      if (root !== undefined)
        return { kind: 'spa', root: this.#root(root, { index, immutable, sourceMaps }) };
      const number = this.#upstreams.get(upstream!)!;
      return { kind: 'spa-upstream', upstream: number, index, immutable, sourceMaps };
    }
    if (files !== undefined) {
      const { root, index = 'index.html', immutable = [], sourceMaps = false } = files;
      return { kind: 'files', root: this.#root(root, { index, immutable, sourceMaps }) };
    }
    if (redirect !== undefined) {
      const {
        to,
        status = 308,
        keepQuery = true,
      } = typeof redirect === 'string' ? { to: redirect } : redirect;
      const keepRest = to.endsWith('/*');
      return { kind: 'redirect', to: keepRest ? to.slice(0, -2) : to, keepRest, keepQuery, status };
    }
    return {
      kind: 'respond',
      status: respond?.status ?? 200,
      body: respond?.body ?? '',
      headers: Object.entries(respond?.headers ?? {}),
    };
  }

  #proxy(proxy: ProxyConfig): ResolvedAction {
    const { upstream, split, by = 'client', override } = proxy;
    if (upstream !== undefined) {
      return { kind: 'proxy', upstream: this.#upstreams.get(upstream)!, ...forwarding(proxy) };
    }
    return {
      kind: 'split',
      parts: Object.entries(split!).map(([name, percent]) => ({
        upstream: this.#upstreams.get(name)!,
        percent,
      })),
      by,
      header: override?.header?.toLowerCase() ?? null,
      cookie: override?.cookie ?? null,
      ...forwarding(proxy),
    };
  }

  #root(path: string, options: Omit<ResolvedRoot, 'path'>): number {
    const root: ResolvedRoot = { path: this.#disk.absolute(path), ...options };
    const content = JSON.stringify(root);
    let index = this.#rootByContent.get(content);
    if (index === undefined) {
      index = this.roots.push(root) - 1;
      this.#rootByContent.set(content, index);
    }
    return index;
  }
}

function forwarding(proxy: ProxyConfig): ResolvedForwarding {
  const { stripPrefix = '', addPrefix = '', hostHeader = 'keep', upgrade = UPGRADES } = proxy;
  return {
    stripPrefix,
    addPrefix,
    hostHeader: hostHeader === 'keep' ? null : hostHeader === 'replica' ? '' : hostHeader,
    upgrade: upgrade === false ? [] : upgrade.map((protocol) => protocol.toLowerCase()),
  };
}
