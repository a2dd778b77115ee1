import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { DiskReader, type DiskSink } from '../../src/static/disk-reader.ts';
import { readManifest, type StaticFile } from '../../src/static/manifest.ts';
import { makeFolder, rootAt } from './folder.ts';

/** Collects what a reader sends; each chunk is answered by `take`. */
class Collector implements DiskSink {
  readonly events: string[] = [];
  readonly chunks: Buffer[] = [];
  readonly finished: Promise<string>;
  take: (chunk: Buffer, count: number) => boolean = () => true;
  onFirst: () => void = () => undefined;
  isDrained = false;
  #settle!: (event: string) => void;

  constructor() {
    this.finished = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  onOpen(): void {
    this.events.push('open');
  }

  onChunk(chunk: Buffer): boolean {
    if (this.chunks.length === 0) this.onFirst();
    this.chunks.push(Buffer.from(chunk));
    return this.take(chunk, this.chunks.length);
  }

  onEnd(): void {
    this.events.push('end');
    this.#settle('end');
  }

  onError(reason: 'changed' | 'failed'): void {
    this.events.push(reason);
    this.#settle(reason);
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }
}

async function streamed(t: Parameters<typeof makeFolder>[0], content: Buffer): Promise<StaticFile> {
  const folder = makeFolder(t, { 'file.bin': content });
  const file = (await readManifest(rootAt(folder), { bytes: 0, maxFile: 0 })).files.get('/file.bin')!;
  assert.equal(file.identity, null);
  return file;
}

const descriptorsOn = (path: string): number =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(path);
    } catch {
      // The descriptor of the listing itself is gone by now.
      return false;
    }
  }).length;

test('a range is read exactly, in pieces', async (t) => {
  const content = randomBytes(700_001);
  const file = await streamed(t, content);
  const ranges = [
    [0, 700_000],
    [0, 0],
    [700_000, 700_000],
    [131_072, 262_143],
    [1, 131_072],
    [0, -1],
  ] as const;
  for (const [start, end] of ranges) {
    const sink = new Collector();
    new DiskReader(file, start, end, sink);
    assert.deepEqual(sink.events, []);
    assert.equal(await sink.finished, 'end');
    assert.ok(sink.bytes.equals(content.subarray(start, end + 1)), `${start}-${end}`);
    assert.deepEqual(sink.events, ['open', 'end']);
  }
  await delay(20);
  assert.equal(descriptorsOn(file.absolute), 0);
});

test('a paused reader reads nothing, and fills the same memory again only after resume', async (t) => {
  const content = randomBytes(600_000);
  const file = await streamed(t, content);
  const sink = new Collector();
  const held: Buffer[] = [];
  sink.take = (chunk) => {
    held.push(chunk);
    return false;
  };
  const reader = new DiskReader(file, 0, content.length - 1, sink);
  for (let i = 1; i <= 4; i++) {
    while (sink.chunks.length < i) await delay(1);
    await delay(10);
    assert.equal(sink.chunks.length, i);
    assert.ok(held[i - 1]!.equals(sink.chunks[i - 1]!), 'untouched while paused');
    reader.resume();
    reader.resume();
  }
  assert.equal(new Set(held.map((chunk) => chunk.buffer)).size, 1);
  assert.equal(await sink.finished, 'end');
  assert.ok(sink.bytes.equals(content));
});

test('memory that the sink kept is never written again', async (t) => {
  const content = randomBytes(900_000);
  const file = await streamed(t, content);
  const sink = new Collector();
  const kept: Buffer[] = [];
  sink.take = (chunk) => {
    kept.push(chunk);
    return true;
  };
  new DiskReader(file, 0, content.length - 1, sink);
  assert.equal(await sink.finished, 'end');
  assert.ok(Buffer.concat(kept).equals(content));
});

test('ST-07 a file that is not the one of the manifest is never opened for a client', async (t) => {
  const content = Buffer.alloc(300_000, 1);
  const change: Record<string, (path: string) => void> = {
    longer: (path) => appendFileSync(path, 'x'),
    shorter: (path) => truncateSync(path, 10),
    touched: (path) => utimesSync(path, 1e9, 1e9),
    gone: (path) => unlinkSync(path),
    'replaced by a symlink': (path) => {
      renameSync(path, `${path}.moved`);
      symlinkSync(`${path}.moved`, path);
    },
    'replaced by a FIFO': (path) => {
      unlinkSync(path);
      spawnSync('mkfifo', [path]);
    },
  };
  for (const [how, apply] of Object.entries(change)) {
    const file = await streamed(t, content);
    apply(file.absolute);
    const sink = new Collector();
    new DiskReader(file, 0, file.size - 1, sink);
    assert.equal(await sink.finished, 'changed', how);
    assert.deepEqual(sink.events, ['changed'], how);
    assert.equal(sink.chunks.length, 0, how);
  }
});

test('ST-07 ST-08 a replacement of equal size and time is recognised', async (t) => {
  const file = await streamed(t, Buffer.alloc(200_000, 1));
  writeFileSync(`${file.absolute}.new`, Buffer.alloc(200_000, 2));
  utimesSync(`${file.absolute}.new`, file.mtimeMs / 1000, file.mtimeMs / 1000);
  renameSync(`${file.absolute}.new`, file.absolute);
  const sink = new Collector();
  new DiskReader(file, 0, file.size - 1, sink);
  assert.equal(await sink.finished, 'changed');
});

test('ST-07 a file replaced during a download is read to its own end', async (t) => {
  const content = randomBytes(800_000);
  const file = await streamed(t, content);
  const sink = new Collector();
  sink.onFirst = () => {
    writeFileSync(`${file.absolute}.new`, randomBytes(800_000));
    renameSync(`${file.absolute}.new`, file.absolute);
  };
  new DiskReader(file, 0, file.size - 1, sink);
  assert.equal(await sink.finished, 'end');
  assert.ok(sink.bytes.equals(content));
});

test('ST-07 a file written to during a download never arrives whole', async (t) => {
  const content = Buffer.alloc(800_000, 1);
  for (const how of ['overwritten', 'cut'] as const) {
    const file = await streamed(t, content);
    const sink = new Collector();
    sink.onFirst = () => {
      if (how === 'cut') truncateSync(file.absolute, 300_000);
      else {
        const fd = openSync(file.absolute, 'r+');
        writeSync(fd, Buffer.alloc(800_000, 2), 0, 800_000, 0);
        closeSync(fd);
      }
    };
    new DiskReader(file, 0, file.size - 1, sink);
    assert.equal(await sink.finished, 'changed', how);
    assert.ok(sink.bytes.length < content.length, how);
    await delay(20);
    assert.equal(descriptorsOn(file.absolute), 0);
  }
});

test('an aborted reader is silent and closes its file', async (t) => {
  const file = await streamed(t, randomBytes(800_000));
  const early = new Collector();
  const first = new DiskReader(file, 0, file.size - 1, early);
  first.abort();
  first.abort();
  const late = new Collector();
  late.take = () => {
    second.abort();
    return true;
  };
  const second: DiskReader = new DiskReader(file, 0, file.size - 1, late);
  const paused = new Collector();
  paused.take = () => false;
  const third = new DiskReader(file, 0, file.size - 1, paused);
  while (paused.chunks.length === 0 || late.chunks.length === 0) await delay(1);
  third.abort();
  third.resume();
  await delay(50);
  assert.deepEqual(early.events, []);
  assert.deepEqual(late.events, ['open']);
  assert.deepEqual(paused.events, ['open']);
  assert.equal(late.chunks.length, 1);
  assert.equal(descriptorsOn(file.absolute), 0);
});

test('ST-09 a very large file is read with flat memory', async (t) => {
  const folder = makeFolder(t, { 'file.bin': '' });
  // Sparse: 400 MB of zeros that take no room on the disk.
  truncateSync(join(folder, 'file.bin'), 400_000_000);
  const manifest = await readManifest(rootAt(folder), { bytes: 1e6, maxFile: 1e6 });
  const file = manifest.files.get('/file.bin')!;
  const before = process.memoryUsage().rss;
  let total = 0;
  let top = 0;
  await new Promise<void>((resolve, reject) => {
    const reader = new DiskReader(file, 0, file.size - 1, {
      onOpen: () => undefined,
      onChunk: (chunk) => {
        total += chunk.length;
        if (total % (128 * 1024 * 100) === 0) top = Math.max(top, process.memoryUsage().rss);
        if (total <= file.size / 2) return true;
        setImmediate(() => reader.resume());
        return false;
      },
      // The first half goes to a sink that has each chunk at once, the second to one that asks to wait.
      isDrained: true,
      onEnd: resolve,
      onError: (_, error) => reject(error),
    });
  });
  assert.equal(total, 400_000_000);
  assert.ok(top - before < 30e6, `${top - before}`);
});
