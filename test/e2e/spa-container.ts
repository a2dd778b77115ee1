// A container that serves the build of a single-page application, as nginx images do: with `try_files` to
// index.html, or without.

import { answer, type Script } from '../support/recording-replica.ts';
import { headersOf } from '../support/response-parser.ts';

export const INDEX = '<!doctype html><title>app</title>';
export const HASHED = '/assets/index-BxY3k_9Z.js';
export const SCRIPT = 'console.log("a line that repeats");\n'.repeat(200);

/** What the container has; the fields are nginx's. */
export const FILES: Record<string, [type: string, body: string]> = {
  '/': ['text/html', INDEX],
  '/index.html': ['text/html', INDEX],
  '/page.html': ['text/html', 'page'],
  '/sw.js': ['application/javascript', 'worker'],
  '/site.webmanifest': ['application/manifest+json', '{}'],
  '/logo.png': ['image/png', 'png'],
  '/static/font.woff2': ['font/woff2', 'font'],
  '/desk/index.html': ['text/html', 'desk'],
  '/desk/static/font.woff2': ['font/woff2', 'font'],
  [HASHED]: ['application/javascript', SCRIPT],
};

export const container =
  (own: boolean): Script =>
  ({ target, method, headers }) => {
    const path = target.replace(/\?.*/, '');
    const found = FILES[path];
    const [type, body] = found ?? ['text/html', own ? INDEX : '<h1>404 Not Found</h1>'];
    const status = found === undefined && !own ? 404 : 200;
    const fields = {
      'Content-Type': type,
      ETag: '"v1"',
      'Cache-Control': 'max-age=600',
      Expires: 'Thu, 01 Jan 2099 00:00:00 GMT',
    };
    if (headersOf({ headers }, 'if-none-match')[0] === '"v1"') return answer('', fields, 304);
    const bytes = answer(body, fields, status);
    return method === 'HEAD' ? bytes.subarray(0, bytes.indexOf('\r\n\r\n') + 4) : bytes;
  };
