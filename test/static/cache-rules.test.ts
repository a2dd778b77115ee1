import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CACHE_CONTROL,
  type CacheRules,
  cacheClass,
  isHiddenPath,
  isNavigation,
} from '../../src/static/cache-rules.ts';
import { carriesContentHash } from '../../src/static/content-hash.ts';

const rules: CacheRules = { index: 'index.html', immutable: [] };

const HASHED = [
  // Vite, Rollup, Rolldown
  '/assets/app-BxY3k_9Z.js',
  '/assets/index-DiwrgTda.css',
  '/assets/index-Co5RB00a.css',
  '/assets/Device-CT6D6U-f.css',
  '/assets/DangerZone-zhCzMBiv.css',
  '/assets/Review-BMffOhLO.css',
  '/assets/Landing-DtVlV_J2.css',
  '/assets/Home-KeWXtvrE.css',
  '/assets/legacy-CiOctGuC.js',
  '/assets/date-fns.ecfd739c.js',
  '/assets/html.worker.e7c7cd44.js',
  '/assets/index-3f1a2b4c.js',
  '/assets/logo-DtVlV_J2.svg',
  '/assets/inter-latin-wght-normal-Dx4kXJAl.woff2',
  // webpack, CRA, Rspack, Docusaurus
  '/main.8d0fa1b2.js',
  '/static/js/787.8d0fa1b2.chunk.js',
  '/8d0fa1b2c3.chunk.css',
  '/static/media/logo.6ce24c58023cc2f8fd88fe9d219db6c6.svg',
  '/8d0fa1b2c3d4e5f60718.png',
  '/assets/js/c4f5d8e4.8d0fa1b2.js',
  // Angular
  '/main.0123456789abcdef.js',
  '/styles.ef46db3751d8e999.css',
  '/main-5INURTSO.js',
  '/chunk-ABCDEFGH.js',
  '/polyfills-FFHMD2TL.js',
  // Next, SvelteKit, Astro, Nuxt
  '/_next/static/chunks/main-0123456789abcdef.js',
  '/_next/static/media/0123456789abcdef-s.p.woff2',
  '/_next/static/b2pXo9/_buildManifest.js',
  '/docs/_next/static/css/app.css',
  '/_app/immutable/chunks/anything.js',
  '/_astro/hero.DZNqQOfz_Z1yNkq.webp',
  '/images/houston.DZNqQOfz_Z1yNkq.webp',
  '/_nuxt/BxY3k_9Z.js',
  '/_nuxt/entry.BxY3k_9Z.css',
  // Parcel, Phoenix, Django, Rails, Hugo, Trunk, Bun
  '/index.8d0fa1b2.js',
  '/app-0123456789abcdef0123456789abcdef.js',
  '/base.27e20196a850.js',
  '/application-8d0fa1b2.css',
  `/style.min.${'0a1b2c3d'.repeat(8)}.css`,
  '/app-8d0fa1b2c3d4e5f6_bg.wasm',
  '/chunk-k8vrz5rm.js',
];

const PLAIN = [
  '/jquery-3.7.1.min.js',
  '/apple-touch-icon-180x180.png',
  '/icon-1920x1080.png',
  '/video-3840x2160p60.mp4',
  '/android-chrome-512x512.png',
  '/locales/en-US.json',
  '/locales/app-en-US-v2.json',
  '/report-2024-01-15.pdf',
  '/report-20240115.pdf',
  '/report.20240115T101500.pdf',
  '/export-1700000000.csv',
  '/component-settings.js',
  '/photo-portrait.jpg',
  '/photo-iPhone15.jpg',
  '/hero-background.jpg',
  '/menu-cafe2024.pdf',
  '/menu-2024cafe.pdf',
  '/img-face2024.jpg',
  '/fonts/Inter-SemiBold.woff2',
  '/fonts/Inter-ExtraBold.woff2',
  '/fonts/Roboto-Regular.ttf',
  '/assets/theme-DarkMode.js',
  '/assets/user-settings.js',
  '/assets/MyWidget.js',
  '/assets/lib-MyWidget.js',
  '/README-TEMPLATE.md',
  '/logo-PORTRAIT.png',
  '/img/DSC02345.jpg',
  '/img/trip-DSC02345.jpg',
  '/HiFi-MM1.conf',
  '/Windows-MSVC-CXX.cmake',
  '/basn0g16.png',
  '/TopAndL2.js',
  '/uploads/550e8400-e29b-41d4-a716-446655440000.png',
  '/uploads/photo-507f1f77bcf86cd799439011.jpg',
  '/robots.txt',
  '/favicon.ico',
  '/8d0fa1b2/app.js',
  '/8d0fa1b2',
  '/.8d0fa1b2',
  '/main.8d0fa1b.js',
  '/x.webmanifest',
  '/_next/data/build/page.json',
];

test('file names with a content hash, as build tools write them, are told from all others', () => {
  for (const path of HASHED) assert.equal(carriesContentHash(path), true, path);
  for (const path of PLAIN) assert.equal(carriesContentHash(path), false, path);
});

test('nearly every random hash of the usual shapes is found', () => {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  // A fixed sequence, so that the figures are the same on every run.
  let state = 12345;
  const random = (alphabet: string, length: number): string => {
    let text = '';
    for (let i = 0; i < length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      text += alphabet[(state >>> 8) % alphabet.length];
    }
    return text;
  };
  const share = (make: () => string): number => {
    let found = 0;
    for (let i = 0; i < 2000; i++) if (carriesContentHash(make())) found++;
    return found / 2000;
  };
  assert.ok(share(() => `/assets/a-${random(letters, 8)}.js`) > 0.95);
  assert.ok(share(() => `/js/a-${random(letters, 8)}.js`) > 0.9);
  assert.ok(share(() => `/a.${random('0123456789abcdef', 8)}.js`) > 0.88);
  assert.ok(share(() => `/a.${random('0123456789abcdef', 20)}.js`) > 0.99);
  assert.ok(share(() => `/chunk-${random('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', 8)}.js`) === 1);
});

test('judging a long hostile name takes no time', () => {
  const started = performance.now();
  for (const part of ['-A1b2', '.min', '_', 'aB', '0a', '-s.p'])
    carriesContentHash(`/${part.repeat(20_000)}.js`);
  for (const part of ['workbox-', 'sw.', '-sw']) cacheClass(`/${part.repeat(20_000)}.js`, rules);
  assert.ok(performance.now() - started < 200);
});

test('CA-12 documents, service workers and web manifests are never kept', () => {
  const documents = [
    '/index.html',
    '/docs/index.html',
    '/desk.html',
    '/old.HTM',
    '/sw.js',
    '/service-worker.js',
    '/serviceworker.js',
    '/firebase-messaging-sw.js',
    '/push-sw.js',
    '/workbox-3e722498.js',
    '/ngsw-worker.js',
    '/registerSW.js',
    '/manifest.json',
    '/site.webmanifest',
    '/assets/page-BxY3k_9Z.html',
  ];
  for (const path of documents) assert.equal(cacheClass(path, rules), 'document', path);
  assert.equal(cacheClass('/answer.json', rules), 'revalidate');
  assert.equal(cacheClass('/asset-manifest.json', rules), 'revalidate');
  assert.equal(cacheClass('/swipe.js', rules), 'revalidate');
  assert.equal(cacheClass('/app.xhtm', { index: 'app.xhtm', immutable: [] }), 'document');
  assert.equal(cacheClass('/app.xhtm', { index: false, immutable: [] }), 'revalidate');
  assert.equal(CACHE_CONTROL.document, 'no-cache, no-store, must-revalidate');
  assert.equal(CACHE_CONTROL.immutable, 'public, max-age=31536000, immutable');
});

test('immutable patterns match whole segments and never a document', () => {
  const widened: CacheRules = { index: 'index.html', immutable: ['/static/*', '/logo.svg'] };
  assert.equal(cacheClass('/static/app.js', widened), 'immutable');
  assert.equal(cacheClass('/static/deep/app.js', widened), 'immutable');
  assert.equal(cacheClass('/logo.svg', widened), 'immutable');
  assert.equal(cacheClass('/statics/app.js', widened), 'revalidate');
  assert.equal(cacheClass('/logo.svg2', widened), 'revalidate');
  assert.equal(cacheClass('/a/static/app.js', widened), 'revalidate');
  assert.equal(cacheClass('/static/sw.js', widened), 'document');
  assert.equal(cacheClass('/static/index.html', widened), 'document');
  assert.equal(cacheClass('/a.js', { index: false, immutable: ['/*'] }), 'immutable');
});

test('ST-02 names that start with a dot are hidden, but for /.well-known/ at the top', () => {
  const hidden = [
    '/.env',
    '/.git/config',
    '/a/.htaccess',
    '/.well-knownx/a',
    '/.well-known/.env',
    '/a/.well-known/b',
  ];
  for (const path of hidden) assert.equal(isHiddenPath(path, { sourceMaps: true }), true, path);
  for (const path of ['/.well-known/security.txt', '/a.b/c', '/a..js']) {
    assert.equal(isHiddenPath(path, { sourceMaps: false }), false, path);
  }
});

test('ST-03 source maps, TypeScript, leftovers and package files are hidden', () => {
  const hidden = [
    '/app.js.map',
    '/APP.JS.MAP',
    '/src/app.ts',
    '/src/app.tsx',
    '/index.html.bak',
    '/index.html~',
    '/.index.html.swp',
    '/index.html.swp',
    '/package.json',
    '/a/package-lock.json',
  ];
  for (const path of hidden) assert.equal(isHiddenPath(path, { sourceMaps: false }), true, path);
  assert.equal(isHiddenPath('/app.js.map', { sourceMaps: true }), false);
  assert.equal(isHiddenPath('/package.jsonx', { sourceMaps: false }), false);
  assert.equal(isHiddenPath('/hints', { sourceMaps: false }), false);
});

test('ST-10 the fallback is for GET and HEAD that accept HTML, on paths that name no file', () => {
  const html = 'text/html,application/xhtml+xml,*/*;q=0.8';
  for (const path of ['/', '/users/7', '/a.b/c', '/releases/1.2', '/@me', '/caf\u00e9', '/docs/']) {
    assert.equal(isNavigation('GET', html, path), true, path);
    assert.equal(isNavigation('HEAD', html, path), true, path);
    assert.equal(isNavigation('POST', html, path), false, path);
  }
  const files = [
    '/app.js',
    '/x.html ',
    '/x.',
    '/.env',
    '/.git/config',
    '/.well-known/x',
    '/a/%2e.php',
    '/user/j.doe',
  ];
  for (const path of files) assert.equal(isNavigation('GET', html, path), false, path);
  for (const accept of [undefined, '', '*/*', 'application/json', 'text/*', 'text/html;q=0', 'text/htmlx']) {
    assert.equal(isNavigation('GET', accept, '/'), false, String(accept));
  }
  const accepted = [
    'text/html',
    'TEXT/HTML;q=0.1',
    'application/json, text/html ; level=1; q=0.5',
    'a/b,text/html',
  ];
  for (const accept of accepted) assert.equal(isNavigation('GET', accept, '/'), true, accept);
  for (const refused of ['text/html;q=0.000', 'text/html; q=0, a/b', 'text/html;q=']) {
    assert.equal(isNavigation('GET', refused, '/'), false, refused);
  }
});
