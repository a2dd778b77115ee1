// The `spa` action over a container that serves the build: the rules of a folder, applied to what the
// container answers. Most of them answer `index.html` for everything they do not have, so an answer is looked
// at before it is passed on. Files that never change are kept in memory.
import type { ErrorCode } from '../errors.ts';
import type { AnswerSink, BodySource } from '../proxy/answer.ts';
import type { Action, Exchange } from '../proxy/exchange.ts';
import { forward } from '../proxy/forward.ts';
import type { ForwardTarget } from '../proxy/forward-target.ts';
import { ResponseWriter } from '../proxy/response-writer.ts';
import {
  CACHE_CONTROL,
  type CacheClass,
  cacheClass,
  isHiddenPath,
  isNavigation,
} from '../static/cache-rules.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { ResponseHead } from '../wire/response-head.ts';
import { type AssetCache, Collector, cacheKey, fieldValue, isStorable } from './asset-cache.ts';

export interface SpaUpstreamOptions {
  readonly upstream: Upstream;
  readonly index: string;
  readonly immutable: readonly string[];
  readonly sourceMaps: boolean;
  readonly cache: AssetCache;
  /** Of the route. The patterns of `immutable` begin below it. */
  readonly pattern: string;
}

export class SpaUpstreamAction implements Action {
  readonly upstream: Upstream;
  readonly #options: SpaUpstreamOptions;
  /** Characters of the route's prefix. */
  readonly #prefix: number;

  constructor(options: SpaUpstreamOptions) {
    this.upstream = options.upstream;
    this.#options = options;
    this.#prefix = options.pattern.endsWith('/*') ? options.pattern.length - 2 : 0;
  }

  run(exchange: Exchange): void {
    const writer = new ResponseWriter(exchange);
    const { method } = exchange;
    if (method !== 'GET' && method !== 'HEAD')
      return writer.fail('METHOD_NOT_ALLOWED', ['allow', 'GET, HEAD']);
    const { sourceMaps, cache } = this.#options;
    const { path, query } = exchange.request;
    const below = this.#prefix === 0 ? path : path.slice(this.#prefix) || '/';
    if (isHiddenPath(below, { sourceMaps })) return writer.fail('NOT_FOUND', [], false);
    const kind = cacheClass(below, this.#options);
    // Who sends credentials gets the container's own answer, and nobody else gets that.
    const storable = kind === 'immutable' && exchange.req.headers.authorization === undefined;
    let key: string | null = null;
    if (storable) {
      key = cacheKey(this.upstream, exchange);
      const known = cache.get(key);
      if (known !== undefined) return known.serve(exchange, writer);
      // Only a GET brings the whole.
      if (method !== 'GET') key = null;
    }
    // What is asked for plainly may be kept for everybody.
    const target = { upstream: this.upstream, path, query, hostHeader: null, plain: key !== null };
    forward(exchange, target, new SpaAnswer(exchange, writer, this.#options, kind, key));
  }
}

/** Judges one answer of the container. */
class SpaAnswer implements AnswerSink {
  readonly #exchange: Exchange;
  readonly #writer: ResponseWriter;
  readonly #options: SpaUpstreamOptions;
  readonly #kind: CacheClass;
  /** Under which the answer may be kept; null where it may not. */
  readonly #key: string | null;
  #source: BodySource | null = null;
  #collector: Collector | null = null;
  /** The answer is not passed on: another one has been given. */
  #replaced = false;

  constructor(
    exchange: Exchange,
    writer: ResponseWriter,
    options: SpaUpstreamOptions,
    kind: CacheClass,
    key: string | null,
  ) {
    this.#exchange = exchange;
    this.#writer = writer;
    this.#options = options;
    this.#kind = kind;
    this.#key = key;
  }

  attach(source: BodySource): void {
    this.#source = source;
    this.#writer.attach(source);
  }

  interim(status: number, fields: string[]): void {
    this.#writer.interim(status, fields);
  }

  answer(head: ResponseHead): void {
    const { method, req, request } = this.#exchange;
    const navigation = isNavigation(method, req.headers.accept, request.path);
    if (head.status === 404 && navigation) return this.#askForIndex();
    if (!navigation && isFallbackDocument(head, request.path, this.#options.index)) {
      return this.#replace(() => this.#writer.fail('NOT_FOUND', [], false));
    }
    const cacheControl = this.#cacheControl(head, navigation);
    if (this.#key !== null && head.status === 200 && isStorable(head, this.#options.cache.maxEntry)) {
      this.#collector = new Collector(head);
      return;
    }
    const plain = { status: head.status, fields: head.fields, length: head.length };
    this.#writer.head({ ...plain, bodiless: head.framing === 'none', cacheControl });
  }

  body(bytes: Buffer, start: number, end: number, owned: boolean): void {
    if (this.#replaced) return;
    if (this.#collector === null) return this.#writer.body(bytes, start, end, owned);
    if (this.#collector.add(bytes, start, end, this.#options.cache.maxEntry)) return;
    // It did not say how long it is, and it is too long to keep: from here on it is passed through.
    const { head, bytes: held } = this.#collector;
    this.#collector = null;
    const cacheControl = CACHE_CONTROL.immutable;
    this.#writer.head({
      status: 200,
      fields: head.fields,
      length: head.length,
      bodiless: false,
      cacheControl,
    });
    this.#writer.body(held, 0, held.length, false);
  }

  flush(): void {
    // What is being collected is small and has a known sender; it is answered as soon as it is whole.
    if (this.#collector === null && !this.#replaced) this.#writer.flush();
  }

  end(trailers: readonly string[]): void {
    if (this.#replaced) return;
    if (this.#collector === null) return this.#writer.end(trailers);
    const { cache } = this.#options;
    const kept = cache.store(this.#key!, this.#collector, CACHE_CONTROL.immutable);
    kept.serve(this.#exchange, this.#writer);
  }

  fail(code: ErrorCode): void {
    if (!this.#replaced) this.#writer.fail(code);
  }

  /** Gives another answer than the container's, whose body nobody needs. */
  #replace(give: () => void): void {
    this.#replaced = true;
    this.#source?.abort();
    give();
  }

  /** A container without a fallback of its own: the index document answers the navigation. */
  #askForIndex(): void {
    const { upstream, index, pattern } = this.#options;
    const base = pattern.endsWith('/*') ? pattern.slice(0, -1) : '/';
    const target: ForwardTarget = { upstream, path: base + index, query: '', hostHeader: null, plain: false };
    this.#replace(() => forward(this.#exchange, target, new IndexAnswer(this.#writer)));
  }

  #cacheControl(head: ResponseHead, navigation: boolean): string | undefined {
    const { status } = head;
    if (status !== 200 && status !== 206 && status !== 304) return undefined;
    const { path } = this.#exchange.request;
    const type = fieldValue(head, 'content-type') ?? '';
    if (navigation || /^text\/html\b/i.test(type) || path.endsWith('/')) return CACHE_CONTROL.document;
    // What the container keeps from others is not made public by its name.
    if (/(^|[\s,])(private|no-store)\b/i.test(fieldValue(head, 'cache-control') ?? '')) return undefined;
    const kind = this.#kind;
    const policy = this.#exchange.route.response.cache;
    return kind === 'revalidate' && policy !== null ? policy.control : CACHE_CONTROL[kind];
  }
}

/** Passes the index document on as the answer to a navigation. */
class IndexAnswer implements AnswerSink {
  readonly #writer: ResponseWriter;

  constructor(writer: ResponseWriter) {
    this.#writer = writer;
  }

  attach(source: BodySource): void {
    this.#writer.attach(source);
  }

  interim(): void {}

  answer(head: ResponseHead): void {
    const ok = head.status === 200 || head.status === 304;
    this.#writer.head({
      status: head.status,
      fields: head.fields,
      length: head.length,
      bodiless: head.framing === 'none',
      cacheControl: ok ? CACHE_CONTROL.document : undefined,
    });
  }

  body(bytes: Buffer, start: number, end: number, owned: boolean): void {
    this.#writer.body(bytes, start, end, owned);
  }

  flush(): void {
    this.#writer.flush();
  }

  end(trailers: readonly string[]): void {
    this.#writer.end(trailers);
  }

  fail(code: ErrorCode): void {
    this.#writer.fail(code);
  }
}

/** An HTML page under a path that does not ask for one: the container's answer to everything it lacks. */
function isFallbackDocument(head: ResponseHead, path: string, index: string): boolean {
  if (head.status !== 200 && head.status !== 206 && head.status !== 404) return false;
  if (path.endsWith('/') || path.endsWith(`/${index}`) || /\.x?html?$/i.test(path)) return false;
  return /^(text\/html|application\/xhtml\+xml)\b/i.test(fieldValue(head, 'content-type') ?? '');
}
