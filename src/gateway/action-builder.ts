// From a resolved action to the object that runs it. Actions that are alike are built once, so that a config
// with many hosts stays small in memory.
import { AssetCache } from '../actions/asset-cache.ts';
import { ProxyAction } from '../actions/proxy.ts';
import { RedirectAction } from '../actions/redirect.ts';
import { RespondAction } from '../actions/respond.ts';
import { SpaUpstreamAction } from '../actions/spa-upstream.ts';
import { SplitAction } from '../actions/split.ts';
import { StaticAction, type StaticRoot } from '../actions/static.ts';
import type { ResolvedAction } from '../config/resolved.ts';
import type { Action } from '../proxy/exchange.ts';
import type { Upstream } from '../upstream/upstream.ts';

/** Bytes a worker keeps of what SPA containers serve. */
const ASSET_CACHE_BYTES = 64 * 1024 * 1024;

export class ActionBuilder {
  readonly #upstreams: readonly Upstream[];
  readonly #roots: readonly StaticRoot[];
  readonly #cache = new AssetCache(ASSET_CACHE_BYTES);
  readonly #built = new Map<string, Action>();

  constructor(upstreams: readonly Upstream[], roots: readonly StaticRoot[]) {
    this.#upstreams = upstreams;
    this.#roots = roots;
  }

  build(action: ResolvedAction, pattern: string): Action {
    const key = `${actionKey(action)} ${dependsOnPattern(action) ? pattern : ''}`;
    let built = this.#built.get(key);
    if (built === undefined) this.#built.set(key, (built = this.#make(action, pattern)));
    return built;
  }

  #make(action: ResolvedAction, pattern: string): Action {
    switch (action.kind) {
      case 'proxy':
        return new ProxyAction(this.#upstreams[action.upstream]!, action);
      case 'split': {
        const { parts, by, header, cookie, ...forwarding } = action;
        const built = parts.map(({ upstream, percent }) => ({
          upstream: this.#upstreams[upstream]!.name,
          percent,
          action: this.build({ ...forwarding, kind: 'proxy', upstream }, pattern),
        }));
        return new SplitAction(built, { by, header, cookie });
      }
      case 'spa-upstream':
        return new SpaUpstreamAction({
          ...action,
          upstream: this.#upstreams[action.upstream]!,
          cache: this.#cache,
          pattern,
        });
      case 'spa':
      case 'files':
        return new StaticAction(this.#roots[action.root]!, { pattern, fallback: action.kind === 'spa' });
      case 'redirect':
        return new RedirectAction(action, pattern);
      case 'respond':
        return new RespondAction(action.status, action.body, action.headers);
    }
  }
}

function dependsOnPattern(action: ResolvedAction): boolean {
  return action.kind !== 'proxy' && action.kind !== 'split' && action.kind !== 'respond';
}

/** Equal for equal actions. The common kind is spelt out: JSON for 200,000 routes takes a while. */
function actionKey(action: ResolvedAction): string {
  if (action.kind !== 'proxy') return JSON.stringify(action);
  const { upstream, stripPrefix, addPrefix, hostHeader, upgrade } = action;
  return `proxy ${upstream} ${stripPrefix} ${addPrefix} ${hostHeader ?? '\0'} ${upgrade}`;
}
