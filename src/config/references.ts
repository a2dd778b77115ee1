// What depends on more than one place of the configuration: names of upstreams, names of hosts, patterns and the
// actions behind them, folders and files. Takes any data, because it also runs on a file with mistakes.
import type { Disk } from './disk.ts';
import { hostNameProblem } from './names.ts';
import { pathProblem } from './path-pattern.ts';
import { type Finding, keyPath, knownNames, type PathSegment } from './problem.ts';
import { redirectTargetProblem } from './redirect-target.ts';

type Fields = Record<string, unknown>;
type PathBelow = (...rest: PathSegment[]) => PathSegment[];

export interface References {
  problems: Finding[];
  warnings: Finding[];
}

/** Every problem and warning that needs two places to be seen. */
export function checkReferences(config: unknown, disk: Disk): References {
  return new ReferenceCheck(config, disk).run();
}

class ReferenceCheck {
  readonly #config: Fields;
  readonly #disk: Disk;
  readonly #upstreams: string[];
  readonly #used = new Set<string>();
  /** Host name in lower case → where it was first written. */
  readonly #claimed = new Map<string, PathSegment[]>();
  readonly #problems: Finding[] = [];
  readonly #warnings: Finding[] = [];

  constructor(config: unknown, disk: Disk) {
    this.#config = object(config);
    this.#disk = disk;
    this.#upstreams = Object.keys(object(this.#config.upstreams));
  }

  run(): References {
    for (const [name, upstream] of Object.entries(object(this.#config.upstreams))) {
      this.#checkTls(['upstreams', name], object(upstream));
    }
    // Hosts claim their names first, so that a clash is reported at the alias.
    const hosts = Object.entries(object(this.#config.hosts));
    for (const [name] of hosts) this.#claim(name, ['hosts', name]);
    for (const [name, host] of hosts) this.#checkHost(name, object(host));
    for (const name of this.#upstreams) {
      if (!this.#used.has(name)) this.#warn(['upstreams', name], 'no route leads here');
    }
    return { problems: this.#problems, warnings: this.#warnings };
  }

  #checkTls(path: PathSegment[], upstream: Fields): void {
    const tls = object(upstream.tls);
    if (typeof tls.ca === 'string') {
      const result = this.#disk.certificates(tls.ca);
      if ('problem' in result) this.#problem([...path, 'tls', 'ca'], result.problem);
    }
    if (tls.verify === false) this.#warn([...path, 'tls', 'verify'], 'any certificate is accepted');
    const urls = list(upstream.replicas).map((replica) => text(replica) ?? text(object(replica).url));
    if (upstream.tls !== undefined && !urls.some((url) => url === undefined || url.startsWith('https:'))) {
      this.#warn([...path, 'tls'], 'has no effect: no replica starts with "https://"');
    }
  }

  #claim(name: string, path: PathSegment[]): void {
    if (hostNameProblem(name, true) !== undefined) return;
    const key = name.toLowerCase();
    const earlier = this.#claimed.get(key);
    if (earlier === undefined) this.#claimed.set(key, path);
    else this.#problem(path, `the name "${key}" is taken already, by ${keyPath(earlier)}`);
  }

  #checkHost(name: string, host: Fields): void {
    const path = ['hosts', name];
    for (const field of ['aliases', 'redirectFrom']) {
      for (const [index, other] of list(host[field]).entries()) {
        // The list itself reports an item that stands in it twice.
        if (typeof other === 'string' && list(host[field]).indexOf(other) === index) {
          this.#claim(other, [...path, field, index]);
        }
      }
    }
    if (name.includes('*') && list(host.redirectFrom).length > 0) {
      this.#problem([...path, 'redirectFrom'], `cannot redirect to "${name}": a wildcard is not one address`);
    }
    for (const [pattern, route] of Object.entries(object(host.routes))) {
      if (typeof route === 'object' && route !== null) this.#checkRoute(name, pattern, route as Fields);
    }
  }

  #checkRoute(host: string, pattern: string, route: Fields): void {
    // The path is only built for a finding: there may be 200,000 routes.
    const at: PathBelow = (...rest) => ['hosts', host, 'routes', pattern, ...rest];
    if (pattern.includes('/:')) {
      this.#warn(
        at(),
        '":" has no meaning in a pattern; only this very path matches. For a prefix write "/*"',
      );
    }
    if (route.proxy !== undefined) {
      const proxy = object(route.proxy);
      if (typeof route.proxy === 'string') this.#useUpstream(route.proxy, at('proxy'));
      else if (typeof proxy.upstream === 'string') this.#useUpstream(proxy.upstream, at('proxy', 'upstream'));
      if (isPrefix(proxy.stripPrefix) && !startsWith(pattern, proxy.stripPrefix)) {
        this.#problem(
          at('proxy', 'stripPrefix'),
          `"${pattern}" also matches paths that do not start with it`,
        );
      }
    }
    if (route.spa !== undefined) this.#checkSpa(pattern, object(route.spa), at);
    if (route.files !== undefined) this.#checkFolder(object(route.files).root, at('files', 'root'));
    if (typeof route.redirect === 'string') this.#checkRedirect(pattern, route.redirect, at('redirect'));
    else if (route.redirect !== undefined) {
      this.#checkRedirect(pattern, object(route.redirect).to, at('redirect', 'to'));
    }
  }

  #checkSpa(pattern: string, spa: Fields, at: PathBelow): void {
    if (!pattern.endsWith('/*')) {
      this.#warn(
        at('spa'),
        `"${pattern}" matches one path; for an application and its files write "${pattern}/*"`,
      );
    }
    if (typeof spa.upstream === 'string') this.#useUpstream(spa.upstream, at('spa', 'upstream'));
    if (typeof spa.root !== 'string' || !this.#checkFolder(spa.root, at('spa', 'root'))) return;
    const index = text(spa.index) ?? 'index.html';
    if (!this.#disk.holdsFile(spa.root, index)) {
      this.#problem(
        at('spa', 'root'),
        `there is no ${index} in "${spa.root}" (${this.#disk.absolute(spa.root)})`,
      );
    }
  }

  #useUpstream(name: string, path: PathSegment[]): void {
    if (this.#used.has(name)) return;
    if (this.#upstreams.includes(name)) this.#used.add(name);
    else if (name !== '') {
      const known =
        this.#upstreams.length === 0 ? ' There are no upstreams.' : knownNames(name, this.#upstreams);
      this.#problem(path, `no upstream named "${name}".${known}`);
    }
  }

  #checkFolder(root: unknown, path: PathSegment[]): boolean {
    if (typeof root !== 'string' || root === '') return false;
    const wrong = this.#disk.folderProblem(root);
    if (wrong !== undefined) this.#problem(path, wrong);
    return wrong === undefined;
  }

  #checkRedirect(pattern: string, to: unknown, path: PathSegment[]): void {
    if (typeof to !== 'string' || redirectTargetProblem(to) !== undefined) return;
    if (to.endsWith('/*') && !/\/\*\/*$/.test(pattern)) {
      this.#problem(path, `"${to}" keeps what a "*" matched, but the pattern "${pattern}" has none`);
    } else if (/^[^?#]*/.exec(to)![0] === pattern) {
      this.#problem(path, 'redirects to itself');
    }
  }

  #problem(path: PathSegment[], message: string): void {
    this.#problems.push({ path, message });
  }

  #warn(path: PathSegment[], message: string): void {
    this.#warnings.push({ path, message });
  }
}

/** True when every path that the pattern matches starts with these whole segments. */
function startsWith(pattern: string, prefix: string): boolean {
  return `${pattern.replace(/\/\*$/, '')}/`.startsWith(`${prefix}/`);
}

/** What the schema says of other values is enough. */
function isPrefix(value: unknown): value is string {
  return typeof value === 'string' && !value.endsWith('/') && pathProblem(value) === undefined;
}

function object(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
