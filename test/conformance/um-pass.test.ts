// UM: odd but legal answers, passed on as they are, once. Also SS-01, SS-02 and SS-06, which need the same rig.
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { startGateway } from '../support/gateway-process.ts';
import { ask } from '../support/plain-request.ts';
import { answer, startReplica } from '../support/recording-replica.ts';
import { headerOf, headersOf } from '../support/response-parser.ts';
import { GET1, H, leftovers, startRig } from './rig.ts';
import { bytesOf, scripted, seen, withScript } from './scripted.ts';

const rig = await startRig({
  hosts: {
    'packed.test': { routes: { '/*': { proxy: 'a', compress: { minSize: '1b' } } } },
    'policy.test': {
      policies: {
        headers: {
          request: { set: { 'X-Tenant': 'gateway' }, remove: ['X-User'] },
          response: { set: { 'X-Frame': 'ours' }, remove: ['X-Internal'] },
        },
      },
      routes: { '/*': { proxy: 'a' } },
    },
  },
});

for (const method of ['GET', 'HEAD', 'POST']) {
  scripted(
    rig,
    `UM-15 503 with Retry-After on ${method} is passed through once`,
    bytesOf('HTTP/1.1 503 Busy¶Retry-After: 120¶Content-Length: 0¶¶'),
    {
      answers: [503],
      method,
      upstream: [`A ${method} /`],
      check: ([response]) => assert.equal(headerOf(response!, 'retry-after'), '120'),
    },
    `${method} / HTTP/1.1\r\n${H}\r\n`,
  );
}
for (const status of [429, 500, 502, 504, 404, 451]) {
  scripted(rig, `UM-15 ${status} of the replica is passed through once`, answer('mine', {}, status), {
    answers: [status],
    upstream: ['A GET /'],
    check: ([response]) => assert.equal(response!.body.toString(), 'mine'),
  });
}

test('UM-16 Connection: close every time: no more connections than requests, none left', () =>
  withScript(rig, answer('x', { Connection: 'close' }), async () => {
    const before = rig.a.connections.length;
    for (let i = 0; i < 100; i++) assert.equal((await ask(rig.gateway.port, '/')).status, 200);
    assert.equal(rig.a.connections.length - before <= 100, true);
    await rig.a.until((it) => it.openConnections <= 4, 1000);
    await rig.run(GET1, { answers: [200], upstream: ['A GET /'] });
  }));
test('UM-16 a HEAD flood does not churn connections', async () => {
  const before = rig.a.connections.length;
  const one = async () => {
    for (let i = 0; i < 50; i++) {
      const reply = await ask(rig.gateway.port, '/', { method: 'HEAD' });
      assert.equal(reply.status, 200);
      assert.equal(headerOf(reply, 'content-length'), '6');
    }
  };
  await Promise.all([one(), one(), one(), one()]);
  assert.ok(rig.a.connections.length - before <= 8, `${rig.a.connections.length - before} new connections`);
});

const TRAILERS =
  'X-Sum: 1¶grpc-status: 0¶Content-Length: 3¶Authorization: x¶Set-Cookie: a=b¶X-Forwarded-For: 6.6.6.6¶Host: x¶';
scripted(
  rig,
  'UM-19 trailers are passed on, but for those that others decide by',
  bytesOf(
    `HTTP/1.1 200 OK¶Content-Type: application/grpc¶Trailer: x¶Transfer-Encoding: chunked¶¶5¶hello¶0¶${TRAILERS}¶`,
  ),
  {
    answers: [200],
    upstream: ['A GET /'],
    check: ([response]) => {
      assert.deepEqual(response!.trailers, ['X-Sum', '1', 'grpc-status', '0']);
      assert.equal(response!.body.toString(), 'hello');
      for (const name of ['x-sum', 'authorization', 'set-cookie', 'host']) {
        assert.equal(headerOf(response!, name), undefined);
      }
    },
  },
);
scripted(
  rig,
  'UM-19 trailers come with a body that arrives in pieces',
  async (_, on) => {
    on.write(bytesOf('HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶5¶hello¶'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    on.write(bytesOf('0¶X-Sum: 1¶¶'));
  },
  {
    answers: [200],
    upstream: ['A GET /'],
    check: ([response]) => assert.deepEqual(response!.trailers, ['X-Sum', '1']),
  },
);
scripted(
  rig,
  'UM-19 trailers are no way around the policies on headers',
  bytesOf('HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶5¶hello¶0¶X-Internal: 1¶x-frame: theirs¶X-Sum: 1¶¶'),
  {
    answers: [200],
    upstream: ['A POST /'],
    check: ([response], [request]) => {
      assert.deepEqual(response!.trailers, ['X-Sum', '1']);
      const { bytes } = rig.a.connections[request!.connection]!;
      assert.ok(bytes.includes('X-Check: 1') && !bytes.includes('admin') && !bytes.includes('other'));
    },
  },
  bytesOf(
    'POST / HTTP/1.1¶Host: policy.test¶Transfer-Encoding: chunked¶¶5¶hello¶0¶X-User: admin¶x-tenant: other¶X-Check: 1¶¶',
  ),
);
// A trailer is about the bytes it follows, and compression makes others of them: a checksum would be wrong.
scripted(
  rig,
  'UM-19 trailers are dropped where the body is compressed',
  bytesOf('HTTP/1.1 200 OK¶Content-Type: text/plain¶Transfer-Encoding: chunked¶¶5¶hello¶0¶X-Sum: 1¶¶'),
  {
    answers: [200],
    upstream: ['A GET /'],
    check: ([response]) => {
      assert.equal(gunzipSync(response!.body).toString(), 'hello');
      assert.deepEqual(response!.trailers, []);
    },
  },
  'GET / HTTP/1.1\r\nHost: packed.test\r\nAccept-Encoding: gzip\r\n\r\n',
);

const cookies = Array.from(
  { length: 50 },
  (_, i) => `c${i}=a,b; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Path=/`,
);
scripted(
  rig,
  'UM-21 Set-Cookie fifty times, with commas',
  bytesOf(`HTTP/1.1 200 OK¶${cookies.map((cookie) => `Set-Cookie: ${cookie}¶`).join('')}Content-Length: 0¶¶`),
  {
    answers: [200],
    upstream: ['A GET /'],
    check: ([response]) => assert.deepEqual(headersOf(response!, 'set-cookie'), cookies),
  },
);

scripted(
  rig,
  'SS-01 a redirect is passed to the client and not followed',
  bytesOf('HTTP/1.1 302 Found¶Location: http://169.254.169.254/¶Content-Length: 0¶¶'),
  {
    answers: [302],
    upstream: ['A GET /'],
    check: ([response]) => assert.equal(headerOf(response!, 'location'), 'http://169.254.169.254/'),
  },
);
// The documented choice is to pass it: with the client's Host kept, a replica has no reason to name itself.
scripted(
  rig,
  'SS-02 a Location with an address of its own is passed through',
  bytesOf('HTTP/1.1 302 Found¶Location: http://10.0.0.5:8080/x¶Content-Length: 0¶¶'),
  {
    answers: [302],
    upstream: ['A GET /'],
    check: ([response], [request]) => {
      assert.equal(headerOf(response!, 'location'), 'http://10.0.0.5:8080/x');
      assert.deepEqual(seen(request, 'host'), ['a.test']);
    },
  },
);
for (const target of ['http://169.254.169.254/latest', 'http://127.0.0.1:22/', 'http://unknown.test/']) {
  rig.exchange(`SS-03 absolute-form ${target}`, `GET ${target} HTTP/1.1\r\n${H}Connection: close\r\n\r\n`, {
    answers: [[404, 421]],
    closes: true,
  });
}

test('SS-06 proxy settings of the environment are not for replicas', async (t) => {
  let asked = 0;
  const proxy = createServer((socket) => {
    asked++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  t.after(() => void proxy.close());
  const { port } = proxy.address() as { port: number };
  const replica = await startReplica(t);
  const url = `http://127.0.0.1:${port}`;
  const names = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'all_proxy'];
  const env = {
    ...Object.fromEntries(names.map((name) => [name, url])),
    NODE_USE_ENV_PROXY: '1',
    NO_PROXY: '',
  };
  const config = {
    upstreams: { a: { replicas: [replica.url] } },
    hosts: { 'a.test': { routes: { '/*': { proxy: 'a' } } } },
  };
  const gateway = await startGateway(t, config, { env });
  assert.equal((await ask(gateway.port, '/x')).text, 'GET /x');
  assert.equal(asked, 0);
});

leftovers(rig);
