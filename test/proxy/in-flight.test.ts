// Buffers on their way to a client: what waits for a slow one is not much larger than it is.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InFlightBuffers } from '../../src/proxy/in-flight.ts';
import { READ_SIZE, takeBuffer } from '../../src/wire/read-buffers.ts';

test('small pieces do not take a read buffer each', () => {
  const inFlight = new InFlightBuffers();
  const source = Buffer.from('hello');
  const copies = Array.from({ length: 10_000 }, () => inFlight.copy(source, 1, 4));
  source.fill('x');
  assert.ok(copies.every((copy) => copy.toString() === 'ell'));
  const memory = new Set(copies.map(({ buffer }) => buffer));
  const total = [...memory].reduce((sum, { byteLength }) => sum + byteLength, 0);
  assert.ok(total < 1024 * 1024, `${total} bytes hold 30,000`);
});

test('a large piece is copied into a read buffer, which is used again after `recycle` and not before', () => {
  const inFlight = new InFlightBuffers();
  const source = Buffer.alloc(READ_SIZE, 'a');
  const copy = inFlight.copy(source, 0, READ_SIZE - 1);
  assert.notEqual(takeBuffer().buffer, copy.buffer);
  source.fill('b');
  assert.equal(copy.toString('latin1', 0, 3), 'aaa');
  inFlight.recycle();
  assert.equal(takeBuffer().buffer, copy.buffer);
  const kept = inFlight.copy(source, 0, READ_SIZE);
  inFlight.forget();
  assert.ok(inFlight.isEmpty);
  assert.notEqual(
    takeBuffer().buffer,
    kept.buffer,
    'bytes that may still be on their way are never written over',
  );
});
