// Mutated responses over real sockets: whatever a replica sends, an exchange ends once, and a connection is used
// again only after a response that was read to its exact end.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { ResponseReader } from '../../src/wire/response-reader.ts';
import { bytesOf, generator, mutate, RESPONSES } from './mutations.ts';
import { ask, openConnection, RecordedExchange, RecordedOwner } from './recorded-exchange.ts';

/** What the reader alone makes of bytes that arrive in one piece. */
function verdict(bytes: Buffer, bodiless: boolean): 'reusable' | 'gone' {
  const reader = new ResponseReader();
  reader.begin(new RecordedExchange(), bodiless, false);
  try {
    const whole = reader.read(bytes, bytes.length) === 'complete';
    return whole && reader.head!.keepAlive ? 'reusable' : 'gone';
  } catch {
    return 'gone';
  }
}

test('a connection outlives its exchange only when the response was whole and nothing else', async (t) => {
  let bytes: Buffer = Buffer.alloc(0);
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    // The answer, and then no more: what is not whole by then is broken off.
    socket.once('data', () => socket.write(bytes, () => setTimeout(() => socket.end(), 5)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => void server.close());
  const { port } = server.address() as AddressInfo;

  const random = generator(0x51f0a3);
  const counts = { reusable: 0, gone: 0 };
  for (let round = 0; round < 400; round++) {
    const [, text, bodiless = false] = RESPONSES[random(RESPONSES.length)]!;
    bytes = mutate(bytesOf(text), random);
    const expected = verdict(bytes, bodiless);
    counts[expected]++;
    const owner = new RecordedOwner();
    const connection = openConnection(t, port, { owner });
    const exchange = await ask(connection, { bodiless }).done();
    const shown = JSON.stringify(bytes.toString('latin1'));
    assert.equal(owner.idle, expected === 'reusable' ? 1 : 0, shown);
    if (exchange.failure !== undefined) assert.equal(owner.closed, 1, shown);
    if (expected === 'gone') assert.equal(connection.isIdle, false, shown);
    connection.destroy();
    assert.equal(owner.closed, 1);
  }
  assert.ok(counts.reusable > 50 && counts.gone > 50, JSON.stringify(counts));
});
