// SM: chunked bodies that two parsers could cut in two places (RFC 9112 section 7.1).
import assert from 'node:assert/strict';
import { headersOf } from '../support/response-parser.ts';
import { H, leftovers, startRig } from './rig.ts';

const rig = await startRig();
const chunked = (body: string, fields = '') =>
  `POST / HTTP/1.1\r\n${H}${fields}Transfer-Encoding: chunked\r\n\r\n${body}`;
const REST = '\r\nhello\r\n0\r\n\r\n';
// The head may be on its way when the body turns out to be bad.
const POST = 'A POST /';

rig.refusals(
  'SM-18 chunk-size overflow',
  {
    '2^64': chunked(`10000000000000000${REST}`),
    '2^64 + 5': chunked(`10000000000000005${REST}`),
    '0x5': chunked(`0x5${REST}`),
    '-1': chunked(`-1${REST}`),
    '+5': chunked(`+5${REST}`),
    '5_0': chunked(`5_0${REST}`),
    'no digit': chunked(REST),
  },
  400,
  POST,
);

rig.refusals(
  'SM-19 chunk-size spaces',
  { before: chunked(` 5${REST}`), after: chunked(`5 ${REST}`), 'a tab after': chunked(`5\t${REST}`) },
  400,
  POST,
);

rig.refusals(
  'SM-20 chunk-ext line ends',
  {
    'bare LF': chunked('5;a\nhello\r\n0\r\n\r\n'),
    'bare LF in the first chunk of two': chunked('5;a\n\r\nhel\r\n0\r\n\r\n'),
    'CRLF in quotes': chunked('5;a="x\r\n0\r\n\r\nGET /adm HTTP/1.1\r\nHost: a.test\r\n\r\n'),
    NUL: chunked(`5;\x00${REST}`),
    'bare CR': chunked('5;\rhello\r\n0\r\n\r\n'),
    'bare CR inside': chunked('5;a\rb\r\nhello\r\n0\r\n\r\n'),
  },
  400,
  POST,
);

rig.exchange('SM-21 chunk-ext valid', chunked('5;a=b;c="d"\r\nhello\r\n0\r\n\r\n'), {
  answers: [200],
  upstream: [POST],
  check: (_, [request]) => {
    assert.equal(request!.body.toString(), 'hello');
    const { bytes } = rig.a.connections[request!.connection]!;
    assert.ok(!bytes.includes(';a=b'), 'the extension was passed on');
  },
});

rig.refusal('SM-22 chunk-ext 64 KiB', chunked(`5;${'a'.repeat(65536)}${REST}`), [400, 413], POST);

rig.refusals(
  'SM-23 chunk data terminator',
  {
    LF: chunked('5\r\nhello\n0\r\n\r\n'),
    'two more bytes': chunked('5\r\nhelloXX0\r\n\r\n'),
    'a byte short': chunked('5\r\nhell\r\n0\r\n\r\n'),
    'a line of the last chunk in LF': chunked('5\r\nhello\r\n0\n\r\n'),
  },
  400,
  POST,
);

for (const field of ['Content-Length: 3', 'Transfer-Encoding: identity']) {
  rig.exchange(
    `SM-39 trailers: a length after the body goes nowhere (${field})`,
    chunked(
      `5\r\nhello\r\n0\r\nX-Forwarded-For: 1.2.3.4\r\n${field}\r\n\r\n`,
      'Trailer: X-Forwarded-For\r\n',
    ),
    {
      answers: [200],
      upstream: [POST],
      check: (_, [request]) => {
        assert.equal(request!.body.toString(), 'hello');
        const { bytes } = rig.a.connections[request!.connection]!;
        assert.ok(!bytes.includes(field) && !bytes.includes('1.2.3.4'), 'a trailer was passed on');
      },
    },
  );
}

rig.exchange(
  'SM-39 trailers are never merged into the headers',
  chunked(
    '5\r\nhello\r\n0\r\nX-Forwarded-For: 1.2.3.4\r\nHost: b.test\r\nAuthorization: x\r\n' +
      'X-Real-IP: 1.2.3.4\r\nX_Forwarded_For: 1.2.3.4\r\nConnection: x\r\nX-Checksum: abc\r\n\r\n',
    'Trailer: X-Forwarded-For\r\n',
  ),
  {
    answers: [200],
    upstream: [POST],
    check: (_, [request]) => {
      assert.deepEqual(headersOf(request!, 'x-forwarded-for'), ['127.0.0.1']);
      assert.deepEqual(headersOf(request!, 'content-length'), []);
      assert.deepEqual(headersOf(request!, 'host'), ['a.test']);
      assert.deepEqual(headersOf(request!, 'authorization'), []);
      assert.deepEqual(headersOf(request!, 'trailer'), []);
      assert.equal(request!.body.toString(), 'hello');
      // RFC 9110 section 6.5.1: what decides nothing may pass, as a trailer.
      assert.deepEqual(request!.trailers, ['X-Checksum', 'abc']);
    },
  },
);

rig.refusals(
  'SM-39 trailers that are no fields',
  {
    'a name with a space': chunked('0\r\nx : 1\r\n\r\n'),
    'a folded line': chunked('0\r\nx: 1\r\n 2\r\n\r\n'),
    'no colon': chunked('0\r\nGET /adm HTTP/1.1\r\n\r\n'),
    'more than fit': chunked(`0\r\n${'x: 1\r\n'.repeat(4000)}\r\n`),
  },
  [400, 431],
  POST,
);

leftovers(rig);
