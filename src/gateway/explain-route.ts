// The words of `explain` for a route: which one answers and why no other, what it ends in, and what its policies
// add to the answer.
import {
  type ResolvedAction,
  type ResolvedConfig,
  type ResolvedHost,
  type ResolvedRoute,
  routeSource,
} from '../config/resolved.ts';
import type { RoutePlan } from '../proxy/exchange.ts';
import { patternRelation } from '../routing/path-trie.ts';
import type { Explanation } from './explanation.ts';

/** What was asked for, and the host whose routes answer. */
export interface Matched {
  /** As the gate has made it. */
  readonly name: string;
  readonly path: string;
  readonly host: ResolvedHost;
  readonly plan: RoutePlan;
}

/** The route that the table chose; undefined where it chose none, or the whole name is redirected. */
export function winnerOf({ host, plan }: Matched): ResolvedRoute | undefined {
  return host.routes.find(({ pattern }) => routeSource(host, pattern) === plan.source);
}

/** @param entry name of the host as the table has it */
export function describeRoutes(
  config: ResolvedConfig,
  matched: Matched,
  entry: string,
): Pick<Explanation, 'route' | 'others'> {
  const { name, path, host, plan } = matched;
  const winner = winnerOf(matched);
  let route: Explanation['route'] = null;
  if (winner !== undefined) {
    const { source, pattern } = plan;
    const isExact = pattern === path;
    const why = isExact ? 'the pattern is exactly this path' : `matches ${path}, and no longer pattern does`;
    route = { source, pattern, action: describeAction(config, config.actions[winner.action]!), why };
  } else if (host.redirectFrom.includes(entry)) {
    const action = `redirect 308 to ${host.name}`;
    route = { source: plan.source, pattern: '/*', action, why: 'the whole name is redirected' };
  }
  const others: Explanation['others'] = [];
  for (const { pattern, action } of host.routes) {
    if (pattern === winner?.pattern) continue;
    // The routes of a host are not even looked at for a name that is redirected to it.
    const isRedirected = winner === undefined && route !== null;
    const why = isRedirected
      ? `${name} is redirected as a whole`
      : lostBecause(pattern, path, winner?.pattern);
    const source = routeSource(host, pattern);
    others.push({ source, pattern, action: describeAction(config, config.actions[action]!), why });
  }
  return { route, others };
}

function lostBecause(pattern: string, path: string, winner: string | undefined): string {
  switch (patternRelation(pattern, path)) {
    case 'matches':
      return `matches too, but ${winner} is more specific`;
    case 'exact only':
      return `stands for ${pattern} alone; ${pattern}/* would match`;
    case 'other path': {
      if (!pattern.endsWith('/*')) return `stands for ${pattern} alone`;
      const prefix = pattern.slice(0, -2);
      if (path.startsWith(prefix)) return `matches whole segments: ${path} is not below ${prefix}/`;
      return `${path} is not below ${prefix}/`;
    }
  }
}

function describeAction(config: ResolvedConfig, action: ResolvedAction): string {
  switch (action.kind) {
    case 'proxy':
      return `proxy to ${config.upstreams[action.upstream]!.name}`;
    case 'split': {
      const parts = action.parts.map(
        (part) => `${part.percent} % to ${config.upstreams[part.upstream]!.name}`,
      );
      return `split by ${action.by}: ${parts.join(', ')}`;
    }
    case 'spa-upstream':
      return `spa from ${config.upstreams[action.upstream]!.name}`;
    case 'spa':
    case 'files':
      return `${action.kind} from ${config.roots[action.root]!.path}`;
    case 'redirect':
      return `redirect ${action.status} to ${action.to || '/'}${action.keepRest ? '/*' : ''}`;
    case 'respond':
      return `respond ${action.status}`;
  }
}

export function describePolicies(plan: RoutePlan, secure: boolean): Explanation['policies'] {
  const { response } = plan;
  const set = secure ? response.setSecure : response.set;
  const pairs: [string, string][] = [];
  for (let i = 0; i < set.length; i += 2) pairs.push([set[i]!, set[i + 1]!]);
  const { cache, compress } = response;
  return {
    responseSet: pairs,
    responseDefaults: response.defaults.map(({ name, value }) => [name, value]),
    responseRemoved: [...response.drop].filter((name) => !pairs.some(([set]) => set === name)),
    cache: cache === null ? null : `${cache.control}${cache.override ? ' (override)' : ''}`,
    compress: compress === null ? null : `${compress.encodings.join(', ')} from ${compress.minSize} bytes`,
  };
}
