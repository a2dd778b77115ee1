// What is streamed through the gateway is not kept by it: a gigabyte to a slow reader and a gigabyte to a slow
// replica each hold its memory within 30 MB of idle, and every byte arrives.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startGateway } from '../support/gateway-process.ts';
import { RawConnection } from '../support/raw-client.ts';
import { suiteScope } from '../support/suite-scope.ts';
import { framingOf, HeadThenBody, LongBodyReplica, sendBody, sumOf } from './long-body.ts';

const MB = 1024 ** 2;
const GB = 1024 ** 3;
const LIMIT = 30 * MB;
/** Milliseconds that the slow side does not read at all, while memory is watched. */
const STALL = 2000;

const scope = suiteScope();
const replica = await LongBodyReplica.start(scope);
const config = {
  upstreams: { a: { replicas: [replica.url] } },
  hosts: { 'a.test': { routes: { '/*': { proxy: 'a' } } } },
};
const gateway = await startGateway(scope, config, { args: ['--workers', '1'] });
const HOST = 'Host: a.test\r\n';
const EXPECTED = sumOf(GB);

/** What the receiving end got: size and sum. */
type Received = string;

/** A download whose reader stops for `stall` ms after the first 64 MB. */
async function download(size: number, chunked: boolean, stall: number): Promise<Received> {
  const connection = await RawConnection.open(gateway.port);
  connection.keeping = false;
  const response = new HeadThenBody();
  connection.socket.on('data', (bytes: Buffer) => response.push(bytes));
  await connection.send(`GET /${chunked ? 'chunked' : 'length'}?${size} HTTP/1.1\r\n${HOST}\r\n`);
  if (stall > 0) {
    while ((response.body?.size ?? 0) < 64 * MB) await sleep(2);
    connection.pause();
    await sleep(stall);
    connection.resume();
  }
  while (response.body?.done !== true) {
    assert.equal(connection.closed, 'open', `broken off after ${response.body?.size} bytes`);
    await sleep(5);
  }
  assert.match(response.head, /^HTTP\/1\.1 200 /);
  connection.destroy();
  return `${response.body.size} ${response.body.digest()}`;
}

/** An upload to a replica that stops reading for `stall` ms after the first 64 MB. */
async function upload(size: number, chunked: boolean, stall: number): Promise<Received> {
  const connection = await RawConnection.open(gateway.port);
  replica.upload = undefined;
  await connection.send(`POST / HTTP/1.1\r\n${HOST}${framingOf(size, chunked)}\r\n\r\n`);
  const sent = sendBody(connection.socket, size, chunked);
  if (stall > 0) {
    while (replica.taken < 64 * MB) await sleep(2);
    const { socket } = replica.upload!;
    socket.pause();
    await sleep(stall);
    socket.resume();
  }
  await sent;
  const response = await connection.response('POST', 30_000);
  connection.destroy();
  return response.body.toString();
}

/** Samples resident memory every 50 ms while `run` lasts; returns the highest. */
async function peakDuring(run: () => Promise<void>): Promise<number> {
  let peak = 0;
  let running = true;
  const sampling = (async () => {
    while (running) {
      peak = Math.max(peak, await gateway.memory());
      await sleep(50);
    }
  })();
  try {
    await run();
  } finally {
    running = false;
    await sampling;
  }
  return peak;
}

// Idle is a gateway that has worked: its code compiled, its heap grown to its working size.
for (const chunked of [false, true]) {
  for (let i = 0; i < 50; i++) await download(1000, chunked, 0);
  await download(16 * MB, chunked, 0);
  await upload(16 * MB, chunked, 0);
}
await sleep(500);
const idle = await gateway.memory();

const measured: string[] = [];
after(() => console.log(measured.join('\n')));

for (const [direction, transfer] of [
  ['download to a slow reader', download],
  ['upload to a slow replica', upload],
] as const) {
  for (const chunked of [false, true]) {
    const title = `a 1 GB ${direction} holds memory within 30 MB of idle, ${chunked ? 'chunked' : 'with length'}`;
    test(title, { timeout: 60_000 }, async () => {
      let received = '';
      const peak = await peakDuring(async () => {
        received = await transfer(GB, chunked, STALL);
      });
      const grown = (peak - idle) / MB;
      measured.push(`${title}: idle ${(idle / MB).toFixed(1)} MB, peak +${grown.toFixed(1)} MB`);
      assert.equal(received, `${GB} ${EXPECTED}`);
      assert.ok(peak - idle < LIMIT, `${grown.toFixed(1)} MB above idle`);
    });
  }
}
