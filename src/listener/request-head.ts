// Parses the head of an HTTP/1.1 request, strictly: what two parsers could read in two ways is refused
// (RFC 9112 sections 2.2, 3 and 5). Says how the body is framed; whether the request is acceptable is for the
// gate to say.
import { METHODS } from 'node:http';
import type { ErrorCode } from '../errors.ts';
import { TOKEN, VALUE } from '../wire/message-syntax.ts';

/** Longest head in bytes, request line and empty line included. */
export const MAX_HEAD = 16 * 1024;

/** `unclear`: no two parsers need agree where the body ends, so nothing behind the head is read. */
export type RequestFraming = 'none' | 'length' | 'chunked' | 'unclear';

export interface RequestHead {
  readonly method: string;
  readonly target: string;
  /** 0 or 1: the digit after `HTTP/1.`. */
  readonly minor: number;
  /** Names as sent and values, alternating. */
  readonly fields: string[];
  readonly framing: RequestFraming;
  /** Bytes of the body with `length` framing, else 0. */
  readonly length: number;
  /** Whether the client wants to keep the connection. */
  readonly keepAlive: boolean;
  /** Where the head ends in the bytes it was read from. */
  readonly end: number;
}

/** Methods that have a name of their own; the rest is refused. PRI is the HTTP/2 preface. */
const KNOWN_METHODS = new Set(METHODS);
KNOWN_METHODS.delete('PRI');
const LONGEST_METHOD = 32;

/** Parses the bytes from `start` to `end`, the empty line included; or returns the code of the refusal. */
export function parseRequestHead(bytes: Buffer, start: number, end: number): RequestHead | ErrorCode {
  const text = bytes.toString('latin1', start, end);
  let at = start;
  while (TOKEN[bytes[at]!] === 1) at++;
  if (at === start || bytes[at] !== 0x20) return 'BAD_REQUEST';
  const method = at - start > LONGEST_METHOD ? '' : text.slice(0, at - start);
  const targetStart = ++at;
  while (isTargetByte(bytes[at]!)) at++;
  if (at === targetStart || bytes[at] !== 0x20) return 'BAD_REQUEST';
  const target = text.slice(targetStart - start, at - start);
  // "HTTP/1.x" and CRLF: ten bytes behind the space.
  if (!isHttpVersion(bytes, at + 1)) return 'BAD_REQUEST';
  if (bytes[at + 6] !== 0x31 || bytes[at + 8]! > 0x31) return 'VERSION_UNSUPPORTED';
  const minor = bytes[at + 8]! - 0x30;
  at += 11;
  if (!KNOWN_METHODS.has(method)) return /^[A-Z-]*$/.test(method) ? 'METHOD_UNKNOWN' : 'BAD_REQUEST';

  const fields: string[] = [];
  let framing: RequestFraming = 'none';
  let length = 0;
  let keepAlive = minor === 1;
  while (at < end - 2) {
    const nameStart = at;
    while (TOKEN[bytes[at]!] === 1) at++;
    // Also refuses obs-fold and white space before the colon: neither is a token character.
    if (at === nameStart || bytes[at] !== 0x3a) return 'BAD_REQUEST';
    const nameEnd = at++;
    while (bytes[at] === 0x20 || bytes[at] === 0x09) at++;
    const valueStart = at;
    while (VALUE[bytes[at]!] === 1) at++;
    if (bytes[at] !== 0x0d || bytes[at + 1] !== 0x0a) return 'BAD_REQUEST';
    let valueEnd = at;
    while (valueEnd > valueStart && (bytes[valueEnd - 1] === 0x20 || bytes[valueEnd - 1] === 0x09))
      valueEnd--;
    at += 2;
    const name = text.slice(nameStart - start, nameEnd - start);
    const value = text.slice(valueStart - start, valueEnd - start);
    fields.push(name, value);
    // Told apart by length first: these three are the only names that matter here.
    const size = nameEnd - nameStart;
    if (size === 10 && isName(name, 'connection')) keepAlive = wantsToStay(value, minor, keepAlive);
    else if (size === 14 && isName(name, 'content-length')) {
      length = framing === 'none' ? parseLength(value) : -1;
      framing = length === -1 ? 'unclear' : 'length';
    } else if (size === 17 && isName(name, 'transfer-encoding')) {
      const plain: boolean = framing === 'none' && minor === 1 && value.toLowerCase() === 'chunked';
      framing = plain ? 'chunked' : 'unclear';
    }
  }
  if (framing === 'unclear')
    return { method, target, minor, fields, framing, length: 0, keepAlive: false, end };
  return { method, target, minor, fields, framing, length, keepAlive, end };
}

/**
 * Whether bytes that are not a whole head yet can never become one: a line break that is not CRLF, or a first
 * line that is no request line. Without this their sender would wait for a time-out.
 */
export function isHopeless(bytes: Buffer, start: number): boolean {
  if (!beginsWithMethod(bytes, start)) return true;
  let isFirstLine = true;
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === 0x0a) return true;
    if (byte !== 0x0d) continue;
    if (at + 1 === bytes.length) return false;
    if (bytes[at + 1] !== 0x0a) return true;
    if (isFirstLine && (at - start < 14 || !isHttpVersion(bytes, at - 8))) return true;
    isFirstLine = false;
    at++;
  }
  return false;
}

/** Whether the first bytes are a method, or may become one. */
function beginsWithMethod(bytes: Buffer, start: number): boolean {
  const space = bytes.indexOf(0x20, start);
  const end = Math.min(space === -1 ? bytes.length : space, start + LONGEST_METHOD + 1);
  const word = bytes.toString('latin1', start, end);
  if (space !== -1) return /^[A-Z-]+$/.test(word) && word.length <= LONGEST_METHOD;
  return word === '\r' || METHODS.some((method) => method.startsWith(word));
}

/** Anything visible: what a target may hold is the gate's to say, with an answer that names it. */
function isTargetByte(byte: number): boolean {
  return byte > 0x20 && byte !== 0x7f;
}

/** `HTTP/` DIGIT `.` DIGIT CRLF (section 2.3): upper case, one digit each. */
function isHttpVersion(bytes: Buffer, at: number): boolean {
  return (
    bytes[at] === 0x48 &&
    bytes[at + 1] === 0x54 &&
    bytes[at + 2] === 0x54 &&
    bytes[at + 3] === 0x50 &&
    bytes[at + 4] === 0x2f &&
    isDigit(bytes[at + 5]!) &&
    bytes[at + 6] === 0x2e &&
    isDigit(bytes[at + 7]!) &&
    bytes[at + 8] === 0x0d &&
    bytes[at + 9] === 0x0a
  );
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function isName(name: string, lower: string): boolean {
  return name === lower || name.toLowerCase() === lower;
}

/** RFC 9112 section 9.3: `close` wins; `keep-alive` keeps an HTTP/1.0 connection. */
function wantsToStay(value: string, minor: number, before: boolean): boolean {
  if (value === 'keep-alive') return minor === 1 ? before : true;
  let stay = before;
  for (const item of value.toLowerCase().split(',')) {
    const token = item.trim();
    if (token === 'close') return false;
    if (token === 'keep-alive' && minor === 0) stay = true;
  }
  return stay;
}

/** -1 for anything but up to 15 digits, which is exact as a number. */
function parseLength(value: string): number {
  if (value.length === 0 || value.length > 15) return -1;
  let length = 0;
  for (let i = 0; i < value.length; i++) {
    const digit = value.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    length = length * 10 + digit;
  }
  return length;
}
