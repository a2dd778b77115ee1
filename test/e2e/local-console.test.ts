// Watching a replica die: the console of a real `start --local`, driven through its standard input, while the site goes
// on answering.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { Scope } from '../support/fixtures.ts';
import { type GatewayProcess, PROJECT, startGateway } from '../support/gateway-process.ts';
import { ask, NAVIGATION } from '../support/plain-request.ts';

/** Longest wait for what the checks of stand-ins find out: three that hang, and what a busy machine adds. */
const FOUND_OUT = 30_000;

const file = (name: string): string =>
  `export { default } from '${pathToFileURL(join(PROJECT, name)).href}';`;

/** `--local`, with what the console prints from a moment on. */
class Site {
  readonly gateway: GatewayProcess;
  readonly #host: string;

  constructor(gateway: GatewayProcess, host: string) {
    this.gateway = gateway;
    this.#host = host;
  }

  /** Types a line and waits for what it is answered with. */
  async say(line: string, expected: RegExp): Promise<void> {
    const from = this.gateway.stdout.length;
    this.gateway.type(line);
    await this.#since(from, expected);
  }

  /** Types `list` until it says so. */
  async lists(row: RegExp): Promise<void> {
    const end = performance.now() + FOUND_OUT;
    for (;;) {
      const from = this.gateway.stdout.length;
      this.gateway.type('list');
      await this.#since(from, /^upstream +n +state(?:.*\n)+?(?=crm|minio-console).*\n/m);
      if (row.test(this.gateway.stdout.slice(from))) return;
      if (performance.now() > end) throw new Error(`no ${row}: ${this.gateway.report()}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Asks the API ten times; returns the replicas that answered. */
  async askApi(): Promise<Set<string>> {
    const seen = new Set<string>();
    for (let i = 0; i < 10; i++) {
      const reply = await ask(this.gateway.port, '/api/orders', { host: this.#host, deadline: 20_000 });
      assert.equal(reply.status, 200);
      seen.add((JSON.parse(reply.text) as { replica: string }).replica);
    }
    return seen;
  }

  async #since(from: number, expected: RegExp): Promise<void> {
    const end = performance.now() + FOUND_OUT;
    while (!expected.test(this.gateway.stdout.slice(from))) {
      if (performance.now() > end) throw new Error(`no ${expected}: ${this.gateway.report()}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

async function startSite(scope: Scope, config: object | string, host: string): Promise<Site> {
  const gateway = await startGateway(scope, config, { args: ['--local'], typed: true });
  return new Site(gateway, host);
}

test('a stand-in that is stopped, paused and brought back', async (t) => {
  const site = await startSite(t, file('routes.config.ts'), 'oraclelumira.localhost');
  const { gateway } = site;
  assert.match(gateway.stdout, /^Type "list" to see the replicas, "stop api 2" to watch one die/m);
  await site.lists(/^api +2 +up .* 200 after .* running$/m);

  await site.say('stop api 2', /^api-2 is stopped: it refuses connections \(http:\S+\)$/m);
  // From the first moment on, before any check has found out.
  assert.ok(!(await site.askApi()).has('api-2'));
  await site.lists(/^api +2 +down .* connection refused after .* stopped$/m);
  await gateway.output(/"message":"a replica is down","upstream":"api"/, FOUND_OUT);
  assert.deepEqual(
    [...(await site.askApi())].filter((name) => name === 'api-2'),
    [],
  );

  await site.say('start api 2', /^api-2 is running/m);
  await site.lists(/^api +2 +up .* running$/m);
  await gateway.output(/"message":"a replica is up","upstream":"api"/, FOUND_OUT);
  for (let round = 0; round < 20; round++) if ((await site.askApi()).has('api-2')) break;
  assert.ok((await site.askApi()).size > 1);

  // One that hangs is found out by its checks, and who waits there is answered by another.
  await site.say('pause api 1', /^api-1 is paused/m);
  assert.ok(!(await site.askApi()).has('api-1'));
  await site.lists(/^api +1 +down .* no answer within 2000 ms.* paused$/m);
  await site.say('resume api 1', /^api-1 is running/m);
  await site.lists(/^api +1 +up .* running$/m);
  assert.equal((await gateway.stop()).code, 0);
});

test('with the only replica gone exchanges are held until it is back, or told to come again', async (t) => {
  const site = await startSite(
    t,
    {
      upstreams: { crm: { replicas: ['http://crm.invalid'], health: '/health' } },
      hosts: { 'crm.test': { routes: { '/*': { proxy: 'crm', hold: '30s' }, '/now/*': { proxy: 'crm' } } } },
    },
    'crm.localhost',
  );
  const { gateway } = site;
  const visit = (path: string) =>
    ask(gateway.port, path, { host: 'crm.localhost', headers: { Accept: NAVIGATION }, deadline: FOUND_OUT });
  await site.say('stop crm 1', /^crm is stopped/m);
  const held = visit('/');
  await site.lists(/^crm: 1 exchange held until a replica is up$/m);
  await site.say('start crm 1', /^crm is running/m);
  assert.equal((await held).status, 200);
  await site.say('stop crm', /^crm is stopped/m);
  const refused = await visit('/now');
  assert.deepEqual([refused.status, refused.header('retry-after')], [503, '5']);
  assert.equal((await gateway.stop()).code, 0);
});

test('the end of its input stops nothing, and open input does not keep it', async (t) => {
  const site = await startSite(t, file('examples/orchestra.routes.config.ts'), 'orchestra.example.localhost');
  const { gateway } = site;
  // Every stand-in answers the path that its upstream is checked with.
  for (const name of ['frontend', 'backend', 'minio-api', 'minio-console'])
    await site.lists(new RegExp(`^${name} +1 +up .* 200 after .* running$`, 'm'));
  gateway.child.stdin!.end();
  await new Promise((resolve) => gateway.child.stdin!.once('close', resolve));
  assert.equal((await site.askApi()).size, 1);
  assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
});

test('what stands in an SRV record, a name or a place of its own is replaced by stand-ins', async (t) => {
  const gateway = await startGateway(
    t,
    {
      upstreams: {
        api: {
          replicas: [
            { srv: '_http._tcp.api.invalid' },
            { url: 'https://name.invalid', expect: 3, weight: 4 },
            { url: 'http://spare.invalid', backup: true },
          ],
          health: { path: '/api/health', port: 9, host: 'other', status: '204', interval: '1m' },
        },
        crm: { replicas: ['http://crm.invalid'] },
      },
      hosts: { 'a.test': { routes: { '/api/*': { proxy: 'api' }, '/*': { proxy: 'crm' } } } },
    },
    { args: ['--local'], typed: true },
  );
  assert.match(gateway.stdout, /proxy to api: stand-in, 5 × API that names itself/);
  const site = new Site(gateway, 'a.localhost');
  await site.lists(/^api +1 +up .* 200 after(?:.*\n)+api +4 +up .* 200 after/m);
  await site.lists(/^api +5 +up \(backup\) .* 200 after/m);
  assert.ok(!(await site.askApi()).has('api-5'));
  const stopped = ['1', '2', '3', '4'];
  for (const number of stopped)
    await site.say(`stop api ${number}`, new RegExp(`^api-${number} is stopped`, 'm'));
  assert.deepEqual([...(await site.askApi())], ['api-5']);
});

test('without --local nobody listens to standard input', async (t) => {
  const gateway = await startGateway(
    t,
    { hosts: { 'a.test': { routes: { '/*': { respond: { body: 'ok' } } } } } },
    { typed: true },
  );
  gateway.type('help');
  assert.equal((await ask(gateway.port, '/')).text, 'ok');
  assert.doesNotMatch(gateway.stdout, /Parvis serves|resume NAME/);
  gateway.child.stdin!.end();
  assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
});
