// Lines of exchanges: turns from the front, places kept, deadlines.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Waiter, WaitingLine } from '../../src/upstream/waiting-line.ts';

/** A waiter that writes down what it is told and takes what it is given unless `refuses`. */
function waiter(name: string, heard: string[], refuses = false): Waiter {
  return {
    onTurn: () => {
      heard.push(name);
      return !refuses;
    },
    onTooLate: () => heard.push(`${name} too late`),
  };
}

test('turns are given from the front, as long as there is something', () => {
  const line = new WaitingLine();
  const heard: string[] = [];
  for (const name of ['a', 'b', 'c']) line.join(waiter(name, heard), 100);
  let left = 2;
  line.serve(() => left-- > 0);
  assert.deepEqual(heard, ['a', 'b']);
  assert.equal(line.length, 1);
  line.serve(() => true);
  assert.deepEqual(heard, ['a', 'b', 'c']);
});

test('who finds nothing keeps its place, and the next one has a turn', () => {
  const line = new WaitingLine();
  const heard: string[] = [];
  line.join(waiter('picky', heard, true), 100);
  line.join(waiter('b', heard), 100);
  line.serve(() => true);
  assert.deepEqual(heard, ['picky', 'b']);
  assert.equal(line.length, 1);
});

test('a number of turns', () => {
  const line = new WaitingLine();
  const heard: string[] = [];
  for (const name of ['a', 'b']) line.join(waiter(name, heard), 100);
  line.serve(() => true, 1);
  assert.deepEqual(heard, ['a']);
});

test('too late, once', () => {
  const line = new WaitingLine();
  const heard: string[] = [];
  line.join(waiter('a', heard), 100);
  line.join(waiter('b', heard), 200);
  line.expire(100);
  assert.deepEqual(heard, []);
  line.expire(101);
  line.expire(150);
  assert.deepEqual(heard, ['a too late']);
  assert.equal(line.length, 1);
});

test('who has left is told nothing, even when a turn before made it leave', () => {
  const line = new WaitingLine();
  const heard: string[] = [];
  const gone = waiter('gone', heard);
  line.join({ onTurn: () => line.leave(gone), onTooLate: () => {} }, 100);
  line.join(gone, 100);
  line.serve(() => true);
  line.expire(1000);
  assert.deepEqual(heard, []);
  assert.equal(line.length, 0);
});

test('who joins while turns are given waits for the next round', () => {
  const line = new WaitingLine();
  const heard: string[] = [];
  const onTurn = (): boolean => {
    line.join(waiter('later', heard), 100);
    return true;
  };
  line.join({ onTurn, onTooLate: () => {} }, 100);
  line.serve(() => true);
  assert.deepEqual(heard, []);
  line.serve(() => true);
  assert.deepEqual(heard, ['later']);
});
