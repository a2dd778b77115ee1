// What depends on more than one place of the configuration: names of upstreams, names of hosts, patterns and the
// actions behind them, folders and files. Takes any data, because it also runs on a file with mistakes.
import type { Disk } from './disk.ts';
import { hostNameProblem } from './names.ts';
import { pathProblem } from './path-pattern.ts';
import { type Finding, keyPath, knownNames, type PathSegment } from './problem.ts';
import { redirectTargetProblem } from './redirect-target.ts';
import { checkUpstreams } from './references-upstream.ts';
import { type Fields, listOf, objectOf, textOf } from './untyped.ts';

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
  readonly #upstreams: Fields;
  readonly #names: string[];
  readonly #used = new Set<string>();
  /** Host name in lower case → where it was first written. */
  readonly #claimed = new Map<string, PathSegment[]>();
  readonly #problems: Finding[] = [];
  readonly #warnings: Finding[] = [];

  constructor(config: unknown, disk: Disk) {
    this.#config = objectOf(config);
    this.#disk = disk;
    this.#upstreams = objectOf(this.#config.upstreams);
    this.#names = Object.keys(this.#upstreams);
  }

  run(): References {
    const { problems, warnings } = checkUpstreams(this.#upstreams, this.#disk);
    this.#problems.push(...problems);
    this.#warnings.push(...warnings);
    // Hosts claim their names first, so that a clash is reported at the alias.
    const hosts = Object.entries(objectOf(this.#config.hosts));
    for (const [name] of hosts) this.#claim(name, ['hosts', name]);
    for (const [name, host] of hosts) this.#checkHost(name, objectOf(host));
    for (const name of this.#names) {
      if (!this.#used.has(name)) this.#warn(['upstreams', name], 'no route leads here');
    }
    return { problems: this.#problems, warnings: this.#warnings };
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
      for (const [index, other] of listOf(host[field]).entries()) {
        // The list itself reports an item that stands in it twice.
        if (typeof other === 'string' && listOf(host[field]).indexOf(other) === index) {
          this.#claim(other, [...path, field, index]);
        }
      }
    }
    if (name.includes('*') && listOf(host.redirectFrom).length > 0) {
      this.#problem([...path, 'redirectFrom'], `cannot redirect to "${name}": a wildcard is not one address`);
    }
    const { maintenance } = objectOf(host.policies);
    if (maintenance !== undefined) this.#checkPage(maintenance, [...path, 'policies', 'maintenance']);
    for (const [pattern, route] of Object.entries(objectOf(host.routes))) {
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
    if (route.maintenance !== undefined) this.#checkPage(route.maintenance, at('maintenance'));
    if (route.hold !== undefined || route.retry !== undefined) this.#checkProxied(route, at);
    if (typeof route.proxy === 'string') this.#useUpstream(route.proxy, at('proxy'));
    else if (route.proxy !== undefined) this.#checkProxy(pattern, objectOf(route.proxy), at);
    if (route.spa !== undefined) this.#checkSpa(pattern, objectOf(route.spa), at);
    if (route.files !== undefined) this.#checkFolder(objectOf(route.files).root, at('files', 'root'));
    if (typeof route.redirect === 'string') this.#checkRedirect(pattern, route.redirect, at('redirect'));
    else if (route.redirect !== undefined) {
      this.#checkRedirect(pattern, objectOf(route.redirect).to, at('redirect', 'to'));
    }
  }

  #checkProxy(pattern: string, proxy: Fields, at: PathBelow): void {
    if (typeof proxy.upstream === 'string') this.#useUpstream(proxy.upstream, at('proxy', 'upstream'));
    const { cookie } = objectOf(proxy.override);
    for (const name of Object.keys(objectOf(proxy.split))) {
      this.#useUpstream(name, at('proxy', 'split', name));
      const { sticky } = objectOf(Object.hasOwn(this.#upstreams, name) ? this.#upstreams[name] : undefined);
      if (cookie !== undefined && cookie === objectOf(sticky).cookie) {
        const taken = keyPath(['upstreams', name, 'sticky', 'cookie']);
        this.#problem(at('proxy', 'override', 'cookie'), `is ${taken} already; use another name`);
      }
    }
    if (isPrefix(proxy.stripPrefix) && !startsWith(pattern, proxy.stripPrefix)) {
      this.#problem(at('proxy', 'stripPrefix'), `"${pattern}" also matches paths that do not start with it`);
    }
  }

  /** Policies that a host may well set for all of its routes, but that mean nothing on this one. */
  #checkProxied(route: Fields, at: PathBelow): void {
    if (route.proxy !== undefined || objectOf(route.spa).upstream !== undefined) return;
    for (const field of ['hold', 'retry']) {
      if (route[field] !== undefined) this.#warn(at(field), 'has no effect: this route asks no replica');
    }
  }

  #checkPage(maintenance: unknown, path: PathSegment[]): void {
    const { page } = objectOf(maintenance);
    if (typeof page !== 'string' || page === '') return;
    const result = this.#disk.page(page);
    if ('problem' in result) this.#problem([...path, 'page'], result.problem);
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
    const index = textOf(spa.index) ?? 'index.html';
    if (!this.#disk.holdsFile(spa.root, index)) {
      this.#problem(
        at('spa', 'root'),
        `there is no ${index} in "${spa.root}" (${this.#disk.absolute(spa.root)})`,
      );
    }
  }

  #useUpstream(name: string, path: PathSegment[]): void {
    if (this.#used.has(name)) return;
    if (this.#names.includes(name)) this.#used.add(name);
    else if (name !== '') {
      const known = this.#names.length === 0 ? ' There are no upstreams.' : knownNames(name, this.#names);
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
