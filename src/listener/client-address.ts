// Who the client is: the peer of a connection, or whom a trusted proxy names. A trusted proxy's word is taken
// entry by entry from the right, as far as trusted addresses reach. Knows no routes and no replicas.
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { parseAuthority } from '../routing/authority.ts';

/** What a trusted proxy said, checked. */
export interface ForwardedFacts {
  /** The right-most address that no trusted proxy owns; the peer's own when the list holds no valid one. */
  readonly client: string;
  /** The client and the trusted hops after it, in order, without the peer. */
  readonly chain: readonly string[];
  readonly proto: 'http' | 'https' | null;
  readonly host: string | null;
  readonly port: string | null;
}

/** Longest list that is read; what stands left of it was written by strangers anyway. */
const MAX_HOPS = 32;

/** Reads the forwarded fields of a request whose peer is trusted. Total: garbage is ignored, never thrown. */
export function readForwarded(
  headers: IncomingHttpHeaders,
  peer: string,
  isTrusted: (address: string) => boolean,
): ForwardedFacts {
  const chain: string[] = [];
  let client = peer;
  const entries = text(headers['x-forwarded-for']).split(',').slice(-MAX_HOPS);
  for (let i = entries.length - 1; i >= 0; i--) {
    const address = plainAddress(entries[i]!.trim());
    if (address === null) break;
    chain.unshift(address);
    client = address;
    if (!isTrusted(address)) break;
  }
  const proto = lastOf(headers['x-forwarded-proto']).toLowerCase();
  const authority = parseAuthority(lastOf(headers['x-forwarded-host']));
  const port = lastOf(headers['x-forwarded-port']);
  return {
    client,
    chain,
    proto: proto === 'https' || proto === 'http' ? proto : null,
    host:
      authority === null
        ? null
        : authority.port === ''
          ? authority.host
          : `${authority.host}:${authority.port}`,
    port: /^[1-9]\d{0,4}$/.test(port) && Number(port) <= 65535 ? port : null,
  };
}

/** RFC 7239 section 6: IPv6 is quoted and bracketed. */
export function forwardedNode(address: string): string {
  if (address === '') return 'unknown';
  return address.includes(':') ? `"[${address}]"` : address;
}

function text(value: string | string[] | undefined): string {
  return value === undefined ? '' : Array.isArray(value) ? value.join(',') : value;
}

function lastOf(value: string | string[] | undefined): string {
  const all = text(value);
  return all.slice(all.lastIndexOf(',') + 1).trim();
}

/** An address without brackets, port or IPv4 mapping; null for anything else. */
function plainAddress(entry: string): string | null {
  let address = entry;
  if (address.startsWith('[')) address = /^\[([^\]]+)\](?::\d{1,5})?$/.exec(address)?.[1] ?? '';
  else if (/^[\d.]+:\d{1,5}$/.test(address)) address = address.slice(0, address.indexOf(':'));
  address = unmapped(address);
  return isIP(address) === 0 || address.includes('%') ? null : address;
}

/** `::ffff:1.2.3.4` is the IPv4 address to everybody but the socket. */
export function unmapped(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}
