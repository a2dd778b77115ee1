// Who may switch protocols, whose 101 is believed, and what of it the client gets.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ServerRequest } from '../../src/listener/server-request.ts';
import type { Exchange } from '../../src/proxy/exchange.ts';
import { isVerifiedUpgrade, requestedUpgrade, upgradeFields } from '../../src/proxy/upgrade.ts';
import { parseResponseHead } from '../../src/wire/response-head.ts';

// The example of RFC 6455 section 1.3.
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

interface Asked {
  method?: string;
  minor?: number;
  body?: 'none' | 'length' | 'chunked';
  fields: Record<string, string | string[]>;
}

const EMPTY_PLAN = {
  drop: new Set(['x-powered-by']),
  dropSecure: new Set(),
  set: ['x-set', 'by the route'],
  setSecure: [],
  defaults: [{ name: 'x-default', value: 'of the gateway' }],
  cache: { control: 'no-store', override: true },
  compress: { encodings: ['gzip'], minSize: 0 },
};

function exchangeOf({ method = 'GET', minor = 1, body = 'none', fields }: Asked): Exchange {
  const flat = Object.entries(fields).flatMap(([name, values]) =>
    [values].flat().flatMap((value) => [name, value]),
  );
  const head = {
    method,
    target: '/',
    minor,
    fields: flat,
    framing: 'none',
    length: 0,
    keepAlive: true,
    end: 0,
  };
  const req = new ServerRequest(head as ConstructorParameters<typeof ServerRequest>[0], {
    setFlowing: () => {},
  });
  const route = { response: EMPTY_PLAN };
  return { req, method, request: { body }, route, secure: false } as unknown as Exchange;
}

const handshake = (changes: Record<string, string | string[] | undefined> = {}): Asked['fields'] => {
  const all = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Key': KEY,
    'Sec-WebSocket-Version': '13',
    ...changes,
  };
  return Object.fromEntries(
    Object.entries(all).filter(([, value]) => value !== undefined),
  ) as Asked['fields'];
};

suite('an upgrade is asked for', () => {
  const cases: [what: string, asked: Asked, allowed: string[], expected: string | null][] = [
    ['by a handshake', { fields: handshake() }, ['websocket'], 'websocket'],
    [
      'in any case',
      { fields: handshake({ Connection: 'keep-alive, UPGRADE', Upgrade: 'WebSocket' }) },
      ['websocket'],
      'websocket',
    ],
    [
      'as Firefox does',
      { fields: handshake({ Connection: 'keep-alive, Upgrade' }) },
      ['websocket'],
      'websocket',
    ],
    [
      'in two fields',
      { fields: handshake({ Connection: ['keep-alive', 'Upgrade'] }) },
      ['websocket'],
      'websocket',
    ],
    [
      'as the first allowed one of a list',
      { fields: handshake({ Upgrade: 'h2c, foo, websocket' }) },
      ['websocket', 'foo'],
      'foo',
    ],
    [
      'with a version that only the replica can judge',
      { fields: handshake({ 'Sec-WebSocket-Version': '777' }) },
      ['websocket'],
      'websocket',
    ],
    [
      'for a protocol that a route allows',
      { fields: { Connection: 'upgrade', Upgrade: 'irc/6.9' } },
      ['irc/6.9'],
      'irc/6.9',
    ],
    ['not where nothing is allowed', { fields: handshake() }, [], null],
    ['not for another protocol', { fields: handshake({ Upgrade: 'foo' }) }, ['websocket'], null],
    ['not without Upgrade', { fields: handshake({ Upgrade: undefined }) }, ['websocket'], null],
    ['not without Connection', { fields: handshake({ Connection: undefined }) }, ['websocket'], null],
    [
      'not with a Connection that does not name it',
      { fields: handshake({ Connection: 'keep-alive, upgrade-x' }) },
      ['websocket'],
      null,
    ],
    ['UP-06 not with a body', { body: 'length', fields: handshake() }, ['websocket'], null],
    [
      'with a body of no bytes',
      { body: 'length', fields: handshake({ 'Content-Length': '0' }) },
      ['websocket'],
      'websocket',
    ],
    ['UP-06 not with a chunked body', { body: 'chunked', fields: handshake() }, ['websocket'], null],
    ['not by POST', { method: 'POST', fields: handshake() }, ['websocket'], null],
    ['not in HTTP/1.0', { minor: 0, fields: handshake() }, ['websocket'], null],
    ['not without a key', { fields: handshake({ 'Sec-WebSocket-Key': undefined }) }, ['websocket'], null],
    ['not with two keys', { fields: handshake({ 'Sec-WebSocket-Key': [KEY, KEY] }) }, ['websocket'], null],
    ['not with a short key', { fields: handshake({ 'Sec-WebSocket-Key': 'AAAA' }) }, ['websocket'], null],
    [
      'not with a key that is no base64',
      { fields: handshake({ 'Sec-WebSocket-Key': `!${KEY.slice(1)}` }) },
      ['websocket'],
      null,
    ],
    [
      'not with a key of more than 16 bytes',
      { fields: handshake({ 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZR==' }) },
      ['websocket'],
      null,
    ],
    [
      'not without a version',
      { fields: handshake({ 'Sec-WebSocket-Version': undefined }) },
      ['websocket'],
      null,
    ],
    [
      'UP-02 never for h2c',
      { fields: { Connection: 'Upgrade, HTTP2-Settings', Upgrade: 'h2c' } },
      ['h2c'],
      null,
    ],
    ['never for HTTP', { fields: { Connection: 'Upgrade', Upgrade: 'HTTP/2.0' } }, ['http/2.0'], null],
    ['never for TLS', { fields: { Connection: 'Upgrade', Upgrade: 'TLS/1.0' } }, ['tls/1.0'], null],
  ];
  for (const [what, asked, allowed, expected] of cases) {
    test(what, () => assert.equal(requestedUpgrade(exchangeOf(asked), allowed), expected));
  }
});

const headOf = (text: string) => {
  const bytes = Buffer.from(`${text}¶¶`.replaceAll('¶', '\r\n'), 'latin1');
  return parseResponseHead(bytes, 0, bytes.length, false);
};
const GOOD = `HTTP/1.1 101 X¶Connection: Upgrade¶Upgrade: websocket¶Sec-WebSocket-Accept: ${ACCEPT}`;

suite('UP-05 a 101 is believed', () => {
  const cases: [what: string, head: string, believed: boolean][] = [
    ['with the right answer to the key', GOOD, true],
    [
      'in any case',
      GOOD.replace('Connection: Upgrade¶Upgrade: websocket', 'connection: foo, UPGRADE¶upgrade: WebSocket'),
      true,
    ],
    ['not without Sec-WebSocket-Accept', GOOD.replace(/¶Sec-.*/, ''), false],
    ['not with the answer to another key', GOOD.replace(ACCEPT, 'HSmrc0sMlYUkAGmm5OPpG2HaGWk='), false],
    ['not with the answer in another case', GOOD.replace(ACCEPT, ACCEPT.toUpperCase()), false],
    ['not with two answers', `${GOOD}¶sec-websocket-accept: ${ACCEPT}`, false],
    ['not without Connection', GOOD.replace('Connection', 'X-Connection'), false],
    [
      'not with a Connection that does not name it',
      GOOD.replace('Connection: Upgrade', 'Connection: close'),
      false,
    ],
    ['not without Upgrade', GOOD.replace('¶Upgrade: websocket', ''), false],
    ['not for another protocol', GOOD.replace('Upgrade: websocket', 'Upgrade: foo'), false],
    ['not for two', GOOD.replace('Upgrade: websocket', 'Upgrade: websocket, foo'), false],
    ['not with Upgrade twice', `${GOOD}¶Upgrade: websocket`, false],
    ['not with another status', GOOD.replace('101', '200'), false],
  ];
  for (const [what, head, believed] of cases) {
    test(what, () => {
      assert.equal(
        isVerifiedUpgrade(exchangeOf({ fields: handshake() }), 'websocket', headOf(head)),
        believed,
      );
    });
  }

  test('for other protocols by their name alone', () => {
    const exchange = exchangeOf({ fields: { Connection: 'upgrade', Upgrade: 'irc/6.9' } });
    const head = (name: string) => headOf(`HTTP/1.1 101 X¶Connection: upgrade¶Upgrade: ${name}`);
    assert.equal(isVerifiedUpgrade(exchange, 'irc/6.9', head('IRC/6.9')), true);
    assert.equal(isVerifiedUpgrade(exchange, 'irc/6.9', head('irc')), false);
  });
});

test('the client gets the fields that are for it, and those of the route, and no framing', () => {
  const head = headOf(
    `${GOOD}¶Sec-WebSocket-Protocol: a¶Sec-WebSocket-Extensions: permessage-deflate¶Set-Cookie: a=1¶Set-Cookie: b=2` +
      '¶X-Powered-By: x¶Keep-Alive: timeout=5¶Content-Length: 5¶Trailer: x¶Cache-Control: max-age=1',
  );
  const fields = upgradeFields(exchangeOf({ fields: handshake() }), head, 'websocket');
  assert.deepEqual(fields, [
    ...['connection', 'Upgrade', 'upgrade', 'websocket', 'Sec-WebSocket-Accept', ACCEPT],
    ...['Sec-WebSocket-Protocol', 'a', 'Sec-WebSocket-Extensions', 'permessage-deflate'],
    ...['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'x-default', 'of the gateway', 'x-set', 'by the route'],
  ]);
});
