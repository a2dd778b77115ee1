// The `maintenance` policy: everybody but a few networks gets a page that says when to come back.
import type { ResolvedMaintenance } from '../config/resolved.ts';
import { ERRORS } from '../errors.ts';
import type { Action, Exchange } from '../proxy/exchange.ts';
import { ResponseWriter } from '../proxy/response-writer.ts';
import { Networks } from '../routing/networks.ts';

export class Maintenance {
  readonly #page: Buffer | null;
  readonly #retryAfter: string;
  readonly #allowed: Networks;

  constructor({ page, retryAfter, allow }: ResolvedMaintenance) {
    this.#page = page === null ? null : Buffer.from(page);
    this.#retryAfter = String(retryAfter);
    this.#allowed = new Networks(allow);
  }

  /** The action that runs in the place of `action`. */
  around(action: Action): Action {
    return { run: (exchange) => (this.#allows(exchange) ? action.run(exchange) : this.#refuse(exchange)) };
  }

  #allows(exchange: Exchange): boolean {
    return this.#allowed.has(exchange.clientAddress);
  }

  /** Programs get the code, people the page. */
  #refuse(exchange: Exchange): void {
    const writer = new ResponseWriter(exchange);
    const { accept } = exchange.req.headers;
    const page = this.#page;
    if (page === null || accept?.includes('text/html') !== true)
      return writer.fail('MAINTENANCE', ['retry-after', this.#retryAfter]);
    const bodiless = exchange.method === 'HEAD';
    const fields = ['content-type', 'text/html; charset=utf-8', 'retry-after', this.#retryAfter];
    const { status } = ERRORS.MAINTENANCE;
    writer.reply(
      { status, fields, length: page.length, bodiless, cacheControl: 'no-store' },
      bodiless ? null : page,
    );
  }
}
