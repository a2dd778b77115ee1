// Power of two choices: who is busy is spared, and weights hold whatever the load.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createBalancer } from '../../../src/upstream/balance/balancer.ts';
import { candidates, seededRandom, shares, type TestCandidate } from './candidates.ts';

const create = (seed: number) => createBalancer('least-requests', 0, seededRandom(seed));

/** Shares in a closed loop: `atATime` exchanges are under way, and any of them ends before the next begins. */
function loop(weights: readonly number[], atATime: number, picks = 40_000): number[] {
  const random = seededRandom(7);
  const balancer = create(3);
  const all = candidates(weights);
  const counts = new Map(all.map((candidate) => [candidate, 0]));
  const underWay: TestCandidate[] = [];
  for (let i = 0; i < picks; i++) {
    const chosen = balancer.choose(all, all.length, '');
    counts.set(chosen, counts.get(chosen)! + 1);
    chosen.cell.inFlight.add(1);
    underWay.push(chosen);
    if (underWay.length < atATime) continue;
    const [ended] = underWay.splice(Math.floor(random() * underWay.length), 1);
    ended!.cell.inFlight.add(-1);
  }
  return all.map((candidate) => counts.get(candidate)! / picks);
}

function assertNear(seen: readonly number[], expected: readonly number[], within: number): void {
  for (const [i, share] of seen.entries()) {
    assert.ok(Math.abs(share - expected[i]!) < within, `${seen.join(' ')} instead of ${expected.join(' ')}`);
  }
}

suite('with equal weights', () => {
  test('of two, the one with less in flight is taken', () => {
    const balancer = create(1);
    const all = candidates([1, 1]);
    all[0]!.cell.inFlight.add(1);
    for (let i = 0; i < 1000; i++) assert.equal(balancer.choose(all, 2, ''), all[1]);
  });

  test('of many, the busiest is never taken and the idlest most often', () => {
    const balancer = create(2);
    const all = candidates([1, 1, 1, 1, 1]);
    for (const [i, replica] of all.entries()) replica.cell.inFlight.add(10 * i);
    const seen = shares(balancer, all, 20_000);
    // Of the 10 pairs the first wins 4, the second 3, and so on: the pairs are drawn evenly.
    assertNear(seen, [0.4, 0.3, 0.2, 0.1, 0], 0.015);
    assert.equal(seen[4], 0);
  });

  test('ties are broken at random', () => {
    for (const n of [2, 3, 7]) {
      const seen = shares(create(n), candidates(Array(n).fill(1)), 20_000);
      assertNear(seen, Array(n).fill(1 / n), 0.015);
    }
  });

  test('stays even under load', () => {
    const all = candidates(Array(10).fill(1));
    const balancer = create(5);
    for (let i = 0; i < 1000; i++) balancer.choose(all, 10, '').cell.inFlight.add(1);
    for (const { cell } of all) assert.ok(Math.abs(cell.inFlight.value - 100) <= 5, `${cell.inFlight.value}`);
  });
});

suite('with weights', () => {
  for (const [weights, atATime, within] of [
    // One exchange at a time, as on most sites most of the day: nobody goes without.
    [[2, 1], 1, 0.015],
    [[10, 1, 1], 1, 0.015],
    [[5, 1, 1, 1, 1, 1, 1, 1, 1, 1], 1, 0.015],
    [[3, 1], 4, 0.02],
    [[10, 1, 1], 30, 0.02],
    // More for one than its part of an even draw of two, 20 %.
    [[5, 1, 1, 1, 1, 1, 1, 1, 1, 1], 30, 0.03],
    [[5, 1, 1, 1, 1, 1, 1, 1, 1, 1], 300, 0.02],
    [[100, 50, 1], 100, 0.02],
  ] as const) {
    test(`${weights.join(', ')} hold with ${atATime} at a time`, () => {
      const total = weights.reduce((sum: number, weight) => sum + weight, 0);
      const expected = weights.map((weight) => weight / total);
      assertNear(loop(weights, atATime), expected, within);
    });
  }

  test('a replica that hangs gets less and less', () => {
    const balancer = create(9);
    const all = candidates([3, 1, 1]);
    // The heavy one never ends anything, the others at once.
    for (let i = 0; i < 10_000; i++) {
      const chosen = balancer.choose(all, 3, '');
      if (chosen === all[0]) chosen.cell.inFlight.add(1);
    }
    assert.ok(all[0]!.cell.inFlight.value <= 3, `${all[0]!.cell.inFlight.value}`);
  });
});

suite('the candidates', () => {
  test('only the first `count` are looked at', () => {
    const balancer = create(4);
    const all = candidates([1, 1, 1000]);
    for (let i = 0; i < 200; i++) assert.notEqual(balancer.choose(all, 2, ''), all[2]);
  });

  test('one is taken without a draw, two with one', () => {
    let draws = 0;
    const balancer = createBalancer('least-requests', 0, () => {
      draws++;
      return 0.5;
    });
    const all = candidates([1, 1, 1]);
    assert.equal(balancer.choose(all, 1, ''), all[0]);
    assert.equal(draws, 0);
    balancer.choose(all, 2, '');
    assert.equal(draws, 1);
  });

  test('hundreds, and the ends of the draw', () => {
    const all = candidates(Array(300).fill(1));
    assert.ok(all.includes(create(1).choose(all, 300, '')));
    for (const end of [0, 1 - 2 ** -53]) {
      const balancer = createBalancer('least-requests', 0, () => end);
      for (const count of [2, 3, 300]) assert.ok(all.includes(balancer.choose(all, count, '')));
    }
  });
});
