// The prober on real sockets: replicas that fail in every way, hang, flap, die and recover.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Prober } from '../../../src/upstream/health/prober.ts';
import { Checked } from '../../../src/upstream/replica-cell.ts';
import type { Scope } from '../../support/fixtures.ts';
import { closedPort } from '../../support/ports.ts';
import { answer, type RecordingReplica, startReplica } from '../../support/recording-replica.ts';
import { RecordedLog } from '../recorded-log.ts';
import { probeTarget as target } from './probe-target.ts';

suite('a prober among replicas that misbehave', () => {
  /** A prober with short intervals, whose turns can be waited for. */
  function realProber(t: Scope) {
    const turns: string[] = [];
    let wake = () => {};
    const prober = new Prober(
      {
        onPass: () => wake(),
        onTurn: (id, up, detail) => {
          turns.push(`${id} ${up ? 'up' : 'down'}: ${detail}`);
          wake();
        },
      },
      { log: new RecordedLog() },
    );
    t.after(() => prober.stop());
    const until = async (condition: () => boolean) => {
      const end = performance.now() + 20_000;
      while (!condition()) {
        assert.ok(performance.now() < end, `waited in vain for ${condition}; ${JSON.stringify(turns)}`);
        await new Promise<void>((resolve) => {
          // The prober's own timers keep no process alive.
          const timer = setTimeout(resolve, 100);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
    };
    return { prober, turns, until };
  }

  const FAST = { interval: 30, timeout: 10_000 };

  test('each trouble turns its replica down, whatever the others do; recovery turns all of them up', async (t) => {
    const { prober, turns, until } = realProber(t);
    const start = (script: Parameters<typeof startReplica>[1]) => startReplica(t, script);
    const replicas: RecordingReplica[] = [
      await start(answer('ok')),
      await start(answer('broken', {}, 500)),
      await start((_, on) => on.reset()),
      await start((_, on) => on.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel')),
      await start(() => {}),
      await start('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel'),
    ];
    const gone = await start(answer('ok'));
    await gone.close();
    replicas.push(gone);
    const cells = replicas.map(({ port }, i) => {
      // The two that hang are the slowest to be found out, by far.
      const one = target(i, port, { ...FAST, timeout: i === 4 || i === 5 ? 500 : FAST.timeout });
      prober.add(one);
      return one.cell;
    });
    await until(() => turns.length === 7);
    assert.deepEqual(
      cells.map(({ checked }) => checked),
      [Checked.up, ...Array(6).fill(Checked.down)],
    );
    assert.deepEqual(turns.toSorted(), [
      '0 up: 200',
      '1 down: status 500',
      '2 down: reset before an answer',
      '3 down: broke off in the body',
      '4 down: no answer within 500 ms',
      '5 down: body not complete within 500 ms',
      '6 down: connection refused',
    ]);
    // Both hung for three times 500 ms: the others were known long before.
    assert.deepEqual(
      turns
        .slice(-2)
        .map((turn) => turn[0])
        .toSorted(),
      ['4', '5'],
    );

    turns.length = 0;
    for (const replica of replicas) replica.script = answer('ok');
    await gone.accept();
    await until(() => turns.length === 6);
    assert.ok(cells.every(({ checked }) => checked === Checked.up));
  });

  test('one that hangs delays nobody, even with a timeout of minutes', async (t) => {
    const { prober, turns, until } = realProber(t);
    const hanging = await startReplica(t, () => {});
    const fine = await startReplica(t, answer('ok'));
    for (let id = 0; id < 20; id++) prober.add(target(id, hanging.port, { interval: 30, timeout: 300_000 }));
    prober.add(target(20, fine.port, FAST));
    await until(() => fine.requests.length >= 5);
    assert.deepEqual(turns, ['20 up: 200']);
    await hanging.until((it) => it.requests.length >= 20);
    assert.equal(hanging.requests.length, 20, 'and is asked once at a time');
    prober.stop();
    await hanging.until((it) => it.openConnections === 0);
  });

  test('exactly fall checks turn it down and rise turn it up; flapping in between turns nothing', async (t) => {
    const { prober, turns, until } = realProber(t);
    // + passes, - fails; the last one goes on for ever.
    const plan = '+--+-+--+---+-++--++';
    const turnedAt: number[] = [];
    const replica = await startReplica(t, () => {
      const outcome = plan[replica.requests.length - 1] ?? '+';
      if (turns.length > turnedAt.length) turnedAt.push(replica.requests.length - 1);
      return outcome === '+' ? answer('ok') : answer('no', {}, 503);
    });
    prober.add(target(1, replica.port, FAST));
    await until(() => replica.requests.length > plan.length);
    assert.deepEqual(turns, ['1 up: 200', '1 down: status 503', '1 up: 200']);
    assert.deepEqual(turnedAt, [1, 12, 16]);
    assert.equal(prober.stateOf(1)?.state, 'up');
  });

  test('a worker that meets a dead replica does not wait for the interval', async (t) => {
    const { prober, turns, until } = realProber(t);
    const replica = await startReplica(t, answer('ok'));
    prober.add(target(1, replica.port, { interval: 600_000, fall: 1 }));
    await until(() => turns.length === 1);
    await replica.close();
    // Nothing is begun in the first moment after the last one.
    await until(() => {
      prober.checkNow(1);
      return turns.length === 2;
    });
    assert.deepEqual(turns, ['1 up: 200', '1 down: connection refused']);
  });

  test('refused from the start: down after fall checks', async (t) => {
    const { prober, turns, until } = realProber(t);
    prober.add(target(1, await closedPort(), FAST));
    await until(() => turns.length === 1);
    assert.deepEqual(turns, ['1 down: connection refused']);
    assert.ok(prober.stateOf(1)!.streak >= 3);
  });
});
