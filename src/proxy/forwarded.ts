// X-Forwarded-*, X-Real-IP and Forwarded for exchanges that came through a trusted proxy.
import { type ForwardedFacts, forwardedNode } from '../listener/client-address.ts';
import type { Exchange } from './exchange.ts';

/** The forwarded lines for a replica, each with its CRLF. */
export function forwardedByTrusted(
  exchange: Exchange,
  facts: ForwardedFacts,
  host: string,
  plain: boolean,
): string {
  const { client, secure, request } = exchange;
  const proto = secure ? 'https' : 'http';
  // A plain request names the host that its answer is kept under, and nothing else.
  const seenHost = (plain ? null : facts.host) ?? host;
  const port = (plain ? null : facts.port) ?? (request.port !== '' ? request.port : secure ? '443' : '80');
  const hops = facts.chain.length === 0 ? client.address : `${facts.chain.join(', ')}, ${client.address}`;
  return (
    `x-forwarded-for: ${hops}\r\nx-real-ip: ${facts.client}\r\nx-forwarded-proto: ${proto}\r\n` +
    `x-forwarded-host: ${seenHost}\r\nx-forwarded-port: ${port}\r\n` +
    `forwarded: for=${forwardedNode(facts.client)};proto=${proto};host="${seenHost}"\r\n`
  );
}
