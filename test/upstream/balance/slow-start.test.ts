// The curve of a replica that comes up.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBalancer } from '../../../src/upstream/balance/balancer.ts';
import { weightAt } from '../../../src/upstream/balance/slow-start.ts';
import { candidates, ipv4, seededRandom, shares } from './candidates.ts';

test('the weight grows with the time, from a tenth', () => {
  const [replica] = candidates([4]) as [ReturnType<typeof candidates>[number]];
  replica.cell.upSince = 50_000;
  const at = (elapsed: number) => weightAt(replica, 10_000, 50_000 + elapsed);
  assert.equal(at(0), 0.4);
  assert.equal(at(1000), 0.4);
  assert.equal(at(2500), 1);
  assert.equal(at(5000), 2);
  assert.equal(at(9999), 3.9996);
  assert.equal(at(10_000), 4);
  assert.equal(at(1e9), 4);
  // The clocks of two threads may differ by a little.
  assert.equal(at(-1), 0.4);
});

test('there is none without the setting, and none for what was there at the start', () => {
  const [replica] = candidates([4]) as [ReturnType<typeof candidates>[number]];
  assert.equal(weightAt(replica, 10_000, 5), 4);
  replica.cell.upSince = 50_000;
  assert.equal(weightAt(replica, 0, 50_000), 4);
});

for (const kind of ['least-requests', 'round-robin', 'hash-client'] as const) {
  test(`${kind} gives a new replica a tenth, then half, then its share`, () => {
    let now = 100_000;
    const balancer = createBalancer(kind, 10_000, seededRandom(1), () => now);
    const all = candidates([1, 1, 1]);
    all[2]!.cell.upSince = now;
    const share = () => shares(balancer, all, 30_000, ipv4)[2]!;
    for (const [elapsed, weight] of [
      [0, 0.1],
      [5000, 0.5],
      [10_000, 1],
    ] as const) {
      now = 100_000 + elapsed;
      const expected = weight / (2 + weight);
      const seen = share();
      assert.ok(Math.abs(seen - expected) < 0.012, `${seen} instead of ${expected} after ${elapsed} ms`);
    }
  });
}

test('hash-client moves each client once, and only to the replica that comes up', () => {
  let now = 0;
  const balancer = createBalancer('hash-client', 10_000, Math.random, () => now);
  const all = candidates([1, 1, 1, 1]);
  const newcomer = all[1]!;
  newcomer.cell.upSince = 1;
  const others = all.filter((candidate) => candidate !== newcomer);
  const clients = Array.from({ length: 5000 }, (_, i) => ipv4(i));
  let before = clients.map((client) => balancer.choose(others, others.length, client));
  for (now = 1; now <= 10_001; now += 500) {
    const after = clients.map((client) => balancer.choose(all, all.length, client));
    for (const [i, chosen] of after.entries()) assert.ok(chosen === before[i] || chosen === newcomer);
    before = after;
  }
});
