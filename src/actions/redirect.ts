// The `redirect` action, and the redirect of a host's other names. Targets come from the config; of the request
// only the canonical path and the query are used, so a client can neither leave the site nor inject a field.
import type { Action, Exchange } from '../proxy/exchange.ts';
import { clientAuthority } from '../proxy/headers.ts';
import { ResponseWriter } from '../proxy/response-writer.ts';

function send(exchange: Exchange, status: number, location: string): void {
  const fields = ['location', location];
  // The body is for people with old software; the head is the answer.
  const body = exchange.method === 'HEAD' ? null : Buffer.alloc(0);
  new ResponseWriter(exchange).reply({ status, fields, length: 0, bodiless: body === null }, body);
}

export interface RedirectOptions {
  /** Path or URL; with `keepRest` what the pattern's `*` matched is appended. */
  readonly to: string;
  readonly keepRest: boolean;
  readonly keepQuery: boolean;
  readonly status: number;
}

export class RedirectAction implements Action {
  readonly #options: RedirectOptions;
  /** Characters of the path in front of what the pattern's `*` matched. */
  readonly #prefix: number;

  constructor(options: RedirectOptions, pattern: string) {
    this.#options = options;
    this.#prefix = pattern.endsWith('/*') ? pattern.length - 2 : pattern.length;
  }

  run(exchange: Exchange): void {
    const { to, keepRest, keepQuery, status } = this.#options;
    const rest = keepRest ? exchange.request.path.slice(this.#prefix) : '';
    let location = to + rest || '/';
    const { query } = exchange.request;
    if (keepQuery && query !== '') {
      const hash = location.indexOf('#');
      const end = hash === -1 ? location.length : hash;
      const joined = location.slice(0, end).includes('?') ? `&${query.slice(1)}` : query;
      location = location.slice(0, end) + joined + location.slice(end);
    }
    send(exchange, status, location);
  }
}

/** Sends every path of a name to the same path of another (`redirectFrom`). */
export class HostRedirectAction implements Action {
  readonly #host: string;

  constructor(host: string) {
    this.#host = host;
  }

  run(exchange: Exchange): void {
    const { port, path, query } = exchange.request;
    const scheme = exchange.secure ? 'https' : 'http';
    const usual = port === (exchange.secure ? '443' : '80');
    send(exchange, 308, `${scheme}://${clientAuthority(this.#host, usual ? '' : port)}${path}${query}`);
  }
}
