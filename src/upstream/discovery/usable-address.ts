// Which of the addresses that a name resolved to may be connected to. Whoever controls a name's DNS would otherwise
// choose freely what the gateway opens connections to. Knows nothing of names and of who asked.
import { BlockList, isIPv6 } from 'node:net';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';

/** An address that is never used, and what it is. */
export interface RefusedAddress {
  readonly address: string;
  readonly reason: string;
}

export type Interfaces = NodeJS.Dict<NetworkInterfaceInfo[]>;

/**
 * Addresses that no replica has. The first three reach everybody, nobody, or (`0.0.0.0`) the gateway's own machine.
 * Link-local ones and those behind them are where clouds hand out credentials to whoever can connect, so a name that
 * is made to point there (DNS rebinding) is a theft in the making. Loopback and private networks stay usable: that
 * is where replicas are. An operator who does mean such an address writes it as a literal or into the hosts file;
 * neither comes by here.
 */
const REFUSED: readonly [reason: string, networks: BlockList][] = [
  ['unspecified', networks('0.0.0.0/8', '::/128')],
  ['multicast', networks('224.0.0.0/4', 'ff00::/8')],
  ['broadcast', networks('255.255.255.255/32')],
  ['link-local', networks('169.254.0.0/16', 'fe80::/10')],
  // AWS, Google and Alibaba, in this order.
  ['cloud metadata', networks('fd00:ec2::254/128', 'fd20:ce::254/128', '100.100.100.200/32')],
];
const LOOPBACK = networks('::1/128');
const LINK_LOCAL = networks('fe80::/10');

/** Why an address must not be used; null for one that may. */
export function refusal(address: string): string | null {
  const family = isIPv6(address) ? 'ipv6' : 'ipv4';
  for (const [reason, list] of REFUSED) if (list.check(address, family)) return reason;
  return null;
}

/**
 * Without the IPv6 addresses that this machine cannot reach, as getaddrinfo does with AI_ADDRCONFIG (RFC 3493 §6.1):
 * Docker gives containers no IPv6 unless told to, while names outside have addresses of both families. If
 * nothing else is left they stay, so that the failing connections say what is wrong.
 */
export function reachable(addresses: string[], interfaces: () => Interfaces = networkInterfaces): string[] {
  if (!addresses.some(isIPv6)) return addresses;
  const own = ownIPv6(interfaces);
  if (own === null) return addresses;
  const possible = addresses.filter(
    (address) => !isIPv6(address) || (LOOPBACK.check(address, 'ipv6') ? own.loopback : own.routed),
  );
  return possible.length === 0 ? addresses : possible;
}

/** null where the system does not say. */
function ownIPv6(interfaces: () => Interfaces): { loopback: boolean; routed: boolean } | null {
  let found: Interfaces;
  try {
    found = interfaces();
  } catch {
    // Some sandboxes forbid the question. Then every address is tried.
    return null;
  }
  const own = Object.values(found).flatMap((list) => list?.filter(({ family }) => family === 'IPv6') ?? []);
  return {
    loopback: own.some(({ internal }) => internal),
    routed: own.some(({ internal, address }) => !internal && !LINK_LOCAL.check(address, 'ipv6')),
  };
}

function networks(...cidrs: string[]): BlockList {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [address, bits] = cidr.split('/') as [string, string];
    list.addSubnet(address, Number(bits), isIPv6(address) ? 'ipv6' : 'ipv4');
  }
  return list;
}
