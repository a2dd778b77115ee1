// What is refused at the top of a config and in its upstreams, with the words the operator reads.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { config, host, lines, policy, route, upstream } from './problem-lines.ts';

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
  const policies = ['allow', 'deny', 'rateLimit', 'auth', 'cors', 'limits', 'plugins'];
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
    'upstraems: unknown field. Known: listen, workers, trustedProxies, resolver, upstreams, hosts. Did you mean "upstreams"?',
    'zzz: unknown field. Known: listen, workers, trustedProxies, resolver, upstreams, hosts.',
  ]);
  assert.match(upstream({ ballance: 'x' }).join(), /ballance: unknown field\. .*Did you mean "balance"\?/);
  assert.match(
    policy({ security: { cspp: 'x' } }).join(),
    /^security\.cspp: unknown field\. .*Did you mean "csp"\?/,
  );
  // The missing action is the same mistake and is not reported a second time.
  assert.deepEqual(route({ porxy: 'api' }), [
    'hosts["a.com"].routes["/x/*"].porxy: unknown field. Known: proxy, spa, files, redirect, respond, security, headers, cache, compress, timeouts, maintenance, hold, retry. Did you mean "proxy"?',
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
  assert.match(upstream({ tls: { serverName: 'a b' } }).join(), /serverName: .*has a blank/);
  assert.match(
    lines(
      config({ upstreams: { 'a b': { replicas: ['http://a'] }, api: { replicas: ['http://b'] } } }),
    ).join(),
    /^upstreams\["a b"\]: an upstream is named with letters/,
  );
  assert.match(host({ routes: {} }).join(), /routes: is empty; expected path patterns with their routes/);
  assert.match(
    route('api').join(),
    /expected an object with one action, such as \{ proxy: "api" \}, got "api"$/,
  );
});
