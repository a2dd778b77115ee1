// Builds the head that a client sees from what a replica or an action answers and what the policies of the
// route want. One flat list, written once.
import { Field, fieldOf, lowerName } from '../routing/field-names.ts';
import { isCompressible } from '../static/content-types.ts';
import { ALL_ENCODINGS, chooseEncoding, type Encoding } from '../static/encodings.ts';
import type { Exchange } from './exchange.ts';
import { nominatedFields } from './headers.ts';

/** A response as it comes from a replica or an action, before policies. */
export interface PlainHead {
  readonly status: number;
  /** Names and values, alternating. */
  readonly fields: readonly string[];
  /** Bytes of the body, -1 when unknown. For HEAD and 304 the length the body would have. */
  readonly length: number;
  /** The response has no body, whatever its length says: HEAD, 204, 304. */
  readonly bodiless: boolean;
  /** `Cache-Control` that replaces what `fields` hold; undefined leaves it to the policy. */
  readonly cacheControl?: string | undefined;
  /** The coding was chosen where the answer comes from: none is applied here. */
  readonly coded?: boolean;
}

export interface ClientHead {
  /** Names and values, alternating, ready for `writeHead`; without `content-length`. */
  readonly fields: string[];
  /** Coding to apply to the body, null for none. */
  readonly encoding: Encoding | null;
  /** `Content-Length` of the answer if its body is not encoded here; -1 when unknown. */
  readonly length: number;
}

/** Index of a field that is not there. */
const NONE = -1;

/** Applies the route's response policies to the head of an answer. */
export function clientHead(exchange: Exchange, head: PlainHead): ClientHead {
  const plan = exchange.route.response;
  const drop = exchange.secure ? plan.dropSecure : plan.drop;
  const nominated = nominatedIn(head.fields);
  const source = head.fields;
  const out: string[] = [];
  let cacheControl = NONE;
  let etag = NONE;
  let vary = NONE;
  let type: string | undefined;
  let encoded = false;
  let partial = false;
  let personal = false;
  for (let i = 0; i < source.length; i += 2) {
    const name = source[i]!;
    const field = fieldOf(name);
    switch (field) {
      case Field.CONNECTION:
      case Field.CONTENT_LENGTH:
      case Field.TRANSFER_ENCODING:
      case Field.KEEP_ALIVE:
      case Field.HOP_BY_HOP:
      case Field.TE:
      case Field.TRAILER:
      case Field.UPGRADE:
        continue;
      case Field.CONTENT_TYPE:
        type = source[i + 1]!;
        break;
      case Field.CONTENT_ENCODING:
        encoded = true;
        break;
      case Field.CONTENT_RANGE:
        partial = true;
        break;
      case Field.SET_COOKIE:
        personal = true;
        break;
    }
    if (drop.size > 0 || nominated !== null) {
      const lower = lowerName(name);
      if (drop.has(lower) || nominated?.has(lower)) continue;
    }
    // Where the fields are that may be changed below, now that it is certain that they stay.
    if (field === Field.ETAG) etag = out.length;
    else if (field === Field.VARY) vary = out.length;
    else if (field === Field.CACHE_CONTROL) {
      if (head.cacheControl !== undefined) continue;
      cacheControl = out.length;
    } else if (field === Field.OTHER && head.cacheControl !== undefined && isExpires(name)) continue;
    out.push(name, source[i + 1]!);
  }
  if (!drop.has('cache-control')) applyCacheControl(out, plan.cache, head, cacheControl);

  let encoding: Encoding | null = null;
  let { length } = head;
  if (
    plan.compress !== null &&
    head.coded !== true &&
    !encoded &&
    mayVary(head, type, plan.compress.minSize)
  ) {
    if (!forbidsTransform(out)) {
      addVary(out, vary);
      const { headers } = exchange.req;
      const { status } = head;
      if (status === 304) {
        if (etag !== NONE && knowsWeakly(headers['if-none-match'], out[etag + 1]!)) weaken(out, etag);
      } else if (
        status !== 206 &&
        !partial &&
        !personal &&
        !bringsAmbientCredentials(headers.authorization)
      ) {
        const accepted = headers['accept-encoding'] as string | undefined;
        const chosen = chooseEncoding(accepted, ALL_ENCODINGS, plan.compress.encodings);
        if (chosen !== null && chosen !== 'identity') {
          // RFC 9110 section 8.6: the answer to a HEAD has the fields that a GET would get, or leaves them out.
          if (head.bodiless) length = -1;
          else encoding = chosen;
          if (etag !== NONE) weaken(out, etag);
        }
      }
    }
  }
  const { defaults } = plan;
  for (let i = 0; i < defaults.length; i++) {
    const { name, value } = defaults[i]!;
    if (!hasField(out, name)) out.push(name, value);
  }
  const set = exchange.secure ? plan.setSecure : plan.set;
  for (let i = 0; i < set.length; i++) out.push(set[i]!);
  return { fields: out, encoding, length };
}

/** Names that `Connection` lists; null for none, as almost always. */
export function nominatedIn(fields: readonly string[]): Set<string> | null {
  let nominated: Set<string> | null = null;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!;
    if (name.length !== 10 || fieldOf(name) !== Field.CONNECTION) continue;
    const names = nominatedFields(fields[i + 1]!);
    if (names !== null) nominated = nominated === null ? names : nominated.union(names);
  }
  return nominated;
}

/** `Expires` of a replica whose `Cache-Control` is replaced: it was about the same thing. */
function isExpires(name: string): boolean {
  return name.length === 7 && name.toLowerCase() === 'expires';
}

/** Whether clients with other `Accept-Encoding` may get, or have got, other bytes under this URL. */
function mayVary({ status, length }: PlainHead, type: string | undefined, minSize: number): boolean {
  if (status < 200 || status === 204) return false;
  // A 304 seldom says what type it is about, and must have the Vary of its 200 (RFC 9110 section 15.4.5).
  if (status === 304) return type === undefined || isCompressible(type);
  if (type === undefined || !isCompressible(type)) return false;
  return status === 206 || length < 0 || length >= minSize;
}

/** The client holds the answer with a validator that was weakened here: the 304 must name the same one. */
function knowsWeakly(ifNoneMatch: string | undefined, etag: string): boolean {
  return ifNoneMatch?.includes(`W/${etag}`) === true;
}

/**
 * Credentials that browsers send along by themselves, to a request that another site has caused as well: the size
 * of a compressed answer would tell that site about the secrets in it (BREACH, CO-10). A bearer token is sent by
 * a page's own script alone.
 */
function bringsAmbientCredentials(authorization: string | undefined): boolean {
  return authorization !== undefined && !/^bearer /i.test(authorization);
}

/** The fields that a body gets when it is compressed after all. */
export function markEncoded(fields: string[], encoding: Encoding): void {
  for (let i = fields.length - 2; i >= 0; i -= 2) {
    // A range of the compressed bytes is not what the replica would answer.
    if (fields[i]!.toLowerCase() === 'accept-ranges') fields.splice(i, 2);
  }
  fields.push('content-encoding', encoding);
}

function applyCacheControl(
  out: string[],
  policy: { control: string; override: boolean } | null,
  head: PlainHead,
  at: number,
): void {
  if (head.cacheControl !== undefined) {
    if (head.cacheControl !== '') out.push('cache-control', head.cacheControl);
    return;
  }
  // Errors and partial knowledge are never made cacheable by us.
  if (policy === null || head.status >= 400) return;
  if (at === NONE) out.push('cache-control', policy.control);
  else if (policy.override) out[at + 1] = policy.control;
}

function hasField(fields: readonly string[], name: string): boolean {
  for (let i = 0; i < fields.length; i += 2) {
    const candidate = fields[i]!;
    if (candidate.length === name.length && (candidate === name || candidate.toLowerCase() === name))
      return true;
  }
  return false;
}

/** RFC 9110 section 7.7 and RFC 9111 section 5.2.2.6. */
function forbidsTransform(fields: readonly string[]): boolean {
  for (let i = 0; i < fields.length; i += 2) {
    if (fieldOf(fields[i]!) === Field.CACHE_CONTROL && /\bno-transform\b/i.test(fields[i + 1]!)) return true;
  }
  return false;
}

function addVary(fields: string[], at: number): void {
  if (at === NONE) fields.push('vary', 'accept-encoding');
  else {
    const value = fields[at + 1]!;
    if (value.trim() !== '*' && !/(^|[\s,])accept-encoding([\s,]|$)/i.test(value)) {
      fields[at + 1] = value === '' ? 'accept-encoding' : `${value}, accept-encoding`;
    }
  }
}

/** RFC 9110 section 8.8.3: other bytes under a strong validator would be a lie. */
function weaken(fields: string[], at: number): void {
  const value = fields[at + 1]!;
  if (!value.startsWith('W/')) fields[at + 1] = `W/${value}`;
}
