// What may be served from a build, how long a browser may keep it, and which requests are navigations that the
// SPA document answers. Rules over paths and header values; it never sees a file.

import { carriesContentHash } from './content-hash.ts';

/**
 * `document`: never kept, because it names the other files. `immutable`: kept for a year, its name changes with
 * its content. `revalidate`: kept, and asked about before each use.
 */
export type CacheClass = 'document' | 'immutable' | 'revalidate';

/**
 * `Cache-Control` of each class. `revalidate` is `public, no-cache`: RFC 9111 section 5.2.2.4 lets a cache store
 * it and makes it ask each time, with the ETag. `max-age=0, must-revalidate` means the same to a correct cache, but
 * some caches add a grace period to an age of zero, and none to `no-cache`.
 */
export const CACHE_CONTROL: Readonly<Record<CacheClass, string>> = {
  document: 'no-cache, no-store, must-revalidate',
  immutable: 'public, max-age=31536000, immutable',
  revalidate: 'public, no-cache',
};

export interface CacheRules {
  /** Name of the document that answers for a folder or navigation, `index.html`; false for none. */
  readonly index: string | false;
  /** Patterns relative to the root, exact or `/static/*` by whole segments, of files that never change. */
  readonly immutable: readonly string[];
}

/**
 * The cache class of a file, by its decoded path below the root (`/assets/app.js`). Every HTML page is a document,
 * not only the index: a build with several entries (`desk.html`) has the same reason for each. A document stays one
 * under an `immutable` pattern, since nobody can call back a page or service worker that browsers keep for a year.
 */
export function cacheClass(path: string, rules: CacheRules): CacheClass {
  if (isDocument(path, rules.index)) return 'document';
  if (rules.immutable.some((pattern) => matchesPattern(pattern, path))) return 'immutable';
  return carriesContentHash(path) ? 'immutable' : 'revalidate';
}

// `workbox-3e722498.js` carries a hash, but is part of a service worker and refetched with it at no cost.
const SERVICE_WORKER =
  /^(?:sw|service-?worker|(?:.*[-_.])sw|workbox(?:[-.].*)?|ngsw-worker|safety-worker|worker-basic\.min|registersw|firebase-messaging-sw)\.m?js$/;

function isDocument(path: string, index: string | false): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (index !== false && name === index.slice(index.lastIndexOf('/') + 1)) return true;
  const lower = name.toLowerCase();
  return (
    lower.endsWith('.html') ||
    lower.endsWith('.htm') ||
    lower.endsWith('.webmanifest') ||
    lower === 'manifest.json' ||
    lower === 'ngsw.json' ||
    SERVICE_WORKER.test(lower)
  );
}

/** `/static/*` matches what lies below `/static`, by whole segments; without `/*` the path itself. */
function matchesPattern(pattern: string, path: string): boolean {
  if (!pattern.endsWith('/*')) return pattern === path;
  return path.startsWith(pattern.slice(0, -1));
}

const HIDDEN_SUFFIXES = ['.ts', '.tsx', '.mts', '.cts', '.bak', '~', '.swp'];
const HIDDEN_NAMES: ReadonlySet<string> = new Set(['package.json', 'package-lock.json']);

/**
 * True for files of a build folder that are not for visitors: names that start with a dot (but for `/.well-known/`
 * at the top, RFC 8615 section 3), source maps unless asked for, TypeScript sources, editor and backup leftovers,
 * the package manifest. `.ts` also names MPEG video segments; those are refused as well, because a leaked source
 * is worse than a name to be changed.
 */
export function isHiddenPath(path: string, options: { readonly sourceMaps: boolean }): boolean {
  if (hasDotSegment(path)) return true;
  const name = path.slice(path.lastIndexOf('/') + 1).toLowerCase();
  if (HIDDEN_NAMES.has(name)) return true;
  if (!options.sourceMaps && name.endsWith('.map')) return true;
  return HIDDEN_SUFFIXES.some((suffix) => name.endsWith(suffix));
}

/** True where a segment starts with a dot, other than `.well-known` at the top. */
export function hasDotSegment(path: string): boolean {
  const from = isWellKnown(path) ? WELL_KNOWN.length : 0;
  return path.includes('/.', from);
}

const WELL_KNOWN = '/.well-known';

function isWellKnown(path: string): boolean {
  return (
    path.startsWith(WELL_KNOWN) && (path.length === WELL_KNOWN.length || path[WELL_KNOWN.length] === '/')
  );
}

/**
 * True where the SPA document answers: GET or HEAD, a client that names `text/html` as acceptable, and a path that
 * does not name a file. A dot in the last segment names one, unless only digits follow it (`/releases/1.2`); a
 * segment that starts with a dot is never a page of an application (`/.git/config`, `/.well-known/x`).
 * `path` is decoded. Linear in the length of both strings.
 */
export function isNavigation(method: string, accept: string | undefined, path: string): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false;
  if (accept === undefined || path.includes('/.')) return false;
  const dot = path.lastIndexOf('.');
  if (dot > path.lastIndexOf('/') && !digitsOnly(path, dot + 1)) return false;
  return acceptsHtml(accept);
}

function digitsOnly(text: string, from: number): boolean {
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 48 || code > 57) return false;
  }
  return from < text.length;
}

/** `text/html` with a weight above zero (RFC 9110 sections 12.4.2 and 12.5.1); a range such as `text/*` does not count. */
function acceptsHtml(accept: string): boolean {
  // What every browser sends on a navigation.
  if (accept.startsWith('text/html,')) return true;
  for (const element of accept.toLowerCase().split(',')) {
    const [type, ...parameters] = element.split(';');
    if (type?.trim() !== 'text/html') continue;
    const weight = parameters.map((p) => p.trim()).find((p) => p.startsWith('q='));
    if (weight === undefined || /[1-9]/.test(weight)) return true;
  }
  return false;
}
