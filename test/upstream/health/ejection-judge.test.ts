// Passive health of many: how many replicas are ejected at a time, and what happens when members change.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Checked, Ejection } from '../../../src/upstream/replica-cell.ts';
import { JudgeRig } from './judge-rig.ts';

suite('how many at a time', () => {
  for (const [size, atMost, expected] of [
    [1, 0.5, 0],
    [1, 1, 0],
    [2, 0.5, 1],
    [2, 0.1, 1],
    [2, 1, 1],
    [3, 0.5, 1],
    [4, 0.5, 2],
    [5, 1, 4],
    [100, 0.29, 29],
    [10, 0, 0],
  ] as const) {
    test(`${expected} of ${size} with atMost ${atMost}`, () => {
      const rig = new JudgeRig(size, { atMost });
      for (let round = 0; round < 2; round++) for (const id of rig.members) rig.fail(id);
      assert.deepEqual(rig.out, rig.members.slice(0, expected));
      for (const id of rig.members.slice(expected)) {
        assert.equal(rig.cells[id]!.failures, 0, 'counted anew, to be asked again');
      }
    });
  }

  test('half open and probed still count; one that is back makes room', () => {
    const rig = new JudgeRig(2);
    rig.fail(0);
    rig.time.advance(10_000);
    rig.fail(1);
    assert.deepEqual(rig.out, [0]);
    rig.takeProbe(0);
    rig.fail(1);
    assert.deepEqual(rig.out, [0]);
    rig.judge.probed(0, 'ok');
    rig.fail(1);
    assert.deepEqual(rig.out, [1]);
  });

  test('what the checks hold down is out already: not ejected, and no part of the whole', () => {
    const rig = new JudgeRig(4);
    rig.cells[0]!.checked = Checked.down;
    rig.fail(0);
    assert.deepEqual([rig.out, rig.cells[0]!.failures], [[], 0]);
    rig.fail(1);
    rig.fail(2);
    assert.deepEqual(rig.out, [1], 'half of three, not of four');
  });

  test('never the last that the checks leave', () => {
    const rig = new JudgeRig(3, { atMost: 1 });
    rig.cells[0]!.checked = Checked.down;
    rig.cells[1]!.checked = Checked.down;
    rig.fail(2);
    assert.deepEqual(rig.out, []);
    rig.cells[1]!.checked = Checked.up;
    rig.fail(2);
    rig.fail(1);
    assert.deepEqual(rig.out, [2]);
  });

  test('those that are too many come back when the checks turn others down, the soonest first', () => {
    const rig = new JudgeRig(6);
    for (const id of [0, 1, 2]) {
      rig.fail(id);
      rig.time.advance(1000);
    }
    assert.deepEqual(rig.out, [0, 1, 2]);
    rig.cells[3]!.checked = Checked.down;
    rig.judge.review();
    assert.deepEqual(rig.out, [1, 2]);
    assert.equal(rig.cells[0]!.upSince, 0, 'with its full share: it is needed');
    assert.equal(rig.news.at(-1), 'a replica is back: http://api-0 too few are left');
    for (const id of [4, 5, 0]) rig.cells[id]!.checked = Checked.down;
    rig.judge.review();
    assert.deepEqual(rig.out, [2]);
    rig.cells[1]!.checked = Checked.down;
    rig.judge.review();
    assert.deepEqual(rig.out, []);
    assert.equal(rig.time.pending, 0);
  });

  test('and when others leave; one that fails its single exchange stays only if it may', () => {
    const rig = new JudgeRig(4);
    rig.fail(0);
    rig.fail(1);
    rig.judge.forget(2);
    assert.deepEqual(rig.out, [1], 'as soon as it is told, whatever the list says still');
    rig.members = [0, 1, 3];
    rig.takeProbe(1);
    rig.cells[0]!.checked = Checked.down;
    rig.cells[3]!.checked = Checked.down;
    rig.judge.probed(1, 'failed');
    assert.deepEqual(rig.out, []);
  });

  test('one that is ejected and held down by the checks uses up nobody’s room', () => {
    const rig = new JudgeRig(3);
    rig.fail(0);
    rig.cells[0]!.checked = Checked.down;
    rig.judge.review();
    assert.deepEqual(rig.out, [0]);
    rig.fail(1);
    assert.deepEqual(rig.out, [0, 1]);
    rig.fail(2);
    assert.deepEqual(rig.out, [0, 1]);
  });
});

suite('members that change', () => {
  test('one that left is forgotten, and its timer with it', () => {
    const rig = new JudgeRig(2);
    rig.fail(0);
    rig.judge.forget(0);
    assert.equal(rig.time.pending, 0);
    assert.deepEqual(rig.judge.stateOf(0), { ejected: false, until: 0, times: 0 });
    assert.equal(rig.cells[0]!.ejection, Ejection.ejected, 'workers may still look at it');
  });

  test('a judge that stops leaves nobody ejected for ever', () => {
    const rig = new JudgeRig(4);
    rig.fail(0);
    rig.fail(1);
    rig.takeProbe(1);
    rig.judge.stop();
    assert.deepEqual(rig.out, []);
    assert.equal(rig.time.pending, 0);
  });
});
