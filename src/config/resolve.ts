// From what the operator wrote to what the gateway runs: every check, every default, every name looked up.
// Touches the disk only to see that folders and certificates are there.
import type { ActionConfig, GatewayConfig, HostConfig, UpstreamConfig } from './contract.ts';
import { Disk } from './disk.ts';
import { parseListen, parseReplica, type ReplicaAddress } from './names.ts';
import { plainFindings } from './plain.ts';
import { type Finding, keyPath, type Problem } from './problem.ts';
import { inFileOrder } from './problem-order.ts';
import { checkReferences } from './references.ts';
import { PolicySets } from './resolve-policies.ts';
import type {
  ListenAddress,
  ResolvedAction,
  ResolvedConfig,
  ResolvedHost,
  ResolvedRoot,
  ResolvedUpstream,
} from './resolved.ts';
import { shapeFindings } from './schema.ts';
import { parseTimeout } from './units.ts';

/** `config` is undefined exactly when there are problems. */
export interface Resolution {
  config: ResolvedConfig | undefined;
  problems: Problem[];
  warnings: Problem[];
}

/**
 * Checks a configuration that is already in memory and fills in every default.
 * @param plain what a config file exports
 * @param options.baseDir folder where the relative paths of the configuration start
 */
export function resolveConfig(plain: unknown, options: { baseDir: string }): Resolution {
  const problems = plainFindings(plain).map(written);
  return problems.length === 0 ? resolvePlain(plain, options) : { config: undefined, problems, warnings: [] };
}

/** As `resolveConfig`, for what is known to be plain data. */
export function resolvePlain(plain: unknown, options: { baseDir: string }): Resolution {
  const disk = new Disk(options.baseDir);
  const references = checkReferences(plain, disk);
  const problems = inFileOrder(plain, [...shapeFindings(plain), ...references.problems]).map(written);
  const warnings = inFileOrder(plain, references.warnings).map(written);
  // The checks above are what makes this cast true.
  const config = problems.length === 0 ? new Resolver(plain as GatewayConfig, disk).run() : undefined;
  return { config, problems, warnings };
}

function written({ path, message }: Finding): Problem {
  return { path: keyPath(path), message };
}

class Resolver {
  readonly #config: GatewayConfig;
  readonly #disk: Disk;
  readonly #policies = new PolicySets();
  readonly #upstreams: Map<string, number>;
  readonly #roots: ResolvedRoot[] = [];
  readonly #rootByContent = new Map<string, number>();
  readonly #actions: ResolvedAction[] = [];
  readonly #actionByContent = new Map<string, number>();

  constructor(config: GatewayConfig, disk: Disk) {
    this.#config = config;
    this.#disk = disk;
    this.#upstreams = new Map(Object.keys(config.upstreams ?? {}).map((name, index) => [name, index]));
  }

  run(): ResolvedConfig {
    const { listen, workers, trustedProxies, upstreams, hosts } = this.#config;
    return {
      listen: { http: parseListen(listen?.http ?? 80) as ListenAddress },
      workers: workers ?? 'auto',
      trustedProxies: [...(trustedProxies ?? [])],
      resolver: { servers: null, interval: 2000 },
      upstreams: Object.entries(upstreams ?? {}).map(([name, upstream]) => this.#upstream(name, upstream)),
      hosts: Object.entries(hosts).map(([name, host]) => this.#host(name, host)),
      policies: this.#policies.sets,
      actions: this.#actions,
      roots: this.#roots,
    };
  }

  #upstream(name: string, { replicas, timeouts, tls }: UpstreamConfig): ResolvedUpstream {
    const ca = tls?.ca === undefined ? undefined : this.#disk.certificates(tls.ca);
    return {
      name,
      replicas: replicas.map((replica) => ({
        ...(parseReplica(typeof replica === 'string' ? replica : replica.url) as ReplicaAddress),
        srv: false,
        weight: 1,
        backup: false,
        expect: null,
      })),
      discover: 'dns',
      balance: 'least-requests',
      sticky: null,
      health: null,
      eject: { consecutive: 5, base: 10_000, max: 300_000, atMost: 0.5 },
      retry: { attempts: 2, budget: 0.2, connect: true, reset: true, statuses: [] },
      connections: { max: 256, queue: 1024, queueTimeout: 1000 },
      slowStart: 0,
      timeouts: {
        connect: parseTimeout(timeouts?.connect ?? '3s'),
        response: parseTimeout(timeouts?.response ?? '60s'),
        idle: parseTimeout(timeouts?.idle ?? '60s'),
        tunnel: parseTimeout('1h'),
      },
      tls: {
        serverName: tls?.serverName,
        ca: ca !== undefined && 'pem' in ca ? ca.pem : undefined,
        verify: tls?.verify ?? true,
      },
    };
  }

  #host(name: string, host: HostConfig): ResolvedHost {
    const source = keyPath(['hosts', name]);
    const policies = this.#policies.ofHost(host.policies);
    const policiesOf = this.#policies.forRoutes(host.policies, policies);
    return {
      name: name.toLowerCase(),
      source,
      aliases: lowerCase(host.aliases),
      redirectFrom: lowerCase(host.redirectFrom),
      policies,
      routes: Object.entries(host.routes).map(([pattern, route]) => ({
        pattern,
        policies: policiesOf(route),
        action: this.#actionIndex(route),
      })),
    };
  }

  #actionIndex(route: ActionConfig): number {
    // The short form of the common action is its own key: JSON for each of 200,000 routes takes a while.
    const short = typeof route.proxy === 'string' ? route.proxy : undefined;
    const known = short === undefined ? undefined : this.#actionByContent.get(short);
    if (known !== undefined) return known;
    const action = this.#action(route);
    const content = short ?? JSON.stringify(action);
    let index = this.#actionByContent.get(content);
    if (index === undefined) {
      index = this.#actions.push(action) - 1;
      this.#actionByContent.set(content, index);
    }
    return index;
  }

  #action({ proxy, spa, files, redirect, respond }: ActionConfig): ResolvedAction {
    if (proxy !== undefined) {
      const {
        upstream,
        stripPrefix = '',
        addPrefix = '',
        hostHeader = 'keep',
      } = typeof proxy === 'string' ? { upstream: proxy } : proxy;
      const host = hostHeader === 'keep' ? null : hostHeader === 'replica' ? '' : hostHeader;
      return {
        kind: 'proxy',
        upstream: this.#upstreams.get(upstream)!,
        stripPrefix,
        addPrefix,
        hostHeader: host,
        upgrade: ['websocket'],
      };
    }
    if (spa !== undefined) {
      const { root, upstream, index = 'index.html', immutable = [], sourceMaps = false } = spa;
      if (root !== undefined)
        return { kind: 'spa', root: this.#root(root, { index, immutable, sourceMaps }) };
      return {
        kind: 'spa-upstream',
        upstream: this.#upstreams.get(upstream!)!,
        index,
        immutable,
        sourceMaps,
      };
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

  #root(path: string, options: Omit<ResolvedRoot, 'path'>): number {
    const root: ResolvedRoot = { path: this.#disk.absolute(path), ...options };
    const content = JSON.stringify(root);
    let index = this.#rootByContent.get(content);
    if (index === undefined) {
      index = this.#roots.push(root) - 1;
      this.#rootByContent.set(content, index);
    }
    return index;
  }
}

function lowerCase(names: readonly string[] = []): string[] {
  return names.map((name) => name.toLowerCase());
}
