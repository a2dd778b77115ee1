// Checks the instruments that the other tests measure with: raw client, strict parser, recording replica.
// needs: openssl

import assert from 'node:assert/strict';
import { get } from 'node:https';
import { suite, test } from 'node:test';
import { selfSigned } from './certificates.ts';
import { closedPort } from './ports.ts';
import { connectRaw, exchangeRaw } from './raw-client.ts';
import { answer, startReplica } from './recording-replica.ts';
import { headerOf, parseResponse, ResponseViolation, TruncatedResponse } from './response-parser.ts';

const parse = (text: string, method = 'GET', ended = false) =>
  parseResponse(Buffer.from(text, 'latin1'), method, ended);
const GET = 'GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n';

suite('response parser', () => {
  test('reads the three framings, trailers and bodiless answers', () => {
    const length = parse('HTTP/1.1 200 OK\r\nA: 1\r\ncontent-length: 2\r\n\r\nhiHTTP');
    assert.ok('response' in length);
    assert.equal(length.response.body.toString(), 'hi');
    assert.deepEqual(length.response.headers, ['A', '1', 'content-length', '2']);
    assert.equal(length.size, 'HTTP/1.1 200 OK\r\nA: 1\r\ncontent-length: 2\r\n\r\nhi'.length);

    const chunked = parse(
      'HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\n',
    );
    assert.ok('response' in chunked);
    assert.equal(chunked.response.body.toString(), 'abc0123456789');
    assert.deepEqual(chunked.response.trailers, ['T', '1']);

    const close = parse('HTTP/1.1 200 OK\r\n\r\nrest', 'GET', true);
    assert.ok('response' in close);
    assert.equal(close.response.framing, 'close');

    const head = parse('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n', 'HEAD');
    assert.ok('response' in head);
    assert.equal(head.response.framing, 'none');
  });

  test('says what is missing while the connection is open, and throws once it is closed', () => {
    const part = 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc';
    assert.deepEqual(parse(part), { missing: 6 });
    assert.throws(() => parse(part, 'GET', true), TruncatedResponse);
    const chunks = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n';
    assert.deepEqual(parse(chunks), { missing: 1 });
    assert.throws(() => parse(chunks, 'GET', true), TruncatedResponse);
  });

  for (const [what, text] of Object.entries({
    'bare LF': 'HTTP/1.1 200 OK\nA: 1\r\n\r\n',
    'a folded line': 'HTTP/1.1 200 OK\r\nA: 1\r\n b\r\n\r\n',
    'a space before the colon': 'HTTP/1.1 200 OK\r\nA : 1\r\n\r\n',
    'two Content-Length': 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\ncontent-length: 1\r\n\r\na',
    'both framings': 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    'framing on 204': 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n',
    'a chunk size in spaces': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n 3 \r\nabc\r\n0\r\n\r\n',
    'a chunk without CRLF': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n',
    'HTTP/1.0': 'HTTP/1.0 200 OK\r\n\r\n',
  })) {
    test(`refuses ${what}`, () => assert.throws(() => parse(text), ResponseViolation));
  }
});

suite('raw client and recording replica', () => {
  test('bytes arrive as sent, in pieces, and are recorded', async (t) => {
    const replica = await startReplica(t);
    const result = await exchangeRaw(replica.port, [GET.slice(0, 7), 30, GET.slice(7), GET], { quiet: 100 });
    assert.equal(result.closed, 'open');
    assert.deepEqual(
      result.responses.map((response) => response.body.toString()),
      ['GET /x', 'GET /x'],
    );
    assert.equal(replica.connections[0]?.bytes.toString(), GET + GET);
    assert.equal(replica.requests.length, 2);
    assert.equal(headerOf(replica.requests[0]!, 'host'), 'a.test');
  });

  test('bodies are read by length and by chunks, with trailers', async (t) => {
    const replica = await startReplica(t, (request) => answer(request.body));
    const chunked =
      'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: 1\r\n\r\n';
    const byLength = 'POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nxyz';
    const { responses } = await exchangeRaw(replica.port, [...chunked, byLength], { quiet: 100 });
    assert.deepEqual(
      responses.map((response) => response.body.toString()),
      ['abcde', 'xyz'],
    );
    assert.deepEqual(replica.requests[0]?.trailers, ['T', '1']);
  });

  test('an answer can break off, be reset, stall or come before the body', async (t) => {
    const part = 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc';
    const replica = await startReplica(t, (_, on) => on.end(part));
    const cut = await exchangeRaw(replica.port, GET, { partial: true });
    assert.equal(cut.closed, 'ended');
    assert.equal(cut.rest.toString(), part);
    await assert.rejects(exchangeRaw(replica.port, GET), TruncatedResponse);

    replica.script = (_, on) => on.reset();
    assert.equal((await exchangeRaw(replica.port, GET)).closed, 'reset');

    replica.script = () => {};
    assert.equal((await exchangeRaw(replica.port, GET, { first: 100 })).bytes.length, 0);

    const early = await startReplica(t, answer('no', {}, 403), { when: 'head' });
    const connection = await connectRaw(t, early.port);
    await connection.send('POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n');
    assert.equal((await connection.response('POST')).status, 403);
    assert.equal(early.requests[0]?.complete, false);
    connection.reset();
    await early.until((it) => it.openConnections === 0);
  });

  test('a replica refuses and accepts again on its port', async (t) => {
    const replica = await startReplica(t);
    replica.refuse();
    await assert.rejects(exchangeRaw(replica.port, GET), { code: 'ECONNREFUSED' });
    await replica.accept();
    assert.equal((await exchangeRaw(replica.port, GET, { quiet: 100 })).responses[0]?.status, 200);
    await assert.rejects(exchangeRaw(await closedPort(), GET), { code: 'ECONNREFUSED' });
  });

  test('a replica speaks TLS with a certificate made for the test', async (t) => {
    const pair = await selfSigned(t, 'replica.test', '127.0.0.1');
    const replica = await startReplica(t, answer('secret'), { tls: pair });
    const status = await new Promise((resolve, reject) => {
      get(`${replica.url}/x`, { ca: pair.cert, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).on('error', reject);
    });
    assert.equal(status, 200);
    assert.match(replica.requests[0]!.head, /^GET \/x HTTP/);
  });

  test('a slow reader holds the sender back, and bytes can be counted without being kept', async (t) => {
    const size = 64 * 1024 * 1024;
    const replica = await startReplica(t, (_, on) => on.end(Buffer.alloc(size)));
    const client = await connectRaw(t, replica.port);
    client.keeping = false;
    client.pause();
    await client.send(GET, 100);
    assert.ok(client.received < size);
    client.resume();
    assert.equal(await client.closing(), 'ended');
    assert.equal(client.received, size);
  });
});
