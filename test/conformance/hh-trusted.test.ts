// HH: forwarded headers of a trusted proxy. The gateway listens on IPv6 and IPv4, so that its peer is
// `::ffff:127.0.0.1` (HH-08), and trusts 127.0.0.0/8 and 10.0.0.0/8.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClientConnection } from '../../src/listener/client-connection.ts';
import { Networks } from '../../src/routing/networks.ts';
import { temporaryFolder } from '../support/fixtures.ts';
import { runGateway } from '../support/gateway-process.ts';
import type { RecordedRequest } from '../support/request-reader.ts';
import { headerOf } from '../support/response-parser.ts';
import { leftovers, startRig } from './rig.ts';
import { seen } from './scripted.ts';

const security = { security: { hsts: 'max-age=1' } };
const rig = await startRig({
  trustedProxies: ['127.0.0.0/8', '10.0.0.0/8', '2001:db8::/32'],
  hosts: { 'secure.test': { policies: security, routes: { '/*': { proxy: 'a' } } } },
});

interface Facts {
  for: string;
  client: string;
  proto?: string;
  host?: string;
  port?: string;
}

function believes(title: string, fields: string, facts: Facts): void {
  const text = `GET / HTTP/1.1\r\nHost: a.test\r\n${fields.replaceAll('¶', '\r\n')}\r\n`;
  rig.exchange(title, text, {
    answers: [200],
    upstream: ['A GET /'],
    check: (_, [request]) => assertFacts(request!, facts),
  });
}

function assertFacts(request: RecordedRequest, facts: Facts): void {
  const { client, proto = 'http', host = 'a.test', port = '80' } = facts;
  assert.deepEqual(seen(request, 'x-forwarded-for'), [facts.for]);
  assert.deepEqual(seen(request, 'x-real-ip'), [client]);
  assert.deepEqual(seen(request, 'x-forwarded-proto'), [proto]);
  assert.deepEqual(seen(request, 'x-forwarded-host'), [host]);
  assert.deepEqual(seen(request, 'x-forwarded-port'), [port]);
  const node = client.includes(':') ? `"[${client}]"` : client;
  assert.deepEqual(seen(request, 'forwarded'), [`for=${node};proto=${proto};host="${host}"`]);
  assert.deepEqual(seen(request, 'host'), ['a.test']);
}

believes('HH-06 the right-most untrusted address is the client', 'X-Forwarded-For: 6.6.6.6, 9.9.9.9¶', {
  for: '9.9.9.9, 127.0.0.1',
  client: '9.9.9.9',
});
believes('HH-06 trusted hops are walked through', 'X-Forwarded-For: 6.6.6.6, 9.9.9.9, 10.0.0.1, 10.1.1.1¶', {
  for: '9.9.9.9, 10.0.0.1, 10.1.1.1, 127.0.0.1',
  client: '9.9.9.9',
});
believes(
  'HH-06 several lines are joined in order',
  'X-Forwarded-For: 6.6.6.6¶X-Forwarded-For: 9.9.9.9¶X-Forwarded-For: 10.0.0.1¶',
  { for: '9.9.9.9, 10.0.0.1, 127.0.0.1', client: '9.9.9.9' },
);
believes('HH-06 every hop is trusted', 'X-Forwarded-For: 10.0.0.2, 10.0.0.1¶', {
  for: '10.0.0.2, 10.0.0.1, 127.0.0.1',
  client: '10.0.0.2',
});
believes('HH-06 IPv6', 'X-Forwarded-For: 6.6.6.6, 2a00::1, [2001:db8::1]:99¶', {
  for: '2a00::1, 2001:db8::1, 127.0.0.1',
  client: '2a00::1',
});
believes(
  'HH-06 protocol, host and port',
  'X-Forwarded-For: 9.9.9.9¶X-Forwarded-Proto: https¶X-Forwarded-Host: b.test:8443¶X-Forwarded-Port: 8443¶',
  {
    for: '9.9.9.9, 127.0.0.1',
    client: '9.9.9.9',
    proto: 'https',
    host: 'b.test:8443',
    port: '8443',
  },
);
believes('HH-06 https without a port', 'X-Forwarded-Proto: https¶', {
  for: '127.0.0.1',
  client: '127.0.0.1',
  proto: 'https',
  port: '443',
});
believes('HH-06 of several protocols the nearest counts', 'X-Forwarded-Proto: https, http¶', {
  for: '127.0.0.1',
  client: '127.0.0.1',
});

const NOBODY = { for: '127.0.0.1', client: '127.0.0.1' };
const PLAIN = { for: '1.2.3.4, 127.0.0.1', client: '1.2.3.4' };
for (const [value, facts] of [
  ['x', NOBODY],
  ['1.2.3.4:80', PLAIN],
  ['[::1]:1', { for: '::1, 127.0.0.1', client: '::1' }],
  ['unknown', NOBODY],
  ['_hidden', NOBODY],
  ['a'.repeat(8000), NOBODY],
  ['', NOBODY],
  [',,', NOBODY],
  ['1.2.3.4,', NOBODY],
  ['9.9.9.9, x', NOBODY],
  ['x, 1.2.3.4', PLAIN],
  ['1.2.3', NOBODY],
  ['1.2.3.4.5', NOBODY],
  ['999.1.1.1', NOBODY],
  ['127.1', NOBODY],
  ['0x7f.0.0.1', NOBODY],
  ['1.2.3.4:99999999', NOBODY],
  ['fe80::1%eth0', NOBODY],
  ['1.2.3.4"', NOBODY],
  ['1.2.3.4 5.6.7.8', NOBODY],
  ['::ffff:1.2.3.4', PLAIN],
] as const) {
  believes(`HH-07 X-Forwarded-For: ${value.slice(0, 20) || 'empty'}`, `X-Forwarded-For: ${value}¶`, facts);
}
const many = Array.from({ length: 500 }, () => '10.0.0.9').join(', ');
rig.exchange(
  'HH-07 500 entries',
  `GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 6.6.6.6, ${many}\r\n\r\n`,
  {
    answers: [200],
    upstream: ['A GET /'],
    check: (_, [request]) => {
      assert.deepEqual(seen(request, 'x-real-ip'), ['10.0.0.9']);
      assert.ok(request!.head.length < 2000);
    },
  },
);
for (const [fields, what] of [
  ['X-Forwarded-Host: a b¶', 'host with a space'],
  ['X-Forwarded-Host: a"b¶', 'host with a quote'],
  ['X-Forwarded-Host: evil.test/x¶', 'host with a path'],
  ['X-Forwarded-Proto: ftp¶', 'unknown protocol'],
  ['X-Forwarded-Port: 99999¶', 'port out of range'],
  ['X-Forwarded-Port: 80x¶', 'port with a letter'],
] as const) {
  believes(`HH-07 garbage in others: ${what}`, fields, NOBODY);
}
believes(
  'HH-07 Forwarded, X-Real-IP and the rest are rebuilt for a trusted peer, too',
  'Forwarded: for=6.6.6.6¶X-Real-IP: 6.6.6.6¶CF-Connecting-IP: 6.6.6.6¶X-Forwarded-Prefix: /x¶',
  NOBODY,
);

test('HH-08 an IPv4-mapped peer is the IPv4 address that is trusted', () => {
  const proxies = new Networks(['10.0.0.0/8']);
  const peer = (remoteAddress: string) => new ClientConnection({ remoteAddress } as never, false, proxies);
  assert.deepEqual([peer('::ffff:10.0.0.1').trusted, peer('::ffff:10.0.0.1').address], [true, '10.0.0.1']);
  assert.equal(peer('10.0.0.1').trusted, true);
  assert.equal(peer('::ffff:11.0.0.1').trusted, false);
  assert.equal(peer('::10.0.0.1').trusted, false);
  assert.equal(peer('').trusted, false);
});

for (const network of ['::/0', '0.0.0.0/0', '::ffff:0:0/96', 1, true, '10.0.0.0/33', 'localhost']) {
  test(`HH-09 trustedProxies: ${network}`, async (t) => {
    const config = { trustedProxies: [network], hosts: { 'a.test': { routes: { '/*': { respond: {} } } } } };
    const text = `export default ${JSON.stringify(config)};\n`;
    const folder = await temporaryFolder(t, { 'c.mjs': text, 'n.mjs': text.replace(/\[(.*?)\]/, '$1') });
    for (const file of ['c.mjs', 'n.mjs']) {
      const { code, stdout, stderr } = await runGateway(['check', '--config', `${folder}/${file}`]);
      assert.equal(code, 1, file);
      assert.match(stdout + stderr, /trustedProxies/);
    }
  });
}

rig.exchange(
  'a trusted proxy says that the client speaks TLS',
  'GET / HTTP/1.1\r\nHost: secure.test\r\nX-Forwarded-Proto: https\r\n\r\n',
  {
    answers: [200],
    upstream: ['A GET /'],
    check: ([response]) => assert.equal(headerOf(response!, 'strict-transport-security'), 'max-age=1'),
  },
);

leftovers(rig);
