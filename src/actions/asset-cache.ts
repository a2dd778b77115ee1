// Keeps files that never change, by all that the container was told of where it is asked, within a number of
// bytes. Only what is the same for everybody is kept (RFC 9111 sections 3 and 3.5). Requests for a file that is
// still on its way go to the container as well: none waits for another client's (CA-11).
import { LRUCache } from 'lru-cache';
import { processLog } from '../observe/process-log.ts';
import type { Exchange } from '../proxy/exchange.ts';
import { nominatedIn } from '../proxy/response-head.ts';
import { Field, fieldOf } from '../routing/field-names.ts';
import { isCompressible } from '../static/content-types.ts';
import type { Encoding } from '../static/encodings.ts';
import { etagOf } from '../static/file-content.ts';
import { parseHttpDate } from '../static/http-date.ts';
import { compressAll } from '../static/variants.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { ResponseHead } from '../wire/response-head.ts';
import { Representation } from './representation.ts';

interface Entry {
  representation: Representation;
  bytes: number;
}

export class AssetCache {
  /** Bytes of the largest body that is kept. */
  readonly maxEntry: number;
  readonly #entries: LRUCache<string, Entry>;

  /** @param maxBytes bodies and variants together, per worker */
  constructor(maxBytes: number) {
    this.maxEntry = Math.floor(maxBytes / 16);
    this.#entries = new LRUCache({ maxSize: maxBytes, sizeCalculation: (entry) => entry.bytes });
  }

  get(key: string): Representation | undefined {
    return this.#entries.get(key)?.representation;
  }

  /** Keeps a complete answer; its compressed variants follow when they are made. */
  store(key: string, answer: Collector, cacheControl: string): Representation {
    const { head, bytes } = answer;
    const type = fieldValue(head, 'content-type') ?? 'application/octet-stream';
    const modified = fieldValue(head, 'last-modified');
    const time = modified === undefined ? Number.NaN : parseHttpDate(modified);
    const lastModified = Number.isNaN(time) ? null : time;
    const source = {
      type,
      cacheControl,
      etag: etagOf(bytes),
      lastModified,
      lastModifiedDate: lastModified === null ? null : modified!,
      compressible: isCompressible(type),
      bytes,
      variants: NO_VARIANTS,
      extra: keptFields(head),
    };
    const representation = new Representation(source);
    const entry: Entry = {
      representation,
      bytes: bytes.length + OVERHEAD + key.length + sizeOf(source.extra),
    };
    this.#entries.set(key, entry);
    if (source.compressible) {
      compressAll(bytes).then(
        (variants) => {
          if (this.#entries.peek(key) !== entry) return;
          const all = Object.values(variants);
          const size = all.reduce((sum, variant) => sum + (variant?.bytes.length ?? 0), entry.bytes);
          this.#entries.set(key, {
            representation: new Representation({ ...source, variants }),
            bytes: size,
          });
        },
        (error: Error) => processLog.warn('an asset could not be compressed', { key, detail: error.message }),
      );
    }
    return representation;
  }
}

/**
 * What an entry takes besides its bytes. Without it a small file under a million queries would fill the memory
 * long before its bytes do (CA-10).
 */
const OVERHEAD = 2 * 1024;

function sizeOf(fields: readonly string[]): number {
  return fields.reduce((sum, text) => sum + text.length, 0);
}

const NO_VARIANTS: { readonly [K in Encoding]: null } = { zstd: null, br: null, gzip: null };

/**
 * Everything of a request that a container may put into its answer to a plain one: a client that names another port
 * in `Host` must not choose the links that others get (CA-01, CA-07).
 */
export function cacheKey(upstream: Upstream, { request, secure }: Exchange): string {
  const { host, port, path, query } = request;
  return `${upstream.name} ${secure ? 'https' : 'http'}://${host}:${port}${path}${query}`;
}

/** Collects the body of an answer that may be kept. */
export class Collector {
  readonly head: ResponseHead;
  #chunks: Buffer[] = [];
  #size = 0;

  constructor(head: ResponseHead) {
    this.head = head;
  }

  /** The bytes so far, as one buffer. */
  get bytes(): Buffer {
    return this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
  }

  /** Adds a piece; false when the whole, that piece included, is more than `limit` bytes. */
  add(bytes: Buffer, start: number, end: number, limit: number): boolean {
    this.#chunks.push(Buffer.from(bytes.subarray(start, end)));
    this.#size += end - start;
    return this.#size <= limit;
  }
}

/** Whether an answer to a request without cookies and credentials may be given to others (CVE list, CA cases). */
export function isStorable(head: ResponseHead, limit: number): boolean {
  // A body that ends with the connection may have been cut off (CA-08).
  if (head.framing === 'none' || head.framing === 'close' || head.length > limit) return false;
  for (let i = 0; i < head.fields.length; i += 2) {
    const value = head.fields[i + 1]!;
    switch (fieldOf(head.fields[i]!)) {
      case Field.OTHER:
        // Said to one origin; a container that forgets its `Vary: Origin` must not say it to all.
        if (value !== '*' && head.fields[i]!.toLowerCase() === 'access-control-allow-origin') return false;
        break;
      case Field.SET_COOKIE:
      case Field.CONTENT_RANGE:
        return false;
      case Field.CONTENT_ENCODING:
        if (value.toLowerCase() !== 'identity') return false;
        break;
      case Field.CACHE_CONTROL:
        if (/(^|[\s,])(private|no-store|no-transform)\b/i.test(value)) return false;
        break;
      case Field.VARY:
        // Asked without any coding, the answer is the plain one; any other dependency is not ours to resolve.
        if (!/^\s*accept-encoding\s*$/i.test(value)) return false;
        break;
    }
  }
  return true;
}

/** Fields about when and how this one copy came. */
const NOT_KEPT = new Set(['accept-ranges', 'expires', 'age', 'pragma']);

/** Fields of an answer that are neither made anew nor about this one exchange. */
function keptFields(head: ResponseHead): string[] {
  const kept: string[] = [];
  const nominated = nominatedIn(head.fields);
  for (let i = 0; i < head.fields.length; i += 2) {
    const name = head.fields[i]!.toLowerCase();
    if (fieldOf(name) !== Field.OTHER || NOT_KEPT.has(name) || nominated?.has(name)) continue;
    kept.push(name, head.fields[i + 1]!);
  }
  return kept;
}

/** The value of the first field of that (lower-case) name. */
export function fieldValue(head: ResponseHead, name: string): string | undefined {
  for (let i = 0; i < head.fields.length; i += 2) {
    if (head.fields[i]!.toLowerCase() === name) return head.fields[i + 1];
  }
  return undefined;
}
