// Why a request goes where it goes: runs it through the gate and the table that serve traffic and reports what
// they did, with the heads that a replica and the client would see. Sends nothing.

import { SplitAction, type SplitChoice } from '../actions/split.ts';
import {
  type ResolvedAction,
  type ResolvedConfig,
  type ResolvedHost,
  type ResolvedUpstream,
  routeSource,
} from '../config/resolved.ts';
import { ERRORS, type ErrorCode } from '../errors.ts';
import type { Exchange, RoutePlan } from '../proxy/exchange.ts';
import { canonicalize } from '../routing/canonical.ts';
import { patternRelation } from '../routing/path-trie.ts';
import { staticState } from '../upstream/static-state.ts';
import { Upstream, type UpstreamEvents } from '../upstream/upstream.ts';
import { rehearse } from './rehearsal.ts';
import { buildTable } from './snapshot.ts';

/** Nothing is sent, so nothing is noticed of a replica. */
const UNHEARD: UpstreamEvents = { suspect: () => {}, probed: () => {}, unreachable: () => {} };

export interface ExplainedRequest {
  readonly secure: boolean;
  readonly authority: string;
  /** Path and query as sent. */
  readonly target: string;
  readonly method: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

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
  replicas: { upstream: string; urls: string[]; balance: string } | null;
  policies: {
    responseSet: [name: string, value: string][];
    responseDefaults: [name: string, value: string][];
    responseRemoved: string[];
    cache: string | null;
    compress: string | null;
  } | null;
  /** Lines of the head a replica would see; null where no replica is asked. Sent by a client that is not trusted. */
  requestToReplica: string[] | null;
  /** What the gateway answers by itself; null where a replica or a folder decides. */
  answer: { status: number; location: string | null } | null;
}

export function explainRequest(config: ResolvedConfig, asked: ExplainedRequest): Explanation {
  const explanation: Explanation = {
    request: null,
    refusal: null,
    host: null,
    route: null,
    others: [],
    replicas: null,
    policies: null,
    requestToReplica: null,
    answer: null,
  };
  const rawHeaders = ['Host', asked.authority, ...asked.headers.flat()];
  const raw = {
    method: asked.method,
    url: asked.target,
    httpVersionMajor: 1,
    httpVersionMinor: 1,
    rawHeaders,
  };
  const request = canonicalize(raw);
  if (typeof request === 'string') {
    const { status, message } = ERRORS[request];
    return {
      ...explanation,
      refusal: { code: request, status, message },
      answer: { status, location: null },
    };
  }
  const { host, port, path, query } = request;
  explanation.request = { method: asked.method, host, port, path, query };
  const upstreams = config.upstreams.map(
    (upstream) => new Upstream(upstream, staticState(upstream), 0, UNHEARD),
  );
  const manifests = config.roots.map(({ path: root, index }) => ({
    ...{ root, index, files: new Map(), directories: new Set<string>(), skipped: [], bytes: 0 },
  }));
  const table = buildTable(config, upstreams, manifests);
  const entry = table.host(host);
  const plan = table.match(host, path);
  if (entry === undefined || plan === undefined) {
    return { ...explanation, answer: { status: ERRORS.HOST_UNKNOWN.status, location: null } };
  }
  const resolved = config.hosts.find((candidate) => namesOf(candidate).includes(entry.name))!;
  explanation.host = { name: entry.name, source: resolved.source, otherHosts: table.size - 1 };
  explanation.policies = describePolicies(plan, asked.secure);

  const winner = resolved.routes.find(({ pattern }) => routeSource(resolved, pattern) === plan.source);
  const action = winner === undefined ? undefined : config.actions[winner.action]!;
  if (winner !== undefined) {
    const why =
      winner.pattern === path
        ? 'the pattern is exactly this path'
        : `matches ${path}, and no longer pattern does`;
    explanation.route = {
      source: plan.source,
      pattern: plan.pattern,
      action: describeAction(config, config.actions[winner.action]!),
      why,
    };
  } else if (resolved.redirectFrom.includes(entry.name)) {
    const target = `redirect 308 to ${resolved.name}`;
    explanation.route = {
      source: plan.source,
      pattern: '/*',
      action: target,
      why: 'the whole name is redirected',
    };
  }
  for (const route of resolved.routes) {
    if (route === winner) continue;
    // The routes of a host are not even looked at for a name that is redirected to it.
    const why =
      winner === undefined && explanation.route !== null
        ? `${host} is redirected as a whole`
        : lostBecause(route.pattern, path, winner?.pattern);
    explanation.others.push({
      source: routeSource(resolved, route.pattern),
      pattern: route.pattern,
      action: describeAction(config, config.actions[route.action]!),
      why,
    });
  }
  if (action?.kind === 'proxy' || action?.kind === 'spa-upstream') {
    explanation.replicas = describeReplicas(config.upstreams[action.upstream]!);
  }
  const fromFolder = action?.kind === 'spa' || action?.kind === 'files';
  // Which files a folder holds is not known here; what is no GET is refused whatever it holds.
  if (fromFolder && (asked.method === 'GET' || asked.method === 'HEAD')) return explanation;
  const { watched, chosen } = watchSplit(plan);
  const { requestHead, answer } = rehearse(watched, request, { ...asked, rawHeaders }, upstreams);
  const choice = chosen();
  if (choice !== null) {
    const { part, why } = choice;
    explanation.route!.action += `; this one to ${part.upstream}: ${why}`;
    explanation.replicas = describeReplicas(config.upstreams.find(({ name }) => name === part.upstream)!);
  }
  explanation.requestToReplica = requestHead === null ? null : requestHead.trimEnd().split('\r\n');
  explanation.answer =
    answer === null ? null : { status: answer.status, location: locationOf(answer.fields) };
  return explanation;
}

/** A split may be drawn at random: the choice that is reported must be the one that is rehearsed. */
function watchSplit(plan: RoutePlan): { watched: RoutePlan; chosen: () => SplitChoice | null } {
  const { action } = plan;
  let choice: SplitChoice | null = null;
  if (!(action instanceof SplitAction)) return { watched: plan, chosen: () => null };
  const run = (exchange: Exchange): void => {
    choice = action.explain(exchange);
    choice.part.action.run(exchange);
  };
  return { watched: { ...plan, action: { run } }, chosen: () => choice };
}

function describeReplicas({ name, replicas, balance }: ResolvedUpstream): Explanation['replicas'] {
  return { upstream: name, urls: replicas.map(({ url }) => url), balance };
}

function namesOf(host: ResolvedHost): string[] {
  return [host.name, ...host.aliases, ...host.redirectFrom];
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

function describePolicies(plan: RoutePlan, secure: boolean): Explanation['policies'] {
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

function locationOf(fields: readonly string[]): string | null {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === 'location') return fields[i + 1]!;
  return null;
}
