// Host names, replica addresses, listen addresses and networks: how each may be written. Every check returns
// what is wrong as a sentence without a subject, or undefined. Resolves nothing and opens nothing.
import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';
import type { ListenAddress, ResolvedReplica } from './resolved.ts';

/** What the URL of a replica says by itself. */
export type ReplicaAddress = Pick<ResolvedReplica, 'url' | 'secure' | 'host' | 'port'>;

const LABEL = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/i;
/** Names on a private network, such as those Compose gives, also carry underscores. */
const PRIVATE_LABEL = /^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?$/i;
const LONGEST_LABEL = 63;
const LONGEST_NAME = 253;

/** A name that clients ask for: `a.com`, or `*.a.com` where `wildcard` allows it. */
export function hostNameProblem(name: string, wildcard: boolean): string | undefined {
  if (name === '') return 'a host name is missing';
  if (name.includes('://')) return 'is a URL; write only the host name';
  if (isIPv6(name.replace(/^\[|\]$/g, ''))) return 'is an IPv6 address; hosts are names or IPv4 addresses';
  if (/[/?#@\\]/.test(name)) return 'is not a host name; write it without path or user';
  if (/:\d*$/.test(name)) return 'has a port; a host answers on every port that listens, write only the name';
  if (!name.includes('*')) return labelsProblem(name, LABEL);
  if (!wildcard) return 'a wildcard is not possible here; write the names out';
  if (!name.startsWith('*.') || name.indexOf('*', 1) !== -1) {
    return 'a wildcard is the whole left-most label, as in "*.example.com"';
  }
  return name.length > LONGEST_NAME ? tooLong(name) : labelsProblem(name.slice(2), LABEL);
}

/** A name that the gateway asks for or sends: no wildcard, underscores allowed. */
export function privateNameProblem(name: string): string | undefined {
  if (isIPv4(name)) return undefined;
  return labelsProblem(name, PRIVATE_LABEL);
}

function labelsProblem(name: string, valid: RegExp): string | undefined {
  // Punycode only, and no folding of Unicode dots: two spellings of one name must never reach two routes.
  if (/[\x00-\x20\x7f]/.test(name)) return 'has a blank or a control character in it';
  if (/[^\x21-\x7e]/.test(name)) {
    const ascii = domainToASCII(name);
    return `has characters outside ASCII${ascii === '' ? '' : `; write the punycode form, "${ascii}"`}`;
  }
  if (name.length > LONGEST_NAME) return tooLong(name);
  if (name.endsWith('.')) return 'write it without the final dot';
  const labels = name.split('.');
  for (const label of labels) {
    if (label === '') return 'has an empty label between two dots';
    if (label.length > LONGEST_LABEL) {
      return `has a label of ${label.length} characters; ${LONGEST_LABEL} is the limit`;
    }
    if (!valid.test(label)) {
      return `"${label}" is not a valid label: letters, digits and hyphens, no hyphen at either end`;
    }
  }
  // A resolver would read "10.1" or "0x7f.1" as an address that nobody wrote.
  if (/^(?:\d+|0x[0-9a-f]*)$/i.test(labels.at(-1)!) && !isIPv4(name)) {
    return 'ends in a number but is not an IPv4 address';
  }
  return undefined;
}

function tooLong(name: string): string {
  return `is ${name.length} characters long; ${LONGEST_NAME} is the limit`;
}

/** `http://name:port` taken apart, or what is wrong with it. */
export function parseReplica(url: string): ReplicaAddress | string {
  const example = 'write, say, "http://api:3000"';
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(url);
  if (scheme === null) return `has no scheme; ${example}`;
  if (scheme[1] !== 'http' && scheme[1] !== 'https') {
    return `"${scheme[1]}" is not a scheme a replica can have; http or https (in lower case)`;
  }
  const rest = url.slice(scheme[0].length);
  const authority = /^[^/?#\\]*/.exec(rest)![0];
  if (authority.includes('@')) return 'must not carry a user name or password';
  if (authority.length < rest.length) {
    return `must end after the port: a replica has no path or query. Write "${scheme[0]}${authority}"`;
  }
  const parts = /^(\[[^\]]*\]|[^:[\]]*)(?::(.*))?$/.exec(authority);
  if (parts === null || parts[1] === '') return `has no valid host; ${example}`;
  const port = parts[2] === undefined ? (scheme[1] === 'https' ? 443 : 80) : parsePort(parts[2]);
  if (port === undefined || port === 0) return `"${parts[2]}" is not a port (1 to 65535)`;
  const name = parts[1]!;
  const bracketed = name.startsWith('[');
  const host = bracketed ? name.slice(1, -1) : name.toLowerCase();
  const wrong = bracketed ? bracketProblem(host) : privateNameProblem(host);
  if (wrong !== undefined) return `host ${JSON.stringify(name)}: ${wrong}`;
  return { url, secure: scheme[1] === 'https', host, port };
}

/** The name of SRV records and the scheme of what they lead to, or what is wrong with the name. */
export function parseSrv(name: string, scheme: 'http' | 'https' = 'http'): ReplicaAddress | string {
  const example = 'write only the name, such as "_http._tcp.api.internal"';
  if (name === '') return `is empty; ${example}`;
  if (name.includes('://')) return `is a URL; ${example} (https has a field of its own, scheme)`;
  if (/:\d*$/.test(name)) return `has a port, which the records say; ${example}`;
  if (isIPv4(name)) return `is an address, which has no records; ${example}`;
  const host = name.toLowerCase();
  const wrong = privateNameProblem(host);
  if (wrong !== undefined) return wrong;
  return { url: `srv ${scheme}://${host}`, secure: scheme === 'https', host, port: 0 };
}

const DNS_PORT = 53;

/** A DNS server as `address:port`, or what is wrong with it. */
export function parseServer(value: string): { server: string } | string {
  if (isIPv4(value)) return { server: `${value}:${DNS_PORT}` };
  if (isIPv6(value) && !value.includes('%')) return { server: `[${value}]:${DNS_PORT}` };
  const parts = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d+))?$/.exec(value);
  const address = parts?.[1] ?? parts?.[2] ?? '';
  const bracketed = parts?.[1] !== undefined;
  if (bracketed ? bracketProblem(address) !== undefined : !isIPv4(address)) {
    return `${JSON.stringify(value)} is not the address of a server; write, say, "127.0.0.11" or "[::1]:53"`;
  }
  const port = parts![3] === undefined ? DNS_PORT : parsePort(parts![3]);
  if (port === undefined || port === 0) return `"${parts![3]}" is not a port (1 to 65535)`;
  return { server: `${bracketed ? `[${address}]` : address}:${port}` };
}

function bracketProblem(host: string): string | undefined {
  return isIPv6(host) && !host.includes('%') ? undefined : 'is not an IPv6 address';
}

/** `name`, `name:port` or `[address]:port`, as a `Host` header is written. */
export function hostHeaderProblem(value: string): string | undefined {
  const replica = parseReplica(`http://${value}`);
  return typeof replica === 'string' ? `${JSON.stringify(value)} cannot stand in a Host header` : undefined;
}

/** A port, or `'address:port'`; otherwise what is wrong with it. */
export function parseListen(value: number | string): ListenAddress | string {
  const example =
    'write a port such as 8080, or an address and a port such as "127.0.0.1:8080" or "[::1]:8080"';
  if (typeof value === 'number') {
    return parsePort(String(value)) === undefined
      ? `${value} is not a port (0 to 65535)`
      : { address: undefined, port: value };
  }
  const parts = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d+)$/.exec(value);
  if (parts === null) return `${JSON.stringify(value)} is not an address; ${example}`;
  const address = parts[1] ?? parts[2]!;
  if (parts[1] === undefined ? !isIPv4(address) : !isIPv6(address)) {
    return `${JSON.stringify(address)} is not an IP address; ${example}`;
  }
  const port = parsePort(parts[3]!);
  return port === undefined ? `"${parts[3]}" is not a port (0 to 65535)` : { address, port };
}

function parsePort(text: string): number | undefined {
  const port = /^(?:0|[1-9]\d{0,4})$/.test(text) ? Number(text) : Number.NaN;
  return port <= 65535 ? port : undefined;
}

/** An address or CIDR. `everybody` is what is wrong with a network that holds every client. */
export function networkProblem(value: string, everybody: string): string | undefined {
  const slash = value.indexOf('/');
  const address = slash === -1 ? value : value.slice(0, slash);
  const family = address.includes('%') ? 0 : isIP(address);
  if (family === 0)
    return `${JSON.stringify(value)} is not a network; write, say, "10.0.0.0/8" or "fd00::/8"`;
  if (slash === -1) return undefined;
  const bits = family === 4 ? 32 : 128;
  const prefix = /^(?:0|[1-9]\d{0,2})$/.test(value.slice(slash + 1)) ? Number(value.slice(slash + 1)) : -1;
  if (prefix < 0 || prefix > bits)
    return `"${value}" has no valid prefix length (0 to ${bits} for this address)`;
  if (prefix === 0 || coversAllIPv4(address, prefix, family)) {
    return `"${value}" ${everybody}`;
  }
  return undefined;
}

/** `::ffff:0:0/96` and shorter prefixes around it hold every IPv4 client. */
function coversAllIPv4(address: string, prefix: number, family: number): boolean {
  if (family !== 6 || prefix > 96) return false;
  const network = new BlockList();
  network.addSubnet(address, prefix, 'ipv6');
  return network.check('::ffff:127.0.0.1', 'ipv6');
}
