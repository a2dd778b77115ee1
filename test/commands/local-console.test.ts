// The console of `start --local` with streams for a person: which words do what, and what it says to all others.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { suite, test } from 'node:test';
import { isReadable, LocalConsole } from '../../src/commands/local-console.ts';
import { localTable } from '../../src/commands/local-table.ts';
import { replicaTable } from '../../src/commands/replica-table.ts';
import { resolveConfig } from '../../src/config/resolve.ts';
import type { StandIn, StandInReplica } from '../../src/supervisor/local.ts';
import type { ReplicaStatus, UpstreamStatus } from '../../src/supervisor/replica-status.ts';
import type { Scope } from '../support/fixtures.ts';

class FakeReplica implements StandInReplica {
  readonly name: string;
  readonly url: string;
  state: StandInReplica['state'] = 'running';
  failure: string | null = null;

  constructor(name: string, url: string) {
    this.name = name;
    this.url = url;
  }

  async stop(): Promise<void> {
    this.state = 'stopped';
  }

  async start(): Promise<void> {
    if (this.failure !== null) throw new Error(this.failure);
    this.state = 'running';
  }

  pause(): void {
    this.state = 'paused';
  }

  resume(): void {
    this.state = 'running';
  }
}

function standIn(name: string, count: number): StandIn & { replicas: FakeReplica[] } {
  const replicas = Array.from(
    { length: count },
    (_, i) => new FakeReplica(`${name}-${i + 1}`, `http://127.0.0.1:1000${i}`),
  );
  return { replicas, describe: '', close: async () => {} };
}

function replica(url: string, more: Partial<ReplicaStatus> = {}): ReplicaStatus {
  const plain = { condition: 'up', lastCheck: '', lastCheckAt: 0, lastCheckTook: 0, weight: 1 } as const;
  return { url, ...plain, backup: false, inFlight: 0, connections: 0, ...more };
}

function upstream(
  name: string,
  replicas: ReplicaStatus[],
  more: Partial<UpstreamStatus> = {},
): UpstreamStatus {
  return { name, replicas, queued: 0, held: 0, ...more };
}

function open(scope: Scope) {
  const [input, output] = [new PassThrough(), new PassThrough({ encoding: 'utf8' })];
  const api = standIn('api', 3);
  const crm = standIn('crm', 1);
  const standIns = new Map<string, StandIn>([
    ['crm', crm],
    ['api', api],
  ]);
  const status = () => [
    upstream('crm', [replica(crm.replicas[0]!.url)]),
    upstream(
      'api',
      api.replicas.map(({ url }) => replica(url)),
    ),
    upstream('real', [replica('http://real:80')]),
  ];
  const terminal = new LocalConsole({ input, output, standIns, status });
  scope.after(() => terminal.close());
  const read = async (): Promise<string> => {
    for (;;) {
      const text = output.read();
      if (text !== null) return String(text);
      await once(output, 'readable');
    }
  };
  /** Types a line and returns what it is answered with. */
  const say = (line: string): Promise<string> => {
    input.write(`${line}\n`);
    return read();
  };
  return { input, api, crm, terminal, read, say };
}

suite('the console', () => {
  test('stops, starts, pauses and resumes one stand-in', async (t) => {
    const { api, say } = open(t);
    const second = api.replicas[1]!;
    const url = `(${second.url})\n`;
    assert.equal(await say('stop api 2'), `api-2 is stopped: it refuses connections ${url}`);
    assert.equal(second.state, 'stopped');
    assert.equal(await say('stop api 2'), 'api-2 is stopped already\n');
    assert.equal(await say('pause api 2'), 'api-2 is stopped; try: start api 2\n');
    assert.equal(await say('  START  api  2 '), `api-2 is running ${url}`);
    const paused = `api-2 is paused: it accepts connections and answers nothing ${url}`;
    assert.equal(await say('pause api 2'), paused);
    assert.equal(await say('start api 2'), 'api-2 is paused; try: stop api 2, or resume api 2\n');
    assert.equal(await say('resume api 2'), `api-2 is running ${url}`);
    assert.equal(await say('resume api 2'), 'api-2 is running already\n');
    assert.deepEqual(
      api.replicas.map(({ state }) => state),
      ['running', 'running', 'running'],
    );
    second.failure = 'the port is taken';
    await say('stop api 2');
    assert.equal(await say('start api 2'), 'api-2 cannot start: the port is taken\n');
  });

  test('helps with everything else', async (t) => {
    const { crm, say } = open(t);
    assert.match(
      await say('help'),
      /^ {2}list [\s\S]*^ {2}resume NAME N [\s\S]*^Ctrl-C stops the gateway\.\n$/m,
    );
    const words = 'is none of: list, stop, start, pause, resume, help\n';
    assert.equal(await say('frob api 1'), `"frob" ${words}`);
    assert.equal(await say('toString'), `"toString" ${words}`);
    assert.equal(await say('stop'), 'write: stop NAME N, for example stop api 2\n');
    assert.equal(await say('stop api 1 2'), 'write: stop NAME N, for example stop api 2\n');
    assert.equal(await say('stop apii 1'), 'no upstream is named "apii". Stand-ins: crm, api\n');
    assert.equal(await say('stop real 1'), '"real" is the real one: only stand-ins can be told to stop\n');
    for (const number of ['', '0', '4', 'x', '-1', '1.5', '1e0'])
      assert.equal(await say(`stop api ${number}`), '"api" has the stand-ins 1 to 3: stop api 1\n');
    assert.equal(await say('stop crm 2'), '"crm" has one stand-in: stop crm 1\n');
    assert.equal(crm.replicas[0]!.state, 'running');
    assert.match(await say('stop crm'), /^crm-1 is stopped/);
  });

  test('an empty line is answered with nothing, lines in one piece in their order', async (t) => {
    const { input, read, say } = open(t);
    input.write('\n   \nstop api 1\nstart api 1\nsto');
    let seen = '';
    while (!seen.includes('running')) seen += await read();
    assert.match(seen, /^api-1 is stopped.*\napi-1 is running.*\n$/);
    assert.match(await say('p crm 1'), /^crm-1 is stopped/);
  });

  test('the end of the input ends nothing, and close lets go of it', async (t) => {
    const { input, terminal, read } = open(t);
    input.end('list');
    assert.match(await read(), /^upstream +n +state/);
    terminal.close();
    assert.ok(input.destroyed);
  });

  test('a file or a pipe can be read', () => {
    assert.equal(isReadable({ isTTY: undefined as unknown as boolean }), true);
  });
});

suite('the table of replicas', () => {
  test('has a row for each, aligned', () => {
    const api = standIn('api', 2);
    api.replicas[1]!.state = 'paused';
    const check = { lastCheck: '200', lastCheckAt: 7000, lastCheckTook: 2.25 };
    const table = replicaTable(
      [
        upstream('api', [
          replica(api.replicas[0]!.url, { ...check, inFlight: 3, connections: 12 }),
          replica(api.replicas[1]!.url, {
            condition: 'down',
            lastCheck: 'no answer within 2000 ms',
            lastCheckAt: 9999,
            lastCheckTook: 2000,
          }),
        ]),
        upstream('real', [replica('http://real:80 (10.0.0.1:80)', { backup: true })], { held: 1, queued: 7 }),
        upstream('gone', []),
      ],
      new Map([['api', api]]),
      10_000,
    );
    assert.deepEqual(table.split('\n'), [
      'upstream  n  state        in flight  connections  last check                         replica                       stand-in',
      'api       1  up                   3           12  200 after 2.3 ms, 3 s ago          http://127.0.0.1:10000        running',
      'api       2  down                 0            0  no answer within 2000 ms, 0 s ago  http://127.0.0.1:10001        paused',
      'real      1  up (backup)          0            0  none                               http://real:80 (10.0.0.1:80)',
      'real: 1 exchange held until a replica is up',
      'real: 7 exchanges waiting for a free connection',
      'gone: no replica, because its names have no address',
      '',
    ]);
  });
});

test('the console is announced where there is one, with a command that can be typed', () => {
  const { config } = resolveConfig(
    {
      upstreams: { api: { replicas: ['http://api:80'] } },
      hosts: { 'a.localhost': { routes: { '/*': { proxy: 'api' } } } },
    },
    { baseDir: '/' },
  );
  const three = new Map([
    ['one', standIn('one', 1)],
    ['api', standIn('api', 3)],
  ]);
  assert.match(localTable(config!, three, 80, false), /[^\n]\n\nStop with Ctrl-C\.\n\n$/);
  assert.doesNotMatch(localTable(config!, three, 80, false), /Type/);
  assert.match(
    localTable(config!, three, 80, true),
    /\n\nType "list" to see the replicas, "stop api 2" to watch one die, "help" for the rest\.\nStop with Ctrl-C\.\n\n$/,
  );
  const one = new Map([['one', standIn('one', 1)]]);
  assert.match(localTable(config!, one, 80, true), /"stop one 1" to watch/);
  assert.match(localTable(config!, new Map(), 80, true), /\n\nType "list" to see the replicas\.\nStop/);
});
