// Answers a request from a representation held in memory: conditions, ranges, coding and head. The head of a
// complete answer is built once per representation, coding and policy set, and then reused.
import { type PreparedHead, prepareHead } from '../listener/downstream.ts';
import type { Exchange } from '../proxy/exchange.ts';
import type { ResponsePlan } from '../proxy/plans.ts';
import type { ResponseWriter } from '../proxy/response-writer.ts';
import { CACHE_CONTROL } from '../static/cache-rules.ts';
import { type ConditionalFields, evaluate } from '../static/conditions.ts';
import { chooseEncoding, type Encoding } from '../static/encodings.ts';

/** One coding of a representation. */
interface Coded {
  readonly bytes: Buffer;
  readonly etag: string;
  readonly encoding: Encoding | null;
  /** Head of a 200 with policies and `content-length`, per policy set. */
  heads: { plan: ResponsePlan; secure: boolean; head: PreparedHead }[];
  /** The bytes as a string, so that a small body leaves in one write with its head. */
  text: string | null;
}

export interface RepresentationSource {
  readonly type: string;
  readonly cacheControl: string;
  readonly etag: string;
  /** Milliseconds and the HTTP date for `Last-Modified`; null when unknown. */
  readonly lastModified: number | null;
  readonly lastModifiedDate: string | null;
  readonly compressible: boolean;
  readonly bytes: Uint8Array;
  readonly variants: {
    readonly [K in Encoding]: { readonly bytes: Uint8Array; readonly etag: string } | null;
  };
  /** Further fields, names and values alternating. */
  readonly extra?: readonly string[];
}

/** Bodies up to this size are kept as a string as well. */
const SINGLE_WRITE = 16 * 1024;
/** Distinct policy sets remembered per coding; a folder is usually served under one or two. */
const MAX_HEADS = 8;

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export class Representation {
  readonly #source: RepresentationSource;
  readonly #identity: Coded;
  readonly #coded: { readonly [K in Encoding]: Coded | null };

  constructor(source: RepresentationSource) {
    this.#source = source;
    const make = (bytes: Uint8Array, etag: string, encoding: Encoding | null): Coded => ({
      bytes: asBuffer(bytes),
      etag,
      encoding,
      heads: [],
      text: null,
    });
    const variant = (encoding: Encoding): Coded | null => {
      const found = source.variants[encoding];
      return found === null ? null : make(found.bytes, found.etag, encoding);
    };
    this.#identity = make(source.bytes, source.etag, null);
    this.#coded = { zstd: variant('zstd'), br: variant('br'), gzip: variant('gzip') };
  }

  /** Answers a GET or HEAD. */
  serve(exchange: Exchange, writer: ResponseWriter): void {
    const headers = exchange.req.headers;
    const { compress } = exchange.route.response;
    let coded = this.#identity;
    if (compress !== null && headers.range === undefined && this.#identity.bytes.length >= compress.minSize) {
      const chosen = chooseEncoding(
        headers['accept-encoding'] as string | undefined,
        this.#coded,
        compress.encodings,
      );
      if (chosen !== null && chosen !== 'identity') coded = this.#coded[chosen]!;
    }
    const { lastModified } = this.#source;
    const size = coded.bytes.length;
    const verdict = evaluate(exchange.method, headers as ConditionalFields, coded.etag, lastModified, size);
    const head = exchange.method === 'HEAD';
    if (verdict.status === 200) {
      coded.text ??= size <= SINGLE_WRITE ? coded.bytes.toString('latin1') : null;
      return writer.ready(this.#head(exchange, coded), head ? null : (coded.text ?? coded.bytes));
    }
    this.#servePart(exchange, writer, coded, verdict, head);
  }

  #servePart(
    exchange: Exchange,
    writer: ResponseWriter,
    coded: Coded,
    { status, start, end }: ReturnType<typeof evaluate>,
    head: boolean,
  ): void {
    const total = coded.bytes.length;
    const cacheControl = this.#cacheControl(exchange.route.response);
    switch (status) {
      case 206: {
        const fields = [...this.#fields(exchange, coded), 'content-range', `bytes ${start}-${end}/${total}`];
        const length = end - start + 1;
        const body = head ? null : coded.bytes.subarray(start, end + 1);
        return writer.reply({ status, fields, length, bodiless: head, cacheControl, coded: true }, body);
      }
      case 416:
        return writer.fail('RANGE_NOT_SATISFIABLE', ['content-range', `bytes */${total}`]);
      case 412:
        return writer.fail('PRECONDITION_FAILED');
      default: {
        const fields = this.#fields(exchange, coded);
        return writer.reply({ status, fields, length: -1, bodiless: true, cacheControl, coded: true }, null);
      }
    }
  }

  /** The complete head of a 200, made once. */
  #head(exchange: Exchange, coded: Coded): PreparedHead {
    const { secure, route } = exchange;
    for (let i = 0; i < coded.heads.length; i++) {
      const known = coded.heads[i]!;
      if (known.plan === route.response && known.secure === secure) return known.head;
    }
    const plan = route.response;
    const drop = secure ? plan.dropSecure : plan.drop;
    const set = secure ? plan.setSecure : plan.set;
    const fields = [...this.#fields(exchange, coded), 'cache-control', this.#cacheControl(plan)];
    const kept: string[] = [];
    for (let i = 0; i < fields.length; i += 2) {
      if (!drop.has(fields[i]!)) kept.push(fields[i]!, fields[i + 1]!);
    }
    for (const { name, value } of plan.defaults) {
      // What a replica's answer came with is not filled in again.
      if (!fields.some((field, i) => i % 2 === 0 && field === name)) kept.push(name, value);
    }
    kept.push('content-length', String(coded.bytes.length), ...set);
    const head = prepareHead(200, kept);
    if (coded.heads.length < MAX_HEADS) coded.heads.push({ plan, secure, head });
    return head;
  }

  /** `cache` takes the place of "revalidate", the class of files without a rule of their own. */
  #cacheControl(plan: ResponsePlan): string {
    return plan.cache !== null && this.#source.cacheControl === CACHE_CONTROL.revalidate
      ? plan.cache.control
      : this.#source.cacheControl;
  }

  #fields(exchange: Exchange, coded: Coded): string[] {
    const { type, lastModifiedDate, compressible, extra } = this.#source;
    const fields = ['content-type', type, 'etag', coded.etag];
    if (lastModifiedDate !== null) fields.push('last-modified', lastModifiedDate);
    if (coded.encoding !== null) fields.push('content-encoding', coded.encoding);
    else fields.push('accept-ranges', 'bytes');
    if (compressible && exchange.route.response.compress !== null) fields.push('vary', 'accept-encoding');
    if (extra !== undefined) fields.push(...extra);
    return fields;
  }
}
