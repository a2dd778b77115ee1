// A watched name: what becomes of its addresses as the answers change, fail and come back. The DNS server and the
// resolver are real, the time between questions is not.

import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { NameLookup } from '../../../src/upstream/discovery/name-lookup.ts';
import { addressText, type FoundAddress } from '../../../src/upstream/discovery/name-source.ts';
import { NameWatch, type NameWatchOptions } from '../../../src/upstream/discovery/name-watch.ts';
import { type DnsServer, startDnsServer } from '../../support/dns-server.ts';
import { ManualTime } from '../manual-time.ts';
import { RecordedLog } from '../recorded-log.ts';

const KEPT = 'a name cannot be resolved, the last addresses are kept';
const IN_PART = 'a name can be resolved in part only, the last addresses of the rest are kept';
const AGAIN = 'a name can be resolved again';
const UNKNOWN = 'a name is not known, it has no addresses';
const CHANGED = 'the addresses of a name changed';
const TOO_FEW = 'a name has fewer addresses than expected';
const SERVICE = '_http._tcp.api';

suite('a watched name', () => {
  test('has its addresses before `start` resolves, and says nothing of it', async (t) => {
    const { dns, watch, changes, logged } = await begin(t);
    dns.setA('api', ['10.0.0.2', '10.0.0.1']);
    dns.setAAAA('api', ['fd00::1']);
    await watch.start();
    assert.deepEqual(watch.found, [
      { host: '10.0.0.1', port: 3000, name: null, weight: null, backup: null },
      { host: '10.0.0.2', port: 3000, name: null, weight: null, backup: null },
      { host: 'fd00::1', port: 3000, name: null, weight: null, backup: null },
    ]);
    assert.deepEqual(changes, [['10.0.0.1:3000', '10.0.0.2:3000', '[fd00::1]:3000']]);
    assert.deepEqual(logged.lines, []);
  });

  test('tells of every change, and of nothing while only the order changes', async (t) => {
    const { dns, watch, time, changes, logged } = await begin(t);
    const first = Array.from({ length: 8 }, (_, at) => `10.0.0.${at + 1}`);
    dns.setA('api', first);
    await watch.start();
    for (let round = 0; round < 10; round++) await time.answer();
    assert.equal(changes.length, 1);

    dns.setA('api', [...first.slice(1), '10.0.0.9']);
    await time.answer();
    assert.equal(changes.length, 2);
    assert.deepEqual(
      watch.found.map(({ host }) => host),
      [...first.slice(1), '10.0.0.9'],
    );
    const facts = { upstream: 'backend', name: 'api', added: ['10.0.0.9:3000'], removed: ['10.0.0.1:3000'] };
    assert.deepEqual(logged.lines, [{ level: 'info', message: CHANGED, facts }]);

    dns.setA('api', ['10.1.0.1', '10.1.0.2']);
    await time.answer();
    assert.deepEqual(changes.at(-1), ['10.1.0.1:3000', '10.1.0.2:3000']);
  });

  test('is asked about every interval, give or take 20 %, whatever the TTL', async (t) => {
    const { dns, watch, time } = await begin(t);
    dns.setA('api', ['10.0.0.1']);
    await watch.start();
    for (const [chance, pause] of [
      [0, 1600],
      [0.5, 2000],
      [0.999, 2399],
    ] as const) {
      time.chance = chance;
      await time.answer();
      assert.equal(Math.floor(time.next), pause);
    }
    assert.equal(dns.asked('api', 'A'), 4);
  });

  test('is not asked about again before the answer is there', async (t) => {
    const { dns, watch, time } = await begin(t);
    dns.setA('api', ['10.0.0.1']);
    await watch.start();
    time.ask();
    assert.equal(time.pending, 0);
    watch.refreshNow();
    assert.equal(time.pending, 0);
    await time.scheduled();
    assert.equal(dns.asked('api', 'A'), 2);
  });
});

suite('a name that cannot be resolved', () => {
  test('keeps its addresses for ever, through SERVFAIL and silence, and says so once', async (t) => {
    const { dns, watch, time, changes, logged } = await begin(t);
    dns.setA('api', ['10.0.0.1', '10.0.0.2']);
    await watch.start();
    dns.fail('api', 'SERVFAIL');
    for (let round = 0; round < 20; round++) await time.answer();
    dns.fail('api', 'silent');
    await time.answer();
    const facts = { upstream: 'backend', name: 'api' };
    const warning = {
      level: 'warn',
      message: KEPT,
      facts: { ...facts, detail: 'A: ESERVFAIL, AAAA: ESERVFAIL' },
    };
    assert.deepEqual(logged.lines, [warning]);

    dns.fail('api', null);
    await time.answer();
    assert.deepEqual(logged.lines, [warning, { level: 'info', message: AGAIN, facts }]);
    assert.deepEqual(changes, [['10.0.0.1:3000', '10.0.0.2:3000']]);
  });

  test('from the start on has none until it can be', async (t) => {
    const { dns, watch, time, changes, logged } = await begin(t);
    dns.fail('api', 'SERVFAIL');
    await watch.start();
    assert.deepEqual(watch.found, []);
    assert.deepEqual(logged.messages, ['a name cannot be resolved, it has no addresses yet']);
    dns.fail('api', null);
    dns.setA('api', ['10.0.0.1']);
    await time.answer();
    assert.deepEqual(changes, [['10.0.0.1:3000']]);
    assert.deepEqual(logged.messages.slice(1), [AGAIN, CHANGED]);
  });

  test('in one family keeps the addresses of that one, while the other changes', async (t) => {
    const { dns, watch, time, changes, logged } = await begin(t);
    dns.setA('api', ['10.0.0.1']);
    dns.setAAAA('api', ['fd00::1', 'fd00::2']);
    await watch.start();
    dns.fail('api', 'SERVFAIL', 'AAAA');
    dns.setA('api', ['10.0.0.2']);
    await time.answer();
    await time.answer();
    assert.deepEqual(changes.at(-1), ['10.0.0.2:3000', '[fd00::1]:3000', '[fd00::2]:3000']);
    assert.deepEqual(logged.messages, [IN_PART, CHANGED]);
    assert.equal(logged.lines[0]!.facts.detail, 'AAAA: ESERVFAIL');

    dns.fail('api', null, 'AAAA');
    dns.setAAAA('api', ['fd00::2']);
    await time.answer();
    assert.deepEqual(changes.at(-1), ['10.0.0.2:3000', '[fd00::2]:3000']);
    assert.deepEqual(logged.messages.slice(2), [AGAIN, CHANGED]);
  });

  test('in the only family it has keeps everything', async (t) => {
    const { dns, watch, time, changes } = await begin(t);
    dns.setA('api', ['10.0.0.1']);
    await watch.start();
    dns.fail('api', 'SERVFAIL', 'A');
    for (let round = 0; round < 5; round++) await time.answer();
    assert.equal(changes.length, 1);
  });
});

suite('a name that is denied', () => {
  for (const [how, deny] of [
    ['NXDOMAIN', (dns: DnsServer) => dns.fail('api', 'NXDOMAIN')],
    ['no data', (dns: DnsServer) => dns.setA('api', [])],
  ] as const) {
    test(`by ${how} once or twice keeps its addresses; the third time in a row it has none`, async (t) => {
      const { dns, watch, time, changes, logged } = await begin(t);
      dns.setSrv('api', [{ target: 'other', port: 80 }]);
      dns.setA('api', ['10.0.0.1']);
      await watch.start();
      for (const times of [1, 2]) {
        deny(dns);
        for (let round = 0; round < times; round++) await time.answer();
        dns.fail('api', null);
        dns.setA('api', ['10.0.0.1']);
        await time.answer();
      }
      assert.equal(changes.length, 1);
      assert.deepEqual(logged.lines, []);

      deny(dns);
      for (let round = 0; round < 2; round++) await time.answer();
      assert.equal(changes.length, 1);
      await time.answer();
      assert.deepEqual(changes.slice(1), [[]]);
      await time.answer();
      assert.deepEqual(logged.messages, [UNKNOWN, CHANGED]);

      dns.fail('api', null);
      dns.setA('api', ['10.0.0.2']);
      await time.answer();
      assert.deepEqual(changes.slice(2), [['10.0.0.2:3000']]);
    });
  }

  test('does not lose its addresses while failures come between', async (t) => {
    const { dns, watch, time, changes } = await begin(t);
    dns.setA('api', ['10.0.0.1']);
    await watch.start();
    for (const failure of ['NXDOMAIN', 'NXDOMAIN', 'SERVFAIL', 'NXDOMAIN', 'NXDOMAIN'] as const) {
      dns.fail('api', failure);
      await time.answer();
    }
    assert.equal(changes.length, 1);
    await time.answer();
    assert.deepEqual(changes.at(-1), []);
  });

  test('at the first question has none at once, with a warning', async (t) => {
    const { watch, time, changes, logged } = await begin(t);
    await watch.start();
    await time.answer();
    assert.deepEqual(changes, []);
    const facts = { upstream: 'backend', name: 'api', detail: 'no such name' };
    assert.deepEqual(logged.lines, [{ level: 'warn', message: UNKNOWN, facts }]);
  });
});

suite('the number of addresses', () => {
  test('is warned of once while it is too small, and again after it was right', async (t) => {
    const { dns, watch, time, logged } = await begin(t, { expect: 3 });
    dns.setA('api', ['10.0.0.1', '10.0.0.2']);
    await watch.start();
    await time.answer();
    const warning = {
      level: 'warn',
      message: TOO_FEW,
      facts: { upstream: 'backend', name: 'api', expected: 3, found: 2 },
    };
    assert.deepEqual(logged.lines, [warning]);
    dns.setA('api', ['10.0.0.1', '10.0.0.2', '10.0.0.3']);
    await time.answer();
    dns.setA('api', ['10.0.0.1', '10.0.0.2']);
    await time.answer();
    await time.answer();
    assert.equal(logged.messages.filter((message) => message === TOO_FEW).length, 2);
  });

  for (const [name, expect, hint] of [
    ['api', 3, 'in Swarm a service name answers with one virtual address; use tasks.api'],
    ['tasks.api', 3, undefined],
    ['api', 1, null],
  ] as const) {
    test(`of ${name} is one, and expected to be ${expect}`, async (t) => {
      const { dns, watch, logged } = await begin(t, { name, expect });
      dns.setA(name, ['10.0.0.1']);
      await watch.start();
      assert.deepEqual(logged.messages, hint === null ? [] : [TOO_FEW]);
      if (hint !== null) assert.equal(logged.lines[0]!.facts.hint, hint);
    });
  }

  test('is not judged while the name can be resolved in part only', async (t) => {
    const { dns, watch, logged } = await begin(t, { expect: 2 });
    dns.setA('api', ['10.0.0.1']);
    dns.fail('api', 'SERVFAIL', 'AAAA');
    await watch.start();
    assert.deepEqual(logged.messages, [IN_PART]);
  });

  test('is bounded, and every address that is used or refused is named', async (t) => {
    const { dns, watch, logged } = await begin(t);
    const addresses = Array.from({ length: 300 }, (_, at) => `10.0.${at >> 8}.${at & 255}`);
    dns.setA('api', [...addresses, '169.254.169.254', '0.0.0.0']);
    await watch.start();
    assert.equal(watch.found.length, 256);
    assert.deepEqual(logged.messages, ['addresses of a name are not used']);
    assert.equal(logged.lines[0]!.facts.count, 46);
    const named = logged.lines[0]!.facts.addresses as string[];
    assert.deepEqual(named.slice(0, 2), ['0.0.0.0 (unspecified)', '169.254.169.254 (link-local)']);
    assert.equal(named.length, 8);
  });

  test('that are refused are warned of once, and again after they were gone', async (t) => {
    const { dns, watch, time, changes, logged } = await begin(t);
    for (const _ of [1, 2]) {
      dns.setA('api', ['10.0.0.1', '169.254.169.254']);
      await (changes.length === 0 ? watch.start() : time.answer());
      await time.answer();
      dns.setA('api', ['10.0.0.1']);
      await time.answer();
    }
    assert.deepEqual(changes, [['10.0.0.1:3000']]);
    assert.equal(logged.lines.length, 2);
  });
});

suite('asking at once', () => {
  test('happens at most every 250 ms, however often it is wanted', async (t) => {
    const { dns, watch, time } = await begin(t);
    dns.setA('api', ['10.0.0.1']);
    watch.refreshNow();
    assert.equal(time.pending, 0, 'nothing before the start');
    await watch.start();
    time.advance(100);
    for (let wanted = 0; wanted < 10; wanted++) watch.refreshNow();
    assert.equal(time.pending, 1);
    assert.equal(time.next, 150);
    await time.answer();
    assert.equal(dns.asked('api', 'A'), 2);
    assert.equal(time.next, 2000, 'back to the schedule');

    time.advance(400);
    watch.refreshNow();
    assert.equal(time.next, 0);
  });

  test('waits for the answer under way, and asks once more behind it', async (t) => {
    const { dns, watch, time, changes } = await begin(t);
    dns.setA('api', ['10.0.0.1']);
    const started = watch.start();
    watch.refreshNow();
    await started;
    assert.equal(time.next, 250);
    dns.setA('api', ['10.0.0.2']);
    await time.answer();
    assert.deepEqual(changes.at(-1), ['10.0.0.2:3000']);
    assert.equal(time.next, 2000);
  });

  test('never puts off a question that is due sooner', async (t) => {
    const { dns, watch, time } = await begin(t, { interval: 100 });
    dns.setA('api', ['10.0.0.1']);
    await watch.start();
    watch.refreshNow();
    assert.equal(time.next, 100);
  });
});

suite('stopping', () => {
  test('leaves no timer, and nothing starts one again', async (t) => {
    const { dns, watch, time } = await begin(t);
    dns.setA('api', ['10.0.0.1']);
    await watch.start();
    watch.stop();
    watch.refreshNow();
    assert.equal(time.pending, 0);
    await watch.start();
    assert.equal(dns.asked('api', 'A'), 1);
  });

  test('while a question is under way leaves the answer without effect', async (t) => {
    const { dns, watch, time, changes, logged } = await begin(t);
    dns.setA('api', ['10.0.0.1']);
    const started = watch.start();
    watch.stop();
    await started;
    assert.deepEqual([time.pending, changes, logged.lines], [0, [], []]);
  });

  test('by who is told of a change is possible', async (t) => {
    const { dns, watch, time } = await begin(t, { onChange: () => watch.stop() });
    dns.setA('api', ['10.0.0.1']);
    await watch.start();
    assert.equal(time.pending, 0);
  });
});

suite('a service with SRV records', () => {
  test('has the addresses of its targets, with ports, weights and backups', async (t) => {
    const { dns, watch, logged } = await begin(t, { name: SERVICE, srv: true });
    dns.setSrv(SERVICE, [
      { target: 'a', port: 8001, priority: 10, weight: 3 },
      { target: 'b', port: 8002, priority: 10, weight: 0 },
      { target: 'spare', port: 8003, priority: 20, weight: 9 },
    ]);
    dns.setA('a', ['10.0.0.2', '10.0.0.1']);
    dns.setAAAA('b', ['fd00::1']);
    dns.setA('spare', ['10.0.0.3', '10.0.0.1']);
    await watch.start();
    assert.deepEqual(watch.found, [
      { host: '10.0.0.1', port: 8001, name: 'a', weight: 3, backup: false },
      { host: '10.0.0.1', port: 8003, name: 'spare', weight: 9, backup: true },
      { host: '10.0.0.2', port: 8001, name: 'a', weight: 3, backup: false },
      { host: '10.0.0.3', port: 8003, name: 'spare', weight: 9, backup: true },
      { host: 'fd00::1', port: 8002, name: 'b', weight: 1, backup: false },
    ]);
    assert.deepEqual(logged.lines, []);
  });

  test('follows its records and the addresses of every target', async (t) => {
    const { dns, watch, time, changes, logged } = await begin(t, { name: SERVICE, srv: true });
    dns.setSrv(SERVICE, [{ target: 'a', port: 80 }]);
    dns.setA('a', ['10.0.0.1']);
    dns.setA('b', ['10.0.0.1', '10.0.0.2']);
    await watch.start();
    dns.setSrv(SERVICE, [{ target: 'a', port: 80, weight: 7 }]);
    await time.answer();
    assert.deepEqual(watch.found[0], { host: '10.0.0.1', port: 80, name: 'a', weight: 7, backup: false });
    assert.deepEqual(logged.lines.at(-1)!.facts.altered, ['10.0.0.1:80']);
    dns.setA('a', ['10.0.0.3']);
    await time.answer();
    assert.deepEqual(changes.at(-1), ['10.0.0.3:80']);
    // The same place under two names is one replica, with what the first record says of it.
    dns.setSrv(SERVICE, [
      { target: 'b', port: 80, priority: 2, weight: 2 },
      { target: 'a', port: 80, priority: 1, weight: 1 },
    ]);
    dns.setA('a', ['10.0.0.1']);
    await time.answer();
    assert.deepEqual(watch.found, [
      { host: '10.0.0.1', port: 80, name: 'a', weight: 1, backup: false },
      { host: '10.0.0.2', port: 80, name: 'b', weight: 2, backup: true },
    ]);
  });

  test('keeps what it had of a target or of itself that cannot be resolved', async (t) => {
    const { dns, watch, time, changes, logged } = await begin(t, { name: SERVICE, srv: true });
    dns.setSrv(SERVICE, [
      { target: 'a', port: 80 },
      { target: 'b', port: 80 },
    ]);
    dns.setA('a', ['10.0.0.1']);
    dns.setA('b', ['10.0.0.2']);
    await watch.start();
    dns.fail('a', 'SERVFAIL');
    await time.answer();
    await time.answer();
    assert.equal(changes.length, 1);
    assert.deepEqual(logged.messages, [IN_PART]);
    assert.equal(logged.lines[0]!.facts.detail, 'a: A: ESERVFAIL, AAAA: ESERVFAIL');

    dns.fail('a', null);
    dns.fail(SERVICE, 'SERVFAIL');
    dns.setA('b', ['10.0.0.3']);
    await time.answer();
    assert.deepEqual(changes.at(-1), ['10.0.0.1:80', '10.0.0.3:80'], 'the targets are still asked about');
    dns.fail(SERVICE, null);
    await time.answer();
    assert.deepEqual(logged.messages.slice(1), [CHANGED, AGAIN]);
  });

  test('loses a target at the third denial of its name, and everything at its own third', async (t) => {
    const { dns, watch, time, changes } = await begin(t, { name: SERVICE, srv: true });
    dns.setSrv(SERVICE, [
      { target: 'a', port: 80 },
      { target: 'b', port: 80 },
    ]);
    dns.setA('a', ['10.0.0.1']);
    dns.setA('b', ['10.0.0.2']);
    await watch.start();
    dns.setA('a', []);
    for (const left of [2, 2, 1]) {
      await time.answer();
      assert.equal(changes.at(-1)!.length, left);
    }
    dns.setSrv(SERVICE, [{ target: '.', port: 0 }]);
    for (const left of [1, 1, 0]) {
      await time.answer();
      assert.equal(changes.at(-1)!.length, left);
    }
  });

  test('loses at once a target that its records no longer name', async (t) => {
    const { dns, watch, time, changes } = await begin(t, { name: SERVICE, srv: true });
    dns.setSrv(SERVICE, [
      { target: 'a', port: 80 },
      { target: 'b', port: 80 },
    ]);
    dns.setA('a', ['10.0.0.1']);
    dns.setA('b', ['10.0.0.2']);
    await watch.start();
    dns.setSrv(SERVICE, [{ target: 'b', port: 80 }]);
    await time.answer();
    assert.deepEqual(changes.at(-1), ['10.0.0.2:80']);
  });
});

interface Begun {
  dns: DnsServer;
  watch: NameWatch;
  time: QuestionTime;
  /** What `onChange` was told, as text. */
  changes: string[][];
  logged: RecordedLog;
}

async function begin(t: TestContext, options: Partial<NameWatchOptions> = {}): Promise<Begun> {
  const dns = await startDnsServer(t);
  const lookup = new NameLookup([dns.address], { hostsFile: '/nowhere/hosts', interfaces: withIPv6 });
  const [time, logged, changes]: [QuestionTime, RecordedLog, string[][]] = [
    new QuestionTime(),
    new RecordedLog(),
    [],
  ];
  const watch = new NameWatch({
    upstream: 'backend',
    name: 'api',
    srv: false,
    port: 3000,
    expect: null,
    interval: 2000,
    lookup,
    onChange: (found: readonly FoundAddress[]) => void changes.push(found.map(addressText)),
    time,
    log: logged,
    ...options,
  });
  t.after(() => {
    watch.stop();
    lookup.close();
  });
  return { dns, watch, time, changes, logged };
}

function withIPv6() {
  const link = { netmask: '', mac: '', cidr: null, scopeid: 0, family: 'IPv6' as const };
  return { eth0: [{ ...link, address: 'fd00::ffff', internal: false }] };
}

/** Time that stands still until the test moves it, and says when an answer was taken. */
class QuestionTime extends ManualTime {
  #wake: () => void = () => {};

  override after(ms: number, run: () => void): () => void {
    const cancel = super.after(ms, run);
    this.#wake();
    return cancel;
  }

  /** Moves on to the only timer, which puts the next question. */
  ask(): void {
    assert.equal(this.pending, 1);
    this.advance(this.next);
  }

  /** Resolves when a timer is set, which is when an answer was taken. */
  scheduled(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  async answer(): Promise<void> {
    const scheduled = this.scheduled();
    this.ask();
    await scheduled;
  }
}
