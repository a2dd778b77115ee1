// One well-formed request on a connection of its own, and its whole answer, parsed strictly. For the many tests
// that ask about answers; malformed input goes through the raw client.

import { RawConnection } from './raw-client.ts';
import { headerOf, type RawResponse } from './response-parser.ts';

export interface Ask {
  /** @default 'GET' */
  method?: string;
  /** Value of `Host`. @default 'a.test' */
  host?: string;
  headers?: Record<string, string>;
  /** Sent with its `Content-Length`. */
  body?: string;
  /** Longest wait for the whole answer (ms). @default 10000 */
  deadline?: number;
}

export interface Reply extends RawResponse {
  /** The value of a header; undefined where it is absent, an error where it is repeated. */
  header(name: string): string | undefined;
  /** The body as latin1. */
  readonly text: string;
}

/** What a browser sends when somebody follows a link. */
export const NAVIGATION = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';

/** Sends a request to 127.0.0.1 and returns its final answer. */
export async function ask(port: number, target: string, options: Ask = {}): Promise<Reply> {
  const { method = 'GET', deadline = 10_000 } = options;
  const connection = await RawConnection.open(port);
  try {
    await connection.send(requestBytes(target, options));
    for (;;) {
      const response = await connection.response(method, deadline);
      if (response.status >= 200) return asReply(response);
    }
  } finally {
    connection.destroy();
  }
}

/** The bytes of such a request. */
export function requestBytes(target: string, options: Ask = {}): string {
  const { method = 'GET', host = 'a.test', headers = {}, body } = options;
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  if (body !== undefined) lines.push(`Content-Length: ${Buffer.byteLength(body, 'latin1')}\r\n`);
  return `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n${lines.join('')}\r\n${body ?? ''}`;
}

export function asReply(response: RawResponse): Reply {
  return {
    ...response,
    header: (name) => headerOf(response, name),
    text: response.body.toString('latin1'),
  };
}
