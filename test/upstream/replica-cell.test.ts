// Shared memory of replicas and upstreams: counts of several workers, and what is taken back when one dies.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Checked, Ejection, ReplicaCell } from '../../src/upstream/replica-cell.ts';
import { UpstreamCell } from '../../src/upstream/upstream-cell.ts';

test('workers count together, and each knows its own part', () => {
  const { memory } = ReplicaCell.create(2);
  const [first, second] = [new ReplicaCell(memory, 0), new ReplicaCell(memory, 1)];
  first.inFlight.add(3);
  second.inFlight.add(2);
  second.inFlight.add(-1);
  assert.deepEqual([first.inFlight.value, second.inFlight.value], [4, 4]);
  assert.deepEqual([first.inFlight.own, second.inFlight.own], [3, 1]);
});

test('a limit holds over all workers', () => {
  const { memory } = ReplicaCell.create(2);
  const [first, second] = [new ReplicaCell(memory, 0), new ReplicaCell(memory, 1)];
  assert.ok(first.open.addWithin(1, 2));
  assert.ok(second.open.addWithin(1, 2));
  assert.ok(!first.open.addWithin(1, 2));
  assert.equal(first.open.value, 2);
  assert.equal(first.open.own, 1);
  second.open.add(-1);
  assert.ok(first.open.addWithin(1, 2));
});

test('what a dead worker had counted is taken back, and nothing else', () => {
  const cell = ReplicaCell.create(3);
  const workers = [0, 1, 2].map((number) => new ReplicaCell(cell.memory, number));
  for (const [number, worker] of workers.entries()) {
    worker.inFlight.add(number + 1);
    worker.open.add(10 * (number + 1));
  }
  cell.forget(1);
  cell.forget(1);
  assert.equal(cell.inFlight.value, 1 + 3);
  assert.equal(cell.open.value, 10 + 30);
  const upstream = UpstreamCell.create(2);
  const dead = new UpstreamCell(upstream.memory, 1);
  dead.held.add(5);
  dead.heldBytes.add(5000);
  dead.queued.add(2);
  upstream.queued.add(1);
  upstream.forget(1);
  assert.deepEqual([upstream.held.value, upstream.heldBytes.value, upstream.queued.value], [0, 0, 1]);
});

test('one worker claims the single exchange of a half-open replica', () => {
  const { memory } = ReplicaCell.create(2);
  const [first, second] = [new ReplicaCell(memory, 0), new ReplicaCell(memory, 1)];
  assert.ok(!first.claimProbe());
  first.ejection = Ejection.halfOpen;
  assert.ok(second.claimProbe());
  assert.ok(!first.claimProbe());
  assert.equal(first.ejection, Ejection.probing);
});

test('the words do not lie on top of each other', () => {
  const cell = ReplicaCell.create(1);
  cell.upSince = 123.5;
  cell.checked = Checked.down;
  cell.ejection = Ejection.ejected;
  assert.equal(cell.countFailure(), 1);
  assert.equal(cell.countFailure(), 2);
  cell.inFlight.add(1);
  cell.open.add(1);
  const seen = [cell.upSince, cell.checked, cell.ejection, cell.failures, cell.inFlight.own, cell.open.own];
  assert.deepEqual(seen, [123.5, Checked.down, Ejection.ejected, 2, 1, 1]);
  cell.clearFailures();
  assert.equal(cell.failures, 0);
});
