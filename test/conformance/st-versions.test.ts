// Section ST of the attack cases: files that change while they are served, and when the application's document
// answers for a path.

import assert from 'node:assert/strict';
import { rename, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../support/fixtures.ts';
import { startGateway } from '../support/gateway-process.ts';
import { ask, NAVIGATION, requestBytes } from '../support/plain-request.ts';
import { connectRaw } from '../support/raw-client.ts';

const LARGE = 48 * 1024 * 1024;

const serving = (root: string) => ({
  workers: 1,
  hosts: { 'a.test': { routes: { '/*': { spa: { root } } } } },
});

test('ST-07: a file replaced between start and request is not sent under its old headers', async (t) => {
  const root = await temporaryFolder(t, {
    'index.html': 'app',
    'large.bin': Buffer.alloc(9 * 1024 * 1024, 'a'),
  });
  const gateway = await startGateway(t, serving(root));
  await writeFile(join(root, 'next'), Buffer.alloc(9 * 1024 * 1024, 'b'));
  await rename(join(root, 'next'), join(root, 'large.bin'));
  const reply = await ask(gateway.port, '/large.bin');
  assert.equal(reply.status, 503);
  assert.equal(reply.header('cache-control'), 'no-store');
  await gateway.output(/a file could not be streamed/);
});

test('ST-07: a file replaced by rename during its download is sent as it was, to the end', async (t) => {
  const root = await temporaryFolder(t, { 'index.html': 'app', 'large.bin': Buffer.alloc(LARGE, 'a') });
  const gateway = await startGateway(t, serving(root));
  const client = await connectRaw(t, gateway.port);
  await client.send(requestBytes('/large.bin'));
  while (client.received === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  client.pause();
  await writeFile(join(root, 'next'), Buffer.alloc(LARGE, 'b'));
  await rename(join(root, 'next'), join(root, 'large.bin'));
  client.resume();
  const reply = await client.response('GET', 60_000);
  assert.equal(reply.body.length, LARGE);
  assert.equal(reply.body.indexOf('b'), -1);
});

test('ST-07: a file overwritten in place during its download ends in an aborted connection', async (t) => {
  const root = await temporaryFolder(t, { 'index.html': 'app', 'large.bin': Buffer.alloc(LARGE, 'a') });
  const gateway = await startGateway(t, serving(root));
  const client = await connectRaw(t, gateway.port);
  client.keeping = false;
  await client.send(requestBytes('/large.bin'));
  while (client.received === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  client.pause();
  await writeFile(join(root, 'large.bin'), Buffer.alloc(LARGE, 'b'));
  client.resume();
  assert.equal(await client.closing(60_000), 'reset');
  assert.ok(client.received < LARGE);
});

test('ST-07: a file that shrinks during its download ends in an aborted connection', async (t) => {
  const root = await temporaryFolder(t, { 'index.html': 'app', 'large.bin': Buffer.alloc(LARGE, 'a') });
  const gateway = await startGateway(t, serving(root));
  const client = await connectRaw(t, gateway.port);
  client.keeping = false;
  await client.send(requestBytes('/large.bin'));
  while (client.received === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  client.pause();
  await writeFile(join(root, 'large.bin'), 'short');
  client.resume();
  assert.equal(await client.closing(60_000), 'reset');
  assert.ok(client.received < LARGE);
});

test('ST-08: an equal size and time with other content is another version', async (t) => {
  const time = new Date('2026-01-01T00:00:00Z');
  const root = await temporaryFolder(t, { 'index.html': '<script src=/app-AAAA.js>' });
  await utimes(join(root, 'index.html'), time, time);
  const before = await startGateway(t, serving(root));
  const first = await ask(before.port, '/');
  const etag = first.header('etag')!;
  assert.match(etag, /^"[^"]+"$/);
  await writeFile(join(root, 'index.html'), '<script src=/app-BBBB.js>');
  await utimes(join(root, 'index.html'), time, time);
  const after = await startGateway(t, serving(root));
  const headers = { 'If-None-Match': etag, 'If-Modified-Since': first.header('last-modified')! };
  const second = await ask(after.port, '/', { headers });
  assert.equal(second.status, 200);
  assert.notEqual(second.header('etag'), etag);
});

test('ST-10: the document answers for navigations and for nothing else', async (t) => {
  const gateway = await startGateway(
    t,
    { workers: 1, hosts: { 'a.test': { routes: { '/*': { spa: { root: 'dist' } } } } } },
    { files: { 'dist/index.html': 'app' } },
  );
  const html = { Accept: NAVIGATION };
  for (const target of ['/orders', '/orders/42', '/orders/', '/a.b/c', '/release/1.2', '/caf%C3%A9']) {
    const reply = await ask(gateway.port, target, { headers: html });
    assert.deepEqual([reply.status, reply.text], [200, 'app'], target);
    const head = await ask(gateway.port, target, { method: 'HEAD', headers: html });
    assert.deepEqual([head.status, head.header('content-length')], [200, '3'], target);
  }
  const others: [target: string, accept: string | undefined][] = [
    ['/orders', undefined],
    ['/orders', '*/*'],
    ['/orders', 'application/json'],
    ['/orders', 'text/html;q=0'],
    ['/orders', 'text/*'],
    ['/gone.js', NAVIGATION],
    ['/assets/gone-BxY3k_9Z.js', NAVIGATION],
    ['/assets/gone.png', 'image/avif,image/webp,*/*'],
    ['/.env', NAVIGATION],
    ['/.well-known/gone', NAVIGATION],
  ];
  for (const [target, accept] of others) {
    const reply = await ask(gateway.port, target, {
      headers: accept === undefined ? {} : { Accept: accept },
    });
    assert.equal(reply.status, 404, `${target} ${accept}`);
    assert.match(reply.header('content-type')!, /^application\/json/, `${target} ${accept}`);
  }
  assert.equal((await ask(gateway.port, '/orders', { method: 'POST', headers: html })).status, 405);
});
