// Addresses and names as they stand in a `Host` field and in the log: IPv6 in brackets (RFC 3986 section 3.2.2).
import { isIPv6 } from 'node:net';

export function bracketed(host: string): string {
  return isIPv6(host) ? `[${host}]` : host;
}

/** `10.0.0.5:3000`, `[fd00::5]:3000`: equal for equal places. */
export function hostAndPort(host: string, port: number): string {
  return `${bracketed(host)}:${port}`;
}
