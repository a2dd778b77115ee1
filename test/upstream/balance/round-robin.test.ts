// Smooth turns by weight, also while replicas come and go.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { RoundRobin } from '../../../src/upstream/balance/round-robin.ts';
import { candidates, seededRandom, type TestCandidate } from './candidates.ts';

const create = (random: () => number) => new RoundRobin(0, random, () => 0);
/** Everybody starts in the middle, as nginx does. */
const middle = () => 0.5;

function turns(balancer: RoundRobin, all: readonly TestCandidate[], picks: number): string {
  let names = '';
  for (let i = 0; i < picks; i++) names += balancer.choose(all, all.length).name;
  return names;
}

const count = (names: string, name: string) => names.split(name).length - 1;

suite('turns', () => {
  test("are nginx's", () => {
    assert.equal(turns(create(middle), candidates([5, 1, 1]), 14), 'aabacaaaabacaa');
    assert.equal(turns(create(middle), candidates([1, 1, 1]), 6), 'abcabc');
    assert.equal(turns(create(middle), candidates([2, 1]), 6), 'abaaba');
  });

  test('are exact in every round, wherever they start', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const names = turns(create(seededRandom(seed)), candidates([4, 2, 1]), 70);
      for (let from = 0; from + 7 <= names.length; from++) {
        const round = names.slice(from, from + 7);
        for (const [name, weight] of [
          ['a', 4],
          ['b', 2],
          ['c', 1],
        ] as const) {
          assert.ok(Math.abs(count(round, name) - weight) <= 1, `${round} in ${names}`);
        }
      }
      assert.ok(Math.abs(count(names, 'a') - 40) <= 1, names);
    }
  });

  test('start anywhere, so that workers do not march in step', () => {
    const firsts = { a: 0, b: 0, c: 0 };
    for (let seed = 1; seed <= 600; seed++) {
      firsts[turns(create(seededRandom(seed)), candidates([1, 1, 1]), 1) as 'a' | 'b' | 'c']++;
    }
    for (const times of Object.values(firsts)) assert.ok(times > 140 && times < 260, JSON.stringify(firsts));
  });
});

suite('coming and going', () => {
  test('who is new or comes back gets no burst, and nobody goes without', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = seededRandom(seed);
      const balancer = create(random);
      const all = candidates([1, 1, 1, 1, 1, 1]);
      for (let change = 0; change < 300; change++) {
        const present = all.filter(() => random() < 0.6);
        if (present.length < 2) continue;
        const rounds = 1 + Math.floor(random() * 4);
        const names = turns(balancer, present, rounds * present.length);
        for (const { name } of present) {
          const times = count(names, name);
          assert.ok(Math.abs(times - rounds) <= 2, `${name} in ${names}, ${present.length} candidates`);
        }
      }
    }
  });

  test('who is left out in every second turn (it was full, say) still gets turns, and no more than its share', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const balancer = create(seededRandom(seed));
      const all = candidates([1, 1, 1]);
      const rest = all.slice(0, 2);
      let names = '';
      for (let i = 0; i < 600; i++) names += balancer.choose(i % 2 ? rest : all, i % 2 ? 2 : 3).name;
      const times = count(names, 'c');
      assert.ok(times >= 80 && times <= 130, `${times} of 300 turns`);
      assert.ok(Math.abs(count(names, 'a') - count(names, 'b')) <= 20, names);
    }
  });

  test('new ones, one after the other for days, are no burst either', () => {
    const balancer = create(seededRandom(1));
    let all = candidates([3, 1, 2]);
    for (let id = 100; id < 3000; id++) {
      // One leaves in the middle of a round, and one comes.
      all = [...all.slice(1), ...candidates([1 + (id % 3)], id)];
      const total = all.reduce((sum, { weight }) => sum + weight, 0);
      const picks = Array.from({ length: total }, () => balancer.choose(all, 3));
      for (const candidate of all) {
        const times = picks.filter((picked) => picked === candidate).length;
        assert.ok(Math.abs(times - candidate.weight) <= 2, `${times} for ${candidate.weight} of ${total}`);
      }
    }
  });

  test('who left is forgotten', () => {
    const balancer = create(middle);
    for (let id = 1; id <= 200; id++) turns(balancer, candidates([1, 1], 10 * id), 1000);
    assert.ok(balancer.remembered <= 2 * 22, `${balancer.remembered} remembered`);
  });

  test('a single candidate takes no turn', () => {
    const balancer = create(middle);
    const all = candidates([1, 1]);
    assert.equal(balancer.choose(all, 2).name, 'a');
    for (let i = 0; i < 10; i++) assert.equal(balancer.choose(all, 1).name, 'a');
    assert.equal(turns(balancer, all, 3), 'bab');
  });
});
