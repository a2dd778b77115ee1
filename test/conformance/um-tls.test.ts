// UM: replicas behind TLS. A certificate is checked unless the operator says otherwise, and what an unchecked
// peer says never reaches a client.
// needs: openssl
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { selfSigned } from '../support/certificates.ts';
import { answer, startReplica } from '../support/recording-replica.ts';
import { suiteScope } from '../support/suite-scope.ts';
import { leftovers, startRig } from './rig.ts';

const scope = suiteScope();
const pair = await selfSigned(scope, 'replica.test', '127.0.0.1');
const replica = await startReplica(scope, (request) => answer(`secure ${request.body}`), { tls: pair });
// Answers whatever it is sent, and be it a TLS handshake.
let plainSockets = 0;
const plain = createServer((socket) => {
  plainSockets++;
  socket.on('error', () => socket.destroy()).on('data', () => socket.write(answer('plain text')));
});
plain.listen(0, '127.0.0.1');
await once(plain, 'listening');
scope.after(() => void plain.close());
// Says its piece before it is asked, as SMTP and SSH servers do.
const chatty = await startReplica(scope);
const greets = () => {
  for (const connection of chatty.connections) connection.write(answer('unasked'));
};

// Resets a kept connection under the second request, and takes its time with the next handshake.
let lateSockets = 0;
const late = createServer((socket) => {
  socket.on('error', () => socket.destroy());
  setTimeout(() => secureLate.emit('connection', socket), lateSockets++ === 0 ? 0 : 300);
});
const lateBodies: string[] = [];
const secureLate = createTlsServer(pair, (socket) => {
  const first = lateSockets === 1;
  let text = '';
  socket.on('error', () => socket.destroy());
  socket.on('data', (bytes) => {
    text += bytes.toString('latin1');
    if (first && text.includes('PUT ')) return socket.destroy();
    if (text.startsWith('PUT ') && !text.endsWith('hello')) return;
    lateBodies.push(text.slice(text.indexOf('\r\n\r\n') + 4));
    socket.write(answer('late'));
  });
});
late.listen(0, '127.0.0.1');
await once(late, 'listening');
scope.after(() => void late.close());

const replicas = [replica.url];
const upstreams = {
  checked: { replicas },
  checkedNamed: { replicas, tls: { serverName: 'replica.test' } },
  trusted: { replicas, tls: { ca: pair.certFile } },
  trustedNamed: { replicas, tls: { ca: pair.certFile, serverName: 'replica.test' } },
  misnamed: { replicas, tls: { ca: pair.certFile, serverName: 'other.test' } },
  unchecked: { replicas, tls: { verify: false } },
  plain: { replicas: [`https://127.0.0.1:${(plain.address() as AddressInfo).port}`], tls: { verify: false } },
  late: { replicas: [`https://127.0.0.1:${(late.address() as AddressInfo).port}`], tls: { verify: false } },
  chatty: { replicas: [chatty.url.replace('http:', 'https:')], tls: { verify: false } },
};
const rig = await startRig({
  upstreams,
  hosts: Object.fromEntries(
    Object.keys(upstreams).map((name) => [
      `${name.toLowerCase()}.test`,
      { routes: { '/*': { proxy: name } } },
    ]),
  ),
});

const post = (host: string) => `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 5\r\n\r\nhello`;

for (const host of ['checked.test', 'checkednamed.test', 'misnamed.test']) {
  test(`a self-signed or misnamed certificate: ${host}`, async () => {
    const before = replica.requests.length;
    await rig.run(post(host), { answers: [503] });
    assert.equal(replica.requests.length, before, 'no request reached the unknown peer');
    assert.equal(replica.connections.at(-1)?.size ?? 0, 0, 'and no byte of one');
  });
}
for (const host of ['trusted.test', 'trustednamed.test', 'unchecked.test']) {
  test(`a certificate that is accepted: ${host}`, async () => {
    await rig.run([post(host), post(host)], {
      answers: [200, 200],
      check: (responses) => {
        for (const response of responses) assert.equal(response.body.toString(), 'secure hello');
      },
    });
    assert.equal(replica.requests.at(-1)!.connection, replica.requests.at(-2)!.connection, 'kept alive');
  });
}
test('an https replica that answers in plain text', async () => {
  await rig.run(post('plain.test'), {
    answers: [503],
    check: ([response]) => assert.doesNotMatch(response!.body.toString(), /plain text/),
  });
  assert.equal(plainSockets, 1);
});
test('an https replica that speaks first, in plain text', async () => {
  const timer = setInterval(greets, 5);
  try {
    await rig.run(post('chatty.test'), {
      answers: [503],
      check: ([response]) => assert.doesNotMatch(response!.body.toString(), /unasked/),
    });
  } finally {
    clearInterval(timer);
  }
});

test('UM-14 a body that arrives while the repetition still connects is not lost', async () => {
  await rig.run(
    [
      'GET /first HTTP/1.1\r\nHost: late.test\r\n\r\n',
      100,
      'PUT /x HTTP/1.1\r\nHost: late.test\r\nContent-Length: 5\r\n\r\n',
      100,
      'hello',
    ],
    { answers: [200, 200] },
  );
  assert.equal(lateSockets, 2);
  assert.deepEqual(lateBodies, ['', 'hello']);
});

leftovers(rig);
