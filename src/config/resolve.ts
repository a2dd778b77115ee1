// From what the operator wrote to what the gateway runs: every check, every default, every name looked up.
// Touches the disk only to see that folders are there, and to read certificates and pages.
import type { GatewayConfig, HostConfig, ResolverConfig } from './contract.ts';
import { Disk } from './disk.ts';
import { parseListen, parseServer } from './names.ts';
import { plainFindings } from './plain.ts';
import { type Finding, keyPath, type Problem } from './problem.ts';
import { inFileOrder } from './problem-order.ts';
import { checkReferences } from './references.ts';
import { ActionSets } from './resolve-actions.ts';
import { PolicySets } from './resolve-policies.ts';
import { resolveUpstream } from './resolve-upstream.ts';
import type { ListenAddress, ResolvedConfig, ResolvedHost, ResolvedResolver } from './resolved.ts';
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
  readonly #policies: PolicySets;
  readonly #actions: ActionSets;

  constructor(config: GatewayConfig, disk: Disk) {
    this.#config = config;
    this.#disk = disk;
    const upstreams = Object.keys(config.upstreams ?? {});
    this.#policies = new PolicySets(disk);
    this.#actions = new ActionSets(new Map(upstreams.map((name, index) => [name, index])), disk);
  }

  run(): ResolvedConfig {
    const { listen, workers, trustedProxies, resolver, upstreams, hosts } = this.#config;
    return {
      listen: { http: parseListen(listen?.http ?? 80) as ListenAddress },
      workers: workers ?? 'auto',
      trustedProxies: [...(trustedProxies ?? [])],
      resolver: resolveResolver(resolver ?? {}),
      upstreams: Object.entries(upstreams ?? {}).map(([name, upstream]) =>
        resolveUpstream(name, upstream, this.#disk),
      ),
      hosts: Object.entries(hosts).map(([name, host]) => this.#host(name, host)),
      policies: this.#policies.sets,
      actions: this.#actions.actions,
      roots: this.#actions.roots,
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
        action: this.#actions.ofRoute(route),
      })),
    };
  }
}

function resolveResolver({ servers, interval }: ResolverConfig): ResolvedResolver {
  return {
    servers: servers?.map((server) => (parseServer(server) as { server: string }).server) ?? null,
    interval: parseTimeout(interval ?? '2s'),
  };
}

function lowerCase(names: readonly string[] = []): string[] {
  return names.map((name) => name.toLowerCase());
}
