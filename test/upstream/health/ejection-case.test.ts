// Passive health of one replica: when it is ejected, for how long, and what brings it back.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Ejection } from '../../../src/upstream/replica-cell.ts';
import { JudgeRig } from './judge-rig.ts';

suite('an ejection', () => {
  test('begins with the failures in a row, ends half open, and with an exchange that succeeds', () => {
    const rig = new JudgeRig(3);
    const cell = rig.cells[1]!;
    rig.fail(1, 4);
    rig.judge.suspect(1);
    assert.equal(cell.ejection, Ejection.none, 'four are not five: a success came before the news');
    rig.fail(1, 1);
    assert.equal(cell.ejection, Ejection.ejected);
    assert.deepEqual(rig.judge.stateOf(1), { ejected: true, until: rig.time.now() + 10_000, times: 1 });
    rig.time.advance(9999);
    assert.equal(cell.ejection, Ejection.ejected);
    rig.time.advance(1);
    assert.equal(cell.ejection, Ejection.halfOpen);
    assert.equal(cell.claimProbe(), true);
    assert.equal(cell.claimProbe(), false);
    rig.judge.probed(1, 'ok');
    assert.equal(cell.ejection, Ejection.none);
    assert.equal(cell.failures, 0);
    assert.equal(cell.upSince, rig.time.now(), 'for slow start');
    assert.deepEqual(rig.judge.stateOf(1), { ejected: false, until: 0, times: 1 });
    assert.equal(rig.time.pending, 0);
    const facts = { upstream: 'api', replica: 'http://api-1' };
    assert.deepEqual(rig.log.lines, [
      {
        level: 'warn',
        message: 'a replica is ejected',
        facts: { ...facts, for: 10_000, failures: 5, reason: '' },
      },
      { level: 'info', message: 'a replica is back', facts: { ...facts, why: 'an exchange succeeded' } },
    ]);
  });

  test('is twice as long after each exchange that failed, up to max', () => {
    const SECONDS = [10, 20, 40, 80, 160, 300, 300, 300];
    const rig = new JudgeRig(2);
    rig.fail(0);
    const lengths = [rig.length(0)];
    for (let i = 0; i < 7; i++) {
      rig.takeProbe(0);
      rig.judge.probed(0, 'failed');
      assert.equal(rig.cells[0]!.ejection, Ejection.ejected);
      lengths.push(rig.length(0));
    }
    assert.deepEqual(
      lengths,
      SECONDS.map((s) => s * 1000),
    );
    assert.equal(rig.judge.stateOf(0).times, 5, 'as many as it takes to reach max');
  });

  test('has a jitter of 20 %, and never passes max', () => {
    for (const [chance, first, last] of [
      [0, 8000, 240_000],
      [1, 12_000, 300_000],
    ] as const) {
      const rig = new JudgeRig(2);
      rig.time.chance = chance;
      rig.fail(0);
      assert.equal(rig.length(0), first);
      for (let i = 0; i < 7; i++) {
        rig.takeProbe(0);
        rig.judge.probed(0, 'failed');
      }
      assert.equal(Math.round(rig.length(0)), last);
    }
  });

  test('is forgotten by half for each span of max in service', () => {
    const rig = new JudgeRig(2);
    const times: number[] = [];
    rig.fail(0);
    for (let i = 0; i < 4; i++) {
      rig.takeProbe(0);
      rig.judge.probed(0, 'failed');
    }
    rig.time.advance(600_000);
    assert.equal(rig.judge.stateOf(0).times, 5, 'not while it is out');
    rig.cells[0]!.claimProbe();
    rig.judge.probed(0, 'ok');
    for (const ms of [0, 299_999, 1, 300_000, 300_000]) {
      rig.time.advance(ms);
      times.push(rig.judge.stateOf(0).times);
    }
    assert.deepEqual(times, [5, 5, 2, 1, 0]);
    rig.fail(0);
    assert.equal(rig.length(0), 10_000);
  });

  test('tells nothing when the single exchange was neutral: the next one may try', () => {
    const rig = new JudgeRig(2);
    rig.fail(0);
    rig.takeProbe(0);
    rig.judge.probed(0, 'neutral');
    assert.equal(rig.cells[0]!.ejection, Ejection.halfOpen);
    assert.equal(rig.cells[0]!.claimProbe(), true);
    rig.judge.probed(0, 'ok');
    assert.equal(rig.cells[0]!.ejection, Ejection.none);
  });

  test('a single exchange whose worker died is lent again after 90 s, not before', () => {
    const rig = new JudgeRig(2);
    rig.fail(0);
    rig.time.advance(10_000 + 120_000);
    assert.equal(rig.cells[0]!.ejection, Ejection.halfOpen, 'nobody asked for it yet');
    assert.equal(rig.cells[0]!.claimProbe(), true);
    rig.time.advance(89_999);
    assert.equal(rig.cells[0]!.ejection, Ejection.probing);
    rig.time.advance(10_001);
    assert.equal(rig.cells[0]!.ejection, Ejection.halfOpen);
    assert.equal(rig.log.messages.at(-1), 'nobody told how a half-open exchange ended');
    // Two in a row, each of them told: the lease is each one's own.
    for (let i = 0; i < 3; i++) {
      assert.equal(rig.cells[0]!.claimProbe(), true);
      rig.time.advance(60_000);
      assert.equal(rig.cells[0]!.ejection, Ejection.probing);
      rig.judge.probed(0, 'neutral');
    }
    assert.equal(rig.cells[0]!.claimProbe(), true);
    rig.time.advance(100_000);
    assert.equal(rig.cells[0]!.ejection, Ejection.halfOpen);
    rig.judge.probed(0, 'ok');
    assert.equal(rig.cells[0]!.ejection, Ejection.none, 'news that come late are news');
    assert.equal(rig.time.pending, 0);
  });

  test('news of somebody unknown, or of an exchange that does not matter any more, change nothing', () => {
    const rig = new JudgeRig(2);
    rig.judge.suspect(9);
    rig.judge.probed(9, 'ok');
    rig.judge.passed(9);
    rig.judge.forget(9);
    rig.judge.probed(0, 'failed');
    assert.deepEqual(rig.judge.stateOf(9), { ejected: false, until: 0, times: 0 });
    rig.fail(0);
    const state = rig.judge.stateOf(0);
    rig.judge.probed(0, 'ok');
    rig.judge.suspect(0);
    assert.deepEqual(rig.judge.stateOf(0), state);
    assert.deepEqual(rig.out, [0]);
  });
});

suite('a check that passes', () => {
  test('lifts an ejection, half open or not', () => {
    for (const wait of [0, 15_000]) {
      const rig = new JudgeRig(2);
      rig.fail(0);
      rig.time.advance(wait);
      rig.judge.passed(0);
      assert.deepEqual(rig.out, []);
      assert.equal(rig.cells[0]!.failures, 0);
      assert.equal(rig.cells[0]!.upSince, rig.time.now());
      assert.equal(rig.time.pending, 0);
      assert.equal(rig.news.at(-1), 'a replica is back: http://api-0 a check passed');
      rig.fail(0);
      assert.equal(rig.length(0), 20_000, 'but it is not forgotten');
    }
  });

  test('says nothing of an ejection that came after it was begun', () => {
    const rig = new JudgeRig(2);
    const began = rig.time.now();
    rig.time.advance(5);
    rig.fail(0);
    rig.judge.passed(0, began);
    assert.deepEqual(rig.out, [0]);
  });

  test('leaves the count of failures alone where nothing is ejected', () => {
    const rig = new JudgeRig(2);
    rig.fail(0, 4);
    rig.judge.passed(0);
    assert.equal(rig.cells[0]!.failures, 4);
  });

  test('as all before it did, does not lift the ejection in its first second', () => {
    const rig = new JudgeRig(2);
    rig.fail(0);
    rig.judge.passed(0, rig.time.now(), false);
    rig.time.advance(999);
    rig.judge.passed(0, rig.time.now(), false);
    assert.deepEqual(rig.out, [0]);
    rig.time.advance(1);
    rig.judge.passed(0, rig.time.now(), false);
    assert.deepEqual(rig.out, []);
  });

  test('is not believed again when it sees nothing of the trouble', () => {
    const rig = new JudgeRig(2);
    const healthyCheck = () => {
      rig.time.advance(2000);
      rig.judge.passed(0, rig.time.now(), false);
    };
    rig.fail(0);
    healthyCheck();
    assert.deepEqual(rig.out, []);
    rig.fail(0);
    assert.equal(rig.length(0), 20_000);
    healthyCheck();
    assert.deepEqual(rig.out, [0], 'only time and an exchange can say');
    rig.takeProbe(0);
    healthyCheck();
    assert.deepEqual(rig.out, [0]);
    rig.judge.probed(0, 'failed');
    // The trouble has reached the check, and is over there.
    rig.judge.passed(0, rig.time.now(), true);
    assert.deepEqual(rig.out, []);
    rig.fail(0);
    healthyCheck();
    assert.deepEqual(rig.out, [], 'then it is believed again');
    rig.fail(0);
    rig.takeProbe(0);
    rig.judge.probed(0, 'ok');
    rig.fail(0);
    healthyCheck();
    assert.deepEqual(rig.out, [], 'and after an exchange that succeeded');
    // Long forgotten.
    rig.time.advance(3_000_000);
    rig.fail(0);
    healthyCheck();
    assert.deepEqual(rig.out, []);
  });
});
