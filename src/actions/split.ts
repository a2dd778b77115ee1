// The `split` action: chooses between upstreams by percentage, for canaries and blue-green, and hands the exchange
// to the `proxy` action of the chosen one. Knows nothing of replicas.
import type { Action, Exchange } from '../proxy/exchange.ts';
import { clientHash } from '../upstream/balance/client-hash.ts';
import { findCookie, isCookieValue } from '../upstream/balance/cookie-value.ts';
import { fractionOf, hashText, mix } from '../upstream/balance/hash32.ts';

export interface SplitPart {
  /** Name of the upstream; the value of the overriding header or cookie. */
  readonly upstream: string;
  /** Of 100. With 0 only an override leads there. */
  readonly percent: number;
  readonly action: Action;
}

export interface SplitOptions {
  readonly by: 'client' | 'exchange';
  /** Lower case. */
  readonly header: string | null;
  readonly cookie: string | null;
}

export interface SplitChoice {
  readonly part: SplitPart;
  /** For `explain`: `header x-canary names it`. */
  readonly why: string;
}

export class SplitAction implements Action {
  readonly #parts: readonly SplitPart[];
  /** Where each part ends on the way from 0 to 100. */
  readonly #ends: readonly number[];
  readonly #seed: number;
  readonly #options: SplitOptions;
  readonly #random: () => number;

  constructor(parts: readonly SplitPart[], options: SplitOptions, random: () => number = Math.random) {
    // By name, so that the order in the file says nothing, and nobody changes sides when it changes.
    this.#parts = [...parts].sort((a, b) => (a.upstream < b.upstream ? -1 : 1));
    let end = 0;
    this.#ends = this.#parts.map(({ percent }) => (end += percent));
    // Routes that are split between the same upstreams agree on a client; other splits do not, or the same clients
    // would be the first to try everything.
    this.#seed = hashText(this.#parts.map(({ upstream }) => upstream).join('\n'));
    this.#options = options;
    this.#random = random;
  }

  run(exchange: Exchange): void {
    this.choose(exchange).action.run(exchange);
  }

  choose(exchange: Exchange): SplitPart {
    return this.#byHeader(exchange) ?? this.#byCookie(exchange) ?? this.#at(this.#pointOf(exchange));
  }

  /** As `choose`, with the reason. */
  explain(exchange: Exchange): SplitChoice {
    const { by, header, cookie } = this.#options;
    const byHeader = this.#byHeader(exchange);
    if (byHeader !== null) return { part: byHeader, why: `header ${header} names it` };
    const byCookie = this.#byCookie(exchange);
    if (byCookie !== null) return { part: byCookie, why: `cookie ${cookie} names it` };
    const point = this.#pointOf(exchange);
    const who = by === 'client' ? `client ${exchange.clientAddress} stands` : 'this exchange was drawn';
    return { part: this.#at(point), why: `${who} at ${point.toFixed(2)} of 100` };
  }

  #byHeader({ req }: Exchange): SplitPart | null {
    const { header } = this.#options;
    const value = header === null ? undefined : req.headers[header];
    if (value === undefined) return null;
    for (let i = 0; i < this.#parts.length; i++) {
      if (this.#parts[i]!.upstream === value) return this.#parts[i]!;
    }
    return null;
  }

  #byCookie({ req }: Exchange): SplitPart | null {
    const { cookie } = this.#options;
    const field = req.headers.cookie;
    if (cookie === null || field === undefined) return null;
    const start = findCookie(field, cookie);
    if (start === -1) return null;
    for (let i = 0; i < this.#parts.length; i++) {
      if (isCookieValue(field, start, this.#parts[i]!.upstream)) return this.#parts[i]!;
    }
    return null;
  }

  /**
   * From 0 to below 100. A client's is always the same, so of two parts the one that grows gains clients and loses
   * none. With three or more, a part between two that change loses some to one and gains as many from the other.
   */
  #pointOf(exchange: Exchange): number {
    if (this.#options.by === 'exchange') return this.#random() * 100;
    return fractionOf(mix(clientHash(exchange.clientAddress) ^ this.#seed)) * 100;
  }

  #at(point: number): SplitPart {
    let last = 0;
    for (let i = 0; i < this.#ends.length; i++) {
      if (this.#parts[i]!.percent === 0) continue;
      last = i;
      if (point < this.#ends[i]!) break;
    }
    return this.#parts[last]!;
  }
}
