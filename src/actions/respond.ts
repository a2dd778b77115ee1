// The `respond` action: fixed content from the config.
import type { Action, Exchange } from '../proxy/exchange.ts';
import { ResponseWriter } from '../proxy/response-writer.ts';

export class RespondAction implements Action {
  readonly #status: number;
  readonly #body: Buffer;
  readonly #fields: readonly string[];

  constructor(status: number, body: string, headers: readonly (readonly [string, string])[]) {
    this.#status = status;
    this.#body = Buffer.from(body);
    const fields = headers.flat();
    const typed = headers.some(([name]) => name.toLowerCase() === 'content-type');
    if (!typed && this.#body.length > 0) fields.push('content-type', 'text/plain; charset=utf-8');
    this.#fields = fields;
  }

  run(exchange: Exchange): void {
    const bodiless = exchange.method === 'HEAD' || this.#status === 204 || this.#status === 304;
    new ResponseWriter(exchange).reply(
      { status: this.#status, fields: this.#fields, length: this.#body.length, bodiless },
      bodiless ? null : this.#body,
    );
  }
}
