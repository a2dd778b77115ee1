// Who goes to which side of a split, and that nobody goes back and forth.
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { suite, test } from 'node:test';
import { SplitAction, type SplitOptions } from '../../src/actions/split.ts';
import { ClientConnection } from '../../src/listener/client-connection.ts';
import { ServerRequest } from '../../src/listener/server-request.ts';
import { Exchange } from '../../src/proxy/exchange.ts';
import type { CanonicalRequest } from '../../src/routing/canonical.ts';
import { Networks } from '../../src/routing/networks.ts';
import { createBalancer } from '../../src/upstream/balance/balancer.ts';
import { candidates, ipv4, seededRandom } from '../upstream/balance/candidates.ts';

/** An exchange as the gateway would make it, as far as a split looks at it. */
function exchange(address: string, fields: string[] = [], trusted: string[] = []): Exchange {
  const client = new ClientConnection({ remoteAddress: address } as Socket, false, new Networks(trusted));
  const head = {
    method: 'GET',
    target: '/',
    minor: 1,
    fields,
    framing: 'none',
    length: 0,
    keepAlive: true,
    end: 0,
  } as const;
  const req = new ServerRequest(head, { setFlowing: () => {} });
  const request = { expectsContinue: false } as CanonicalRequest;
  return new Exchange(req, null as never, client, request, null as never);
}

const BY_CLIENT: SplitOptions = { by: 'client', header: null, cookie: null };
const OVERRIDABLE: SplitOptions = { by: 'client', header: 'x-version', cookie: 'version' };

function split(
  percents: Record<string, number>,
  options: SplitOptions = BY_CLIENT,
  random?: () => number,
): { action: SplitAction; ran: string[] } {
  const ran: string[] = [];
  const parts = Object.entries(percents).map(([upstream, percent]) => ({
    upstream,
    percent,
    action: { run: () => void ran.push(upstream) },
  }));
  return { action: new SplitAction(parts, options, random), ran };
}

const CLIENTS = Array.from({ length: 20_000 }, (_, i) => ipv4(i));

function sides(percents: Record<string, number>): string[] {
  const { action } = split(percents);
  return CLIENTS.map((client) => action.choose(exchange(client)).upstream);
}

function assertShare(chosen: readonly string[], upstream: string, percent: number): void {
  const share = chosen.filter((name) => name === upstream).length / chosen.length;
  // Four standard deviations.
  const part = percent / 100;
  const within = 4 * Math.sqrt((part * (1 - part)) / chosen.length);
  assert.ok(Math.abs(share - part) <= within, `${upstream}: ${share} instead of ${part}`);
}

suite('by client', () => {
  for (const percents of [
    { stable: 90, canary: 10 },
    { blue: 50, green: 50 },
    { a: 33.3, b: 33.3, c: 33.4 },
    { stable: 99.5, canary: 0.5 },
    { stable: 100, canary: 0 },
    { canary: 100, stable: 0 },
  ] as Record<string, number>[]) {
    test(`the percentages hold: ${JSON.stringify(percents)}`, () => {
      const chosen = sides(percents);
      for (const [upstream, percent] of Object.entries(percents)) assertShare(chosen, upstream, percent);
    });
  }

  test('a percentage that is raised step by step moves every client once, one way', () => {
    let before = sides({ stable: 100, canary: 0 });
    for (const canary of [1, 5, 10, 25, 50, 75, 99, 100]) {
      const after = sides({ stable: 100 - canary, canary });
      for (const [i, side] of after.entries()) {
        assert.ok(side === before[i] || side === 'canary', `${CLIENTS[i]} went back`);
      }
      assert.notDeepEqual(after, before);
      before = after;
    }
  });

  test('of three, the first by name gives to the last by way of the one between', () => {
    const before = sides({ a: 60, b: 30, c: 10 });
    for (const [i, side] of sides({ a: 50, b: 30, c: 20 }).entries()) assert.ok(side >= before[i]!);
    // Neighbours exchange clients among themselves.
    for (const [i, side] of sides({ a: 60, b: 20, c: 20 }).entries()) {
      assert.ok(side === before[i] || (side === 'c' && before[i] === 'b'));
    }
  });

  test('the order in the file does not matter', () => {
    assert.deepEqual(sides({ canary: 20, stable: 80 }), sides({ stable: 80, canary: 20 }));
  });

  test('another split has other clients on its side', () => {
    const one = sides({ stable: 50, canary: 50 });
    const other = sides({ 'api-stable': 50, 'api-canary': 50 });
    const both = one.filter((side, i) => side === 'canary' && other[i] === 'api-canary').length;
    assert.ok(Math.abs(both / CLIENTS.length - 0.25) < 0.015, `${both}`);
  });

  test('sides and replicas of hash-client do not depend on each other', () => {
    const side = sides({ stable: 50, canary: 50 });
    const canary = CLIENTS.filter((_, i) => side[i] === 'canary');
    const balancer = createBalancer('hash-client', 0);
    const all = candidates([1, 1]);
    const first = canary.filter((client) => balancer.choose(all, 2, client) === all[0]).length;
    assert.ok(Math.abs(first / canary.length - 0.5) < 0.025, `${first} of ${canary.length}`);
  });
  test('a client is its address, or the /64, or whom a trusted proxy names', () => {
    const { action } = split({ stable: 50, canary: 50 });
    const side = (...args: Parameters<typeof exchange>) => action.choose(exchange(...args)).upstream;
    const fields = (address: string) => ['X-Forwarded-For', address];
    for (let i = 0; i < 200; i++) {
      const seen = side(ipv4(i));
      assert.equal(side(`::ffff:${ipv4(i)}`), seen);
      assert.equal(side('192.0.2.1', fields(ipv4(i)), ['192.0.2.1']), seen);
      // A stranger's word is not taken.
      assert.equal(side('192.0.2.1', fields(ipv4(i))), side('192.0.2.1'));
      assert.equal(side(`2001:db8:0:${i.toString(16)}::1`), side(`2001:db8:0:${i.toString(16)}:a:b:c:d`));
    }
    assert.ok(['stable', 'canary'].includes(side('')));
  });
});

suite('by exchange', () => {
  test('each one is drawn', () => {
    const options = { ...BY_CLIENT, by: 'exchange' } as const;
    const { action } = split({ a: 10, b: 0, c: 60, d: 30 }, options, seededRandom(1));
    const same = exchange('10.0.0.1');
    const chosen = Array.from({ length: 20_000 }, () => action.choose(same).upstream);
    assertShare(chosen, 'a', 10);
    assertShare(chosen, 'b', 0);
    assertShare(chosen, 'c', 60);
    assertShare(chosen, 'd', 30);
  });

  test('the ends of the draw belong to parts that have a percentage', () => {
    for (const percents of [
      { a: 0, b: 100 },
      { a: 100, b: 0 },
      { a: 0, b: 33.3, c: 33.3, d: 33.3, e: 0 },
    ] as Record<string, number>[]) {
      for (const end of [0, 1 - 2 ** -53]) {
        const { action } = split(percents, { ...BY_CLIENT, by: 'exchange' }, () => end);
        assert.notEqual(percents[action.choose(exchange('10.0.0.1')).upstream], 0);
      }
    }
  });
});

suite('overrides', () => {
  const { action } = split({ stable: 100, canary: 0 }, OVERRIDABLE);
  for (const [fields, expected] of [
    [[], 'stable'],
    [['X-Version', 'canary'], 'canary'],
    [['X-Version', 'stable'], 'stable'],
    [['Cookie', 'version=canary'], 'canary'],
    [['Cookie', 'a=b; version="canary"; c=d'], 'canary'],
    [['X-Version', 'stable', 'Cookie', 'version=canary'], 'stable'],
    [['X-Version', 'canary', 'Cookie', 'version=stable'], 'canary'],
    // What names none is ignored, and leaves the word to the next.
    [['X-Version', 'nonsense', 'Cookie', 'version=canary'], 'canary'],
    [['X-Version', 'nonsense'], 'stable'],
    [['X-Version', ''], 'stable'],
    [['X-Version', 'Canary'], 'stable'],
    [['X-Version', 'canary', 'X-Version', 'canary'], 'stable'],
    [['X-Version', 'constructor'], 'stable'],
    [['Cookie', 'version=nonsense'], 'stable'],
    [['Cookie', 'version=nonsense; version=canary'], 'stable'],
    [['Cookie', 'xversion=canary'], 'stable'],
    [['X-Other', 'canary'], 'stable'],
  ] as [string[], string][]) {
    test(`${JSON.stringify(fields)} leads to ${expected}`, () => {
      assert.equal(action.choose(exchange('10.0.0.1', fields)).upstream, expected);
    });
  }

  test('there are none where none are configured', () => {
    const { action } = split({ stable: 100, canary: 0 });
    for (const fields of [
      ['X-Version', 'canary'],
      ['Cookie', 'version=canary'],
      ['null', 'canary'],
    ]) {
      assert.equal(action.choose(exchange('10.0.0.1', fields)).upstream, 'stable');
    }
  });
});

test('the exchange is run by the action of the part, and only that', () => {
  const { action, ran } = split({ stable: 100, canary: 0 }, OVERRIDABLE);
  action.run(exchange('10.0.0.1'));
  action.run(exchange('10.0.0.1', ['X-Version', 'canary']));
  assert.deepEqual(ran, ['stable', 'canary']);
});

test('explain gives the same choice and its reason', () => {
  const { action } = split({ stable: 50, canary: 50 }, OVERRIDABLE);
  const reason = (...args: Parameters<typeof exchange>) => {
    const { part, why } = action.explain(exchange(...args));
    assert.equal(part, action.choose(exchange(...args)));
    return why;
  };
  assert.equal(reason('10.0.0.1', ['X-Version', 'canary']), 'header x-version names it');
  assert.equal(reason('10.0.0.1', ['Cookie', 'version=canary']), 'cookie version names it');
  assert.match(reason('10.0.0.1'), /^client 10\.0\.0\.1 stands at \d+\.\d\d of 100$/);
  const drawn = split({ stable: 50, canary: 50 }, { ...OVERRIDABLE, by: 'exchange' }, () => 0.25).action;
  const { part, why } = drawn.explain(exchange('10.0.0.1'));
  assert.deepEqual([part.upstream, why], ['canary', 'this exchange was drawn at 25.00 of 100']);
});
