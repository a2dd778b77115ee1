// What is refused, with the words the operator reads. Each test gives a plain object to the whole check.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatProblem } from '../../src/config/problem.ts';
import { resolveConfig } from '../../src/config/resolve.ts';

const PROXY = { proxy: 'api' };

function config(changes: { [field: string]: unknown } = {}) {
  return {
    upstreams: { api: { replicas: ['http://api:3000'] } },
    hosts: { 'a.com': { routes: { '/*': PROXY } } },
    ...changes,
  };
}

function lines(plain: unknown): string[] {
  const { config, problems } = resolveConfig(plain, { baseDir: import.meta.dirname });
  assert.equal(
    config === undefined,
    problems.length > 0,
    'a config comes out exactly when there are no problems',
  );
  return problems.map(formatProblem);
}

const upstream = (fields: object) =>
  lines(config({ upstreams: { api: { replicas: ['http://api:3000'], ...fields } } }));
const host = (fields: object) =>
  lines(config({ hosts: { 'a.com': { routes: { '/*': PROXY }, ...fields } } }));
const route = (fields: object, pattern = '/x/*') => host({ routes: { '/api/*': PROXY, [pattern]: fields } });
const policy = (fields: object) =>
  route({ ...PROXY, ...fields }).map((line) => line.replace('hosts["a.com"].routes["/x/*"].', ''));

test('a plain config has no problems', () => {
  assert.deepEqual(lines(config()), []);
});

test('fields whose feature does not exist yet are refused by name', () => {
  const top = { tls: { acme: {} }, listen: { http: 80, admin: '127.0.0.1:9180', https: 443 } };
  assert.deepEqual(lines(config(top)), [
    'tls: TLS: not in this version yet; remove this field',
    'listen.admin: the admin listener: not in this version yet; remove this field',
    'listen.https: expected false (TLS is not in this version yet), got 443',
  ]);
  for (const field of ['discover', 'sticky', 'health', 'eject', 'retry', 'connections', 'slowStart']) {
    const found = upstream({ [field]: false });
    assert.equal(found.length, 1, field);
    assert.match(
      found[0]!,
      new RegExp(`^upstreams\\.api\\.${field}: .*: not in this version yet; remove this field$`),
    );
  }
  assert.match(
    upstream({ replicas: [{ url: 'http://a', weight: 2, backup: true }] }).join('\n'),
    /weight: .*yet.*\n.*backup: .*yet/,
  );
  assert.deepEqual(upstream({ balance: 'least-requests' }), [
    'upstreams.api.balance: "least-requests" is not in this version yet; expected "round-robin"',
  ]);
  const policies = [
    'allow',
    'deny',
    'maintenance',
    'rateLimit',
    'auth',
    'cors',
    'limits',
    'plugins',
    'hold',
    'retry',
  ];
  for (const field of policies) {
    assert.match(
      policy({ [field]: {} }).join(),
      new RegExp(`^${field}: .*: not in this version yet; remove this field$`),
    );
    assert.match(
      host({ policies: { [field]: {} } }).join(),
      new RegExp(`policies\\.${field}: .*: not in this version yet`),
    );
  }
  assert.match(host({ https: 'off' }).join(), /^hosts\["a\.com"\]\.https: TLS: not in this version yet/);
});

test('unknown fields are reported one by one, with what was probably meant', () => {
  assert.deepEqual(lines(config({ upstraems: {}, zzz: 1 })), [
    'upstraems: unknown field. Known: listen, workers, trustedProxies, upstreams, hosts. Did you mean "upstreams"?',
    'zzz: unknown field. Known: listen, workers, trustedProxies, upstreams, hosts.',
  ]);
  assert.match(upstream({ ballance: 'x' }).join(), /ballance: unknown field\. .*Did you mean "balance"\?/);
  assert.match(
    policy({ security: { cspp: 'x' } }).join(),
    /^security\.cspp: unknown field\. .*Did you mean "csp"\?/,
  );
  // The missing action is the same mistake and is not reported a second time.
  assert.deepEqual(route({ porxy: 'api' }), [
    'hosts["a.com"].routes["/x/*"].porxy: unknown field. Known: proxy, spa, files, redirect, respond, security, headers, cache, compress, timeouts. Did you mean "proxy"?',
  ]);
});

test('names that reach the prototype are refused, and nothing reaches it (CF-01)', () => {
  const before = Object.getOwnPropertyNames(Object.prototype).sort();
  const evil = '{"polluted": true, "upstreams": {}}';
  assert.deepEqual(
    lines(JSON.parse(`{"__proto__": ${evil}, "hosts": {"a.com": {"routes": {"/": {"respond": {}}}}}}`)),
    ['__proto__: "__proto__" cannot be a name here'],
  );
  assert.match(
    lines(config({ constructor: { prototype: { polluted: true } } })).join(),
    /^constructor: "constructor" cannot be a name/,
  );
  assert.match(
    policy({ headers: { response: { set: JSON.parse('{"__proto__": "x"}') } } }).join(),
    /"__proto__" cannot be a name/,
  );
  assert.match(
    lines(config({ upstreams: JSON.parse('{"__proto__": {"replicas": []}}') })).join(),
    /upstreams\.__proto__/,
  );
  assert.deepEqual(Object.getOwnPropertyNames(Object.prototype).sort(), before);
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
});

test('names that objects inherit are ordinary unknown names', () => {
  assert.match(route({ proxy: 'toString' }).join(), /no upstream named "toString"\. Known: api\./);
  assert.match(lines(config({ hasOwnProperty: 1 })).join(), /^hasOwnProperty: unknown field/);
});

test('trustedProxies: a hop count, true, and words are refused (GHSA-3m5p-2c4r-xxw2)', () => {
  const trust = (value: unknown) => lines(config({ trustedProxies: value })).join();
  assert.equal(
    trust(1),
    'trustedProxies: a hop count (1) does not say who may be believed; list the networks of your proxies, such as ["10.0.0.0/8"]',
  );
  assert.equal(
    trust(true),
    'trustedProxies: true would believe everybody; list the networks of your proxies, such as ["10.0.0.0/8"]',
  );
  assert.match(
    trust('10.0.0.0/8'),
    /expected a list of networks such as \["10\.0\.0\.0\/8"\], got "10\.0\.0\.0\/8"/,
  );
  assert.match(trust(['0.0.0.0/0']), /^trustedProxies\[0\]: "0\.0\.0\.0\/0" would believe everybody/);
  assert.match(trust(['10.0.0.0/8', '10.0.0.0/8']), /^trustedProxies\[1\]: repeats item \[0\]/);
  assert.match(trust([7]), /^trustedProxies\[0\]: expected a network such as .*, got 7/);
});

test('wrong types say what was seen', () => {
  assert.deepEqual(lines({}), ['hosts: is missing; expected host names with their routes']);
  assert.deepEqual(lines({ hosts: {} }), ['hosts: is empty; expected host names with their routes']);
  assert.deepEqual(lines({ hosts: [] }), ['hosts: expected host names with their routes, got a list']);
  assert.deepEqual(lines(null), ['config: expected an object, the argument of defineGateway, got null']);
  assert.match(
    lines(config({ workers: 0 })).join(),
    /^workers: expected a whole number from 1 to 128, got 0$/,
  );
  assert.match(
    lines(config({ workers: '4' })).join(),
    /^workers: expected "auto" or a whole number from 1 to 128, got "4"$/,
  );
  assert.match(lines(config({ workers: Number.NaN })).join(), /^workers: is NaN$/);
  assert.match(
    upstream({ replicas: [] }).join(),
    /^upstreams\.api\.replicas: is empty; expected at least one address/,
  );
  assert.match(
    upstream({ replicas: 'http://a' }).join(),
    /replicas: expected at least one address .*, got "http:\/\/a"$/,
  );
  assert.match(
    upstream({ replicas: ['http://A', { url: 'http://a:80' }] }).join(),
    /replicas\[1\]: repeats item \[0\]/,
  );
  assert.match(
    upstream({ timeouts: { connect: 5000 } }).join(),
    /connect: 5000 has no unit; write a duration as text, such as "60s"/,
  );
  assert.match(upstream({ timeouts: { idle: '0s' } }).join(), /idle: "0s" leaves no time at all/);
  assert.match(upstream({ tls: { serverName: 'a b' } }).join(), /serverName: .*outside ASCII/);
  assert.match(
    lines(
      config({ upstreams: { 'a b': { replicas: ['http://a'] }, api: { replicas: ['http://b'] } } }),
    ).join(),
    /^upstreams\["a b"\]: an upstream is named with letters/,
  );
  assert.match(host({ routes: {} }).join(), /routes: is empty; expected path patterns with their routes/);
  assert.match(
    route('api' as unknown as object).join(),
    /expected an object with one action, such as \{ proxy: "api" \}, got "api"$/,
  );
});

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
    [{ proxy: 42 }, /\.proxy: expected the name of an upstream, or \{ upstream \}, got 42$/],
    [{ proxy: {} }, /\.proxy\.upstream: is missing; expected the name of an upstream$/],
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

test('header policies cannot touch what frames a message or belongs to one connection', () => {
  const names = [
    'Connection',
    'Keep-Alive',
    'Proxy-Connection',
    'TE',
    'Trailer',
    'Upgrade',
    'Transfer-Encoding',
    'content-length',
    'Host',
  ];
  for (const side of ['request', 'response']) {
    for (const name of names) {
      const set = policy({ headers: { [side]: { set: { [name]: 'x' } } } });
      assert.equal(set.length, 1, `${side} ${name}`);
      assert.match(
        set[0]!,
        new RegExp(`^headers\\.${side}\\.set.*: the header "${name}" (belongs|says|is chosen|is a request)`),
      );
      assert.match(
        policy({ headers: { [side]: { remove: [name] } } }).join(),
        new RegExp(`remove\\[0\\]: the header "${name}" `),
      );
    }
  }
  assert.match(
    policy({ headers: { request: { set: { 'X-Forwarded-For': '1' } } } }).join(),
    /the gateway writes it itself \(see trustedProxies\)/,
  );
  assert.match(
    policy({ headers: { request: { set: { X_User: '1' } } } }).join(),
    /has an underscore; use "-"/,
  );
  assert.match(
    policy({ headers: { response: { set: { 'Content-Encoding': 'gzip' } } } }).join(),
    /describes the bytes/,
  );
});

test('header names are tokens and values stay on their line (HI-01)', () => {
  const set = (name: string, value: unknown) =>
    policy({ headers: { response: { set: { [name]: value } } } }).join();
  for (const name of ['', 'a b', 'a:b', 'ä', 'a\r\nb'])
    assert.match(set(name, 'x'), /is not a header name/, name);
  assert.match(
    set('X-A', 'a\r\nX-B: b'),
    /^headers\.response\.set\["X-A"\]: a header value must not hold a line break$/,
  );
  assert.match(set('X-A', 'a\nb'), /line break/);
  assert.match(set('X-A', 'a\u0000b'), /control characters/);
  assert.match(set('X-A', 'a\u007fb'), /control characters/);
  assert.match(set('X-A', 'snow ☃'), /only hold latin1/);
  assert.match(set('X-A', ' a'), /white space/);
  assert.match(set('X-A', 4), /expected a header value, got 4/);
  assert.equal(set('X-A', 'caf\u00e9\tx'), '');
  assert.match(
    policy({ headers: { response: { set: { 'X-A': '1', 'x-a': '2' } } } }).join(),
    /set\["x-a"\]: is the same header as "X-A"/,
  );
  assert.match(
    policy({ headers: { response: { set: { 'X-A': '1' }, remove: ['x-a'] } } }).join(),
    /remove\[0\]: "x-a" is both set and removed/,
  );
  assert.match(
    policy({ headers: { request: { remove: ['X-A', 'x-a'] } } }).join(),
    /remove\[1\]: repeats item \[0\]/,
  );
  assert.match(
    policy({ cache: 'no-store\r\nX: y' }).join(),
    /^cache: a header value must not hold a line break/,
  );
  assert.match(policy({ cache: { override: true } }).join(), /^cache\.control: is missing/);
});

test('nothing in a security policy can start another directive or header', () => {
  const csp = (value: unknown) => policy({ security: { csp: value } }).join('\n');
  assert.equal(
    csp({ 'default-src': ["'self'", 'https:', '*.stripe.com'], 'upgrade-insecure-requests': [] }),
    '',
  );
  assert.match(
    csp({ 'default-src': ["'self'; script-src *"] }),
    /^security\.csp\["default-src"\]\[0\]: "'self'; script-src \*" must be one word/,
  );
  for (const bad of ['a;b', 'a,b', 'a b', 'a\nb', 'a\r\nb', 'é', 'a\u0000'])
    assert.match(csp({ 'img-src': [bad] }), /must be one word of ASCII/);
  assert.match(csp({ 'img-src': [''] }), /\[0\]: is empty/);
  assert.match(csp({ 'img-src': 'x' }), /expected a list of values, got "x"/);
  assert.match(csp({ 'default-src; x': [] }), /no such directive/);
  assert.match(csp({ scriptSrc: ["'self'"] }), /no such directive\. Did you mean "script-src"\?/);
  assert.match(csp({ 'scritp-src': ["'self'"] }), /Did you mean "script-src"\?/);
  assert.match(csp({ 'script-src': ['self'] }), /needs its quotes: "'self'"/);
  assert.match(csp({ 'script-src-elem': ['nonce-abc'] }), /needs its quotes/);
  assert.match(csp({}), /^security\.csp: is empty/);
  assert.match(csp("default-src 'self'\n; x"), /line break/);
  assert.match(csp(''), /^security\.csp: is empty; false leaves the header out$/);
  assert.match(csp(true), /^security\.csp: expected a policy as text, its directives, or false, got true$/);
  assert.match(
    policy({ security: { hsts: { maxAge: '1y' } } }).join(),
    /^security\.hsts\.maxAge: "1y" is not a duration/,
  );
  assert.match(policy({ security: { hsts: {} } }).join(), /^security\.hsts\.maxAge: is missing/);
  assert.match(policy({ security: { frameOptions: 'DENY\r\nX: y' } }).join(), /line break/);
  assert.match(
    policy({ security: true }).join(),
    /^security: expected an object with security headers, or false, got true$/,
  );
});

test('compression knows its encodings and sizes', () => {
  assert.match(
    policy({ compress: { encodings: ['brotli'] } }).join(),
    /encodings\[0\]: expected "zstd" or "br" or "gzip", got "brotli"/,
  );
  assert.match(policy({ compress: { encodings: [] } }).join(), /encodings: is empty/);
  assert.match(
    policy({ compress: { encodings: ['br', 'br'] } }).join(),
    /encodings\[1\]: repeats item \[0\]/,
  );
  assert.match(
    policy({ compress: { minSize: 1024 } }).join(),
    /minSize: 1024 has no unit; write a size as text, such as "1kb"/,
  );
  assert.match(
    policy({ compress: true }).join(),
    /^compress: expected \{ encodings, minSize \}, or false, got true$/,
  );
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
