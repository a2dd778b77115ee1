import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { test } from 'node:test';
import { MessageChannel, Worker } from 'node:worker_threads';
import { ByteArena } from '../../src/static/byte-arena.ts';
import { type Manifest, readManifest } from '../../src/static/manifest.ts';
import { makeFolder, proseOf, rootAt } from './folder.ts';

test('a manifest is cloned without copying its bytes', async (t) => {
  const folder = makeFolder(t, {
    'a.js': proseOf(30_000),
    'big.png': Buffer.alloc(400_000, 7),
    'docs/index.html': 'x',
  });
  const manifest = await readManifest(rootAt(folder), { bytes: 1e6, maxFile: 1e6 });
  const { port1, port2 } = new MessageChannel();
  t.after(() => port1.close());
  port1.postMessage(manifest);
  const [received] = (await once(port2, 'message')) as [Manifest];
  assert.deepEqual(Object.keys(received), Object.keys(manifest));
  for (const [path, file] of manifest.files) {
    const copy = received.files.get(path)!;
    assert.ok(Buffer.from(copy.identity!).equals(file.identity!), path);
    assert.ok(copy.identity!.buffer instanceof SharedArrayBuffer);
    // The same memory: what one side writes the other reads.
    const kept = file.identity![0]!;
    file.identity![0] = 255 - kept;
    assert.equal(copy.identity![0], 255 - kept);
    file.identity![0] = kept;
  }
  assert.equal(
    received.files.get('/a.js')!.variants.br!.etag,
    manifest.files.get('/a.js')!.variants.br!.etag,
  );
  assert.deepEqual(received.directories, new Set(['/docs']));
});

test('a worker thread reads the bytes of the main thread', async (t) => {
  const text = proseOf(2000);
  const manifest = await readManifest(rootAt(makeFolder(t, { 'a.js': text })), { bytes: 1e6, maxFile: 1e6 });
  const worker = new Worker(
    `import { parentPort, workerData } from 'node:worker_threads';
     parentPort.postMessage(new TextDecoder().decode(workerData.files.get('/a.js').identity.slice()));`,
    { eval: true, workerData: manifest },
  );
  const [seen] = await once(worker, 'message');
  assert.equal(seen, text);
});

test('buffers over shared memory can be written to sockets and responses', async (t) => {
  const bytes = new ByteArena().store(Buffer.from(proseOf(1_000_000)));
  const small = new ByteArena().store(Buffer.from('small'));
  const tcp = createTcpServer((socket) => {
    socket.write(small);
    socket.end(bytes);
  }).listen(0, '127.0.0.1');
  const http = createServer((_, res) => {
    res.writeHead(200, { 'content-length': bytes.length + small.length });
    res.write(small);
    res.end(bytes);
  }).listen(0, '127.0.0.1');
  t.after(() => {
    tcp.close();
    http.close();
  });
  await Promise.all([once(tcp, 'listening'), once(http, 'listening')]);
  const expected = Buffer.concat([small, bytes]);
  const socket = connect((tcp.address() as AddressInfo).port, '127.0.0.1');
  assert.ok(Buffer.concat(await socket.toArray()).equals(expected));
  const outgoing = request({ port: (http.address() as AddressInfo).port, agent: false }).end();
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
  assert.ok(Buffer.concat(await answer.toArray()).equals(expected));
});

test('the arena packs small pieces together and keeps them apart', () => {
  const arena = new ByteArena();
  const views = Array.from({ length: 3000 }, (_, i) => arena.store(Buffer.alloc(1000, i % 251)));
  for (const [i, view] of views.entries()) assert.ok(view.equals(Buffer.alloc(1000, i % 251)));
  assert.equal(new Set(views.map((view) => view.buffer)).size, 3);
  assert.equal(arena.store(Buffer.alloc(0)).length, 0);
  assert.notEqual(arena.store(Buffer.alloc(300_000)).buffer, views.at(-1)!.buffer);
});
