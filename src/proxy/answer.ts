// The two ends of a response on its way through the gateway: who takes it, and who produces its body.
import type { ErrorCode } from '../errors.ts';
import type { ResponseHead } from '../wire/response-head.ts';

/** Where a body comes from. */
export interface BodySource {
  pause(): void;
  resume(): void;
  /** The client is gone, nothing more is wanted. */
  abort(): void;
}

/** Who takes the answer of a replica. The response writer does; an action may look at it first. */
export interface AnswerSink {
  /** Says who produces the body and wants to know when the client is gone. */
  attach(source: BodySource): void;
  interim(status: number, fields: string[]): void;
  answer(head: ResponseHead): void;
  /**
   * Takes a piece of the body. `owned` memory is the sink's from now on; other memory must be copied before
   * this returns.
   */
  body(bytes: Buffer, start: number, end: number, owned: boolean): void;
  /** The rest is not here yet: nothing may be held back. */
  flush(): void;
  /** The body is complete. */
  end(trailers: readonly string[]): void;
  /** Nothing usable came, or the answer broke off. */
  fail(code: ErrorCode): void;
}
