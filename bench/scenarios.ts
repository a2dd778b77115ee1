// What is asked of the peers. A scenario names its request and the exact answer; add one here and it is
// checked, measured, tabled and drawn.

import type { Site } from './site.ts';

export const HOST = 'bench.localhost';
export const MEGABYTE = 1024 * 1024;

/** What the origin answers to `/api/json`, about 150 bytes. */
export const JSON_BODY = Buffer.from(
  JSON.stringify({
    id: 4711,
    name: 'Ada Lovelace',
    email: 'ada@example.com',
    role: 'expert',
    active: true,
    createdAt: '2026-11-01T09:30:00.000Z',
    tags: ['a', 'b', 'c'],
  }),
);

/** What the origin answers to `/api/download`. */
export const DOWNLOAD_BODY = Buffer.alloc(
  MEGABYTE,
  'The same sixty-four bytes, again and again, to the last one..\r\n',
);

export interface Scenario {
  name: string;
  title: string;
  /** `proxy`: answered by the origin. `site`: answered from the files in the site folder. */
  kind: 'proxy' | 'site';
  connections: number;
  method: 'GET' | 'POST';
  path: string;
  headers: Record<string, string>;
  /** Size of the request body, 0 for none. */
  uploadBytes: number;
  /** The body after decoding. */
  expected: Buffer;
  /** The `Content-Encoding` the answer must have. */
  encoding: 'gzip' | null;
  /** Whether `Cache-Control` must say `immutable`. */
  immutable: boolean;
}

const userAgent =
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36';

export const SCENARIO_NAMES = ['json', 'asset-1k', 'asset-64k', 'spa', 'download', 'upload'];

export function scenarios(site: Site): Scenario[] {
  const get = {
    method: 'GET',
    connections: 64,
    headers: { host: HOST, 'user-agent': userAgent, accept: '*/*' },
    uploadBytes: 0,
    encoding: null,
    immutable: false,
  } as const;
  const asset = { ...get, kind: 'site', immutable: true } as const;
  return [
    {
      ...get,
      name: 'json',
      title: 'Proxied JSON, 150 bytes',
      kind: 'proxy',
      path: '/api/json',
      expected: JSON_BODY,
    },
    {
      ...asset,
      name: 'asset-1k',
      title: 'Immutable asset, 1 KB',
      path: site.asset1k.path,
      expected: site.asset1k.bytes,
    },
    {
      ...asset,
      name: 'asset-64k',
      title: 'Immutable asset, 64 KB',
      path: site.asset64k.path,
      expected: site.asset64k.bytes,
    },
    {
      ...get,
      name: 'spa',
      title: 'SPA navigation, 4 KB, gzip',
      kind: 'site',
      path: '/some/deep/link',
      headers: { ...get.headers, accept: 'text/html', 'accept-encoding': 'gzip' },
      expected: site.index.bytes,
      encoding: 'gzip',
    },
    {
      ...get,
      name: 'download',
      title: 'Proxied download, 1 MB',
      kind: 'proxy',
      connections: 16,
      path: '/api/download',
      expected: DOWNLOAD_BODY,
    },
    {
      ...get,
      name: 'upload',
      title: 'Proxied upload, 1 MB',
      kind: 'proxy',
      connections: 16,
      method: 'POST',
      path: '/api/upload',
      headers: { ...get.headers, 'content-type': 'application/octet-stream' },
      uploadBytes: MEGABYTE,
      expected: Buffer.from(`{"received":${MEGABYTE}}`),
    },
  ];
}
