// Everything a folder serves, read once at start: path → file, headers, bytes and compressed variants. A request is
// answered from this map alone; its path never reaches the file system. Plain data that can be cloned to workers.

import { availableParallelism } from 'node:os';
import type { ResolvedRoot } from '../config/resolved.ts';
import { ByteArena } from './byte-arena.ts';
import { CACHE_CONTROL, type CacheClass, cacheClass } from './cache-rules.ts';
import { contentType, isCompressible } from './content-types.ts';
import type { Encoding } from './encodings.ts';
import { type FileContent, readContent } from './file-content.ts';
import { type FoundFile, type Skipped, walkFolder } from './folder-walk.ts';
import { formatHttpDate } from './http-date.ts';
import { makeVariants, NO_VARIANTS, type Variant, type Variants } from './variants.ts';

export interface StaticFile {
  /** Decoded URL path below the root: `/assets/app.js`. */
  readonly path: string;
  /** Absolute path without symlinks, for the files that are streamed. Never sent to a client. */
  readonly absolute: string;
  readonly size: number;
  /** `Content-Type`. */
  readonly type: string;
  /** Strong ETag with its quotes, made from the content alone. */
  readonly etag: string;
  /** Milliseconds; null where the time is a packer's constant and says nothing about the content. */
  readonly lastModified: number | null;
  /** The same as an HTTP date for `Last-Modified`; null likewise. */
  readonly lastModifiedDate: string | null;
  /** What the file system said when the file was read; a streamed file must still look so. */
  readonly mtimeMs: number;
  readonly inode: number;
  readonly cacheClass: CacheClass;
  /** `Cache-Control` of the class. */
  readonly cacheControl: string;
  /** The type is worth compressing, so `Vary: Accept-Encoding` belongs on every answer, variants or not. */
  readonly compressible: boolean;
  /** null: over the budget, to be streamed from `absolute`; such a file has no variants. */
  readonly identity: Uint8Array | null;
  readonly variants: Variants;
}

export interface Manifest {
  /** The folder, absolute and without symlinks. */
  readonly root: string;
  readonly index: string | false;
  /** By decoded URL path. */
  readonly files: ReadonlyMap<string, StaticFile>;
  /** Folders that hold the index document, without the slash at the end: `/docs`. The root is not among them. */
  readonly directories: ReadonlySet<string>;
  /** What was found and is not served as found, with the reason, for the log. Hidden files are not listed. */
  readonly skipped: readonly Skipped[];
  /** Bytes held in memory, variants included. */
  readonly bytes: number;
}

export interface Budget {
  /** Bytes in memory for all files of the root, variants included. */
  readonly bytes: number;
  /** Files larger than this are streamed. */
  readonly maxFile: number;
}

// libuv has four threads, which workers already serving traffic need as well when a reload reads a folder.
const CONCURRENCY = Math.max(1, Math.min(3, availableParallelism()));

// Where the budget ends within a file: the smallest variant that every browser reads comes first.
const KEPT_FIRST: readonly Encoding[] = ['br', 'gzip', 'zstd'];

/**
 * Reads a folder. The smallest files get the budget first. Throws if the folder itself cannot be read; a single
 * file that cannot is left out and reported in `skipped`.
 */
export async function readManifest(root: ResolvedRoot, budget: Budget): Promise<Manifest> {
  const walk = await walkFolder(root.path, { sourceMaps: root.sourceMaps });
  const skipped = [...walk.skipped];
  const siblings = new Map(walk.files.map((file) => [file.path, file]));
  const order = [...walk.files].sort((a, b) => a.size - b.size || (a.path < b.path ? -1 : 1));
  const arena = new ByteArena();
  const files = new Map<string, StaticFile>();
  let left = budget.bytes;

  // Prepared by a few at a time, kept strictly in order: what fits does not depend on who finished first.
  await inOrder(
    order,
    async (found): Promise<Prepared | Skipped> => {
      const keep = found.size <= budget.maxFile && found.size <= left;
      const content = await readContent(found, keep);
      if ('reason' in content) return content;
      const type = contentType(found.path);
      if (content.bytes === null || !isCompressible(type))
        return { found, content, type, variants: NO_VARIANTS };
      const made = await makeVariants(found, content.bytes, siblings);
      skipped.push(...made.skipped);
      return { found, content, type, variants: made.variants };
    },
    (prepared) => {
      if ('reason' in prepared) {
        skipped.push(prepared);
        return;
      }
      const { found, content, variants } = prepared;
      const take = (bytes: Uint8Array): Uint8Array | null => {
        if (bytes.byteLength > left) return null;
        left -= bytes.byteLength;
        return arena.store(bytes);
      };
      const identity = content.bytes === null ? null : take(content.bytes);
      const kept: Record<Encoding, Variant | null> = { ...NO_VARIANTS };
      for (const encoding of identity === null ? [] : KEPT_FIRST) {
        const variant = variants[encoding];
        const bytes = variant && take(variant.bytes);
        if (bytes) kept[encoding] = { bytes, etag: variant!.etag };
      }
      files.set(found.path, describe(root, prepared, identity, kept));
    },
  );

  return {
    root: walk.root,
    index: root.index,
    files,
    directories: directoriesWith(root.index, files),
    skipped: skipped.sort((a, b) => (a.path < b.path ? -1 : 1)),
    bytes: budget.bytes - left,
  };
}

interface Prepared {
  readonly found: FoundFile;
  readonly content: FileContent;
  readonly type: string;
  readonly variants: Variants;
}

// SOURCE_DATE_EPOCH=0, zip's 1980 and npm's 1985: times that packers write so that builds are reproducible.
const FIRST_BELIEVABLE = Date.UTC(1990, 0, 1);

function describe(
  root: ResolvedRoot,
  { found, content, type }: Prepared,
  identity: Uint8Array | null,
  variants: Variants,
): StaticFile {
  const rule = cacheClass(found.path, root);
  const believable = content.mtimeMs >= FIRST_BELIEVABLE;
  return {
    path: found.path,
    absolute: found.absolute,
    size: content.size,
    type,
    etag: content.etag,
    lastModified: believable ? content.mtimeMs : null,
    lastModifiedDate: believable ? formatHttpDate(content.mtimeMs) : null,
    mtimeMs: content.mtimeMs,
    inode: content.inode,
    cacheClass: rule,
    cacheControl: CACHE_CONTROL[rule],
    compressible: isCompressible(type),
    identity,
    variants,
  };
}

function directoriesWith(index: string | false, files: ReadonlyMap<string, StaticFile>): Set<string> {
  const directories = new Set<string>();
  if (index === false) return directories;
  const end = `/${index}`;
  for (const path of files.keys()) {
    if (path.endsWith(end) && path.length > end.length) directories.add(path.slice(0, -end.length));
  }
  return directories;
}

/** Runs `work` for a few items at a time and hands every result to `commit` in the order of the items. */
async function inOrder<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
  commit: (result: R) => void,
): Promise<void> {
  const running: Promise<R>[] = [];
  let next = 0;
  for (let done = 0; done < items.length; done++) {
    while (next < items.length && running.length < CONCURRENCY) {
      const promise = work(items[next++]!);
      // Awaited below; marked as seen so that a second failure while the first is thrown is no crash.
      promise.catch(() => undefined);
      running.push(promise);
    }
    commit(await running.shift()!);
  }
}
