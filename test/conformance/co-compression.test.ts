// Section CO of the attack cases, compression of what replicas answer: what is compressed, what is left alone, and
// that clients can rely on the fields that say so.

import assert from 'node:assert/strict';
import { before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { brotliDecompressSync, gunzipSync, gzipSync, zstdDecompressSync } from 'node:zlib';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';
import { ask, type Reply, requestBytes } from '../support/plain-request.ts';
import { connectRaw } from '../support/raw-client.ts';
import { answer, type RecordingReplica, startReplica } from '../support/recording-replica.ts';
import { headersOf } from '../support/response-parser.ts';
import { suiteScope } from '../support/suite-scope.ts';

const JSON_BODY = JSON.stringify({ text: 'a text that repeats itself '.repeat(200) });
const JSON_TYPE = { 'Content-Type': 'application/json' };
const GZIP = { 'Accept-Encoding': 'gzip' };

const scope = suiteScope();
let replica: RecordingReplica;
let gateway: GatewayProcess;

before(async () => {
  replica = await startReplica(scope);
  gateway = await startGateway(scope, {
    workers: 1,
    upstreams: { api: { replicas: [replica.url] } },
    hosts: {
      'a.test': { routes: { '/*': { proxy: 'api' }, '/plain/*': { proxy: 'api', compress: false } } },
    },
  });
});

beforeEach(() => {
  replica.script = () => answer(JSON_BODY, JSON_TYPE);
});

const get = (headers: Record<string, string>, target = '/x', method = 'GET'): Promise<Reply> =>
  ask(gateway.port, target, { headers, method });

const decoders = { gzip: gunzipSync, br: brotliDecompressSync, zstd: zstdDecompressSync };

/** The body as text, decoded as the answer says. */
function decoded(reply: Reply): string {
  const coding = reply.header('content-encoding') as keyof typeof decoders | undefined;
  return (coding === undefined ? reply.body : decoders[coding](reply.body)).toString('latin1');
}

async function assertUntouched(
  fields: Record<string, string>,
  status = 200,
  body: string | Buffer = JSON_BODY,
): Promise<Reply> {
  replica.script = () => answer(body, fields, status);
  const reply = await get(GZIP);
  assert.equal(reply.status, status);
  assert.deepEqual(reply.body, Buffer.from(body));
  assert.deepEqual(
    headersOf(reply, 'content-encoding'),
    'Content-Encoding' in fields ? [fields['Content-Encoding']] : [],
  );
  return reply;
}

test('CO-01: a bomb is passed through, not inflated', async () => {
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
  const before = await gateway.memory('VmHWM');
  replica.script = () => answer(bomb, { ...JSON_TYPE, 'Content-Encoding': 'gzip' });
  for (const encodings of ['gzip', 'br', 'identity']) {
    const reply = await get({ 'Accept-Encoding': encodings });
    assert.deepEqual(reply.body, bomb);
    assert.equal(reply.header('content-encoding'), 'gzip');
  }
  assert.ok((await gateway.memory('VmHWM')) - before < 32 * 1024 * 1024);
});

test('CO-02: a thousand codings are one field value to us', async () => {
  const codings = Array.from({ length: 1000 }, () => 'gzip').join(', ');
  await assertUntouched({ ...JSON_TYPE, 'Content-Encoding': codings });
});

test('CO-03: an encoded request body reaches the replica as it is', async () => {
  const bomb = gzipSync(Buffer.alloc(8 * 1024 * 1024)).toString('latin1');
  const reply = await ask(gateway.port, '/upload', {
    method: 'POST',
    headers: { 'Content-Encoding': 'gzip' },
    body: bomb,
  });
  assert.equal(reply.status, 200);
  const request = replica.requests.at(-1)!;
  assert.equal(request.body.toString('latin1'), bomb);
  assert.deepEqual(headersOf(request, 'content-encoding'), ['gzip']);
});

test('CO-04: no-transform is obeyed', async () => {
  const reply = await assertUntouched({ ...JSON_TYPE, 'Cache-Control': 'public, No-Transform', ETag: '"v"' });
  assert.equal(reply.header('etag'), '"v"');
});

test('CO-05: what is encoded, partial, an event stream or framed by itself is left alone', async () => {
  await assertUntouched({ ...JSON_TYPE, 'Content-Encoding': 'br' });
  await assertUntouched({ ...JSON_TYPE, 'Content-Range': `bytes 0-${JSON_BODY.length - 1}/99999` }, 206);
  await assertUntouched({ ...JSON_TYPE, 'Content-Range': 'bytes 0-9/99999' });
  await assertUntouched({ 'Content-Type': 'text/event-stream' });
  await assertUntouched({ 'Content-Type': 'application/grpc+proto' });
  await assertUntouched({ 'Content-Type': 'multipart/x-mixed-replace; boundary=x' });
  await assertUntouched({ 'Content-Type': 'image/png' });
  await assertUntouched({});
});

test('CO-05: answers without a body say nothing of a coding', async () => {
  for (const status of [204, 304]) {
    replica.script = () => `HTTP/1.1 ${status} X\r\nContent-Type: application/json\r\nETag: "v"\r\n\r\n`;
    const reply = await get(GZIP);
    assert.deepEqual([reply.status, reply.header('content-encoding')], [status, undefined]);
  }
});

test('CO-05: a HEAD has the fields of its GET, and no length that the GET would not have', async () => {
  const head = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nETag: "v"\r\nContent-Length: ${JSON_BODY.length}\r\n\r\n`;
  replica.script = () => head;
  const packed = await get(GZIP, '/x', 'HEAD');
  assert.equal(packed.header('content-length'), undefined);
  assert.equal(packed.header('content-encoding'), undefined);
  assert.equal(packed.header('etag'), 'W/"v"');
  assert.equal(packed.header('vary'), 'accept-encoding');
  const plain = await get({ 'Accept-Encoding': 'identity' }, '/x', 'HEAD');
  assert.equal(plain.header('content-length'), String(JSON_BODY.length));
  assert.equal(plain.header('etag'), '"v"');
});

test('CO-06: a strong ETag is weakened with the bytes, and only with them', async () => {
  for (const [sent, packed] of [
    ['"v"', 'W/"v"'],
    ['W/"v"', 'W/"v"'],
  ] as const) {
    replica.script = () => answer(JSON_BODY, { ...JSON_TYPE, ETag: sent });
    assert.equal((await get(GZIP)).header('etag'), packed);
    assert.equal((await get({})).header('etag'), sent);
  }
});

test('CO-06: the 304 names the validator that the client holds', async () => {
  replica.script = () => 'HTTP/1.1 304 X\r\nETag: "v"\r\n\r\n';
  assert.equal((await get({ ...GZIP, 'If-None-Match': 'W/"v"' })).header('etag'), 'W/"v"');
  assert.equal((await get({ ...GZIP, 'If-None-Match': '"v"' })).header('etag'), '"v"');
});

test('CO-07: Accept-Encoding is read as RFC 9110 section 12.5.3 says', async () => {
  const cases: [accept: string, coding: string | undefined][] = [
    ['gzip', 'gzip'],
    ['GZIP', 'gzip'],
    ['x-gzip', 'gzip'],
    ['br', 'br'],
    ['zstd', 'zstd'],
    ['gzip, deflate, br, zstd', 'zstd'],
    ['gzip, deflate, br', 'br'],
    ['gzip;q=1, br;q=0.5', 'gzip'],
    ['gzip;q=0', undefined],
    ['gzip;q=0.000, br;q=0', undefined],
    ['*;q=0', undefined],
    ['*', 'zstd'],
    ['*, zstd;q=0, br;q=0', 'gzip'],
    ['identity;q=0', undefined],
    ['identity;q=0, gzip', 'gzip'],
    ['identity, gzip;q=0.5', undefined],
    ['deflate', undefined],
    ['', undefined],
    ['gzip;q=2', undefined],
    [`${'x, '.repeat(2700)}gzip`, 'gzip'],
  ];
  for (const [accept, coding] of cases) {
    const reply = await get({ 'Accept-Encoding': accept });
    assert.equal(reply.header('content-encoding'), coding, accept.slice(0, 60));
    assert.equal(decoded(reply), JSON_BODY, accept.slice(0, 60));
  }
  const start = performance.now();
  for (let i = 0; i < 50; i++) await get({ 'Accept-Encoding': 'gzip;q=0,'.repeat(900) });
  assert.ok((performance.now() - start) / 50 < 50);
});

test('CO-08: bytes that look compressed are bytes', async () => {
  const archive = gzipSync(JSON_BODY);
  await assertUntouched({ 'Content-Type': 'application/octet-stream' }, 200, archive);
  await assertUntouched({ 'Content-Type': 'application/gzip' }, 200, archive);
  // Even with a type that is text: the label must say what was done here, once.
  const bytes = Buffer.concat([gzipSync('x'), Buffer.from(JSON_BODY)]);
  replica.script = () => answer(bytes, { 'Content-Type': 'text/plain' });
  const reply = await get(GZIP);
  assert.deepEqual(gunzipSync(reply.body), bytes);
});

test('CO-09: Vary is on every variant, the plain one and the 304', async () => {
  for (const accept of ['gzip', 'br', 'identity', '*;q=0']) {
    assert.equal((await get({ 'Accept-Encoding': accept })).header('vary'), 'accept-encoding', accept);
  }
  assert.equal((await get({})).header('vary'), 'accept-encoding');
  replica.script = () => 'HTTP/1.1 304 X\r\nETag: "v"\r\n\r\n';
  assert.equal((await get(GZIP)).header('vary'), 'accept-encoding');
});

test('CO-09: Vary joins what the replica says, once', async () => {
  for (const [sent, expected] of [
    ['Origin', 'Origin, accept-encoding'],
    ['Accept-Encoding', 'Accept-Encoding'],
    ['origin,ACCEPT-ENCODING', 'origin,ACCEPT-ENCODING'],
    ['*', '*'],
  ] as const) {
    replica.script = () => answer(JSON_BODY, { ...JSON_TYPE, Vary: sent });
    assert.equal((await get(GZIP)).header('vary'), expected);
  }
});

test('CO-10: a route can turn compression off', async () => {
  const reply = await get({ 'Accept-Encoding': 'gzip, br, zstd' }, '/plain/x');
  assert.equal(reply.header('content-encoding'), undefined);
  assert.equal(reply.text, JSON_BODY);
});

test('CO-10: what sets a cookie, or answers credentials that browsers add by themselves, is not compressed', async () => {
  for (const authorization of ['Basic dTpw', 'Negotiate abc', 'Digest username="u"']) {
    assert.equal(
      (await get({ ...GZIP, Authorization: authorization })).header('content-encoding'),
      undefined,
    );
  }
  // BREACH needs a request that another site can cause: no other site can make a browser send a bearer token.
  assert.equal((await get({ ...GZIP, Authorization: 'Bearer abc' })).header('content-encoding'), 'gzip');
  replica.script = () => answer(JSON_BODY, { ...JSON_TYPE, 'Set-Cookie': 'session=1' });
  assert.equal((await get(GZIP)).header('content-encoding'), undefined);
});

test('CO-13: a slow reader of a compressed stream holds the replica back, and a leaving one ends it', async (t) => {
  let sent = 0;
  // Noise: compressed, it is as long as before.
  const piece = Buffer.alloc(65536);
  let state = 1;
  for (let i = 0; i < piece.length; i++)
    piece[i] = (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 24;
  const chunk = Buffer.concat([Buffer.from('10000\r\n'), piece, Buffer.from('\r\n')]);
  replica.script = async (_request, on) => {
    on.write('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n');
    while (!on.closed && !on.ended && sent < 400e6) {
      sent += chunk.length;
      if (on.write(chunk)) await sleep(0);
      else await Promise.race([new Promise((resolve) => on.socket.once('drain', resolve)), sleep(100)]);
      if (on.socket.writableLength > 1e6) await sleep(20);
    }
  };
  const before = await gateway.memory();
  const client = await connectRaw(t, gateway.port);
  client.keeping = false;
  await client.send(requestBytes('/slow', { headers: GZIP }));
  while (client.received === 0) await sleep(5);
  client.pause();
  await sleep(1500);
  assert.ok(sent < 60e6, `${sent} bytes were taken from the replica`);
  assert.ok((await gateway.memory()) - before < 60e6);
  client.reset();
  await replica.until(
    (all) => all.connections.every((one) => one.closed || one.requests.at(-1)?.target !== '/slow'),
    2000,
  );
});

test('CO-14: many compressible answers at once are all answered, in bounded memory', async () => {
  const before = await gateway.memory();
  replica.script = () => answer(JSON_BODY.repeat(20), JSON_TYPE);
  const replies: Promise<Reply>[] = [];
  for (let i = 0; i < 300; i++) replies.push(get({ 'Accept-Encoding': 'gzip, br' }));
  for (const reply of await Promise.all(replies)) assert.equal(decoded(reply), JSON_BODY.repeat(20));
  assert.ok((await gateway.memory()) - before < 300e6);
});
