// Finds all addresses of a name, now: in the hosts file, else in DNS, else as the system would. Caches nothing,
// whatever the TTL, and remembers no earlier answer. Addresses written as literals never get here.
import { promises as dns } from 'node:dns';
import { isIP, isIPv6 } from 'node:net';
import { privateNameProblem } from '../../config/names.ts';
import { DnsServers, isNegative } from './dns-servers.ts';
import { HostsFile } from './hosts-file.ts';
import { type Interfaces, type RefusedAddress, reachable, refusal } from './usable-address.ts';

export type Family = 4 | 6;

/** What is known of a name at the moment. */
export type NameAnswer =
  | {
      readonly kind: 'found';
      /** Sorted, each once. Empty when every address was refused. */
      readonly addresses: readonly string[];
      readonly refused: readonly RefusedAddress[];
      /** The family that could not be asked, so that nothing is known of its addresses. */
      readonly missing: { readonly family: Family; readonly detail: string } | null;
    }
  /** The name does not exist, or has no address. */
  | { readonly kind: 'unknown' }
  /** Nobody answered, or nobody could. */
  | { readonly kind: 'failed'; readonly detail: string };

/** One SRV record (RFC 2782). */
export interface ServiceRecord {
  /** In lower case. */
  readonly name: string;
  readonly port: number;
  /** The lowest is asked first. */
  readonly priority: number;
  /** 1 or more. */
  readonly weight: number;
}

export type ServiceAnswer =
  /** Sorted by priority, then by name and port. */
  | { readonly kind: 'found'; readonly records: readonly ServiceRecord[] }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'failed'; readonly detail: string };

export interface NameLookupOptions {
  /** @default '/etc/hosts' */
  readonly hostsFile?: string;
  /**
   * Whether the system (getaddrinfo) is asked about names that DNS does not know.
   * @default true with the system's DNS servers; with the operator's own, other servers must not be heard
   */
  readonly askSystem?: boolean;
  /** Network interfaces of this machine. @default those that it has */
  readonly interfaces?: () => Interfaces;
}

type FamilyAnswer = { readonly addresses: readonly string[] } | { readonly failure: string };

/** RFC 6761 §6.3: such names are never asked about in DNS. */
const LOCALHOST = /(?:^|\.)localhost$/;

export class NameLookup {
  readonly #servers: DnsServers;
  readonly #hosts: HostsFile;
  readonly #askSystem: boolean;
  readonly #interfaces: (() => Interfaces) | undefined;
  /** Names that DNS knew once. */
  readonly #known = new Set<string>();
  /** Settled when the system is free for the next question. */
  #system: Promise<unknown> = Promise.resolve();

  /** @param servers DNS servers, `address:port`; null takes those of the system */
  constructor(servers: readonly string[] | null, options: NameLookupOptions = {}) {
    this.#servers = new DnsServers(servers);
    this.#hosts = new HostsFile(options.hostsFile ?? '/etc/hosts');
    this.#askSystem = options.askSystem ?? servers === null;
    this.#interfaces = options.interfaces;
  }

  /**
   * All addresses of a name. The hosts file, which belongs to this machine, is heard first and believed whatever it
   * says. DNS is asked for IPv4 and IPv6 side by side. A name that DNS has never known is asked of the system, which
   * also tries search domains. One that DNS did know is not: a service that went away would otherwise be found
   * under some search domain's wildcard. Never rejects.
   */
  async addresses(name: string): Promise<NameAnswer> {
    const key = name.toLowerCase();
    const written = await this.#hosts.find(key);
    if (written !== undefined) return this.#found(written, false);
    if (LOCALHOST.test(key)) return this.#found(['127.0.0.1', '::1'], false);
    const [four, six] = await Promise.all([
      this.#family((resolver) => resolver.resolve4(key)),
      this.#family((resolver) => resolver.resolve6(key)),
    ]);
    const addresses = [...list(four), ...list(six)];
    if (addresses.length > 0) {
      this.#known.add(key);
      const missing = 'failure' in four ? missed(4, four) : 'failure' in six ? missed(6, six) : null;
      return this.#found(addresses, true, missing);
    }
    // No address of one family says nothing about the other.
    const details = [
      'failure' in four ? `A: ${four.failure}` : '',
      'failure' in six ? `AAAA: ${six.failure}` : '',
    ];
    const detail = details.filter((text) => text !== '').join(', ');
    if (detail !== '') return { kind: 'failed', detail };
    return this.#askSystem && !this.#known.has(key) ? this.#inTurn(key) : { kind: 'unknown' };
  }

  /** The SRV records of a service. Never rejects. */
  async records(name: string): Promise<ServiceAnswer> {
    try {
      const found = await this.#servers.ask((resolver) => resolver.resolveSrv(name.toLowerCase()));
      // RFC 2782: a target of "." says that the service is decidedly not offered. Others that are no host names
      // are left out as well: nobody could be asked under them.
      const records = found
        .filter(({ name, port }) => port > 0 && privateNameProblem(name) === undefined && isIP(name) === 0)
        .map(({ name, port, priority, weight }) => ({
          name: name.toLowerCase(),
          port,
          priority,
          // A weight of 0 asks for next to nothing, not for nothing.
          weight: Math.max(weight, 1),
        }))
        .sort((a, b) => a.priority - b.priority || compare(a.name, b.name) || a.port - b.port);
      return records.length === 0 ? { kind: 'unknown' } : { kind: 'found', records };
    } catch (error) {
      return isNegative(error) ? { kind: 'unknown' } : { kind: 'failed', detail: `SRV: ${codeOf(error)}` };
    }
  }

  /** Ends every question under way; their answers are failures. */
  close(): void {
    this.#servers.close();
  }

  async #family(question: (resolver: dns.Resolver) => Promise<string[]>): Promise<FamilyAnswer> {
    try {
      return { addresses: await this.#servers.ask(question) };
    } catch (error) {
      return isNegative(error) ? { addresses: [] } : { failure: codeOf(error) };
    }
  }

  /**
   * One name at a time: getaddrinfo holds a thread of libuv's pool for as long as it takes, and the workers read files
   * with the same four.
   */
  #inTurn(name: string): Promise<NameAnswer> {
    const answer = this.#system.then(() => this.#bySystem(name));
    this.#system = answer;
    return answer;
  }

  async #bySystem(name: string): Promise<NameAnswer> {
    try {
      const found = await dns.lookup(name, { all: true, order: 'verbatim' });
      return this.#found(
        found.map(({ address }) => address),
        true,
      );
    } catch (error) {
      const code = codeOf(error);
      return code === 'ENOTFOUND' ? { kind: 'unknown' } : { kind: 'failed', detail: `system: ${code}` };
    }
  }

  #found(
    addresses: readonly string[],
    judged: boolean,
    missing: { family: Family; detail: string } | null = null,
  ): NameAnswer {
    const unique = [...new Set(addresses.map(plain))].sort(compare);
    const refused: RefusedAddress[] = [];
    const usable = unique.filter((address) => {
      const reason = judged ? refusal(address) : null;
      if (reason !== null) refused.push({ address, reason });
      return reason === null;
    });
    return { kind: 'found', addresses: reachable(usable, this.#interfaces), refused, missing };
  }
}

/** RFC 4291 §2.5.5.2: `::ffff:10.0.0.1` is `10.0.0.1` written for IPv6 sockets. */
function plain(address: string): string {
  return isIPv6(address) ? address.replace(/^::ffff:(?=\d+\.)/i, '') : address;
}

function list(answer: FamilyAnswer): readonly string[] {
  return 'addresses' in answer ? answer.addresses : [];
}

function missed(family: Family, { failure }: { failure: string }): { family: Family; detail: string } {
  return { family, detail: `${family === 4 ? 'A' : 'AAAA'}: ${failure}` };
}

function codeOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
