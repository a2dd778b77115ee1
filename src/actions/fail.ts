// The action of what no route answers: an error with the policies of its host.
import type { ErrorCode } from '../errors.ts';
import type { Action, Exchange } from '../proxy/exchange.ts';
import { ResponseWriter } from '../proxy/response-writer.ts';

export class FailAction implements Action {
  readonly #code: ErrorCode;

  constructor(code: ErrorCode) {
    this.#code = code;
  }

  run(exchange: Exchange): void {
    new ResponseWriter(exchange).fail(this.#code);
  }
}
