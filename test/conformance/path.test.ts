// PA: which path a request is for. One spelling is matched and the same one is forwarded; what could be read in
// two ways is refused (RFC 3986 sections 3.3, 5.2.4 and 6.2.2).
import assert from 'node:assert/strict';
import { H, leftovers, startRig } from './rig.ts';

const rig = await startRig({
  hosts: {
    // No `/*`: what no pattern claims is a 404.
    'guard.test': {
      routes: {
        '/public/*': { proxy: 'a' },
        '/admin/*': { respond: { status: 403, body: 'guarded' } },
        '/api/*': { proxy: { upstream: 'a', stripPrefix: '/api' } },
        '/added/*': { proxy: { upstream: 'a', stripPrefix: '/added', addPrefix: '/v1' } },
      },
    },
  },
});
const at = (path: string, host = 'a.test') => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
const refused = (...paths: string[]) =>
  Object.fromEntries(paths.map((path) => [path.slice(0, 40), at(path)]));
/** The path must reach the replica of `a.test` in this spelling. */
const forwards = (title: string, path: string, as = path) =>
  rig.exchange(`${title}: ${path.slice(0, 40)}`, at(path), { answers: [200], upstream: [`A GET ${as}`] });
const guarded = (title: string, path: string, status: number) =>
  rig.exchange(`${title}: ${path}`, at(path, 'guard.test'), { answers: [status] });

rig.refusals(
  'PA-01 dot segments',
  refused('/public/../admin', '/../etc', '/public/./x', '/.', '/..', '/x/..', '/./'),
);
rig.refusals(
  'PA-02 encoded dot segments',
  refused(
    '/public/%2e%2e/admin',
    '/public/%2E./admin',
    '/public/.%2e/admin',
    '/%2e',
    '/public/%2e/x',
    '/x/%2e%2E',
  ),
);
rig.refusals(
  'PA-03 encoded slash',
  refused('/public%2fadmin', '/public%2f..%2fadmin', '/public%2Fadmin', '/%2f'),
);

// Decoded once, and only what needs no escape (`%32` is `2`, RFC 3986 section 6.2.2.2). `%25` stays `%25`, so
// nothing turns into an escape that was none. What is forwarded is the canonical form that was matched; where the
// client sent that form, its very bytes.
forwards('PA-04 double encoding', '/%252e%252e/admin');
forwards('PA-04 double encoding', '/%25%32%65', '/%252e');
forwards('PA-04 double encoding', '/%252fadmin');

rig.refusals('PA-05 backslash', refused('/public\\..\\admin', '/public%5c..%5cadmin', '/%5C', '/\\evil.com'));
rig.refusals('PA-06 NUL/control', {
  ...refused('/a%00.png', '/a%0d%0aX: y', '/a%0d%0aX:%20y', '/a%7f', '/a%1F', '/a%0A'),
  'raw \\x01': at('/a\x01'),
  'raw NUL': at('/a\x00b'),
  'raw DEL': at('/a\x7f'),
});
rig.refusals('PA-07 double slash', {
  ...refused('//admin', '/public//admin', '///', '/x//', '//evil.com/..', '//evil.com/%2f..'),
  'on a folder': at('//evil.com/', 'spa.test'),
  'on a redirect': at('//old', 'spa.test'),
  'in an absolute-form': at('http://a.test//evil.com'),
});

rig.refusals(
  'PA-08 semicolon',
  refused('/public/..;/admin', '/public/..;x=1/admin', '/public/.;/x', '/public/..%3b/x'),
);
forwards('PA-08 semicolon is data', '/admin;x=1');
guarded('PA-08 semicolon is data', '/admin;x=1', 404);

guarded('PA-09 encoded letters', '/%61dmin', 403);
guarded('PA-09 encoded letters', '/%61%64%6d%69%6E/x', 403);
guarded('PA-10 case', '/ADMIN', 404);
guarded('PA-10 case', '/Admin/x', 404);

rig.refusals(
  'PA-11 invalid %',
  refused(
    '/%zz',
    '/%',
    '/%e0%80%af',
    '/%c0%ae',
    '/%4',
    '/x%',
    '/%c3',
    '/%ed%a0%80',
    '/%ff',
    '/%u0041',
    '/%f4%90%80%80',
  ),
);
rig.refusals('PA-12 fragment', refused('/admin#.png', '/#', '/x?y#z'));

for (const path of ['/api../x', '/apix', '/api%2e%2e/', '/api..', '/api.', '/api;/x']) {
  guarded('PA-13 prefix boundary', path, 404);
}
rig.refusal('PA-13 prefix boundary: /api/../x', at('/api/../x', 'guard.test'));

for (const [path, forwarded] of [
  ['/api/', '/'],
  ['/api', '/'],
  ['/api?q', '/?q'],
  ['/a%70i/x', '/x'],
  ['/api/x/', '/x/'],
  ['/api/api/x', '/api/x'],
  ['/api/%20', '/%20'],
  ['/added', '/v1/'],
  ['/added/x?y', '/v1/x?y'],
] as const) {
  rig.exchange(`PA-14 strip prefix: ${path}`, at(path, 'guard.test'), {
    answers: [200],
    upstream: [`A GET ${forwarded}`],
  });
}
rig.refusals('PA-14 strip prefix', {
  '/api//x': at('/api//x', 'guard.test'),
  '/api/%2e/x': at('/api/%2e/x', 'guard.test'),
  '/api/..;/x': at('/api/..;/x', 'guard.test'),
  '/added/%2e%2e': at('/added/%2e%2e', 'guard.test'),
});

forwards('PA-15 query', '/x?a=b&a=c&d=%2F&e=+&f');
forwards('PA-15 query', '/x??');
forwards('PA-15 query', '/x?');
forwards('PA-15 query', `/x?${'q'.repeat(8192)}`);
forwards('PA-15 query', '/x?../..//%00%zz;"<>\\^`{|}[]');

for (const [path, status] of [
  ['/admin/', 403],
  ['/admin', 403],
  ['/admin/x/y', 403],
  ['/admin.', 404],
  ['/admin%20', 404],
] as const) {
  guarded('PA-16 trailing slash/dot/space', path, status);
}
rig.refusal('PA-16 trailing tab', at('/admin%09', 'guard.test'));

rig.refusals('PA-17 non-ASCII raw', {
  UTF8: at('/caf\xc3\xa9'),
  'lone byte': at('/\xff'),
  query: at('/?\xff'),
});
forwards('PA-17 non-ASCII escaped', '/caf%c3%a9', '/caf%C3%A9');

rig.refusal('PA-18 overlong: 8 KiB', at(`/${'p'.repeat(8192)}`), [414, 431]);
rig.refusal('PA-18 overlong: 20 KiB', at(`/${'p'.repeat(20_480)}`), [414, 431]);
rig.refusal('PA-18 overlong: 14 KiB with its query', at(`/?${'p'.repeat(14_336)}`), [414, 431]);
// That the work grows with the length alone is measured in test/routing/path.test.ts.
rig.refusal('PA-19 param explosion', at(`/${'%25'.repeat(5461)}`), [414, 431]);
forwards('PA-19 param explosion, as long as may be', `/${'%25'.repeat(1365)}`);

rig.refusals('PA-20 CONNECT-like/URL in path', refused('/http://evil/', '/\tevil', '/http:\\\\evil'));
forwards('PA-20 CONNECT-like/URL in path', '/@evil');
forwards('PA-20 CONNECT-like/URL in path', '/http:/evil');
forwards('PA-20 CONNECT-like/URL in path', '/evil:80/x');

// What RFC 3986 keeps out of paths is escaped on the way.
forwards(
  'PA characters that clients should have escaped',
  '/a"<b>[c]^`{|}',
  '/a%22%3Cb%3E%5Bc%5D%5E%60%7B%7C%7D',
);

rig.exchange(
  'PA-07 a redirect stays on its host',
  `GET /old?x=//evil.com HTTP/1.1\r\nHost: spa.test\r\n\r\n`,
  {
    answers: [308],
    check: ([response]) => {
      const at = response!.headers.findIndex((name) => name.toLowerCase() === 'location');
      assert.equal(response!.headers[at + 1], '/new?x=//evil.com');
    },
  },
);

// A target is judged before its host is looked up, so nobody learns from it which hosts exist.
rig.refusal('PA-01 on an unknown host', at('/../x', 'nope.test'));
rig.refusal('PA-01 in an absolute-form', `GET http://a.test/../x HTTP/1.1\r\n${H}\r\n`);

leftovers(rig);
