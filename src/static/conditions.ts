// Preconditions and ranges of GET and HEAD: RFC 9110 sections 13 and 14. It compares header values with what is
// known of a representation and says which status answers; it writes no header and reads no file.

import { parseHttpDate } from './http-date.ts';

/** The request fields that matter here, by lower-case name: pass `req.headers`. */
export interface ConditionalFields {
  readonly 'if-match'?: string | undefined;
  readonly 'if-none-match'?: string | undefined;
  readonly 'if-modified-since'?: string | undefined;
  readonly 'if-unmodified-since'?: string | undefined;
  readonly 'if-range'?: string | undefined;
  readonly range?: string | undefined;
}

/** `start` and `end` (inclusive) mean something with 206 alone; elsewhere they are 0 and -1. */
export interface Verdict {
  readonly status: 200 | 206 | 304 | 412 | 416;
  readonly start: number;
  readonly end: number;
}

const WHOLE: Verdict = { status: 200, start: 0, end: -1 };
const NOT_MODIFIED: Verdict = { status: 304, start: 0, end: -1 };
const FAILED: Verdict = { status: 412, start: 0, end: -1 };
const UNSATISFIABLE: Verdict = { status: 416, start: 0, end: -1 };

/**
 * Evaluates the conditions of a GET or HEAD in the order of RFC 9110 section 13.2.2. `etag` (quoted; '' for none) is
 * that of the variant about to be sent, `lastModified` its time in milliseconds or null, `size` its length in bytes.
 * Only the plain bytes should be sent in ranges: pass their ETag and size when the request has a `Range`.
 * Shared constants answer for everything but 206. Time is linear in the length of the fields.
 */
export function evaluate(
  method: string,
  fields: ConditionalFields,
  etag: string,
  lastModified: number | null,
  size: number,
): Verdict {
  const ifMatch = fields['if-match'];
  if (ifMatch !== undefined) {
    if (!matchesList(ifMatch, etag, true)) return FAILED;
  } else {
    const ifUnmodifiedSince = fields['if-unmodified-since'];
    if (ifUnmodifiedSince !== undefined && lastModified !== null) {
      // Section 13.1.4: a value that is not a date is ignored, and NaN compares false.
      if (toSeconds(lastModified) > toSeconds(parseHttpDate(ifUnmodifiedSince))) return FAILED;
    }
  }
  const ifNoneMatch = fields['if-none-match'];
  if (ifNoneMatch !== undefined) {
    if (matchesList(ifNoneMatch, etag, false)) return NOT_MODIFIED;
  } else {
    const ifModifiedSince = fields['if-modified-since'];
    if (ifModifiedSince !== undefined && lastModified !== null) {
      if (toSeconds(lastModified) <= toSeconds(parseHttpDate(ifModifiedSince))) return NOT_MODIFIED;
    }
  }
  const range = fields.range;
  // Section 14.2: a Range on any method but GET is ignored.
  if (range === undefined || method !== 'GET') return WHOLE;
  const ifRange = fields['if-range'];
  if (ifRange !== undefined && !sameVersion(ifRange, etag, lastModified)) return WHOLE;
  return readRange(range, size);
}

function toSeconds(time: number): number {
  return Math.floor(time / 1000);
}

/** Section 13.1.5: a strong ETag that is equal, or exactly the date of the last change. */
function sameVersion(ifRange: string, etag: string, lastModified: number | null): boolean {
  if (ifRange.startsWith('"')) return ifRange === etag;
  if (ifRange.startsWith('W/') || lastModified === null) return false;
  return toSeconds(parseHttpDate(ifRange)) === toSeconds(lastModified);
}

const COMMA = 44;
const QUOTE = 34;

/**
 * Whether a list of entity tags names `etag`: RFC 9110 section 8.8.3.2. The strong comparison (If-Match) refuses weak
 * tags on either side, the weak one (If-None-Match) ignores the `W/`. `*` matches whatever exists. Something that
 * is not a tag is skipped up to the next comma.
 */
function matchesList(list: string, etag: string, strong: boolean): boolean {
  if (list === etag && (!strong || !etag.startsWith('W/'))) return etag !== '';
  if (list.trim() === '*') return true;
  const weak = etag.startsWith('W/');
  if (etag === '' || (strong && weak)) return false;
  const opaque = weak ? etag.slice(2) : etag;
  let at = 0;
  while (at < list.length) {
    const code = list.charCodeAt(at);
    if (code === COMMA || code === 32 || code === 9) {
      at++;
      continue;
    }
    const isWeak = list.startsWith('W/', at);
    const from = isWeak ? at + 2 : at;
    if (list.charCodeAt(from) !== QUOTE) {
      const comma = list.indexOf(',', from);
      if (comma === -1) return false;
      at = comma + 1;
      continue;
    }
    const close = list.indexOf('"', from + 1);
    if (close === -1) return false;
    if (close + 1 - from === opaque.length && !(strong && isWeak) && list.startsWith(opaque, from))
      return true;
    at = close + 1;
  }
  return false;
}

/**
 * One byte range (RFC 9110 section 14.1.2). Several ranges, another unit or a value that is not a range are ignored,
 * which section 14.2 allows: the whole representation is sent.
 */
function readRange(range: string, size: number): Verdict {
  // Units are case-insensitive (section 14.1).
  if (range.length < 8 || range.slice(0, 6).toLowerCase() !== 'bytes=') return WHOLE;
  const dash = range.indexOf('-', 6);
  if (dash === -1) return WHOLE;
  const first = readDigits(range, 6, dash);
  const last = readDigits(range, dash + 1, range.length);
  if (Number.isNaN(first) || Number.isNaN(last)) return WHOLE;
  if (first === -1) {
    if (last === -1) return WHOLE;
    if (last === 0) return UNSATISFIABLE;
    // A suffix of an empty file is satisfiable, but no Content-Range could name it.
    if (size === 0) return WHOLE;
    return { status: 206, start: last >= size ? 0 : size - last, end: size - 1 };
  }
  if (last !== -1 && last < first) return WHOLE;
  if (first >= size) return UNSATISFIABLE;
  return { status: 206, start: first, end: last === -1 || last >= size ? size - 1 : last };
}

/** The number between two indexes; -1 if nothing stands there, NaN if anything but digits does. */
function readDigits(text: string, from: number, to: number): number {
  if (from === to) return -1;
  let value = 0;
  for (let i = from; i < to; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return Number.NaN;
    // Numbers beyond any file keep their order up to 2^53 and are then equal; both are past the end.
    value = Math.min(value * 10 + digit, Number.MAX_SAFE_INTEGER);
  }
  return value;
}
