// What is refused in hosts and routes, and between them, with the words the operator reads.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatProblem } from '../../src/config/problem.ts';
import { resolveConfig } from '../../src/config/resolve.ts';
import { config, host, lines, PROXY, route } from './problem-lines.ts';

test('exactly one action per route', () => {
  assert.deepEqual(route({}), [
    'hosts["a.com"].routes["/x/*"]: needs one action: proxy, spa, files, redirect, respond',
  ]);
  assert.match(
    route({ proxy: 'api', redirect: '/' }).join(),
    /: has 2 actions, proxy and redirect; keep one$/,
  );
});

test('actions are checked field by field', () => {
  const cases: [object, RegExp][] = [
    [{ proxy: 'apii' }, /\.proxy: no upstream named "apii"\. Known: api\. Did you mean "api"\?$/],
    [{ proxy: { upstream: 'crm' } }, /\.proxy\.upstream: no upstream named "crm"\. Known: api\.$/],
    [{ proxy: '' }, /\.proxy: is empty; expected the name of an upstream$/],
    [{ proxy: 42 }, /\.proxy: expected the name of an upstream, \{ upstream \} or \{ split \}, got 42$/],
    [{ proxy: {} }, /\.proxy: needs upstream \(a name\), or split \(names with percentages\)$/],
    [{ proxy: { upstream: 'api', stripPrefix: 'x' } }, /stripPrefix: must start with "\/"/],
    [{ proxy: { upstream: 'api', stripPrefix: '/x/' } }, /stripPrefix: write it without the final "\/"/],
    [{ proxy: { upstream: 'api', stripPrefix: '/' } }, /stripPrefix: "\/" changes nothing/],
    [
      { proxy: { upstream: 'api', stripPrefix: '/y' } },
      /stripPrefix: "\/x\/\*" also matches paths that do not start with it/,
    ],
    [{ proxy: { upstream: 'api', addPrefix: '/a/..' } }, /addPrefix: must not hold the segments/],
    [
      { proxy: { upstream: 'api', hostHeader: 'a.com\r\nX: y' } },
      /hostHeader: "a\.com\\r\\nX: y" cannot stand in a Host header/,
    ],
    [{ spa: {} }, /\.spa: needs the build: root \(a folder\) or upstream/],
    [
      { spa: { root: '.', index: 'schema.test.ts', upstream: 'api' } },
      /\.spa: has both root and upstream; keep one/,
    ],
    [{ spa: { upstream: 'web' } }, /\.spa\.upstream: no upstream named "web"/],
    [
      { spa: { upstream: 'api', index: '../x.html' } },
      /index: "\.\.\/x\.html" is not the name of a file inside the folder/,
    ],
    [{ spa: { upstream: 'api', immutable: ['static/*'] } }, /immutable\[0\]: must start with "\/"/],
    [{ spa: { root: 'missing' } }, /\.spa\.root: "missing" \(.*\/test\/config\/missing\) does not exist$/],
    [{ spa: { root: '.' } }, /\.spa\.root: there is no index\.html in "\."/],
    [{ files: {} }, /\.files\.root: is missing; expected a folder/],
    [{ files: { root: '' } }, /\.files\.root: is empty; "\." is the folder of this file/],
    [{ files: { root: 'schema.test.ts' } }, /\.files\.root: "schema\.test\.ts" \(.*\) is not a folder$/],
    [{ files: { root: '.', index: true } }, /index: expected a file name, or false, got true/],
    [{ redirect: 'docs' }, /\.redirect: "docs" is neither a path/],
    [{ redirect: { to: '//evil.com' } }, /\.redirect\.to: must not start with "\/\/"/],
    [{ redirect: { to: '/a', status: 200 } }, /status: expected 301, 302, 303, 307 or 308, got 200/],
    [{ redirect: '/x/*' }, /\.redirect: redirects to itself/],
    [{ respond: { status: 101 } }, /status: expected a whole number from 200 to 599, got 101/],
    [{ respond: { status: 204, body: 'x' } }, /body: an answer with status 204 has no body/],
    [
      { respond: { headers: { 'Content-Length': '4' } } },
      /headers\["Content-Length"\]: the header "Content-Length" says where the message ends/,
    ],
    [
      { respond: { headers: { 'X-A': 'a\nb' } } },
      /headers\["X-A"\]: a header value must not hold a line break/,
    ],
  ];
  for (const [fields, expected] of cases) {
    const found = route(fields);
    assert.equal(found.length, 1, `${JSON.stringify(fields)} → ${found.join('\n')}`);
    assert.match(found[0]!, expected);
  }
  assert.match(
    route({ redirect: '/new/*' }, '/old').join(),
    /"\/new\/\*" keeps what a "\*" matched, but the pattern "\/old" has none/,
  );
  assert.match(route({ redirect: '/old?x=1' }, '/old').join(), /redirects to itself/);
});

test('every name belongs to one host', () => {
  const routes = { '/*': PROXY };
  const found = lines(
    config({
      hosts: {
        'a.com': { aliases: ['b.com', 'c.com'], redirectFrom: ['www.a.com', 'a.com'], routes },
        'A.COM': { routes },
        'B.com': { routes },
        'd.com': { aliases: ['C.com', '*.d.com'], redirectFrom: ['www.a.com', '*.d.com'], routes },
        '*.e.com': { redirectFrom: ['e.com'], routes },
      },
    }),
  );
  assert.deepEqual(found, [
    'hosts["a.com"].aliases[0]: the name "b.com" is taken already, by hosts["B.com"]',
    'hosts["a.com"].redirectFrom[1]: the name "a.com" is taken already, by hosts["a.com"]',
    'hosts["A.COM"]: the name "a.com" is taken already, by hosts["a.com"]',
    'hosts["d.com"].aliases[0]: the name "c.com" is taken already, by hosts["a.com"].aliases[1]',
    'hosts["d.com"].redirectFrom[0]: the name "www.a.com" is taken already, by hosts["a.com"].redirectFrom[0]',
    'hosts["d.com"].redirectFrom[1]: the name "*.d.com" is taken already, by hosts["d.com"].aliases[1]',
    'hosts["*.e.com"].redirectFrom: cannot redirect to "*.e.com": a wildcard is not one address',
  ]);
});

test('routes that cannot be told apart are refused where they stand', () => {
  const found = host({ routes: { '/api/*': PROXY, '/api/*/': PROXY, '/%61pi/*': PROXY } });
  assert.deepEqual(found, [
    'hosts["a.com"].routes["/api/*/"]: cannot be told apart from "/api/*"; write it that way',
    'hosts["a.com"].routes["/%61pi/*"]: cannot be told apart from "/api/*"; write it that way',
  ]);
});

test('doubtful things are warnings, and the config still loads', () => {
  const { config: resolved, warnings } = resolveConfig(
    config({
      upstreams: {
        api: { replicas: ['http://api'], tls: { verify: false } },
        crm: { replicas: ['https://crm'] },
      },
      hosts: {
        'a.com': { routes: { '/*': PROXY, '/users/:id': PROXY, '/app': { spa: { upstream: 'api' } } } },
      },
    }),
    { baseDir: '/' },
  );
  assert.notEqual(resolved, undefined);
  assert.deepEqual(warnings.map(formatProblem), [
    'upstreams.api.tls: has no effect: no replica starts with "https://"',
    'upstreams.api.tls.verify: any certificate is accepted',
    'upstreams.crm: no route leads here',
    'hosts["a.com"].routes["/users/:id"]: ":" has no meaning in a pattern; only this very path matches. For a prefix write "/*"',
    'hosts["a.com"].routes["/app"].spa: "/app" matches one path; for an application and its files write "/app/*"',
  ]);
});
