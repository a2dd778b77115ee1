// The answer to what never becomes a request: bytes that are no HTTP, heads that are too long or never end.
import { STATUS_CODES } from 'node:http';
import { ERRORS, type ErrorCode } from '../errors.ts';
import { currentDateLine } from './date-line.ts';

/** A complete response that closes the connection. No route is known, so it carries no policy but nosniff. */
export function refusal(code: ErrorCode): string {
  const { status, message, retry } = ERRORS[code];
  const body = `${JSON.stringify({ error: { code, status, message, retry } })}\n`;
  return (
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${currentDateLine()}connection: close\r\n` +
    `content-type: application/json; charset=utf-8\r\nx-content-type-options: nosniff\r\n` +
    `cache-control: no-store\r\ncontent-length: ${body.length}\r\n\r\n${body}`
  );
}
