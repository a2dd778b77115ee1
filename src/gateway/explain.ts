// Why a request goes where it goes: runs it through the gate and the table that serve traffic and reports what
// they did, with the heads that a replica and the client would see. Sends nothing: what replicas say is handed in.

import { SplitAction } from '../actions/split.ts';
import type {
  ResolvedConfig,
  ResolvedHost,
  ResolvedMaintenance,
  ResolvedRoot,
  ResolvedUpstream,
} from '../config/resolved.ts';
import { ERRORS, type ErrorCode } from '../errors.ts';
import { Maintenance } from '../policies/maintenance.ts';
import type { Exchange, RoutePlan } from '../proxy/exchange.ts';
import { Retries } from '../proxy/retries.ts';
import { type CanonicalRequest, canonicalize } from '../routing/canonical.ts';
import type { Manifest } from '../static/manifest.ts';
import { staticState } from '../upstream/static-state.ts';
import { Upstream, type UpstreamEvents } from '../upstream/upstream.ts';
import {
  type Asking,
  describeReplicas,
  type ReplicaLook,
  replicasInOrder,
  unreachableIn,
} from './explain-replicas.ts';
import { describePolicies, describeRoutes, type Matched, winnerOf } from './explain-route.ts';
import type { ExplainedAnswer, ExplainedRules, Explanation } from './explanation.ts';
import { type Rehearsed, rehearse } from './rehearsal.ts';
import { buildTable } from './snapshot.ts';

export type { Explanation } from './explanation.ts';

/** Address of the client where none is said: from the block for documentation (RFC 5737). */
export const EXAMPLE_CLIENT = '203.0.113.7';

/** Nothing is sent, so nothing is noticed of a replica. */
const UNHEARD: UpstreamEvents = { suspect: () => {}, probed: () => {}, unreachable: () => {} };

export interface ExplainedRequest {
  readonly secure: boolean;
  readonly authority: string;
  /** Path and query as sent. */
  readonly target: string;
  readonly method: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Address of the client; `EXAMPLE_CLIENT` unless set. */
  readonly client?: string;
}

/** The whole explanation, with replicas as they are written in the config: nobody is asked. */
export function explainRequest(config: ResolvedConfig, asked: ExplainedRequest): Explanation {
  return new RouteQuestion(config, asked).explain(null);
}

/** In two steps, so that the replicas which matter can be asked in between. */
export class RouteQuestion {
  readonly #config: ResolvedConfig;
  readonly #asked: ExplainedRequest & { readonly client: string; readonly rawHeaders: readonly string[] };
  readonly #found: Explanation;
  readonly #upstreams: readonly Upstream[];
  /** The route with what it does for this request; null where there is nothing to rehearse. */
  #plan: RoutePlan | null = null;
  #request: CanonicalRequest | null = null;
  #cookie: string | undefined;
  #rehearsed: Rehearsed | null = null;

  constructor(config: ResolvedConfig, asked: ExplainedRequest) {
    const { client = EXAMPLE_CLIENT } = asked;
    this.#config = config;
    this.#asked = { ...asked, client, rawHeaders: ['Host', asked.authority, ...asked.headers.flat()] };
    this.#found = nothingFound(client);
    this.#upstreams = config.upstreams.map(
      (upstream) => new Upstream(upstream, staticState(upstream), 0, UNHEARD),
    );
    this.#ask();
  }

  /** The upstream that the request goes to; null where none is asked. */
  get upstream(): ResolvedUpstream | null {
    return this.#rehearsed?.upstream?.config ?? null;
  }

  /** @param look what the replicas of `upstream` said; null when they were not asked */
  explain(look: ReplicaLook | null): Explanation {
    const explanation = this.#found;
    const plan = this.#plan;
    let rehearsed = this.#rehearsed;
    if (plan === null || rehearsed === null) return explanation;
    const { upstream } = rehearsed;
    if (upstream !== null) {
      const asking: Asking = { client: this.#asked.client, cookie: this.#cookie };
      if (look !== null) upstream.update(look.records);
      const order = replicasInOrder(upstream, asking);
      if (look !== null) rehearsed = this.#rehearse(plan, look);
      const retry = new Retries(plan.retry, upstream, 0).rules;
      explanation.replicas = describeReplicas(upstream, asking, order, look, rehearsed, retry);
      explanation.rules = rulesOf(plan, upstream.config, retry);
    }
    // While none is up, what one would see is what it would have seen.
    const requestHead = rehearsed.requestHead ?? this.#rehearsed!.requestHead;
    explanation.requestToReplica = requestHead === null ? null : requestHead.trimEnd().split('\r\n');
    explanation.answer = answerOf(rehearsed, plan);
    return explanation;
  }

  /** Asks the gate and the table, and plays the request once with replicas that are all up. */
  #ask(): void {
    const explanation = this.#found;
    const { method, target: url, rawHeaders, secure } = this.#asked;
    const request = canonicalize({ method, url, httpVersionMajor: 1, httpVersionMinor: 1, rawHeaders });
    if (typeof request === 'string') {
      const { status, message } = ERRORS[request];
      explanation.refusal = { code: request, status, message };
      explanation.answer = plainAnswer(request);
      return;
    }
    this.#request = request;
    const { host: name, port, path, query } = request;
    explanation.request = { method, host: name, port, path, query };
    const config = this.#config;
    // Who is let through while a route is in maintenance is found out apart from what the route does for them.
    const policies = config.policies.map((each) => ({ ...each, maintenance: null }));
    const table = buildTable({ ...config, policies }, this.#upstreams, config.roots.map(emptyFolder));
    const entry = table.host(name);
    const plan = table.match(name, path);
    if (entry === undefined || plan === undefined) {
      explanation.answer = plainAnswer('HOST_UNKNOWN');
      return;
    }
    const host = config.hosts.find((candidate) => namesOf(candidate).includes(entry.name))!;
    const matched: Matched = { name, path, host, plan };
    const winner = winnerOf(matched);
    explanation.host = { name: entry.name, source: host.source, otherHosts: table.size - 1 };
    explanation.policies = describePolicies(plan, secure);
    Object.assign(explanation, describeRoutes(config, matched, entry.name));
    const exchange = this.#enter(plan, config.policies[winner?.policies ?? host.policies]!.maintenance);
    if (exchange === null) return;
    this.#cookie = exchange.req.headers.cookie;
    const kind = winner === undefined ? undefined : config.actions[winner.action]!.kind;
    const fromFolder = kind === 'spa' || kind === 'files';
    // Which files a folder holds is not known here; what is no GET is refused whatever it holds.
    if (fromFolder && (method === 'GET' || method === 'HEAD')) return;
    this.#plan = { ...plan, action: this.#actionFor(plan, exchange) };
    this.#rehearsed = this.#rehearse(this.#plan, null);
  }

  /** The exchange as the action of the route is given it; null when maintenance keeps it out. */
  #enter(plan: RoutePlan, maintenance: ResolvedMaintenance | null): Exchange | null {
    let entered: Exchange | null = null;
    const spy = { run: (exchange: Exchange): void => void (entered = exchange) };
    if (maintenance === null) {
      this.#rehearse({ ...plan, hold: null, action: spy }, null);
      return entered;
    }
    const guarded = { ...plan, hold: null, action: new Maintenance(maintenance).around(spy) };
    const rehearsed = this.#rehearse(guarded, null);
    const { retryAfter, allow } = maintenance;
    this.#found.maintenance = { retryAfter, allow, letThrough: entered !== null };
    this.#found.answer = answerOf(rehearsed, guarded);
    return entered;
  }

  /** A split may be drawn at random: the choice that is reported must be the one that is rehearsed. */
  #actionFor({ action }: RoutePlan, exchange: Exchange): RoutePlan['action'] {
    if (!(action instanceof SplitAction)) return action;
    const { part, why } = action.explain(exchange);
    this.#found.route!.action += `; this one to ${part.upstream}: ${why}`;
    return part.action;
  }

  #rehearse(plan: RoutePlan, look: ReplicaLook | null): Rehearsed {
    return rehearse(plan, this.#request!, this.#asked, this.#upstreams, unreachableIn(look));
  }
}

function nothingFound(client: string): Explanation {
  return {
    request: null,
    refusal: null,
    host: null,
    route: null,
    others: [],
    client,
    maintenance: null,
    replicas: null,
    rules: null,
    policies: null,
    requestToReplica: null,
    answer: null,
  };
}

function answerOf({ answer, held }: Rehearsed, { hold }: RoutePlan): ExplainedAnswer | null {
  if (answer === null) return null;
  const { status, fields, code } = answer;
  const location = fieldOf(fields, 'location');
  const retryAfter = fieldOf(fields, 'retry-after');
  return { status, code, location, retryAfter, heldFor: held ? hold!.time : 0 };
}

function plainAnswer(code: ErrorCode): ExplainedAnswer {
  return { status: ERRORS[code].status, code, location: null, retryAfter: null, heldFor: 0 };
}

function rulesOf(
  plan: RoutePlan,
  upstream: ResolvedUpstream,
  retry: ExplainedRules['retry'],
): ExplainedRules {
  const { connections, health, eject, timeouts: own } = upstream;
  const { response, idle, tunnel } = plan.timeouts;
  const timeouts = {
    connect: own.connect,
    response: response ?? own.response,
    idle: idle ?? own.idle,
    tunnel: tunnel ?? own.tunnel,
  };
  return { hold: plan.hold, retry, connections, timeouts, health, eject };
}

/** A folder of which nothing is known. */
function emptyFolder({ path: root, index }: ResolvedRoot): Manifest {
  return { root, index, files: new Map(), directories: new Set(), skipped: [], bytes: 0 };
}

function namesOf(host: ResolvedHost): string[] {
  return [host.name, ...host.aliases, ...host.redirectFrom];
}

function fieldOf(fields: readonly string[], name: string): string | null {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) return fields[i + 1]!;
  return null;
}
