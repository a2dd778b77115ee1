import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contentType, isCompressible } from '../../src/static/content-types.ts';

test('ST-12 types come from the extension alone, and what is unknown is opaque', () => {
  const expected: Record<string, string> = {
    '/index.html': 'text/html; charset=utf-8',
    '/app.js': 'text/javascript; charset=utf-8',
    '/app.mjs': 'text/javascript; charset=utf-8',
    '/APP.CSS': 'text/css; charset=utf-8',
    '/a.json': 'application/json; charset=utf-8',
    '/a.xml': 'text/xml; charset=utf-8',
    '/feed.atom': 'application/atom+xml; charset=utf-8',
    '/logo.svg': 'image/svg+xml; charset=utf-8',
    '/site.webmanifest': 'application/manifest+json; charset=utf-8',
    '/app.js.map': 'application/json; charset=utf-8',
    '/a.wasm': 'application/wasm',
    '/favicon.ico': 'image/x-icon',
    '/f.woff2': 'font/woff2',
    '/a.png': 'image/png',
    '/data.csv.gz': 'application/gzip',
    '/app.js.br': 'application/octet-stream',
    '/a.unknown': 'application/octet-stream',
    '/a.constructor': 'application/octet-stream',
    '/a.__proto__': 'application/octet-stream',
    '/noextension': 'application/octet-stream',
    '/a.html/noextension': 'application/octet-stream',
    '/a.': 'application/octet-stream',
  };
  for (const [path, type] of Object.entries(expected)) assert.equal(contentType(path), type, path);
});

test('CO-05 what pays to compress, whatever the case and the parameters', () => {
  const yes = [
    'text/html',
    'Text/HTML; Charset=UTF-8',
    'text/javascript',
    'application/json',
    'application/json;charset=utf-8',
    'application/problem+json',
    'image/svg+xml',
    'application/wasm',
    'font/ttf',
    'application/manifest+json',
    ' text/css ',
  ];
  const no = [
    '',
    'image/png',
    'video/mp4',
    'application/zip',
    'application/gzip',
    'font/woff',
    'font/woff2',
    'application/octet-stream',
    'text/event-stream',
    'TEXT/EVENT-STREAM; charset=utf-8',
    'application/grpc',
    'application/grpc+json',
    'application/grpc-web+proto',
    'multipart/x-mixed-replace; boundary=a',
    'multipart/form-data',
  ];
  for (const type of yes) assert.equal(isCompressible(type), true, type);
  for (const type of no) assert.equal(isCompressible(type), false, type);
});
