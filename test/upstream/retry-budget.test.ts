// The budget of retries: a part of the exchanges of the last seconds, and a few for a quiet site.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RetryBudget } from '../../src/upstream/retry-budget.ts';

/** How many retries it gives when it is asked until it says no. */
function drained(budget: RetryBudget): number {
  let taken = 0;
  while (budget.take()) taken++;
  return taken;
}

function after(exchanges: number, ratio = 0.2): RetryBudget {
  const budget = new RetryBudget(ratio);
  budget.tick(5_000);
  for (let i = 0; i < exchanges; i++) budget.count();
  return budget;
}

test('a fifth of the exchanges, whatever they are asked for', () => {
  assert.equal(drained(after(1000)), 200);
  assert.equal(drained(after(99)), 19);
});

test('a quiet site has three in ten seconds', () => {
  assert.equal(drained(after(0)), 3);
  assert.equal(drained(after(14)), 3);
});

test('a ratio of nothing gives nothing', () => assert.equal(drained(after(1000, 0)), 0));

test('retries count for ten seconds, and so do exchanges', () => {
  const budget = after(100);
  assert.equal(drained(budget), 20);
  budget.tick(14_900);
  assert.equal(drained(budget), 0, 'within the span');
  for (let i = 0; i < 50; i++) budget.count();
  assert.equal(drained(budget), 10, 'new exchanges pay for new retries');
  budget.tick(15_000);
  assert.equal(drained(budget), 0, 'the first hundred have left with their retries, ten of ten are taken');
  budget.tick(60_000);
  assert.equal(drained(budget), 3, 'a long silence leaves the few');
});

test('with all of them failing, there are never more than 1.2 times as many attempts as exchanges', () => {
  const budget = new RetryBudget(0.2);
  let attempts = 0;
  const exchanges = 20_000;
  for (let i = 0; i < exchanges; i++) {
    budget.tick(i * 7);
    budget.count();
    attempts += budget.take() ? 2 : 1;
    // The few of a quiet site are all that goes beyond at the beginning.
    assert.ok(attempts <= Math.max(i + 1 + 3, (i + 1) * 1.2));
  }
  assert.ok(attempts <= exchanges * 1.2, `${attempts}`);
  assert.ok(attempts > exchanges * 1.15, `${attempts}`);
});
