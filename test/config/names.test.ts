// Host names, addresses, networks, patterns and redirect targets: what may be written, and what is said otherwise.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  hostNameProblem,
  networkProblem,
  parseListen,
  parseReplica,
  parseServer,
  parseSrv,
} from '../../src/config/names.ts';
import { patternProblem } from '../../src/config/path-pattern.ts';
import { redirectTargetProblem } from '../../src/config/redirect-target.ts';

function refused(check: (text: string) => unknown, table: Record<string, RegExp>): void {
  for (const [text, expected] of Object.entries(table)) {
    const answer = check(text);
    assert.equal(typeof answer, 'string', `${JSON.stringify(text)} should have been refused`);
    assert.match(answer as string, expected, JSON.stringify(text));
  }
}

const host = (name: string) => hostNameProblem(name, true);
const label63 = 'a'.repeat(63);

test('host names that are valid', () => {
  const longest = `${label63}.${label63}.${label63}.${'a'.repeat(61)}`;
  assert.equal(longest.length, 253);
  for (const name of [
    'a.com',
    'A.Com',
    'localhost',
    '*.a.com',
    'xn--4ca.test',
    '1.a.com',
    '10.0.0.1',
    longest,
  ]) {
    assert.equal(host(name), undefined, name);
  }
});

test('host names that are not (HO-09, HO-17)', () => {
  refused(host, {
    '': /missing/,
    'ä.test': /outside ASCII; write the punycode form, "xn--4ca.test"/,
    'a\uff0etest': /outside ASCII; write the punycode form, "a.test"/,
    'a.test\u0000': /has a blank or a control character/,
    'a b.test': /has a blank or a control character/,
    'a.com:80': /has a port/,
    'https://a.com': /is a URL/,
    'a.com/x': /without path/,
    'u@a.com': /without path or user/,
    'a.com.': /without the final dot/,
    '.a.com': /empty label/,
    'a..com': /empty label/,
    '-a.com': /"-a" is not a valid label/,
    'a-.com': /"a-" is not a valid label/,
    'a_b.com': /"a_b" is not a valid label/,
    '[::1]': /IPv6/,
    '10.0.1': /not an IPv4 address/,
    '1.2.3.256': /not an IPv4 address/,
    'a.0x7f': /not an IPv4 address/,
    '*': /whole left-most label/,
    'a.*.com': /whole left-most label/,
    '*a.com': /whole left-most label/,
    '*.*.com': /whole left-most label/,
    [`${label63}a.com`]: /64 characters; 63 is the limit/,
    [`${`${label63}.`.repeat(4)}com`]: /259 characters long; 253 is the limit/,
    [`*.${label63}.${label63}.${label63}.${'a'.repeat(60)}`]: /254 characters long/,
  });
});

test('replicas are an origin and nothing else (CVE-2026-48618: names are ASCII)', () => {
  assert.deepEqual(parseReplica('http://api-1:3000'), {
    url: 'http://api-1:3000',
    secure: false,
    host: 'api-1',
    port: 3000,
  });
  assert.deepEqual(parseReplica('https://Main_App'), {
    url: 'https://Main_App',
    secure: true,
    host: 'main_app',
    port: 443,
  });
  assert.deepEqual(parseReplica('http://[::1]:80'), {
    url: 'http://[::1]:80',
    secure: false,
    host: '::1',
    port: 80,
  });
  refused(parseReplica, {
    'api:3000': /has no scheme; write, say, "http:\/\/api:3000"/,
    'ftp://a': /"ftp" is not a scheme/,
    'HTTP://a': /lower case/,
    'http://a:80/': /Write "http:\/\/a:80"/,
    'http://a/x': /no path or query/,
    'http://a?x': /no path or query/,
    'http://a#x': /no path or query/,
    'http://u:p@a': /user name or password/,
    'http://': /no valid host/,
    'http://:80': /no valid host/,
    'http://a:0': /"0" is not a port/,
    'http://a:': /"" is not a port/,
    'http://a:99999': /"99999" is not a port/,
    'http://a:08': /"08" is not a port/,
    'http://a:80:80': /"80:80" is not a port/,
    'http://a b': /blank or a control character/,
    'http://a\u3002b': /outside ASCII/,
    'http://a\r\nb': /blank or a control character/,
    'http://[::1': /no valid host/,
    'http://[::1%25eth0]': /not an IPv6 address/,
    'http://::1': /no valid host|not a port/,
    'http://0x7f000001': /not an IPv4 address/,
    'http://a..b': /empty label/,
  });
});

test('listen takes a port, or an address and a port', () => {
  assert.deepEqual(parseListen(8080), { address: undefined, port: 8080 });
  assert.deepEqual(parseListen('127.0.0.1:8080'), { address: '127.0.0.1', port: 8080 });
  assert.deepEqual(parseListen('[::1]:0'), { address: '::1', port: 0 });
  refused(parseListen, {
    '8080': /is not an address; write a port such as 8080/,
    ':8080': /is not an address/,
    'localhost:80': /"localhost" is not an IP address/,
    '::1:80': /is not an address/,
    '[127.0.0.1]:80': /is not an IP address/,
    '127.0.0.1:70000': /"70000" is not a port/,
  });
  assert.match(parseListen(70_000) as string, /70000 is not a port/);
  assert.match(parseListen(1.5) as string, /1.5 is not a port/);
});

test('trusted networks are networks, and never everybody (HH-09)', () => {
  for (const network of [
    '10.0.0.0/8',
    '192.168.1.1',
    'fd00::/8',
    '::1',
    '::ffff:10.0.0.0/104',
    '1.2.3.4/32',
  ]) {
    assert.equal(networkProblem(network, 'is everybody'), undefined, network);
  }
  refused((network) => networkProblem(network, 'would believe everybody'), {
    '0.0.0.0/0': /would believe everybody/,
    '::/0': /would believe everybody/,
    '10.0.0.0/0': /would believe everybody/,
    '::ffff:0:0/96': /would believe everybody/,
    '::/8': /would believe everybody/,
    '10.0.0.0/33': /no valid prefix length \(0 to 32/,
    '::1/129': /0 to 128/,
    '10.0.0.0/': /no valid prefix length/,
    '10.0.0.0/08': /no valid prefix length/,
    '10.0.0.0/255.0.0.0': /no valid prefix length/,
    'fe80::1%eth0': /is not a network/,
    loopback: /is not a network; write, say, "10.0.0.0\/8"/,
    '10.0.0': /is not a network/,
    '': /is not a network/,
  });
});

test('SRV records have a name and nothing else', () => {
  assert.deepEqual(parseSrv('_http._tcp.API.internal'), {
    url: 'srv http://_http._tcp.api.internal',
    secure: false,
    host: '_http._tcp.api.internal',
    port: 0,
  });
  assert.deepEqual(parseSrv('api.service.consul', 'https'), {
    url: 'srv https://api.service.consul',
    secure: true,
    host: 'api.service.consul',
    port: 0,
  });
  refused((name) => parseSrv(name), {
    '': /is empty; write only the name, such as "_http\._tcp\.api\.internal"/,
    'http://api': /is a URL; .* \(https has a field of its own, scheme\)/,
    'api:80': /has a port, which the records say/,
    '10.0.0.1': /is an address, which has no records/,
    'a b': /has a blank/,
    '*.api': /"\*" is not a valid label/,
    'api.': /without the final dot/,
    'é.fr': /punycode form, "xn--9ca\.fr"/,
  });
});

test('DNS servers are addresses, with a port or without', () => {
  const servers = {
    '127.0.0.11': '127.0.0.11:53',
    '10.0.0.2:5353': '10.0.0.2:5353',
    '::1': '[::1]:53',
    '[::1]': '[::1]:53',
    '[fd00::2]:5353': '[fd00::2]:5353',
  };
  for (const [text, server] of Object.entries(servers)) assert.deepEqual(parseServer(text), { server });
  refused((text) => parseServer(text), {
    '': /"" is not the address of a server; write, say, "127\.0\.0\.11" or "\[::1\]:53"/,
    'dns.internal': /"dns\.internal" is not the address of a server/,
    'udp://10.0.0.2': /is not the address of a server/,
    '10.0.0.2:0': /"0" is not a port \(1 to 65535\)/,
    '10.0.0.2:65536': /"65536" is not a port/,
    '[10.0.0.2]:53': /is not the address of a server/,
    'fe80::1%eth0': /is not the address of a server/,
    '10.0.0.2:': /is not the address of a server/,
  });
});

test('patterns have one spelling', () => {
  for (const pattern of [
    '/',
    '/*',
    '/docs',
    '/docs/',
    '/api/*',
    '/a.b/~c/d-e_f',
    '/.well-known/*',
    '/caf%C3%A9',
    '/a;b=c',
  ]) {
    assert.equal(patternProblem(pattern), undefined, pattern);
  }
  refused(patternProblem, {
    '': /starts with "\/"/,
    api: /must start with "\/"/,
    '*': /only be the whole last segment/,
    '/api*': /only be the whole last segment/,
    '/*/x': /only be the whole last segment/,
    '/**': /only be the whole last segment/,
    '/api/*/': /cannot be told apart from "\/api\/\*"; write it that way/,
    '/api/*//': /cannot be told apart from "\/api\/\*"/,
    '/%61pi/*': /cannot be told apart from "\/api\/\*"; write it that way/,
    '/caf%c3%a9': /cannot be told apart from "\/caf%C3%A9"/,
    '/café/*': /cannot be told apart from "\/caf%C3%A9\/\*"/,
    '/a b': /cannot be told apart from "\/a%20b"/,
    '/users/{id}': /cannot be told apart from "\/users\/%7Bid%7D"/,
    '/a//b': /must not hold "\/\/"/,
    '//*': /must not hold "\/\/"/,
    '/a/../b': /segments "\." and "\.\."/,
    '/./*': /segments "\." and "\.\."/,
    '/%2e%2E/a': /segments "\." and "\.\."/,
    '/a/..;/b': /segments "\." and "\.\."/,
    '/a?b': /must not hold "\?" or "#"/,
    '/a#b': /must not hold "\?" or "#"/,
    '/a%2fb': /slash, backslash or control/,
    '/a%5Cb': /slash, backslash or control/,
    '/a\\b': /slash, backslash or control/,
    '/a%00': /slash, backslash or control/,
    '/a\nb': /slash, backslash or control/,
    '/%zz': /without two hexadecimal digits/,
    '/%': /without two hexadecimal digits/,
    '/%ff': /not UTF-8/,
    '/%C0%AE%C0%AE/x': /not UTF-8/,
    '/\ud800': /cannot be told apart from "\/%EF%BF%BD"/,
  });
});

test('a redirect leads where it says (HI-04)', () => {
  for (const to of [
    '/docs/',
    '/new/*',
    '/*',
    'https://b.com',
    'https://b.com:8443/x?y=1#z',
    'http://b.com/*',
    '/a?b=c',
    'https://web.archive.org/web/http://a.com/',
  ]) {
    assert.equal(redirectTargetProblem(to), undefined, to);
  }
  refused(redirectTargetProblem, {
    '': /must be ASCII/,
    docs: /neither a path .* nor a full URL/,
    '//evil.com': /must not start with "\/\/"/,
    '//*': /must not start with "\/\/"/,
    '/\\evil.com': /backslash/,
    '/a b': /must be ASCII without spaces/,
    '/a\r\nX: y': /must be ASCII without spaces/,
    '/é': /percent-encode/,
    '/a/../b': /segments/,
    'javascript:alert(1)': /neither a path/,
    'HTTPS://b.com': /neither a path/,
    'https://u:p@b.com': /user name or password/,
    'https://': /host name is missing/,
    'https://b.com:0': /"0" is not a port/,
    'https://*.b.com': /can only stand at the end/,
    'https://-b.com': /not a valid label/,
    '/a/*/b': /can only stand at the end/,
    '/a?x=/*': /cannot keep the rest of the path behind/,
  });
});
