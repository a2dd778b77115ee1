// `start --local`: the same config on a developer's machine. Hosts get names under `.localhost`, and upstreams
// that do not answer get a stand-in from the demo.
import type {
  ResolvedConfig,
  ResolvedHealth,
  ResolvedReplica,
  ResolvedUpstream,
} from '../config/resolved.ts';
import { tryConnect } from './connect-probe.ts';

const LOCAL_PORT = 8080;
/** Milliseconds a replica has to accept a connection before a stand-in takes its place. */
const PROBE = 500;
/** Most stand-ins for one entry that says how many addresses its name should have. */
const MOST_PER_ENTRY = 5;
/** Longest interval of the checks of stand-ins, in milliseconds: whoever stops one wants to see something. */
const INTERVAL = 2000;

/** One replica of a stand-in, which can be made to fail. */
export interface StandInReplica {
  readonly name: string;
  /** `http://127.0.0.1:PORT`, the same after a stop and a start. */
  readonly url: string;
  readonly state: 'running' | 'stopped' | 'paused';
  /** Connections are refused from now on, and those that are open are cut. */
  stop(): Promise<void>;
  /** @throws Error when it cannot listen again */
  start(): Promise<void>;
  /** Accepts connections and answers nothing. */
  pause(): void;
  resume(): void;
}

export interface StandIn {
  readonly replicas: readonly StandInReplica[];
  readonly describe: string;
  close(): Promise<void>;
}

type StartStandIn = (kind: 'spa' | 'api' | 'page', name: string, replicas: number) => Promise<StandIn>;

export interface LocalStack {
  readonly config: ResolvedConfig;
  /** Upstream name → what answers in its place. */
  readonly standIns: ReadonlyMap<string, StandIn>;
}

/** Changes a config for local use and starts what is missing. */
export async function prepareLocal(config: ResolvedConfig): Promise<LocalStack> {
  const standIns = new Map<string, StandIn>();
  const upstreams: ResolvedUpstream[] = [];
  const answers = await Promise.all(config.upstreams.map(anyReplicaAnswers));
  for (const [index, upstream] of config.upstreams.entries()) {
    if (answers[index]) {
      upstreams.push(upstream);
      continue;
    }
    const entries = upstream.replicas.flatMap(entriesOf);
    const start = await loadDemo();
    const standIn = await start(standInKind(config, index), upstream.name, entries.length);
    standIns.set(upstream.name, standIn);
    upstreams.push(replaced(upstream, entries, standIn));
  }
  const rename = localNames(config);
  const hosts = config.hosts.map((host) => ({
    ...host,
    name: rename(host.name),
    aliases: host.aliases.map(rename),
    redirectFrom: host.redirectFrom.map(rename),
  }));
  const http = { address: '127.0.0.1', port: LOCAL_PORT };
  return { config: { ...config, listen: { http }, upstreams, hosts }, standIns };
}

/** The demo is not part of a production install. */
async function loadDemo(): Promise<StartStandIn> {
  const demo = new URL('../../demo/stand-ins.ts', import.meta.url).href;
  const { startStandIn } = (await import(demo)) as { startStandIn: StartStandIn };
  return startStandIn;
}

/** `desk.a.com` → `desk.a.localhost`, unless two names would become one. */
export function localNames(config: ResolvedConfig): (name: string) => string {
  const names = config.hosts.flatMap((host) => [host.name, ...host.aliases, ...host.redirectFrom]);
  const short = (name: string): string => {
    const isLocal = name === 'localhost' || name.endsWith('.localhost') || name.startsWith('[');
    if (isLocal || !name.includes('.')) return name;
    return name.replace(/\.[^.]+$/, '.localhost');
  };
  const taken = new Map<string, number>();
  for (const name of names) taken.set(short(name), (taken.get(short(name)) ?? 0) + 1);
  return (name) => (taken.get(short(name)) === 1 || short(name) === name ? short(name) : `${name}.localhost`);
}

/** An SPA where one is expected, a page for an upstream that fills a whole host, else an API. */
function standInKind(config: ResolvedConfig, upstream: number): 'spa' | 'api' | 'page' {
  let kind: 'api' | 'page' = 'api';
  for (const { pattern, action: index } of config.hosts.flatMap((host) => host.routes)) {
    const action = config.actions[index]!;
    if (action.kind === 'spa-upstream' && action.upstream === upstream) return 'spa';
    const asked =
      (action.kind === 'proxy' && action.upstream === upstream) ||
      (action.kind === 'split' && action.parts.some((part) => part.upstream === upstream));
    if (asked && pattern === '/*') kind = 'page';
  }
  return kind;
}

/** An entry stands for one replica, or for as many as its name should have addresses. */
function entriesOf(entry: ResolvedReplica): ResolvedReplica[] {
  return Array.from({ length: Math.min(entry.expect ?? 1, MOST_PER_ENTRY) }, () => entry);
}

/** The upstream with its stand-ins: what the config says of replicas holds for them, where they are does not. */
function replaced(
  upstream: ResolvedUpstream,
  entries: readonly ResolvedReplica[],
  standIn: StandIn,
): ResolvedUpstream {
  const replicas = standIn.replicas.map(({ url }, index) => {
    const { hostname, port } = new URL(url);
    const { weight, backup } = entries[index]!;
    const where = { url, secure: false, host: hostname, port: Number(port), srv: false, expect: null };
    return { ...where, weight, backup };
  });
  const health = upstream.health === null ? null : standInHealth(upstream.health);
  return { ...upstream, replicas, discover: 'static', health };
}

/** The path is checked as ever. The port, the name and the status are those of the real one. */
function standInHealth(health: ResolvedHealth): ResolvedHealth {
  const interval = Math.min(health.interval, INTERVAL);
  const timeout = Math.min(health.timeout, interval);
  return { ...health, interval, timeout, port: null, host: null, status: [[200, 399]] };
}

async function anyReplicaAnswers(upstream: ResolvedUpstream): Promise<boolean> {
  const answers = await Promise.all(upstream.replicas.map(answersHere));
  return answers.includes(true);
}

/** Refused, unknown and unreachable all mean that a stand-in is wanted. */
async function answersHere({ host, port, srv }: ResolvedReplica): Promise<boolean> {
  // SRV records are those of a cluster, which a developer's machine is no part of.
  return !srv && (await tryConnect(host, port, PROBE)).outcome === 'accepted';
}
