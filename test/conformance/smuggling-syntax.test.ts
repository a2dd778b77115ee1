// SM: request lines and field lines that two parsers could read in two ways (RFC 9112 sections 2.2, 3 and 5);
// and LI-02, LI-03: fields that a parser might drop in silence.
import assert from 'node:assert/strict';
import { H, leftovers, startRig } from './rig.ts';

const rig = await startRig();
const get = (fields: string) => `GET / HTTP/1.1\r\n${H}${fields}\r\n`;
const line = (requestLine: string) => `${requestLine}\r\n${H}\r\n`;

rig.refusal('SM-24 bare LF header end', 'GET / HTTP/1.1\nHost: a.test\n\n');
rig.refusal('SM-24 bare LF header end: one line', 'GET / HTTP/1.1\r\nHost: a.test\nX: y\r\n\r\n');
rig.refusal('SM-24 bare LF header end: the empty line', `GET / HTTP/1.1\r\n${H}\n`);

rig.refusal('SM-25 bare LF, no version', 'GET /x\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello');
rig.refusal('SM-25 no version', 'GET /x\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello');
rig.refusal('SM-26 HTTP/0.9', 'GET /\r\n\r\n');
rig.refusal('SM-26 HTTP/0.9 named', line('GET / HTTP/0.9'), [400, 505]);
rig.refusal('SM-27 bare CR in header', get('X: a\rTransfer-Encoding: chunked\r\n'));
rig.refusal('SM-28 \\r\\n\\rX header end', `GET / HTTP/1.1\r\n${H}\rX`);

rig.refusals(
  'SM-34 request-line',
  {
    'a leading space': line(' GET / HTTP/1.1'),
    TAB: line('GET\t/ HTTP/1.1'),
    'TAB before the version': line('GET /\tHTTP/1.1'),
    'trailing space': line('GET / HTTP/1.1 '),
    'HTTP/1.9': line('GET / HTTP/1.9'),
    'http/1.1': line('GET / http/1.1'),
    'HTTP/2.0': line('GET / HTTP/2.0'),
    'HTTP/1.10': line('GET / HTTP/1.10'),
    'HTTP/11': line('GET / HTTP/11'),
    'lower-case get': line('get / HTTP/1.1'),
    'a vertical tab': line('GET\x0b/ HTTP/1.1'),
  },
  [400, 505],
);

rig.refusals('SM-34 request-line: two spaces', {
  'behind the method': line('GET  / HTTP/1.1'),
  'behind the target': line('GET /  HTTP/1.1'),
});

rig.exchange('SM-34 request-line: HTTP/1.0 goes on as 1.1', line('GET / HTTP/1.0'), {
  answers: [200],
  closes: true,
  upstream: ['A GET /'],
  check: (_, [request]) => assert.equal(request!.version, 'HTTP/1.1'),
});

rig.refusal('SM-35 h2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [400, 505]);
rig.refusal('SM-35 h2 preface in HTTP/1.1', line('PRI * HTTP/1.1'), [400, 501]);

rig.refusals('SM-36 empty header name / no colon', {
  'empty name': get(': x\r\n'),
  'no colon': get('foo\r\n'),
  'a name in quotes': get('"x": y\r\n'),
  'a NUL in the name': get('x\x00y: z\r\n'),
  'a NUL in the value': get('x: y\x00z\r\n'),
  'a byte above 127 in the name': get('x\xe4: y\r\n'),
});

rig.refusals(
  'SM-38 method tokens',
  {
    'G\\x00T': line('G\x00T / HTTP/1.1'),
    '10 kB': line(`${'A'.repeat(10_240)} / HTTP/1.1`),
    unknown: line('FETCH / HTTP/1.1'),
    TRACE: line('TRACE / HTTP/1.1'),
    CONNECT: 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n',
    'CONNECT with a path': line('CONNECT / HTTP/1.1'),
  },
  [400, 405, 501],
);

const fields = (count: number, other = '') => {
  const lines = Array.from({ length: count }, (_, i) => `a${i}:1\r\n`);
  if (other !== '') lines.splice(-300, 0, `${other}\r\n`);
  return get(lines.join(''));
};
rig.refusal('LI-02 1,500 headers', fields(1500), 431);
rig.refusal('LI-02 100 headers and Host', fields(100), 431);
rig.exchange('LI-02 99 headers and Host are let through', fields(99), {
  answers: [200],
  upstream: ['A GET /'],
});
rig.refusal(
  'LI-03 Transfer-Encoding as header no. 1,200',
  fields(1500, 'Transfer-Encoding: chunked'),
  [400, 431],
);
rig.refusal('LI-03 a secret as header no. 1,200', fields(1500, 'X-Secret: 1'), 431);

leftovers(rig);
