// Parses the head of an HTTP/1.1 response, strictly: whatever two parsers could read in two ways is an error,
// because the client behind us may be the second parser (RFC 9112 sections 2.2, 4, 5 and 6).
import { MalformedMessage } from './malformed-message.ts';
import { TOKEN, VALUE } from './message-syntax.ts';

/** Longest head in bytes, status line included, and most field lines; beyond that the answer is refused. */
export const MAX_HEAD = 64 * 1024;
export const MAX_FIELDS = 256;

/** How the body ends. */
export type BodyFraming = 'none' | 'length' | 'chunked' | 'close';

export interface ResponseHead {
  /** 100 to 599. */
  readonly status: number;
  /** Names as sent and values, alternating; framing and hop-by-hop fields are still in it. */
  readonly fields: string[];
  readonly framing: BodyFraming;
  /** Bytes of the body with `length` framing; the declared length, if any, with `none`; else -1. */
  readonly length: number;
  /** Whether the connection may carry another exchange after this one. */
  readonly keepAlive: boolean;
  /** Seconds of `Keep-Alive: timeout=N`, or -1. */
  readonly idleHint: number;
}

const bad = (what: string): never => {
  throw new MalformedMessage(what);
};

/**
 * Parses the bytes from `start` up to and including the empty line that ends at `end`.
 * @param bodiless the request was a HEAD, so that no body follows whatever the fields say
 * @throws MalformedMessage
 */
export function parseResponseHead(
  bytes: Buffer,
  start: number,
  end: number,
  bodiless: boolean,
): ResponseHead {
  const status = parseStatusLine(bytes, start, end);
  const http10 = bytes[start + 7] === 0x30;
  const text = bytes.toString('latin1', start, end);
  const fields: string[] = [];
  let at = lineEnd(bytes, start, end) + 2;
  let length = -1;
  let chunked = false;
  let close = false;
  let persists = !http10;
  let idleHint = -1;
  while (at < end - 2) {
    const nameStart = at;
    while (TOKEN[bytes[at]!] === 1) at++;
    if (at === nameStart) bad('a field line does not begin with a name');
    if (bytes[at] !== 0x3a) bad('a field name is not followed by a colon');
    const nameEnd = at++;
    while (bytes[at] === 0x20 || bytes[at] === 0x09) at++;
    const valueStart = at;
    while (VALUE[bytes[at]!] === 1) at++;
    if (bytes[at] !== 0x0d || bytes[at + 1] !== 0x0a) bad('a field value holds a control character');
    let valueEnd = at;
    while (valueEnd > valueStart && (bytes[valueEnd - 1] === 0x20 || bytes[valueEnd - 1] === 0x09))
      valueEnd--;
    at += 2;

    const name = text.slice(nameStart - start, nameEnd - start);
    const value = text.slice(valueStart - start, valueEnd - start);
    if (fields.push(name, value) > MAX_FIELDS * 2) bad('there are too many fields');
    switch (name.length) {
      case 10:
        if (name === 'Connection' || name === 'connection' || name.toLowerCase() === 'connection') {
          if (hasToken(value, 'close')) close = true;
          else if (http10 && hasToken(value, 'keep-alive')) persists = true;
        } else if (name.toLowerCase() === 'keep-alive') idleHint = parseIdleHint(value);
        break;
      case 14:
        if (
          name === 'Content-Length' ||
          name === 'content-length' ||
          name.toLowerCase() === 'content-length'
        ) {
          if (length !== -1) bad('content-length is repeated');
          length = parseLength(value);
        }
        break;
      case 17:
        if (name.toLowerCase() === 'transfer-encoding') {
          if (chunked) bad('transfer-encoding is repeated');
          if (http10 || value.toLowerCase() !== 'chunked') bad('the transfer coding is not plain chunked');
          chunked = true;
        }
        break;
    }
  }
  if (chunked && length !== -1) bad('content-length and transfer-encoding are both present');
  const noBody = bodiless || status === 204 || status === 304 || status < 200;
  const framing: BodyFraming = noBody ? 'none' : chunked ? 'chunked' : length >= 0 ? 'length' : 'close';
  if (status === 204 && (length > 0 || chunked)) bad('a 204 announces a body');
  return { status, fields, framing, length, keepAlive: persists && !close && framing !== 'close', idleHint };
}

/** `HTTP/1.x SP 3DIGIT [SP reason]`. The reason is checked and thrown away: nobody needs it. */
function parseStatusLine(bytes: Buffer, start: number, end: number): number {
  // "HTTP/1." as one comparison of seven bytes.
  if (
    end - start < 14 ||
    bytes[start] !== 0x48 ||
    bytes[start + 1] !== 0x54 ||
    bytes[start + 2] !== 0x54 ||
    bytes[start + 3] !== 0x50 ||
    bytes[start + 4] !== 0x2f ||
    bytes[start + 5] !== 0x31 ||
    bytes[start + 6] !== 0x2e ||
    (bytes[start + 7] !== 0x31 && bytes[start + 7] !== 0x30) ||
    bytes[start + 8] !== 0x20
  ) {
    bad('the status line is not HTTP/1.1');
  }
  let status = 0;
  for (let i = start + 9; i < start + 12; i++) {
    const digit = bytes[i]! - 0x30;
    if (digit < 0 || digit > 9) bad('the status code is not a number');
    status = status * 10 + digit;
  }
  if (status < 100 || status > 599) bad(`the status code ${status} is out of range`);
  let at = start + 12;
  if (bytes[at] === 0x20) while (VALUE[bytes[at]!] === 1) at++;
  if (bytes[at] !== 0x0d || bytes[at + 1] !== 0x0a) bad('the status line is malformed');
  return status;
}

function lineEnd(bytes: Buffer, start: number, end: number): number {
  let at = start + 12;
  while (at < end && bytes[at] !== 0x0d) at++;
  return at;
}

function parseLength(value: string): number {
  if (value.length === 0 || value.length > 15) bad('content-length is not a number');
  let length = 0;
  for (let i = 0; i < value.length; i++) {
    const digit = value.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) bad('content-length is not a number');
    length = length * 10 + digit;
  }
  return length;
}

function parseIdleHint(value: string): number {
  const match = /(?:^|[,\s])timeout=(\d{1,6})/i.exec(value);
  return match === null ? -1 : Number(match[1]);
}

/** Whether a comma-separated list holds a token, in any case. */
export function hasToken(list: string, token: string): boolean {
  if (list.length === token.length) return list === token || list.toLowerCase() === token;
  return list
    .toLowerCase()
    .split(',')
    .some((item) => item.trim() === token);
}

/**
 * Parses a trailer section, a run of field lines that ends at `end` (its empty line excluded).
 * @throws MalformedMessage
 */
export function parseTrailers(bytes: Buffer, start: number, end: number): string[] {
  const fields: string[] = [];
  let at = start;
  while (at < end) {
    const nameStart = at;
    while (TOKEN[bytes[at]!] === 1) at++;
    if (at === nameStart || bytes[at] !== 0x3a) bad('a trailer field is malformed');
    const name = bytes.toString('latin1', nameStart, at++);
    const valueStart = at;
    while (VALUE[bytes[at]!] === 1) at++;
    if (bytes[at] !== 0x0d || bytes[at + 1] !== 0x0a) bad('a trailer value holds a control character');
    if (fields.push(name, bytes.toString('latin1', valueStart, at).trim()) > MAX_FIELDS * 2)
      bad('too many trailers');
    at += 2;
  }
  return fields;
}
