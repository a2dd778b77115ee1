// A client keeps its replica, in every worker and after restarts, and moves only when it must.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Balancer, createBalancer } from '../../../src/upstream/balance/balancer.ts';
import { candidates, ipv4, shares, type TestCandidate } from './candidates.ts';

const create = () => createBalancer('hash-client', 0);
const CLIENTS = Array.from({ length: 20_000 }, (_, i) => ipv4(i));

const choices = (balancer: Balancer, all: readonly TestCandidate[]) =>
  CLIENTS.map((client) => balancer.choose(all, all.length, client));

suite('shares', () => {
  for (const weights of [
    [1, 1],
    [1, 1, 1],
    [5, 1, 1],
    [1, 2, 3, 4],
    Array.from({ length: 20 }, () => 1),
    [100, 1],
  ]) {
    test(`of neighbouring addresses are by weight: ${weights.join(', ')}`, () => {
      const all = candidates(weights);
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      const seen = shares(create(), all, CLIENTS.length, (i) => CLIENTS[i]!);
      for (const [i, share] of seen.entries()) {
        const expected = weights[i]! / total;
        // Four standard deviations.
        const within = 4 * Math.sqrt((expected * (1 - expected)) / CLIENTS.length);
        assert.ok(Math.abs(share - expected) < within, `${seen.join(' ')}`);
      }
    });
  }
});

suite('stability', () => {
  test('is by address, not by number or position', () => {
    const all = candidates([1, 2, 1, 1]);
    const before = choices(create(), all);
    // After a restart the ids are others, and so is the order.
    const again = candidates([1, 2, 1, 1], 70).reverse();
    const after = choices(create(), again);
    assert.deepEqual(
      after.map(({ url }) => url),
      before.map(({ url }) => url),
    );
  });

  for (const weights of [
    [1, 1, 1, 1, 1],
    [1, 5, 2, 1, 3],
  ]) {
    test(`a replica that leaves moves only its own clients, and they spread (${weights.join(', ')})`, () => {
      const balancer = create();
      const all = candidates(weights);
      const before = choices(balancer, all);
      for (const gone of all) {
        const left = all.filter((candidate) => candidate !== gone);
        const heirs = new Set<TestCandidate>();
        for (const [i, chosen] of choices(balancer, left).entries()) {
          if (before[i] === gone) heirs.add(chosen);
          else assert.equal(chosen, before[i]);
        }
        assert.equal(heirs.size, left.length);
      }
      assert.deepEqual(choices(balancer, all), before);
    });
  }

  test('a weight that is raised only draws clients to its replica', () => {
    const balancer = create();
    const before = choices(balancer, candidates([1, 1, 1]));
    const after = choices(balancer, candidates([1, 2, 1], 10));
    let moved = 0;
    for (const [i, { name }] of after.entries()) {
      if (name === before[i]!.name) continue;
      moved++;
      assert.equal(name, 'b');
    }
    // From a third to a half.
    assert.ok(Math.abs(moved / CLIENTS.length - 1 / 6) < 0.015, `${moved}`);
  });

  test('what another candidate list left behind does not matter', () => {
    const balancer = create();
    const all = candidates([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
    const before = choices(balancer, all);
    const reused = [...all];
    for (let i = 0; i < 50; i++) {
      balancer.choose(all.slice(i % 9), 3, ipv4(i));
      // The array is the caller's, who puts other candidates in it.
      assert.equal(balancer.choose(reused, 12, CLIENTS[i]!), before[i]);
      assert.equal(balancer.choose(all, 1, CLIENTS[i]!), all[0]);
    }
  });
});

suite('clients', () => {
  test('a whole /64 goes to one replica, the next one somewhere else', () => {
    const balancer = create();
    const all = candidates([1, 1, 1, 1]);
    const seen = new Set<TestCandidate>();
    for (let net = 0; net < 64; net++) {
      const first = balancer.choose(all, 4, `2001:db8:0:${net.toString(16)}::1`);
      for (const host of ['::2', ':1:2:3:4', ':ffff:ffff:ffff:ffff']) {
        assert.equal(balancer.choose(all, 4, `2001:db8:0:${net.toString(16)}${host}`), first);
      }
      seen.add(first);
    }
    assert.equal(seen.size, 4);
  });

  test('one whose address is unknown is served too', () => {
    const all = candidates([1, 1]);
    assert.ok(all.includes(create().choose(all, 2, '')));
  });
});
