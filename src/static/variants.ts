// Compressed variants of a file's bytes, made once or taken from the files a build left beside it. Knows no budget.

import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import type { Encoding } from './encodings.ts';
import { etagOf, readContent } from './file-content.ts';
import type { FoundFile, Skipped } from './folder-walk.ts';

export interface Variant {
  readonly bytes: Uint8Array;
  /** Strong, and the variant's own (RFC 9110 section 8.8.3): two codings are two representations. */
  readonly etag: string;
}

/** The compressed variants of one file; null where one does not exist or is not worth keeping. */
export type Variants = { readonly [K in Encoding]: Variant | null };

/** For whatever is not compressed. */
export const NO_VARIANTS: Variants = { zstd: null, br: null, gzip: null };

/** Below this a header says more than compression saves; the same limit as for compressed answers of replicas. */
const MIN_SIZE = 1024;

const gzip = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.gzip);
const brotli = promisify<zlib.InputType, zlib.BrotliOptions, Buffer>(zlib.brotliCompress);
const zstd = promisify<zlib.InputType, zlib.ZstdOptions, Buffer>(zlib.zstdCompress);
const gunzip = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.gunzip);
const unbrotli = promisify<zlib.InputType, zlib.BrotliOptions, Buffer>(zlib.brotliDecompress);
const unzstd = promisify<zlib.InputType, zlib.ZstdOptions, Buffer>(zlib.zstdDecompress);

interface Codec {
  readonly encoding: Encoding;
  /** Name of the file a build leaves beside the original. */
  readonly extension: string;
  /** Ends the variant's ETag. */
  readonly mark: string;
  readonly compress: (bytes: Uint8Array) => Promise<Buffer>;
  readonly decompress: (bytes: Buffer, limit: number) => Promise<Buffer>;
}

const CODECS: readonly Codec[] = [
  {
    encoding: 'br',
    extension: '.br',
    mark: '-br',
    compress: (bytes) =>
      brotli(bytes, {
        params: {
          // Measured on a 7 MB build: 0.3 s of CPU; quality 9 takes 1.9 s and saves another half per cent.
          [zlib.constants.BROTLI_PARAM_QUALITY]: 8,
          [zlib.constants.BROTLI_PARAM_MODE]: zlib.constants.BROTLI_MODE_TEXT,
          [zlib.constants.BROTLI_PARAM_SIZE_HINT]: bytes.byteLength,
        },
      }),
    decompress: (bytes, limit) => unbrotli(bytes, { maxOutputLength: limit }),
  },
  {
    encoding: 'zstd',
    extension: '.zst',
    mark: '-zst',
    compress: (bytes) =>
      zstd(bytes, {
        params: {
          [zlib.constants.ZSTD_c_compressionLevel]: 12,
          // RFC 9659 section 3: a window over 8 MB is not `zstd` to a browser.
          [zlib.constants.ZSTD_c_windowLog]: 22,
        },
        pledgedSrcSize: bytes.byteLength,
      } as zlib.ZstdOptions),
    decompress: (bytes, limit) => unzstd(bytes, { maxOutputLength: limit }),
  },
  {
    encoding: 'gzip',
    extension: '.gz',
    mark: '-gz',
    compress: (bytes) => gzip(bytes, { level: 6 }),
    decompress: (bytes, limit) => gunzip(bytes, { maxOutputLength: limit }),
  },
];

/**
 * The variants of a file worth keeping. A file `x.br`, `x.zst` or `x.gz` beside `x` that is not older and decodes to
 * the same bytes is taken as it is (builds compress harder than a start may take); one that decodes to something
 * else is reported and ignored. Such files stay reachable under their own names as what they are, with no
 * `Content-Encoding`: a folder of downloads may hold `data.csv` and `data.csv.gz`.
 */
export async function makeVariants(
  found: FoundFile,
  bytes: Buffer,
  siblings: ReadonlyMap<string, FoundFile>,
): Promise<{ variants: Variants; skipped: Skipped[] }> {
  const variants: Record<Encoding, Variant | null> = { ...NO_VARIANTS };
  const skipped: Skipped[] = [];
  for (const codec of CODECS) {
    const sibling = siblings.get(found.path + codec.extension);
    let made: Buffer | null = null;
    if (sibling !== undefined && sibling.mtimeMs >= found.mtimeMs && sibling.size < found.size) {
      made = await readSibling(sibling, bytes, codec.decompress);
      if (made === null) {
        skipped.push({
          path: sibling.path,
          reason: `not used as a variant: does not decode to ${found.path}`,
        });
      }
    }
    if (made === null && bytes.length >= MIN_SIZE) made = await codec.compress(bytes);
    variants[codec.encoding] = made === null ? null : asVariant(codec, made, bytes.length);
  }
  return { variants, skipped };
}

let queue: Promise<unknown> = Promise.resolve();

/**
 * All variants of a body that came from elsewhere, as good as those of files. Calls in one thread take turns, so that
 * a burst of new bodies leaves the thread pool to the streams (CO-14). `bytes` must not change meanwhile.
 */
export function compressAll(bytes: Uint8Array): Promise<Variants> {
  const turn = queue.then(async () => {
    const variants: Record<Encoding, Variant | null> = { ...NO_VARIANTS };
    if (bytes.byteLength < MIN_SIZE) return variants;
    for (const codec of CODECS) {
      variants[codec.encoding] = asVariant(codec, await codec.compress(bytes), bytes.byteLength);
    }
    return variants;
  });
  // The caller hears of a failure; whoever is next in the queue does not.
  queue = turn.catch(() => undefined);
  return turn;
}

function asVariant(codec: Codec, made: Buffer, plain: number): Variant | null {
  // A hash of the variant's own bytes: two versions of zlib make different bytes of the same file.
  return isWorthIt(made.length, plain) ? { bytes: made, etag: etagOf(made, codec.mark) } : null;
}

/** A twentieth and at least 128 bytes smaller: less is not worth the memory and the client's work. */
function isWorthIt(compressed: number, plain: number): boolean {
  return plain - compressed >= Math.max(128, plain / 20);
}

async function readSibling(
  sibling: FoundFile,
  bytes: Buffer,
  decompress: (bytes: Buffer, limit: number) => Promise<Buffer>,
): Promise<Buffer | null> {
  const content = await readContent(sibling, true);
  if ('reason' in content || content.bytes === null) return null;
  try {
    // The limit stops a bomb: anything longer than the file is not the file.
    const decoded = await decompress(content.bytes, bytes.length);
    return decoded.equals(bytes) ? content.bytes : null;
  } catch {
    // Not decodable, or too long: told to the caller by null, which reports it.
    return null;
  }
}
