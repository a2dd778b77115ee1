// The schedule of checks, and what they lead to, with time and answers under the test's control.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { CheckResult, startCheck } from '../../../src/upstream/health/health-check.ts';
import { Prober, type ProbeTarget } from '../../../src/upstream/health/prober.ts';
import { Checked } from '../../../src/upstream/replica-cell.ts';
import { ManualTime } from '../manual-time.ts';
import { RecordedLog } from '../recorded-log.ts';
import { probeTarget as target } from './probe-target.ts';

/** A prober whose checks end when the test says so. */
class Rig {
  readonly time = new ManualTime();
  readonly log = new RecordedLog();
  readonly events: string[] = [];
  /** Ids of the checks begun, in order. */
  readonly begun: number[] = [];
  readonly #underWay = new Map<number, (result: CheckResult) => void>();
  readonly prober: Prober;

  constructor() {
    const check: typeof startCheck = (subject, done) => {
      const { id } = subject as ProbeTarget;
      assert.ok(!this.#underWay.has(id), `two checks of ${id} at the same time`);
      this.begun.push(id);
      this.#underWay.set(id, done);
      return () => void this.#underWay.delete(id);
    };
    this.prober = new Prober(
      {
        onPass: (id, began, recovered) =>
          this.events.push(`pass ${id} ${this.time.now() - began}${recovered ? ' recovered' : ''}`),
        onTurn: (id, up, detail) => this.events.push(`${up ? 'up' : 'down'} ${id} ${detail}`),
      },
      { time: this.time, log: this.log, check },
    );
  }

  get underWay(): number[] {
    return [...this.#underWay.keys()];
  }

  end(id: number, ok: boolean, after = 5): void {
    this.time.advance(after);
    const done = this.#underWay.get(id);
    assert.ok(done, `no check of ${id} is under way`);
    this.#underWay.delete(id);
    done({ ok, detail: ok ? '200' : 'status 500', took: after });
  }

  /** Waits for the next check and ends it. */
  next(id: number, ok: boolean): void {
    this.time.advance(this.time.next);
    this.end(id, ok);
  }
}

suite('the schedule', () => {
  test('the first check of each at once, side by side', () => {
    const rig = new Rig();
    for (const id of [1, 2, 3]) rig.prober.add(target(id));
    assert.deepEqual(rig.underWay, [1, 2, 3]);
    assert.equal(rig.time.pending, 0);
    rig.end(2, true);
    rig.time.advance(10_000);
    assert.deepEqual(rig.begun, [1, 2, 3, 2], 'those that hang hold up nobody');
  });

  test('from beginning to beginning, 20 % more or less, and soon while something may change', () => {
    const rig = new Rig();
    const waits: number[] = [];
    const end = (ok: boolean, chance: number) => {
      rig.time.chance = chance;
      rig.end(1, ok, 100);
      waits.push(Math.round(rig.time.next));
      rig.time.advance(rig.time.next);
    };
    rig.prober.add(target(1));
    end(true, 0.5);
    end(true, 0);
    end(true, 0.999999);
    end(false, 0.5);
    end(false, 0);
    end(false, 1);
    end(true, 0.5);
    end(true, 0.5);
    assert.deepEqual(waits, [9900, 7900, 11_900, 900, 700, 1100, 900, 9900]);
  });

  test('a check that took longer than the interval is followed by the next one at once', () => {
    const rig = new Rig();
    rig.prober.add(target(1));
    rig.end(1, false, 2000);
    assert.equal(rig.time.next, 0);
    rig.time.advance(0);
    assert.deepEqual(rig.begun, [1, 1]);
  });

  test('at once when a worker noticed trouble, but not twice, nor a moment after the last one', () => {
    const rig = new Rig();
    rig.prober.add(target(1));
    rig.prober.checkNow(1);
    rig.end(1, true, 100);
    rig.prober.checkNow(1);
    rig.time.advance(149);
    rig.prober.checkNow(1);
    assert.deepEqual(rig.begun, [1]);
    rig.time.advance(1);
    rig.prober.checkNow(1);
    rig.prober.checkNow(1);
    assert.deepEqual(rig.begun, [1, 1]);
    assert.equal(rig.time.pending, 0, 'the timer of the next one is gone');
    rig.end(1, true, 10);
    assert.equal(rig.time.next, 9990);
    rig.prober.checkNow(7);
  });

  test('nothing is left of a replica that was removed, nor of any after stop()', () => {
    const rig = new Rig();
    const [one, two, three] = [target(1), target(2), target(3)] as const;
    for (const each of [one, two, three]) rig.prober.add(each);
    rig.end(1, true);
    rig.end(3, true);
    rig.prober.remove(1);
    rig.prober.remove(2);
    assert.deepEqual(rig.underWay, []);
    assert.equal(rig.time.pending, 1);
    assert.equal(rig.prober.stateOf(1), undefined);
    assert.equal(one.cell.checked, Checked.up, 'workers may still look at it');
    rig.prober.stop();
    assert.equal(rig.time.pending, 0);
    assert.equal(three.cell.checked, Checked.up, 'what was known last stands');
    rig.time.advance(60_000);
    assert.deepEqual(rig.begun, [1, 2, 3]);
  });

  test('hooks may remove the replica they are told of', () => {
    const rig = new Rig();
    const told: number[] = [];
    const prober: Prober = new Prober(
      { onPass: (id) => prober.remove(id), onTurn: (id) => told.push(id) },
      {
        time: rig.time,
        log: rig.log,
        check: (_, done) => rig.time.after(1, () => done({ ok: true, detail: '200', took: 1 })),
      },
    );
    prober.add(target(1));
    rig.time.advance(1);
    assert.deepEqual(told, [1]);
    assert.equal(rig.time.pending, 0);
  });
});

suite('what it tells', () => {
  test('the cell, the hooks, the log and displays, through a life', () => {
    const rig = new Rig();
    const one = target(2);
    rig.prober.add(one);
    assert.deepEqual(rig.prober.stateOf(2), {
      state: 'unknown',
      lastDetail: '',
      lastAt: 0,
      lastTook: 0,
      streak: 0,
    });
    rig.end(2, true);
    assert.equal(one.cell.checked, Checked.up);
    assert.equal(one.cell.upSince, 0, 'there from the start');
    assert.deepEqual(rig.log.lines, [], 'that all is well at the start is no news');
    rig.next(2, false);
    rig.next(2, false);
    assert.equal(one.cell.checked, Checked.up);
    rig.next(2, false);
    assert.equal(one.cell.checked, Checked.down);
    assert.deepEqual(rig.prober.stateOf(2), {
      state: 'down',
      lastDetail: 'status 500',
      lastAt: rig.time.now(),
      lastTook: 5,
      streak: 3,
    });
    rig.next(2, true);
    assert.equal(one.cell.checked, Checked.down);
    rig.next(2, true);
    assert.equal(one.cell.checked, Checked.up);
    assert.equal(one.cell.upSince, rig.time.now());
    rig.next(2, true);
    assert.deepEqual(rig.events, [
      'pass 2 5',
      'up 2 200',
      'down 2 status 500',
      'pass 2 5 recovered',
      'pass 2 5',
      'up 2 200',
      'pass 2 5',
    ]);
    const facts = { upstream: 'api', replica: 'http://api-2:3000' };
    assert.deepEqual(rig.log.lines, [
      { level: 'warn', message: 'a replica is down', facts: { ...facts, reason: 'status 500', after: 3 } },
      { level: 'info', message: 'a replica is up', facts: { ...facts, after: 2 } },
    ]);
  });

  test('a replica that is removed and added starts anew', () => {
    const rig = new Rig();
    const one = target(1, 1, { fall: 1 });
    rig.prober.add(one);
    rig.end(1, false);
    assert.equal(one.cell.checked, Checked.down);
    rig.prober.add({ ...one, check: { ...one.check, path: '/other' } });
    assert.equal(one.cell.checked, Checked.unknown);
    assert.equal(rig.prober.stateOf(1)?.state, 'unknown');
    rig.end(1, true);
    assert.equal(one.cell.checked, Checked.up);
    assert.equal(one.cell.upSince, 0);
    assert.deepEqual(rig.log.messages, ['a replica is down']);
  });
});
