// `start --local`: the same config on a developer's machine. Hosts get names under `.localhost`, and upstreams
// that do not answer get a stand-in from the demo.
import { connect } from 'node:net';
import type { ResolvedConfig, ResolvedUpstream } from '../config/resolved.ts';

const LOCAL_PORT = 8080;
/** Milliseconds a replica has to accept a connection before a stand-in takes its place. */
const PROBE = 500;

export interface StandIn {
  readonly replicas: string[];
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
  for (const [index, upstream] of config.upstreams.entries()) {
    if (await anyReplicaAnswers(upstream)) {
      upstreams.push(upstream);
      continue;
    }
    const start = await loadDemo();
    const standIn = await start(standInKind(config, index), upstream.name, upstream.replicas.length);
    standIns.set(upstream.name, standIn);
    upstreams.push({ ...upstream, replicas: standIn.replicas.map(plainReplica) });
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
    if (action.kind === 'proxy' && action.upstream === upstream && pattern === '/*') kind = 'page';
  }
  return kind;
}

function plainReplica(url: string): ResolvedUpstream['replicas'][number] {
  const { hostname, port } = new URL(url);
  const plain = { srv: false, weight: 1, backup: false, expect: null };
  return { url, secure: false, host: hostname, port: Number(port), ...plain };
}

async function anyReplicaAnswers(upstream: ResolvedUpstream): Promise<boolean> {
  const answers = await Promise.all(upstream.replicas.map(({ host, port }) => accepts(host, port)));
  return answers.includes(true);
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (answer: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => end(false), PROBE);
    // Refused, unknown and unreachable all mean that a stand-in is wanted.
    socket.once('error', () => end(false));
    socket.once('connect', () => end(true));
  });
}
