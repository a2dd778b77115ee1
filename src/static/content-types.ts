// Content types by file extension, and which types are worth compressing. Knows names only, never content:
// nothing here sniffs.

import { mimes } from 'mrmime';

const UNKNOWN = 'application/octet-stream';

// What mrmime leaves out, or names differently from what browsers expect.
const OWN: Readonly<Record<string, string>> = {
  ico: 'image/x-icon',
  eot: 'application/vnd.ms-fontobject',
  map: 'application/json',
  zst: 'application/zstd',
  ndjson: 'application/x-ndjson',
  flac: 'audio/flac',
  m3u8: 'application/vnd.apple.mpegurl',
};

// A Map, because `a.constructor` finds something in a plain object.
const TYPES: ReadonlyMap<string, string> = new Map(Object.entries({ ...mimes, ...OWN }));

/** `Content-Type` for a file name or path, with `charset=utf-8` on text. Unknown: `application/octet-stream`. */
export function contentType(path: string): string {
  const dot = path.lastIndexOf('.');
  if (dot === -1 || dot < path.lastIndexOf('/')) return UNKNOWN;
  const extension = path.slice(dot + 1).toLowerCase();
  const type = TYPES.get(extension) ?? UNKNOWN;
  return isText(type) ? `${type}; charset=utf-8` : type;
}

/** Types that are text on the wire, so that a charset means something. */
function isText(type: string): boolean {
  return (
    type.startsWith('text/') ||
    type === 'application/json' ||
    type === 'application/xml' ||
    type === 'application/javascript' ||
    type === 'application/x-ndjson' ||
    type === 'application/manifest+json' ||
    type.endsWith('+json') ||
    type.endsWith('+xml')
  );
}

const COMPRESSIBLE: ReadonlySet<string> = new Set([
  'application/json',
  'application/xml',
  'application/javascript',
  'application/x-javascript',
  'application/ecmascript',
  'application/x-ndjson',
  'application/graphql',
  'application/sql',
  'application/toml',
  'application/yaml',
  'application/x-yaml',
  'application/wasm',
  'application/rtf',
  'application/vnd.ms-fontobject',
  'application/x-font-ttf',
  'application/x-font-otf',
  'application/vnd.apple.mpegurl',
  'font/ttf',
  'font/otf',
  'font/sfnt',
  'font/collection',
  'image/bmp',
  'image/x-icon',
  'image/vnd.microsoft.icon',
]);

// An event stream is flushed by its reader's clock, gRPC and multipart replies frame themselves.
const NEVER: ReadonlySet<string> = new Set(['text/event-stream', 'multipart/x-mixed-replace']);

/**
 * True where compressing a body of this type pays. Takes a whole `Content-Type` value: parameters and case do
 * not matter (RFC 9110 section 8.3.1). Images, video, archives and WOFF fonts are already compressed; event
 * streams, gRPC and `multipart/x-mixed-replace` must not be touched.
 */
export function isCompressible(type: string): boolean {
  const semicolon = type.indexOf(';');
  const essence = (semicolon === -1 ? type : type.slice(0, semicolon)).trim().toLowerCase();
  if (COMPRESSIBLE.has(essence)) return true;
  if (NEVER.has(essence)) return false;
  if (essence.startsWith('text/')) return true;
  if (essence.startsWith('application/grpc')) return false;
  return essence.endsWith('+json') || essence.endsWith('+xml') || essence.endsWith('+yaml');
}
