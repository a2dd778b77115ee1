// The `proxy` action: forwards to an upstream under the path the route asks for.

import type { Action, Exchange } from '../proxy/exchange.ts';
import { forward } from '../proxy/forward.ts';
import { ResponseWriter } from '../proxy/response-writer.ts';
import type { Upstream } from '../upstream/upstream.ts';

export interface ProxyOptions {
  readonly stripPrefix: string;
  readonly addPrefix: string;
  /** null keeps the client's; '' sends the replica's. */
  readonly hostHeader: string | null;
  /** Protocols that the client may switch to, in lower case. */
  readonly upgrade: readonly string[];
}

export class ProxyAction implements Action {
  readonly upstream: Upstream;
  readonly #options: ProxyOptions;

  constructor(upstream: Upstream, options: ProxyOptions) {
    this.upstream = upstream;
    this.#options = options;
  }

  run(exchange: Exchange): void {
    const writer = new ResponseWriter(exchange);
    if (exchange.method === 'OPTIONS' && Number(exchange.req.headers['max-forwards'] ?? 1) === 0) {
      // RFC 9110 section 7.6.2: the chain ends here, and the answer is about us.
      writer.reply({ status: 204, fields: ['allow', 'OPTIONS'], length: 0, bodiless: true }, null);
      return;
    }
    const { upstream } = this;
    const { hostHeader, upgrade } = this.#options;
    const { query } = exchange.request;
    const path = this.rewrite(exchange.request.path);
    forward(exchange, { upstream, path, query, hostHeader, plain: false, upgrades: upgrade }, writer);
  }

  /** The path at the replica. Works on the canonical path by whole segments, so no dot segment can appear. */
  rewrite(path: string): string {
    const { stripPrefix, addPrefix } = this.#options;
    let result = path;
    if (stripPrefix !== '' && (path === stripPrefix || path.startsWith(`${stripPrefix}/`))) {
      result = path === stripPrefix ? '/' : path.slice(stripPrefix.length);
    }
    return addPrefix === '' ? result : addPrefix + result;
  }
}
