// Rise and fall: how many checks in a row turn a replica, and how soon the next one is due.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { HealthState } from '../../../src/upstream/health/health-state.ts';

/** Feeds outcomes (`+` passed, `-` failed) and writes the state after each: `u` unknown, `U` up, `D` down. */
function run(outcomes: string, check = { interval: 10_000, rise: 2, fall: 3 }): string {
  const state = new HealthState(check);
  const letters = { unknown: 'u', up: 'U', down: 'D' };
  let seen = '';
  for (const outcome of outcomes) {
    const before = state.health;
    const turned = state.record(outcome === '+');
    assert.equal(turned, state.health !== before, `after ${seen}${outcome}`);
    seen += letters[state.health];
  }
  return seen;
}

suite('the state of a replica by its checks', () => {
  for (const [what, outcomes, states] of [
    ['the first pass is enough at the beginning', '+', 'U'],
    ['failures at the beginning count, and the replica is taken for up meanwhile', '---', 'uuD'],
    ['the first pass after some failures at the beginning as well', '--+', 'uuU'],
    ['fall in a row', '+---', 'UUUD'],
    ['a pass in between begins the count anew', '+--+--+---', 'UUUUUUUUUD'],
    ['rise in a row', '+---++', 'UUUDDU'],
    ['a failure in between begins that count anew', '+---+-+-++', 'UUUDDDDDDU'],
    ['after a rise, fall is counted from zero', '+---++--+---', 'UUUDDUUUUUUD'],
    ['a replica that was never up needs rise as well', '---+-++', 'uuDDDDU'],
  ] as const) {
    test(what, () => assert.equal(run(outcomes), states));
  }

  test('1 and 1: every check turns it', () => {
    assert.equal(run('-+-++--', { interval: 1, rise: 1, fall: 1 }), 'DUDUUDD');
  });

  test('the streak', () => {
    const state = new HealthState({ interval: 1000, rise: 2, fall: 3 });
    assert.equal(state.streak, 0);
    const streaks = [...'++-+---'].map((outcome) => {
      state.record(outcome === '+');
      return state.streak;
    });
    assert.deepEqual(streaks, [1, 2, 1, 1, 1, 2, 3]);
  });
});

suite('the interval', () => {
  const intervals = (outcomes: string, interval: number) => {
    const state = new HealthState({ interval, rise: 2, fall: 3 });
    return [...outcomes].map((outcome) => {
      state.record(outcome === '+');
      return state.interval;
    });
  };

  test('is short unless the replica is up and the last check passed', () => {
    assert.equal(new HealthState({ interval: 10_000, rise: 2, fall: 3 }).interval, 1000);
    assert.deepEqual(intervals('+-+---++', 10_000), [10_000, 1000, 10_000, 1000, 1000, 1000, 1000, 10_000]);
  });

  test('is never longer than the config says', () => {
    assert.deepEqual(intervals('+---', 300), [300, 300, 300, 300]);
  });
});
