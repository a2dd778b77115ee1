// Builds everything that one version of the config comes to: routes with compiled policies and actions, the
// host table, the Fastify shell. Immutable once built; upstreams and caches are handed in, because they outlive
// it.
import { FailAction } from '../actions/fail.ts';
import { HostRedirectAction } from '../actions/redirect.ts';
import { StaticRoot } from '../actions/static.ts';
import {
  type ResolvedAction,
  type ResolvedConfig,
  type ResolvedHost,
  routeSource,
} from '../config/resolved.ts';
import { type CompiledPolicies, compilePolicies } from '../policies/compile.ts';
import type { Action, RoutePlan } from '../proxy/exchange.ts';
import { PathTrie } from '../routing/path-trie.ts';
import { type HostEntry, RouteTable } from '../routing/route-table.ts';
import type { Manifest } from '../static/manifest.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { ActionBuilder } from './action-builder.ts';
import { buildShell, PLAIN_SHELL, type Shell } from './app.ts';

export interface Snapshot {
  readonly table: RouteTable<RoutePlan>;
  /** Answers for names that no host claims, and for refused requests. */
  readonly unknownHost: RoutePlan;
  readonly shell: Shell;
}

/** Policies of answers that belong to no host: the gateway's defaults. */
const DEFAULT_POLICIES: CompiledPolicies = compilePolicies({
  security: {},
  headers: { requestSet: [], requestRemove: [], responseSet: [], responseRemove: ['x-powered-by', 'server'] },
  cache: null,
  compress: false,
  timeouts: { response: null, idle: null, tunnel: null },
  maintenance: null,
  hold: null,
  retry: null,
});

/** Builds a snapshot; `manifests` are the folders of `config.roots`, `upstreams` those of the config, in the same order. */
export async function buildSnapshot(
  config: ResolvedConfig,
  manifests: readonly Manifest[],
  upstreams: readonly Upstream[],
): Promise<Snapshot> {
  const table = buildTable(config, upstreams, manifests);
  const unknownHost = plan(
    DEFAULT_POLICIES,
    { source: 'unknown host', pattern: '/*' },
    new FailAction('HOST_UNKNOWN'),
  );
  return { table, unknownHost, shell: await buildShell() };
}

/** The host table alone: what `explain` needs. */
export function buildTable(
  config: ResolvedConfig,
  upstreams: readonly Upstream[],
  manifests: readonly Manifest[],
): RouteTable<RoutePlan> {
  const policies = config.policies.map(compilePolicies);
  const actions = new ActionBuilder(
    upstreams,
    manifests.map((manifest) => new StaticRoot(manifest)),
  );
  const table = new RouteTable<RoutePlan>();
  for (const host of config.hosts) {
    const routes = new HostRoutes(host, config.actions, policies, actions);
    for (const name of [host.name, ...host.aliases]) table.add(new NamedHost(name, routes));
    for (const name of host.redirectFrom) table.add(redirectEntry(name, host, policies[host.policies]!));
  }
  return table;
}

/**
 * The routes of one host, compiled when the first request asks for them: of ten thousand hosts most are not asked
 * in any minute, and a start should not wait for all of them.
 */
class HostRoutes {
  readonly #host: ResolvedHost;
  readonly #resolved: readonly ResolvedAction[];
  readonly #policies: readonly CompiledPolicies[];
  readonly #actions: ActionBuilder;
  #routes: PathTrie<RoutePlan> | null = null;
  #fallback: RoutePlan | null = null;

  constructor(
    host: ResolvedHost,
    resolved: readonly ResolvedAction[],
    policies: readonly CompiledPolicies[],
    actions: ActionBuilder,
  ) {
    this.#host = host;
    this.#resolved = resolved;
    this.#policies = policies;
    this.#actions = actions;
  }

  get routes(): PathTrie<RoutePlan> {
    return (this.#routes ??= this.#compile());
  }

  get fallback(): RoutePlan {
    const nothing = { source: this.#host.source, pattern: '/*' };
    const policies = this.#policies[this.#host.policies]!;
    return (this.#fallback ??= plan(policies, nothing, new FailAction('NOT_FOUND')));
  }

  #compile(): PathTrie<RoutePlan> {
    const routes = new PathTrie<RoutePlan>();
    for (const { pattern, policies, action } of this.#host.routes) {
      const where = { source: routeSource(this.#host, pattern), pattern };
      const built = this.#actions.build(this.#resolved[action]!, pattern);
      routes.add(pattern, plan(this.#policies[policies]!, where, built));
    }
    return routes;
  }
}

/** One of the names of a host. */
class NamedHost implements HostEntry<RoutePlan> {
  readonly name: string;
  readonly #host: HostRoutes;

  constructor(name: string, host: HostRoutes) {
    this.name = name;
    this.#host = host;
  }

  get routes(): PathTrie<RoutePlan> {
    return this.#host.routes;
  }

  get fallback(): RoutePlan {
    return this.#host.fallback;
  }
}

function redirectEntry(name: string, host: ResolvedHost, policies: CompiledPolicies): HostEntry<RoutePlan> {
  const where = { source: `${host.source}.redirectFrom`, pattern: '/*' };
  return { name, routes: new PathTrie(), fallback: plan(policies, where, new HostRedirectAction(host.name)) };
}

function plan(
  policies: CompiledPolicies,
  route: { source: string; pattern: string },
  action: Action,
): RoutePlan {
  return {
    source: route.source,
    pattern: route.pattern,
    action: policies.maintenance === null ? action : policies.maintenance.around(action),
    request: policies.request,
    response: policies.response,
    shellPath: PLAIN_SHELL,
    timeouts: policies.timeouts,
    hold: policies.hold,
    retry: policies.retry,
  };
}
