// What `explain` says of replicas, against real ones: how they do, which one takes the request and why, and what the
// client gets where none does. What it says is compared with what a gateway does.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { formatExplanation } from '../../src/commands/explanation-text.ts';
import { resolveConfig } from '../../src/config/resolve.ts';
import { type Explanation, RouteQuestion } from '../../src/gateway/explain.ts';
import type { ExplainedReplicas } from '../../src/gateway/explanation.ts';
import { lookAtReplicas } from '../../src/supervisor/replica-look.ts';
import { type DnsServer, startDnsServer } from '../support/dns-server.ts';
import { startGateway } from '../support/gateway-process.ts';
import { ask } from '../support/plain-request.ts';
import { closedPort } from '../support/ports.ts';
import { answer, startReplica } from '../support/recording-replica.ts';

type Upstream = Record<string, unknown>;

interface Asked {
  route?: object;
  dns?: DnsServer;
  client?: string;
  headers?: [name: string, value: string][];
}

function configOf(upstreams: Record<string, Upstream>, { route = { proxy: 'api' }, dns }: Asked): object {
  return {
    listen: { http: '127.0.0.1:0', https: false },
    ...(dns !== undefined && { resolver: { servers: [dns.address] } }),
    upstreams,
    hosts: { 'a.test': { routes: { '/*': route } } },
  };
}

/** Explains `GET http://a.test/x` after a look at the replicas. */
async function explainLive(upstreams: Record<string, Upstream>, asked: Asked = {}): Promise<Explanation> {
  const { config, problems } = resolveConfig(configOf(upstreams, asked), { baseDir: '/' });
  assert.deepEqual(problems, []);
  const { client, headers = [] } = asked;
  const request = { secure: false, authority: 'a.test', target: '/x', method: 'GET', headers };
  const question = new RouteQuestion(config!, { ...request, ...(client !== undefined && { client }) });
  const { upstream } = question;
  return question.explain(upstream === null ? null : await lookAtReplicas(upstream, config!.resolver));
}

const api = async (upstream: Upstream, asked: Asked = {}): Promise<Explanation> =>
  explainLive({ api: upstream }, asked);

/** `URL state check`, one line a replica. */
const lines = ({ all }: ExplainedReplicas): string[] =>
  all.map(({ url, state, check }) => `${url} ${state} ${check}`);

suite('with checks', { concurrency: 4 }, () => {
  test('up, failing, refusing, hanging and not whole: each by one check', async (t) => {
    const up = await startReplica(t, answer('fine'));
    const failing = await startReplica(t, answer('no', {}, 500));
    const hanging = await startReplica(t, () => {});
    const broken = await startReplica(t, (_, on) =>
      on.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf'),
    );
    const refused = `http://127.0.0.1:${await closedPort()}`;
    const urls = [up.url, failing.url, refused, hanging.url, broken.url];
    // One failure is enough here, although the gateway waits for three of them.
    const health = { path: '/health', timeout: '700ms', fall: 3, rise: 2 };
    const began = performance.now();
    const found = await api({ replicas: urls, health });
    assert.ok(performance.now() - began < 10_000, 'no longer than the check with the longest time');
    const { replicas, answer: own, requestToReplica } = found;
    assert.deepEqual(lines(replicas!), [
      `${up.url} up 200`,
      `${failing.url} down status 500`,
      `${refused} down connection refused`,
      `${hanging.url} down no answer within 700 ms`,
      `${broken.url} down broke off in the body`,
    ]);
    for (const { took } of replicas!.all) assert.ok(took! >= 0);
    assert.ok(replicas!.all[3]!.took! >= 690);
    assert.deepEqual(
      [replicas!.asked, replicas!.picked, replicas!.anyOf, replicas!.why],
      [true, up.url, [up.url], 'no other one is left'],
    );
    assert.equal(own, null);
    assert.ok(requestToReplica !== null);
    assert.deepEqual(
      up.requests.map(({ target }) => target),
      ['/health'],
      'one check, and nothing else',
    );
    const text = formatExplanation(found);
    assert.match(text, /^replicas of api, asked just now$/m);
    assert.match(text, new RegExp(`^ {2}${up.url} +up +200 after [\\d.]+ m?s$`, 'm'));
    assert.match(text, /down +no answer within 700 ms$/m);
    assert.match(text, new RegExp(`^picked {3}${up.url}$`, 'm'));
  });

  test('a backup answers only while no other replica is up', async (t) => {
    const [first, backup] = [await startReplica(t), await startReplica(t)];
    const upstream = { replicas: [first.url, { url: backup.url, backup: true }], health: '/' };
    const before = (await api(upstream)).replicas!;
    assert.deepEqual([before.picked, before.anyOf], [first.url, [first.url]]);
    assert.equal(before.all[1]!.backup, true);
    first.script = answer('no', {}, 500);
    const after = (await api(upstream)).replicas!;
    assert.deepEqual([after.picked, after.anyOf], [backup.url, [backup.url]]);
    assert.match(after.why, /^a backup, because no other replica can be asked/);
  });

  test('nobody is up: 503 with Retry-After at once, or after the hold', async (t) => {
    const down = await startReplica(t, answer('no', {}, 500));
    const upstream = { replicas: [down.url], health: '/' };
    const now = await api(upstream);
    const gone = { status: 503, code: 'UPSTREAM_DOWN', location: null, retryAfter: '5' };
    assert.deepEqual(now.answer, { ...gone, heldFor: 0 });
    assert.deepEqual([now.replicas!.picked, now.replicas!.anyOf], [null, []]);
    assert.equal(now.replicas!.why, 'no replica is up');
    assert.equal(now.requestToReplica?.[0], 'GET /x HTTP/1.1');
    assert.match(formatExplanation(now), /^answer {3}503 UPSTREAM_DOWN with Retry-After: 5, given/m);
    assert.match(formatExplanation(now), /^would be sent to a replica that is up, for a client at 203/m);

    const held = await api(upstream, { route: { proxy: 'api', hold: '5s' } });
    assert.deepEqual(held.answer, { ...gone, heldFor: 5000 });
    assert.equal(held.rules?.hold?.time, 5000);
    assert.match(formatExplanation(held), /after 5s, unless a replica comes up meanwhile$/m);
    assert.match(
      formatExplanation(held),
      /^hold {5}up to 5s while no replica is up, at most 1000 exchanges/m,
    );
    assert.equal(down.requests.filter(({ target }) => target !== '/').length, 0);
  });
});

suite('without checks', { concurrency: 4 }, () => {
  test('a connection is tried, and those that refuse are passed over', async (t) => {
    const replica = await startReplica(t);
    const refused = `http://127.0.0.1:${await closedPort()}`;
    const found = await api({ replicas: [refused, replica.url] });
    assert.deepEqual(lines(found.replicas!), [
      `${refused} unchecked refuses connections`,
      `${replica.url} unchecked accepts connections`,
    ]);
    const { picked, anyOf, why } = found.replicas!;
    assert.deepEqual([picked, anyOf], [replica.url, [replica.url]]);
    assert.equal(why, `no other one is left; ${refused} cannot be reached, so another one is asked`);
    assert.equal(found.answer, null);
    assert.equal(replica.requests.length, 0, 'nothing was sent');

    const none = await api({ replicas: [refused] }, { route: { proxy: 'api', hold: '2s' } });
    assert.deepEqual(none.answer, {
      ...{ status: 503, code: 'UPSTREAM_DOWN', location: null, retryAfter: '5' },
      heldFor: 2000,
    });
    assert.deepEqual([none.replicas!.picked, none.replicas!.why], [null, 'no replica can be reached']);
  });

  test('with retries off, the one that refuses is the end of it', async () => {
    const refused = `http://127.0.0.1:${await closedPort()}`;
    const found = await api({ replicas: [refused] }, { route: { proxy: 'api', retry: false } });
    assert.equal(found.answer?.code, 'UPSTREAM_CONNECT_FAILED');
    assert.equal(found.replicas!.picked, refused);
    assert.match(found.replicas!.why, /fails, because retries are off$/);
    assert.equal(found.rules?.retry, null);
    assert.match(formatExplanation(found), /^retry {4}off$/m);
  });

  test('nobody is asked offline', async (t) => {
    const replica = await startReplica(t);
    const { config } = resolveConfig(configOf({ api: { replicas: [replica.url] } }, {}), { baseDir: '/' });
    const asked = { secure: false, authority: 'a.test', target: '/x', method: 'GET', headers: [] };
    const found = new RouteQuestion(config!, asked).explain(null);
    assert.equal(found.replicas!.asked, false);
    assert.deepEqual(lines(found.replicas!), [`${replica.url} unchecked null`]);
    assert.equal(found.requestToReplica?.[0], 'GET /x HTTP/1.1');
    assert.equal(replica.connections.length, 0);
    assert.match(formatExplanation(found), /^replicas of api, as written, nobody was asked$/m);
  });
});

suite('names', { concurrency: 4 }, () => {
  test('every address behind a name is a replica', async (t) => {
    const dns = await startDnsServer(t);
    const replica = await startReplica(t);
    dns.setA('api.test', ['127.0.0.1', '127.0.0.2']);
    const { port } = replica;
    const { replicas } = await api({ replicas: [`http://api.test:${port}`], health: '/' }, { dns });
    assert.deepEqual(lines(replicas!), [
      `http://api.test:${port} (127.0.0.1:${port}) up 200`,
      // It listens at the first address alone.
      `http://api.test:${port} (127.0.0.2:${port}) down connection refused`,
    ]);
    assert.equal(replicas!.picked, `http://api.test:${port} (127.0.0.1:${port})`);
    assert.match(replica.requests[0]!.head, new RegExp(`^host: api\\.test:${port}\\r?$`, 'im'));
  });

  test('one that does not resolve, and one that cannot be asked about', async (t) => {
    const dns = await startDnsServer(t);
    dns.fail('failing.test', 'SERVFAIL');
    const found = await api({ replicas: ['http://gone.test:3000', 'http://failing.test:3000'] }, { dns });
    assert.deepEqual(lines(found.replicas!), [
      'http://gone.test:3000 no address no such name',
      'http://failing.test:3000 no address A: ESERVFAIL, AAAA: ESERVFAIL',
    ]);
    assert.equal(found.replicas!.why, 'there is no replica: no name has an address');
    assert.deepEqual([found.answer?.status, found.answer?.code], [503, 'UPSTREAM_DOWN']);
    assert.match(formatExplanation(found), /^ {2}not on the network of the replicas\? Run explain there/m);
  });

  test('one with fewer addresses than it should have', async (t) => {
    const dns = await startDnsServer(t);
    const replica = await startReplica(t);
    dns.setA('api.test', ['127.0.0.1']);
    const entry = { url: `http://api.test:${replica.port}`, expect: 3 };
    const found = await api({ replicas: [entry] }, { dns });
    assert.equal(found.replicas!.all.length, 1);
    assert.deepEqual(found.replicas!.notes, [
      'api.test: a name has fewer addresses than expected; expected 3; found 1; ' +
        'in Swarm a service name answers with one virtual address; use tasks.api.test',
    ]);
    assert.match(formatExplanation(found), /^ {2}api\.test: a name has fewer addresses than expected/m);
  });

  test('SRV records', async (t) => {
    const dns = await startDnsServer(t);
    const replica = await startReplica(t);
    dns.setSrv('_http._tcp.api.test', [
      { target: 'one.test', port: replica.port, weight: 2 },
      { target: 'two.test', port: replica.port, priority: 9 },
    ]);
    dns.setA('one.test', ['127.0.0.1']);
    dns.setA('two.test', ['127.0.0.2']);
    const found = await api({ replicas: [{ srv: '_http._tcp.api.test' }], health: '/' }, { dns });
    const seen = found.replicas!.all.map(({ state, weight, backup }) => ({ state, weight, backup }));
    assert.deepEqual(seen, [
      { state: 'up', weight: 2, backup: false },
      { state: 'down', weight: 1, backup: true },
    ]);
  });
});

suite('which one, and why', { concurrency: 4 }, () => {
  test('least-requests and round-robin: any of those that are up', async (t) => {
    const all = [await startReplica(t), await startReplica(t), await startReplica(t)];
    const [down, ...up] = all as [(typeof all)[number], ...typeof all];
    down.script = answer('no', {}, 500);
    const [a, b] = up.map(({ url }) => url) as [string, string];
    const seen = new Set<string | null>();
    for (let i = 0; i < 40 && seen.size < 2; i++) {
      const { replicas } = await api({ replicas: all.map(({ url }) => url), health: '/' });
      assert.deepEqual(replicas!.anyOf, [a, b]);
      const drawn = 'two are drawn, and the one with fewer exchanges in flight wins';
      assert.equal(replicas!.why, `${drawn}; nothing is in flight here`);
      seen.add(replicas!.picked);
    }
    assert.deepEqual([...seen].sort(), [a, b].sort());
    const weighted = [{ url: a, weight: 3 }, b];
    const turns = await api({ replicas: weighted, balance: 'round-robin', health: '/' });
    assert.equal(turns.replicas!.why, 'they take turns, each as often as its weight says');
    assert.match(formatExplanation(turns), new RegExp(`^ {2}${a} +up +200 after [\\d.]+ ms +weight 3$`, 'm'));
    assert.match(formatExplanation(turns), new RegExp(`^picked {3}any of ${a}, ${b}$`, 'm'));
  });

  test('hash-client: the replica that the gateway gives that client', async (t) => {
    const all = await Promise.all([1, 2, 3, 4].map(() => startReplica(t)));
    const replicas = all.map(({ url }) => url);
    const upstreams = { api: { replicas, balance: 'hash-client' } };
    const found = await explainLive(upstreams, { client: '127.0.0.1' });
    const gateway = await startGateway(t, configOf(upstreams, {}), { args: ['--workers', '2'] });
    for (let i = 0; i < 4; i++) assert.equal((await ask(gateway.port, '/x')).status, 200);
    const served = all.filter(({ requests }) => requests.length > 0).map(({ url }) => url);
    assert.deepEqual(served, [found.replicas!.picked]);
    assert.deepEqual(found.replicas!.anyOf, served);
    assert.equal(found.replicas!.why, 'the client 127.0.0.1 belongs to it while it is up');
    assert.ok(found.requestToReplica!.includes('x-forwarded-for: 127.0.0.1'));
    const others = new Set<string | null>();
    for (let i = 0; i < 64 && others.size < 4; i++) {
      others.add((await explainLive(upstreams, { client: `10.0.0.${i}` })).replicas!.picked);
    }
    assert.deepEqual([...others].sort(), [...replicas].sort());
  });

  test('sticky: the replica that a cookie of the gateway names', async (t) => {
    const all = await Promise.all([1, 2, 3].map(() => startReplica(t)));
    const secret = 'a secret of at least thirty-two bytes';
    const sticky = { cookie: 'replica', secret };
    const upstreams = { api: { replicas: all.map(({ url }) => url), sticky, health: '/health' } };
    const served = (target: string) =>
      all.find(({ requests }) => requests.some((request) => request.target === target))!;
    const gateway = await startGateway(t, configOf(upstreams, {}));
    const reply = await ask(gateway.port, '/first');
    const cookie = /^[^;]+/.exec(reply.header('set-cookie')!)![0];
    const kept = served('/first');
    const headers: [string, string][] = [
      ['Cookie', 'other=1'],
      ['Cookie', cookie],
    ];
    const found = await explainLive(upstreams, { headers });
    assert.deepEqual([found.replicas!.picked, found.replicas!.anyOf], [kept.url, [kept.url]]);
    assert.equal(found.replicas!.why, 'the cookie names it');
    assert.deepEqual(found.replicas!.sticky, {
      ...{ cookie: 'replica', replica: kept.url, why: `names ${kept.url}` },
    });

    const without = (await explainLive(upstreams)).replicas!;
    assert.equal(without.anyOf.length, 3);
    assert.deepEqual(without.sticky, {
      cookie: 'replica',
      replica: null,
      why: 'not sent: the answer sets it',
    });
    const unknown: [string, string][] = [['Cookie', 'replica=nonsense']];
    const other = (await explainLive(upstreams, { headers: unknown })).replicas!;
    assert.equal(other.sticky!.why, 'names no replica: the answer sets a new one');
    const secretless = { api: { ...upstreams.api, sticky: { cookie: 'replica' } } };
    const hidden = (await explainLive(secretless, { headers })).replicas!;
    assert.match(hidden.sticky!.why, /^cannot be read here: without sticky\.secret/);

    kept.script = answer('no', {}, 500);
    const fallen = (await explainLive(upstreams, { headers })).replicas!;
    assert.equal(fallen.anyOf.length, 2);
    assert.match(fallen.sticky!.why, /which cannot be asked: the answer sets a new one$/);
    assert.match(formatExplanation(found), new RegExp(`^sticky {3}cookie replica names ${kept.url}$`, 'm'));
  });

  test('split: the replicas of the chosen side, and no others', async (t) => {
    const [stable, canary] = [await startReplica(t), await startReplica(t)];
    const upstreams = {
      stable: { replicas: [stable.url], health: '/' },
      canary: { replicas: [canary.url], health: '/' },
    };
    const split = { stable: 100, canary: 0 };
    const route = { proxy: { split, override: { header: 'x-version' }, hostHeader: 'replica' } };
    const found = await explainLive(upstreams, { route, headers: [['X-Version', 'canary']] });
    assert.match(found.route!.action, /; this one to canary: header x-version names it$/);
    assert.deepEqual([found.replicas!.upstream, found.replicas!.picked], ['canary', canary.url]);
    assert.ok(found.requestToReplica!.includes(`host: 127.0.0.1:${canary.port}`));
    assert.equal(stable.connections.length, 0);
    const usual = await explainLive(upstreams, { route });
    assert.match(usual.route!.action, /; this one to stable: client 203\.0\.113\.7 stands at/);
    assert.equal(usual.replicas!.picked, stable.url);
  });
});

suite('maintenance', () => {
  test('keeps everybody out but some, of whom the rest is told', async (t) => {
    const replica = await startReplica(t);
    const upstreams = { api: { replicas: [replica.url] } };
    const maintenance = { retryAfter: '10m', allow: ['10.0.0.0/8'] };
    const route = { proxy: { split: { api: 100, other: 0 } }, maintenance };
    const both = { ...upstreams, other: { replicas: [replica.url] } };
    const out = await explainLive(both, { route });
    assert.deepEqual(out.maintenance, { retryAfter: 600, allow: ['10.0.0.0/8'], letThrough: false });
    assert.deepEqual(out.answer, {
      ...{ status: 503, code: 'MAINTENANCE', location: null, retryAfter: '600', heldFor: 0 },
    });
    assert.equal(out.replicas, null);
    assert.equal(replica.connections.length, 0, 'nobody is asked for whom nobody answers');
    assert.match(formatExplanation(out), /^closed {3}for maintenance; let through: 10\.0\.0\.0\/8$/m);

    const through = await explainLive(both, { route, client: '10.1.2.3' });
    assert.equal(through.maintenance?.letThrough, true);
    assert.equal(through.answer, null);
    assert.equal(through.replicas?.picked, replica.url);
    assert.match(through.route!.action, /this one to api: client 10\.1\.2\.3 stands at/);
  });
});

test('rules are those of the route over those of the upstream', async (t) => {
  const replica = await startReplica(t);
  const found = await api(
    {
      replicas: [replica.url],
      timeouts: { response: '7s', tunnel: '2h' },
      connections: { max: 9 },
      eject: { consecutive: 3, base: '1s', max: '1m', atMost: 0.25 },
      health: { path: '/up', port: replica.port },
    },
    { route: { proxy: 'api', retry: { on: ['reset', 503], attempts: 3 }, timeouts: { idle: '1s' } } },
  );
  assert.deepEqual(found.rules!.timeouts, { connect: 3000, response: 7000, idle: 1000, tunnel: 7_200_000 });
  const { attempts, statuses, connect } = found.rules!.retry!;
  assert.deepEqual({ attempts, statuses, connect }, { attempts: 3, statuses: [503], connect: false });
  const text = formatExplanation(found);
  for (const line of [
    `health   GET /up on port ${replica.port} every 10s, at most 2s; down after 3 failures in a row, up again after 2 passes`,
    'eject    after 3 failures in a row, for 1s to 1m, at most 25 % of the replicas',
    'retry    after a reset or a 503, up to 3 attempts and at most 20 % more requests, never a POST or PATCH',
    'hold     off: while no replica is up, 503 at once',
    'limits   9 connections to each replica; up to 1024 exchanges for each wait 1s for a free one',
    'timeouts connect 3s, response 7s, idle 1s, tunnel 2h',
  ]) {
    assert.ok(text.split('\n').includes(line), `${line}\n${text}`);
  }
});
