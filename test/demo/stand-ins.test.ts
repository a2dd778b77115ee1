// The sample stack: what it answers, that it stays self-contained, and that asset names match their content.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { basename, extname, join } from 'node:path';
import { suite, test } from 'node:test';
import { startStandIn } from '../../demo/stand-ins.ts';
import { PROJECT } from '../support/gateway-process.ts';

const STACK = join(PROJECT, 'demo/stack');

async function getJson(url: string, init?: RequestInit): Promise<Record<string, unknown>> {
  return (await (await fetch(url, init)).json()) as Record<string, unknown>;
}

suite('API replicas', () => {
  test('name themselves at any path and echo the request', async (t) => {
    const api = await startStandIn('api', 'api', 3);
    t.after(() => api.close());
    assert.equal(api.replicas.length, 3);
    assert.match(api.describe, /3/);
    const names = await Promise.all(api.replicas.map(async ({ url }) => (await getJson(`${url}/x`)).replica));
    assert.deepEqual(names, ['api-1', 'api-2', 'api-3']);
    const seen = await getJson(`${api.replicas[0]!.url}/any/path?q=1`, {
      method: 'DELETE',
      headers: { 'x-a': 'b' },
    });
    assert.equal(seen.path, '/any/path?q=1');
    assert.equal(seen.method, 'DELETE');
    assert.equal((seen.headers as Record<string, string>)['x-a'], 'b');
  });

  test('have special paths, with and without /api', async (t) => {
    const api = await startStandIn('api', 'backend', 1);
    t.after(() => api.close());
    const { url } = api.replicas[0]!;
    for (const prefix of ['', '/api']) {
      assert.equal((await fetch(`${url}${prefix}/health`)).status, 200);
      assert.equal((await fetch(`${url}${prefix}/status/503`)).status, 503);
      assert.equal((await fetch(`${url}${prefix}/status/304`)).status, 304);
      assert.equal((await getJson(`${url}${prefix}/slow?ms=20`)).waited, 20);
    }
    const body = 'x'.repeat(300_000);
    assert.equal(await (await fetch(`${url}/api/echo`, { method: 'POST', body })).text(), body);
    assert.equal((await getJson(`${url}/api/upload`, { method: 'POST', body })).bytes, body.length);
    const stream = await fetch(`${url}/api/stream?events=3&ms=5`);
    assert.equal(stream.headers.get('content-type'), 'text/event-stream');
    assert.equal((await stream.text()).match(/^data: /gm)?.length, 3);
  });

  test('close at once although an answer is being waited for', async () => {
    const api = await startStandIn('api', 'api', 1);
    const slow = assert.rejects(fetch(`${api.replicas[0]!.url}/api/slow?ms=60000`));
    await getJson(`${api.replicas[0]!.url}/x`);
    await api.close();
    await slow;
  });
});

suite('a replica that fails', () => {
  test('is stopped and started at the same place, cutting what is open', async (t) => {
    const api = await startStandIn('api', 'api', 2);
    t.after(() => api.close());
    const [one, two] = api.replicas as [(typeof api.replicas)[number], (typeof api.replicas)[number]];
    const { url } = one;
    const slow = assert.rejects(fetch(`${url}/slow?ms=60000`));
    await getJson(`${url}/x`);
    await one.stop();
    await slow;
    assert.deepEqual([one.state, two.state], ['stopped', 'running']);
    await assert.rejects(
      fetch(`${url}/x`),
      ({ cause }: { cause: { code: string } }) => cause.code === 'ECONNREFUSED',
    );
    assert.equal((await getJson(`${two.url}/x`)).replica, 'api-2');
    await one.stop();
    await one.start();
    await one.start();
    assert.deepEqual([one.state, one.url], ['running', url]);
    assert.equal((await getJson(`${url}/x`)).replica, 'api-1');
  });

  test('says why it cannot start when somebody else has its place', async (t) => {
    const api = await startStandIn('api', 'api', 1);
    t.after(() => api.close());
    const replica = api.replicas[0]!;
    await replica.stop();
    const other = createServer().listen(Number(new URL(replica.url).port), '127.0.0.1');
    await once(other, 'listening');
    await assert.rejects(replica.start(), /EADDRINUSE/);
    assert.equal(replica.state, 'stopped');
    other.close();
    await once(other, 'close');
    await replica.start();
    assert.equal((await getJson(`${replica.url}/x`)).replica, 'api-1');
  });

  test('accepts and answers nothing while it is paused', async (t) => {
    const page = await startStandIn('page', 'crm', 1);
    t.after(() => page.close());
    const replica = page.replicas[0]!;
    replica.pause();
    let answered = 0;
    const waiting = [1, 2, 3].map(() => fetch(replica.url).finally(() => answered++));
    const left = new AbortController();
    const gone = assert.rejects(fetch(replica.url, { signal: left.signal }));
    const accepted = connect(Number(new URL(replica.url).port), '127.0.0.1');
    await once(accepted, 'connect');
    accepted.destroy();
    // What is asked of another stand-in meanwhile is answered: there was time to.
    const api = await startStandIn('api', 'api', 1);
    t.after(() => api.close());
    await getJson(`${api.replicas[0]!.url}/slow?ms=100`);
    assert.equal(answered, 0);
    left.abort();
    await gone;
    replica.resume();
    for (const response of await Promise.all(waiting))
      assert.match(await response.text(), /Dolibarr stand-in/);
    replica.pause();
    const cut = assert.rejects(fetch(replica.url));
    await replica.stop();
    await cut;
    assert.equal(replica.state, 'stopped');
    await replica.start();
    assert.equal((await fetch(replica.url)).status, 200);
  });
});

suite('SPA servers', () => {
  test('answer index.html for whatever is missing, as the nginx in the containers does', async (t) => {
    const spa = await startStandIn('spa', 'main-app', 1);
    t.after(() => spa.close());
    const { url } = spa.replicas[0]!;
    const index = await (await fetch(`${url}/`)).text();
    assert.match(index, /<title>Oracle Lumira<\/title>/);
    for (const path of ['/readings/moon', '/assets/gone-12345678.js']) {
      const response = await fetch(url + path);
      assert.equal(response.status, 200);
      assert.equal(response.headers.get('content-type'), 'text/html');
      assert.equal(await response.text(), index);
    }
    const script = /src="(\/assets\/[^"]+)"/.exec(index)?.[1];
    assert.ok(script);
    const asset = await fetch(url + script);
    assert.equal(asset.headers.get('content-type'), 'application/javascript');
    const etag = asset.headers.get('etag') ?? '';
    assert.equal((await fetch(url + script, { headers: { 'if-none-match': etag } })).status, 304);
    assert.equal((await fetch(`${url}/`, { method: 'POST', body: 'x' })).status, 405);
  });

  test('the desk has a build of its own', async (t) => {
    const spa = await startStandIn('spa', 'expert-desk', 2);
    t.after(() => spa.close());
    assert.equal(spa.replicas.length, 2);
    assert.match(await (await fetch(spa.replicas[1]!.url)).text(), /Expert Desk/);
  });

  for (const build of ['main', 'desk']) {
    test(`every asset of the ${build} build is named after its content, and used`, async () => {
      const dist = join(STACK, build, 'dist');
      const files = (await readdir(join(dist, 'assets'))).map((name) => join(dist, 'assets', name));
      const texts = await Promise.all(
        [join(dist, 'index.html'), ...files].map((path) => readFile(path, 'utf8')),
      );
      for (const path of files) {
        const hash = createHash('sha256')
          .update(await readFile(path))
          .digest('base64url')
          .slice(0, 8);
        const name = basename(path);
        const expected = `${name.slice(0, name.indexOf('-'))}-${hash}${extname(name)}`;
        assert.equal(name, expected, 'rename it here and where it is used: browsers keep it for a year');
        assert.ok(
          texts.some((text) => text.includes(name)),
          `nothing refers to ${name}`,
        );
      }
    });
  }
});

suite('pages', () => {
  test('name themselves, and show nothing of the request as markup', async (t) => {
    const crm = await startStandIn('page', 'crm', 1);
    const other = await startStandIn('page', 'legacy', 2);
    t.after(() => Promise.all([crm.close(), other.close()]).then(() => {}));
    assert.match(await (await fetch(crm.replicas[0]!.url)).text(), /Dolibarr stand-in/);
    const page = await fetch(`${other.replicas[1]!.url}/?q=1`, { headers: { 'x-a': '<script>' } });
    const text = await page.text();
    assert.match(text, /<h1>legacy-2<\/h1>/);
    assert.match(text, /&lt;script&gt;/);
    assert.doesNotMatch(text, /<script>/);
  });
});
