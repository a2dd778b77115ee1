// HH: hop-by-hop and forwarded headers of a client that nobody vouches for (RFC 9110 section 7.6).
import assert from 'node:assert/strict';
import type { RecordedRequest } from '../support/request-reader.ts';
import { headerOf, headersOf } from '../support/response-parser.ts';
import { H, leftovers, type Outcome, startRig } from './rig.ts';
import { bytesOf, scripted, seen } from './scripted.ts';

const rig = await startRig({
  hosts: {
    'identity.test': {
      routes: {
        '/*': {
          proxy: 'a',
          headers: { request: { set: { 'X-Client-Cert': 'none' }, remove: ['x-internal-user'] } },
        },
      },
    },
  },
});

const get = (fields: string, host = 'a.test') => `GET / HTTP/1.1\r\nHost: ${host}\r\n${fields}\r\n`;
const fieldsOf = (text: string) => text.replaceAll('¶', '\r\n');

/** Passed on to A, which sees what `check` says. */
function passes(title: string, fields: string, check: (request: RecordedRequest) => void): void {
  rig.exchange(title, get(fieldsOf(fields)), {
    answers: [200],
    upstream: ['A GET /'],
    check: (_, [request]) => {
      assertOwnForwarded(request!);
      check(request!);
    },
  });
}

/** Every field that says who the client is holds our word, and stands there once. */
function assertOwnForwarded(request: RecordedRequest): void {
  assert.deepEqual(seen(request, 'x-forwarded-for'), ['127.0.0.1']);
  assert.deepEqual(seen(request, 'x-real-ip'), ['127.0.0.1']);
  assert.deepEqual(seen(request, 'x-forwarded-proto'), ['http']);
  assert.deepEqual(seen(request, 'x-forwarded-host'), ['a.test']);
  assert.deepEqual(seen(request, 'x-forwarded-port'), ['80']);
  assert.deepEqual(seen(request, 'forwarded'), ['for=127.0.0.1;proto=http;host="a.test"']);
  assert.match(seen(request, 'via').join(), /(^|, )1\.1 parvis-\w+$/);
  assert.deepEqual(seen(request, 'host'), ['a.test']);
}

rig.exchange(
  'HH-01 Connection names our fields',
  get('Connection: close, X-Forwarded-For, X-Real-IP, Forwarded, Via\r\n'),
  {
    answers: [200],
    closes: true,
    upstream: ['A GET /'],
    check: (_, [request]) => {
      assertOwnForwarded(request!);
      assert.deepEqual(seen(request, 'connection'), []);
    },
  },
);

const END_TO_END = 'cookie, authorization, content-type, content-length, host, cache-control';
passes(
  'HH-02 Connection names end-to-end fields',
  `Connection: ${END_TO_END}¶Cookie: a=b¶Authorization: Basic eDp5¶Cache-Control: no-cache¶Content-Type: a/b¶`,
  (request) => {
    assert.deepEqual(seen(request, 'cookie'), ['a=b']);
    assert.deepEqual(seen(request, 'authorization'), ['Basic eDp5']);
    assert.deepEqual(seen(request, 'cache-control'), ['no-cache']);
    assert.deepEqual(seen(request, 'content-type'), ['a/b']);
  },
);
rig.exchange(
  'HH-02 Connection names end-to-end fields: framing of a body',
  `POST / HTTP/1.1\r\n${H}Connection: content-length, transfer-encoding, content-type\r\nContent-Type: a/b\r\nContent-Length: 5\r\n\r\nhello`,
  {
    answers: [200],
    upstream: ['A POST /'],
    check: (_, [request]) => {
      assert.deepEqual(seen(request, 'content-length'), ['5']);
      assert.deepEqual(seen(request, 'content-type'), ['a/b']);
      assert.equal(request!.body.toString(), 'hello');
    },
  },
);
passes(
  'HH-02 what Connection may name is removed',
  'Connection: x-hop, X-Hop-2¶X-Hop: 1¶x-hop-2: 2¶X-Stays: 3¶',
  (request) => {
    assert.deepEqual(seen(request, 'x-hop'), []);
    assert.deepEqual(seen(request, 'x-hop-2'), []);
    assert.deepEqual(seen(request, 'x-stays'), ['3']);
  },
);

for (const field of [
  'Keep-Alive: 5',
  'Proxy-Connection: x',
  'TE: gzip',
  'Trailer: x',
  'Proxy-Authorization: x',
  'Upgrade: x',
  'HTTP2-Settings: AAMAAABk',
  'Proxy: http://evil.test',
]) {
  passes(`HH-03 ${field}`, `${field}¶`, (request) => {
    assert.deepEqual(seen(request, field.slice(0, field.indexOf(':'))), []);
  });
}

passes('HH-04 odd Connection values', 'Connection: ,,;, "a", \x80¶X-Stays: 3¶', (request) => {
  assert.deepEqual(seen(request, 'x-stays'), ['3']);
});
const tokens = Array.from({ length: 500 }, (_, i) => `x-token-${i}`).join(', ');
passes('HH-04 500 tokens', `Connection: ${tokens}¶X-Token-499: a¶X-Stays: 3¶`, (request) => {
  assert.deepEqual(seen(request, 'x-token-499'), []);
  assert.deepEqual(seen(request, 'x-stays'), ['3']);
});
passes(
  'HH-04 several Connection fields',
  'Connection: x-a¶Connection: keep-alive¶Connection: x-b¶X-A: 1¶X-B: 2¶',
  (request) => {
    assert.deepEqual([...seen(request, 'x-a'), ...seen(request, 'x-b'), ...seen(request, 'connection')], []);
  },
);

const CLAIMS = {
  'X-Forwarded-For': '6.6.6.6',
  'x-forwarded-for': '7.7.7.7',
  'X-Forwarded-Host': 'evil.test',
  'X-Forwarded-Proto': 'https',
  'X-Forwarded-Port': '443',
  'X-Forwarded-Prefix': '/evil',
  'X-Forwarded-Server': 'evil.test',
  'X-Forwarded-Ssl': 'on',
  'X-Forwarded-Scheme': 'https',
  'X-Real-IP': '6.6.6.6',
  Forwarded: 'for=6.6.6.6;proto=https;host=evil.test',
  'CF-Connecting-IP': '6.6.6.6',
  'True-Client-IP': '6.6.6.6',
  'X-Original-URL': '/admin',
  'X-Rewrite-URL': '/admin',
  'X-Client-IP': '6.6.6.6',
  'Front-End-Https': 'on',
};
const claims = Object.entries(CLAIMS)
  .map(([name, value]) => `${name}: ${value}¶`)
  .join('');
passes('HH-05 an untrusted peer says who it is', claims, (request) => {
  assert.doesNotMatch(request.head, /6\.6\.6\.6|7\.7\.7\.7|evil|https|\/admin/);
  assert.doesNotMatch(request.head, /prefix|server|-ssl|cf-|true-client|original|rewrite|front-end/i);
});
passes('HH-05 in capitals', claims.toUpperCase(), (request) => {
  assert.doesNotMatch(request.head, /6\.6\.6\.6|7\.7\.7\.7|evil|https|\/admin/i);
});

for (const name of [
  'X_Forwarded_For',
  'X-Forwarded-For_',
  'X.Forwarded.For',
  'x_real_ip',
  'Content_Type',
  'X-Forwarded~For',
]) {
  passes(`HH-10 ${name}`, `${name}: 1.1.1.1¶`, (request) => assert.doesNotMatch(request.head, /1\.1\.1\.1/));
}

const HOP_RESPONSE =
  'HTTP/1.1 200 OK¶Connection: close, X-A¶Connection: keep-alive¶X-A: 1¶X-B: 2¶Keep-Alive: timeout=1¶' +
  'Proxy-Authenticate: Basic¶Upgrade: h2¶Trailer: X-T¶Proxy-Connection: x¶TE: x¶ETag: "x"¶Content-Length: 2¶¶hi';
const afterHop: Outcome = {
  answers: [200],
  upstream: ['A GET /'],
  check: ([response]) => {
    for (const name of ['x-a', 'proxy-authenticate', 'upgrade', 'trailer', 'proxy-connection', 'te']) {
      assert.equal(headerOf(response!, name), undefined, name);
    }
    assert.equal(headerOf(response!, 'x-b'), '2');
    assert.equal(headerOf(response!, 'etag'), '"x"');
    // Whatever these say is about the client's connection, which stays open: the rig uses it again.
    assert.notEqual(headerOf(response!, 'connection'), 'close');
    assert.notEqual(headerOf(response!, 'keep-alive'), 'timeout=1');
  },
};
scripted(rig, 'HH-11 hop-by-hop fields of a response', bytesOf(HOP_RESPONSE), afterHop);
scripted(
  rig,
  'HH-11 a response cannot name our own fields',
  bytesOf(
    'HTTP/1.1 200 OK¶Connection: x-frame-options, content-type¶X-Frame-Options: DENY¶Content-Type: a/b¶Content-Length: 0¶¶',
  ),
  {
    answers: [200],
    upstream: ['A GET /'],
    check: ([response]) => {
      assert.equal(headersOf(response!, 'x-frame-options').length, 1);
      assert.equal(headerOf(response!, 'content-type'), 'a/b');
    },
  },
);

passes('HH-13 Via of others is kept', 'Via: 1.1 gw¶', (request) => {
  assert.match(seen(request, 'via').join(), /^1\.1 gw, 1\.1 parvis-\w+$/);
});
passes('HH-13 a hundred Via', `Via: ${Array(99).fill('1.1 gw').join(', ')}¶Via: 1.0 last¶`, (request) => {
  assert.match(seen(request, 'via').join(), /^(1\.1 gw, ){99}1\.0 last, 1\.1 parvis-\w+$/);
});

// The gateway knows no client certificates and makes no request ids yet: identity fields are those of the config.
rig.exchange(
  'HH-14 identity fields that we set are overwritten',
  get(
    'X-Client-Cert: CN=admin\r\nx-client-cert: CN=root\r\nX-CLIENT-CERT: x\r\nX-Internal-User: root\r\n',
    'identity.test',
  ),
  {
    answers: [200],
    upstream: ['A GET /'],
    check: (_, [request]) => {
      assert.deepEqual(seen(request, 'x-client-cert'), ['none']);
      assert.deepEqual(seen(request, 'x-internal-user'), []);
    },
  },
);

for (const value of ['0', '00', ' 0 ']) {
  rig.exchange(
    `HH-15 Max-Forwards: "${value}" on OPTIONS`,
    `OPTIONS / HTTP/1.1\r\n${H}Max-Forwards: ${value}\r\n\r\n`,
    {
      answers: [204],
      check: ([response]) => assert.ok(headerOf(response!, 'allow')),
    },
  );
}
rig.exchange('HH-15 Max-Forwards counts down', `OPTIONS / HTTP/1.1\r\n${H}Max-Forwards: 3\r\n\r\n`, {
  answers: [200],
  upstream: ['A OPTIONS /'],
  check: (_, [request]) => assert.deepEqual(seen(request, 'max-forwards'), ['2']),
});
rig.exchange('HH-15 Max-Forwards: 0 on TRACE', `TRACE / HTTP/1.1\r\n${H}Max-Forwards: 0\r\n\r\n`, {
  answers: [[405, 501]],
  closes: true,
});
passes('HH-15 Max-Forwards on GET is not ours', 'Max-Forwards: 0¶', () => {});

leftovers(rig);
