// A paused response: the silence is on the reader's side and is not held against the server.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startReplica } from '../support/recording-replica.ts';
import { ask, openConnection } from './recorded-exchange.ts';

test('the idle time-out does not run while paused, and runs again after resume()', async (t) => {
  const replica = await startReplica(t, (_, on) => {
    on.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhello');
  });
  const connection = openConnection(t, replica.port);
  const exchange = ask(connection, { idleTimeout: 100 });
  exchange.onPiece = () => connection.pause();
  await exchange.until(({ bodySize }) => bodySize === 5);
  await sleep(150);
  assert.equal(connection.deadline, Number.POSITIVE_INFINITY);
  connection.resume();
  assert.ok(connection.deadline <= performance.now() + 100);
  connection.expire();
  assert.equal(exchange.failure?.kind, 'idle-timeout');
});
