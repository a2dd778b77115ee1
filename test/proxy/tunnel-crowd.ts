// Thousands of tunnels whose readers do not read, through `tunnel-process.ts` or, as WebSockets, through the whole
// gateway; prints what its memory did, as JSON. Arguments: how many, and `gateway` for that.
// Run by `tunnel-memory.test.ts` where the kernel's own buffers are small, or they would take all that is sent.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startSupervised } from '../support/supervised-gateway.ts';

export interface CrowdReport {
  /** Bytes of resident memory more than with the tunnels idle, per tunnel. */
  toClients: number;
  toReplicas: number;
  /** The same while one long stream goes to a reader that stops again and again, in all. */
  single: number;
  /** Bytes that reached the readers in the end; none may be missing. */
  received: { sent: number; arrived: number }[];
  opened: number;
  closed: number;
}

/** What carries the tunnels, in a process of its own. */
interface Carrier {
  readonly port: number;
  memory(): Promise<number>;
  /** Tunnels so far, and those of them that are over. */
  counts(): Promise<{ opened: number; closed: number }>;
  stop(): Promise<void>;
}

const TUNNELS = Number(process.argv[2]);
const EACH = 768 * 1024;
const LONG = 200 * 1024 * 1024;
const block = Buffer.alloc(64 * 1024, 'x');
/** The example of RFC 6455 section 1.3. */
const ASK =
  'GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
const SWITCH =
  'HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n';

const replicaSide: Socket[] = [];
const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => {});
  socket.once('data', () => {
    socket.write(SWITCH);
    socket.pause();
    replicaSide.push(socket);
  });
});
server.listen(0, '127.0.0.1', 4096);
await once(server, 'listening');
const port = (server.address() as { port: number }).port;
const carrier = await (process.argv[3] === 'gateway' ? theGateway() : theJoint());

async function theJoint(): Promise<Carrier> {
  const child: ChildProcess = fork(join(import.meta.dirname, 'tunnel-process.ts'), [String(port)], {
    execArgv: ['--expose-gc'],
  });
  const [{ port: front }] = (await once(child, 'message')) as [{ port: number }];
  const ask = async (): Promise<{ rss: number; opened: number; closed: number }> => {
    child.send('memory');
    return (await once(child, 'message'))[0] as { rss: number; opened: number; closed: number };
  };
  return {
    port: front,
    memory: async () => (await ask()).rss,
    counts: ask,
    stop: async () => child.disconnect(),
  };
}

async function theGateway(): Promise<Carrier> {
  const cleaners: (() => void | Promise<void>)[] = [];
  const { gateway, status } = await startSupervised(
    { after: (clean) => void cleaners.push(clean) },
    {
      workers: 1,
      upstreams: { chat: { replicas: [`http://127.0.0.1:${port}`] } },
      hosts: { 'a.test': { routes: { '/*': { proxy: 'chat' } } } },
    },
  );
  return {
    port: gateway.port,
    memory: () => gateway.memory(),
    counts: async () => {
      const [chat] = await status();
      return { opened: replicaSide.length, closed: replicaSide.length - chat!.replicas[0]!.inFlight };
    },
    stop: async () => {
      for (const clean of cleaners) await clean();
    },
  };
}

/** Memory once it has stopped to move, at its highest. */
async function settled(): Promise<number> {
  let highest = 0;
  for (let i = 0; i < 6; i++) {
    await sleep(150);
    highest = Math.max(highest, await carrier.memory());
  }
  return highest;
}

async function open(count: number): Promise<Socket[]> {
  const clients: Socket[] = [];
  while (clients.length < count) {
    const batch = Array.from({ length: Math.min(50, count - clients.length) }, async () => {
      const client = connect({ port: carrier.port, host: '127.0.0.1', noDelay: true });
      client.on('error', () => {});
      client.write(ASK);
      await once(client, 'data');
      client.pause();
      return client;
    });
    clients.push(...(await Promise.all(batch)));
  }
  return clients;
}

/** Writes as fast as the sockets take it, `size` bytes to each. */
function flood(sockets: readonly Socket[], size: number): void {
  for (const socket of sockets) {
    let left = size;
    const go = (): void => {
      while (left > 0) {
        left -= block.length;
        if (!socket.write(block)) return void socket.once('drain', go);
      }
    };
    go();
  }
}

/** Reads everything that is still on its way. */
async function drain(sockets: readonly Socket[], size: number): Promise<{ sent: number; arrived: number }> {
  let arrived = 0;
  const sent = sockets.length * size;
  for (const socket of sockets) {
    socket.on('data', (chunk: Buffer) => {
      arrived += chunk.length;
    });
    socket.resume();
  }
  const deadline = performance.now() + 60_000;
  while (arrived < sent && performance.now() < deadline) await sleep(20);
  for (const socket of sockets) socket.removeAllListeners('data').pause();
  return { sent, arrived };
}

// Warm: code compiled, heap grown.
const [warm] = await open(1);
flood(replicaSide.slice(0, 1), LONG / 8);
await drain([warm!], LONG / 8);

// One reader that stops again and again.
const before = await settled();
let highest = 0;
flood(replicaSide.slice(0, 1), LONG);
let got = 0;
warm!.on('data', (chunk: Buffer) => {
  got += chunk.length;
});
const received: CrowdReport['received'] = [];
for (let round = 0; got < LONG && round < 10_000; round++) {
  warm!.resume();
  await sleep(10);
  if (round % 10 !== 0) continue;
  warm!.pause();
  await sleep(10);
  highest = Math.max(highest, await carrier.memory());
}
received.push({ sent: LONG, arrived: got });
warm!.removeAllListeners('data').pause();

const clients = await open(TUNNELS);
const replicas = replicaSide.slice(1);
const idle = await settled();
flood(replicas, EACH);
const toClients = (await settled()) - idle;
received.push(await drain(clients, EACH));
const idleAgain = await settled();
flood(clients, EACH);
const toReplicas = (await settled()) - idleAgain;
received.push(await drain(replicas, EACH));

for (const client of clients) client.destroy();
warm!.destroy();
for (const socket of replicaSide) socket.destroy();
for (let i = 0; i < 100; i++) {
  const { opened, closed } = await carrier.counts();
  if (opened === closed) break;
  await sleep(50);
}
const { opened, closed } = await carrier.counts();
const report: CrowdReport = {
  toClients: toClients / TUNNELS,
  toReplicas: toReplicas / TUNNELS,
  single: highest - before,
  received,
  opened,
  closed,
};
console.log(JSON.stringify(report));
await carrier.stop();
server.close();
