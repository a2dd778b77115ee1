// A list of networks and the question whether an address is in one of them. Resolves nothing.
import { BlockList, isIPv6 } from 'node:net';

export class Networks {
  readonly #list = new BlockList();
  readonly #empty: boolean;

  /** @param networks CIDRs or single addresses, as the config resolved them */
  constructor(networks: readonly string[]) {
    this.#empty = networks.length === 0;
    for (const network of networks) {
      const [address, bits] = network.split('/') as [string, string | undefined];
      const family = isIPv6(address) ? 'ipv6' : 'ipv4';
      if (bits === undefined) this.#list.addAddress(address, family);
      else this.#list.addSubnet(address, Number(bits), family);
    }
  }

  /** A function on its own, so that it can be handed on without another around it. `''` is in no network. */
  readonly has = (address: string): boolean => {
    if (this.#empty || address === '') return false;
    return this.#list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
  };
}
