// One client connection against a raw replica: what ends a response, when the connection may carry another
// one, and what closes it for good.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { closedPort } from '../support/ports.ts';
import { answer, type Script, startReplica } from '../support/recording-replica.ts';
import { ask, openConnection, RecordedOwner } from './recorded-exchange.ts';

const bytesOf = (text: string) => Buffer.from(text.replaceAll('¶', '\r\n'), 'latin1');

suite('a connection carries one exchange after another', () => {
  test('with bodies by length, by chunks, and none', async (t) => {
    const answers = [
      'HTTP/1.1 200 OK¶Content-Length: 5¶¶hello',
      'HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶5¶hello¶0¶X-Sum: 1¶¶',
      'HTTP/1.1 204 No Content¶¶',
      'HTTP/1.1 304 Not Modified¶Content-Length: 5¶¶',
      'HTTP/1.1 200 OK¶Content-Length: 5¶¶',
    ];
    const replica = await startReplica(t, () => bytesOf(answers[replica.requests.length - 1]!));
    const owner = new RecordedOwner();
    const connection = openConnection(t, replica.port, { owner });
    const bodies: string[] = [];
    for (let i = 0; i < answers.length; i++) {
      const head = i === 4 ? 'HEAD / HTTP/1.1\r\nhost: a.test\r\n\r\n' : undefined;
      const exchange = ask(connection, { bodiless: i === 4, ...(head && { head }) });
      await exchange.done();
      assert.equal(exchange.failure, undefined);
      assert.equal(exchange.connected, i === 0 ? 1 : 0);
      assert.deepEqual(exchange.trailers, i === 1 ? ['X-Sum', '1'] : []);
      bodies.push(exchange.body);
      assert.equal(owner.idle, i + 1);
      assert.equal(connection.isIdle, true);
    }
    assert.deepEqual(bodies, ['hello', 'hello', '', '', '']);
    assert.equal(connection.exchanges, answers.length);
    assert.equal(replica.connections.length, 1);
  });

  test('interim responses come before the head, 100 is swallowed', async (t) => {
    const replica = await startReplica(
      t,
      bytesOf(
        'HTTP/1.1 100 Continue¶¶HTTP/1.1 103 Early Hints¶Link: </a>¶¶HTTP/1.1 200 OK¶Content-Length: 2¶¶hi',
      ),
    );
    const exchange = await ask(openConnection(t, replica.port)).done();
    assert.deepEqual(exchange.interims, [{ status: 103, fields: ['Link', '</a>'] }]);
    assert.equal(exchange.body, 'hi');
  });

  test('a request body is written framed or as it is, with trailers', async (t) => {
    const replica = await startReplica(t);
    const connection = openConnection(t, replica.port);
    for (const [framed, field] of [
      [false, 'content-length: 11'],
      [true, 'transfer-encoding: chunked'],
    ] as const) {
      const exchange = ask(connection, { head: `POST / HTTP/1.1\r\n${field}\r\n\r\n`, hasBody: true });
      await exchange.until(() => connection.connected);
      connection.write(Buffer.from('hello '), false, framed);
      connection.write(Buffer.from('world'), true, framed);
      connection.end(framed, framed ? 'x-sum: 1\r\n' : '');
      await exchange.done();
      const request = replica.requests.at(-1)!;
      assert.equal(request.body.toString(), 'hello world');
      assert.equal(request.complete, true);
      assert.deepEqual(request.trailers, framed ? ['x-sum', '1'] : []);
    }
    assert.equal(replica.connections.length, 1);
  });
});

suite('a connection is not used again', () => {
  const cases: [what: string, script: Script, bodiless?: boolean][] = [
    ['Connection: close', answer('x', { Connection: 'close' })],
    ['HTTP/1.0', bytesOf('HTTP/1.0 200 OK¶Content-Length: 1¶¶x')],
    ['a body that ends with the connection', (_, on) => on.end(bytesOf('HTTP/1.1 200 OK¶¶hello'))],
    ['bytes beyond the length', bytesOf('HTTP/1.1 200 OK¶Content-Length: 1¶¶xHTTP/1.1 200 OK¶¶')],
    ['bytes beyond the last chunk', bytesOf('HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶1¶x¶0¶¶x')],
    ['a body on 204', bytesOf('HTTP/1.1 204 No Content¶¶hello')],
    ['a body on 304', bytesOf('HTTP/1.1 304 Not Modified¶Content-Length: 5¶¶hello')],
    ['a body on HEAD', bytesOf('HTTP/1.1 200 OK¶Content-Length: 5¶¶hello'), true],
    ['an answer and a FIN', (_, on) => on.end(answer('x'))],
  ];
  for (const [what, script, bodiless = false] of cases) {
    test(`after ${what}`, async (t) => {
      const replica = await startReplica(t, script);
      const owner = new RecordedOwner();
      const exchange = ask(openConnection(t, replica.port, { owner }), { bodiless });
      await exchange.done();
      assert.equal(exchange.failure, undefined);
      await replica.until((it) => it.openConnections === 0);
      assert.equal(owner.closed, 1);
    });
  }

  test('when the answer came before the request was whole', async (t) => {
    const replica = await startReplica(t, answer('no', {}, 413), { when: 'head' });
    const owner = new RecordedOwner();
    const connection = openConnection(t, replica.port, { owner });
    const exchange = ask(connection, {
      head: 'POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\n',
      hasBody: true,
    });
    await exchange.done();
    assert.equal(exchange.head?.status, 413);
    assert.deepEqual([owner.idle, owner.closed], [0, 1]);
    await replica.until((it) => it.openConnections === 0);
  });

  for (const [what, act] of [
    ['unsolicited bytes', (on) => on.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison')],
    ['one stray byte', (on) => on.write('x')],
    ['a FIN', (on) => on.end()],
    ['a reset', (on) => on.reset()],
  ] as [string, (on: Awaited<ReturnType<typeof startReplica>>['connections'][number]) => void][]) {
    test(`when idle it receives ${what}`, async (t) => {
      const replica = await startReplica(t);
      const owner = new RecordedOwner();
      const connection = openConnection(t, replica.port, { owner });
      const exchange = await ask(connection).done();
      assert.deepEqual([owner.idle, owner.closed], [1, 0]);
      act(replica.connections[0]!);
      await replica.until((it) => it.openConnections === 0);
      await exchange.until(() => owner.closed === 1);
      assert.equal(connection.isIdle, false);
      assert.equal(exchange.body, 'GET /');
    });
  }

  test('when it receives bytes before anything was asked', async (t) => {
    const replica = await startReplica(t);
    const owner = new RecordedOwner();
    const connection = openConnection(t, replica.port, { owner });
    await replica.until((it) => it.connections.length === 1);
    replica.connections[0]!.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison');
    await replica.until((it) => it.openConnections === 0);
    assert.equal(owner.closed, 1);
    assert.equal(connection.isIdle, false);
  });
});

suite('a failure is told once, by its kind', () => {
  const cases: [what: string, script: Script, kind: string, body?: string][] = [
    ['closed without an answer', (_, on) => on.end(), 'reset'],
    ['reset without an answer', (_, on) => on.reset(), 'reset'],
    ['closed in the head', (_, on) => on.end('HTTP/1.1 200 OK\r\nA: b'), 'malformed'],
    ['closed after an interim head', (_, on) => on.end('HTTP/1.1 103 X\r\n\r\n'), 'malformed'],
    ['not HTTP', 'hello\r\n\r\n', 'malformed'],
    [
      'closed in a body with length',
      (_, on) => on.end(answer('hello').subarray(0, -2)),
      'body-aborted',
      'hel',
    ],
    [
      'closed in a chunked body',
      (_, on) => on.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel'),
      'body-aborted',
      'hel',
    ],
    [
      'closed between two chunks',
      (_, on) => on.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n'),
      'body-aborted',
      'hel',
    ],
    [
      'a bad chunk',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\nx\r\n',
      'body-aborted',
      'hel',
    ],
  ];
  for (const [what, script, kind, body = ''] of cases) {
    test(what, async (t) => {
      const replica = await startReplica(t, script);
      const owner = new RecordedOwner();
      const exchange = await ask(openConnection(t, replica.port, { owner })).done();
      assert.equal(exchange.failure?.kind, kind, `${exchange.failure?.detail}`);
      assert.equal(exchange.body, body);
      assert.deepEqual([owner.idle, owner.closed], [0, 1]);
      await replica.until((it) => it.openConnections === 0);
    });
  }

  test('a reset in a body that ends with the connection is no end', async (t) => {
    const replica = await startReplica(t, 'HTTP/1.1 200 OK\r\n\r\nhel');
    const exchange = ask(openConnection(t, replica.port));
    await exchange.until(({ body }) => body === 'hel');
    replica.connections[0]!.reset();
    await exchange.done();
    assert.equal(exchange.failure?.kind, 'body-aborted');
  });

  test('refused', async (t) => {
    const owner = new RecordedOwner();
    const exchange = await ask(openConnection(t, await closedPort(), { owner })).done();
    assert.equal(exchange.failure?.kind, 'connect-failed');
    assert.equal(exchange.connected, 0);
    assert.equal(owner.closed, 1);
  });

  test('a name that does not resolve', async (t) => {
    const connection = openConnection(t, 80, { host: 'nowhere.invalid' });
    assert.equal((await ask(connection).done()).failure?.kind, 'connect-failed');
  });

  test('nothing is told after destroy()', async (t) => {
    const replica = await startReplica(t, () => undefined);
    const owner = new RecordedOwner();
    const connection = openConnection(t, replica.port, { owner });
    const exchange = ask(connection);
    await replica.until((it) => it.requests.length === 1);
    connection.destroy();
    connection.destroy();
    await replica.until((it) => it.openConnections === 0);
    assert.equal(exchange.over, false);
    assert.equal(owner.closed, 1);
  });
});
