// The `spa` and `files` actions over a folder: look up a manifest entry, answer from memory, stream what is
// too large for it. The path of a request never reaches the file system.
import type { Action, Exchange } from '../proxy/exchange.ts';
import { ResponseWriter } from '../proxy/response-writer.ts';
import { isNavigation } from '../static/cache-rules.ts';
import type { Manifest, StaticFile } from '../static/manifest.ts';
import { Representation } from './representation.ts';
import { streamFile } from './stream-file.ts';

/** What of a manifest a worker makes once and all its routes share. */
export class StaticRoot {
  readonly manifest: Manifest;
  readonly #representations = new Map<StaticFile, Representation>();

  constructor(manifest: Manifest) {
    this.manifest = manifest;
  }

  /** The file in memory; null when it has to be streamed. */
  representation(file: StaticFile): Representation | null {
    const known = this.#representations.get(file);
    if (known !== undefined) return known;
    if (file.identity === null) return null;
    const made = new Representation({ ...file, bytes: file.identity });
    this.#representations.set(file, made);
    return made;
  }
}

export interface StaticOptions {
  readonly pattern: string;
  /** Navigations that meet no file get the index document. */
  readonly fallback: boolean;
}

export class StaticAction implements Action {
  readonly #root: StaticRoot;
  readonly #fallback: StaticFile | undefined;
  readonly #isApplication: boolean;
  /** Characters of the route's prefix: the folder begins below it. */
  readonly #prefix: number;

  constructor(root: StaticRoot, options: StaticOptions) {
    this.#root = root;
    const { manifest } = root;
    if (options.fallback && manifest.index !== false)
      this.#fallback = manifest.files.get(`/${manifest.index}`);
    this.#isApplication = options.fallback;
    this.#prefix = options.pattern.endsWith('/*') ? options.pattern.length - 2 : 0;
  }

  run(exchange: Exchange): void {
    const writer = new ResponseWriter(exchange);
    const { method } = exchange;
    if (method !== 'GET' && method !== 'HEAD')
      return writer.fail('METHOD_NOT_ALLOWED', ['allow', 'GET, HEAD']);
    const file = this.#find(exchange, writer);
    if (file === undefined) return;
    const representation = this.#root.representation(file);
    if (representation !== null) representation.serve(exchange, writer);
    else streamFile(exchange, writer, file);
  }

  /** The file that answers; undefined when another answer was given. */
  #find(exchange: Exchange, writer: ResponseWriter): StaticFile | undefined {
    const { manifest } = this.#root;
    const { path: full, query } = exchange.request;
    const path = decodePath(this.#prefix === 0 ? full : full.slice(this.#prefix) || '/');
    if (path !== null) {
      const { index } = manifest;
      const file = manifest.files.get(path.endsWith('/') && index !== false ? path + index : path);
      if (file !== undefined) {
        // `/app` and `/app/` are one document only if its relative links mean the same in both.
        if (path !== '/' || full.endsWith('/') || this.#fallback !== undefined) return file;
      }
      if (manifest.directories.has(path) || (file !== undefined && path === '/')) {
        const fields = ['location', `${full}/${query}`];
        writer.reply({ status: 308, fields, length: 0, bodiless: exchange.method === 'HEAD' }, null);
        return undefined;
      }
      if (this.#fallback !== undefined && isNavigation(exchange.method, exchange.req.headers.accept, full)) {
        return this.#fallback;
      }
    }
    // Below an application a missing asset is never answered with HTML, not even with an error page.
    writer.fail('NOT_FOUND', [], !this.#isApplication);
    return undefined;
  }
}

/** Decodes the escapes that the canonical form keeps; null when the result names no file. */
function decodePath(path: string): string | null {
  if (!path.includes('%')) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    // The gate has refused what is not UTF-8; a lone `%` cannot come here.
    return null;
  }
}
