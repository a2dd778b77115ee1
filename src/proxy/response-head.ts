// Builds the head that a client sees from what a replica or an action answers and what the policies of the
// route want. One flat list, written once.
import { Field, fieldOf } from '../routing/field-names.ts';
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
}

/** Index of a field that is not there. */
const NONE = -1;

/** Applies the route's response policies to the head of an answer. */
export function clientHead(exchange: Exchange, head: PlainHead): ClientHead {
  const plan = exchange.route.response;
  const source = head.fields;
  const out: string[] = [];
  let cacheControl = NONE;
  let etag = NONE;
  let vary = NONE;
  let type: string | undefined;
  let encoded = false;
  let partial = false;
  let nominated: Set<string> | null = null;
  for (let i = 0; i < source.length; i += 2) {
    const name = source[i]!;
    const field = fieldOf(name);
    switch (field) {
      case Field.CONNECTION:
        nominated = nominatedFields(source[i + 1]!);
        continue;
      case Field.CONTENT_LENGTH:
      case Field.TRANSFER_ENCODING:
      case Field.KEEP_ALIVE:
      case Field.HOP_BY_HOP:
      case Field.TE:
      case Field.TRAILER:
      case Field.UPGRADE:
        continue;
      case Field.CACHE_CONTROL:
        if (head.cacheControl !== undefined) continue;
        cacheControl = out.length;
        break;
      case Field.ETAG:
        etag = out.length;
        break;
      case Field.VARY:
        vary = out.length;
        break;
      case Field.CONTENT_TYPE:
        type = source[i + 1]!;
        break;
      case Field.CONTENT_ENCODING:
        encoded = true;
        break;
      case Field.CONTENT_RANGE:
        partial = true;
        break;
    }
    if (plan.drop.size > 0 && plan.drop.has(name.toLowerCase())) continue;
    out.push(name, source[i + 1]!);
  }
  if (nominated !== null) removeAll(out, nominated);
  applyCacheControl(out, plan.cache, head, cacheControl);

  let encoding: Encoding | null = null;
  if (
    plan.compress !== null &&
    head.coded !== true &&
    !encoded &&
    !partial &&
    type !== undefined &&
    isCompressible(type)
  ) {
    const status = head.status;
    const eligible =
      status >= 200 &&
      status !== 204 &&
      status !== 206 &&
      !(head.length >= 0 && head.length < plan.compress.minSize);
    if (eligible && !forbidsTransform(out)) {
      addVary(out, vary);
      const accepted = exchange.req.headers['accept-encoding'] as string | undefined;
      if (!head.bodiless && accepted !== undefined) {
        const chosen = chooseEncoding(accepted, ALL_ENCODINGS, plan.compress.encodings);
        if (chosen !== 'identity') encoding = chosen;
      }
      // A HEAD or 304 has the validators of the answer that a GET would get.
      if ((encoding !== null || (head.bodiless && accepted !== undefined)) && etag !== NONE)
        weaken(out, etag);
    }
  }
  const { defaults } = plan;
  for (let i = 0; i < defaults.length; i++) {
    const { name, value } = defaults[i]!;
    if (!hasField(source, name)) out.push(name, value);
  }
  const set = exchange.secure ? plan.setSecure : plan.set;
  for (let i = 0; i < set.length; i++) out.push(set[i]!);
  return { fields: out, encoding };
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

function removeAll(fields: string[], names: ReadonlySet<string>): void {
  for (let i = fields.length - 2; i >= 0; i -= 2) {
    if (names.has(fields[i]!.toLowerCase())) fields.splice(i, 2);
  }
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
