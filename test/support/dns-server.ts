// A DNS server on loopback, over UDP and TCP, whose answers a test changes at any time. Like Docker's it shuffles
// them and gives each a TTL of 600 s. It also fails on demand: SERVFAIL, NXDOMAIN, REFUSED, or silence.

import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createServer, type Server, type Socket } from 'node:net';
import type { Scope } from './fixtures.ts';
import { listenApart } from './ports.ts';

export type RecordType = 'A' | 'AAAA' | 'SRV';
export type Failure = 'SERVFAIL' | 'NXDOMAIN' | 'REFUSED' | 'silent';

export interface SrvData {
  target: string;
  port: number;
  priority?: number;
  weight?: number;
}

export interface AskedQuestion {
  /** In lower case. */
  name: string;
  type: string;
  over: 'udp' | 'tcp';
}

/** As much of `dns-packet`, which has no types, as is used here. */
interface Packet {
  id?: number;
  type?: string;
  flags?: number;
  questions?: { name: string; type: string }[];
  answers?: { name: string; type: string; ttl: number; data: unknown }[];
}
interface Codec {
  decode(bytes: Buffer): Packet;
  encode(packet: Packet): Buffer;
  RECURSION_DESIRED: number;
  RECURSION_AVAILABLE: number;
  TRUNCATED_RESPONSE: number;
}
const codec = createRequire(import.meta.url)('dns-packet') as Codec;

const RCODES: Record<Exclude<Failure, 'silent'>, number> = { SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 };
const TTL = 600;
/** Bytes of the largest answer over UDP, whatever the client offers to take: a longer one has to be asked over TCP. */
const MAX_UDP = 512;

/** Starts a server on a port of 127.0.0.1, the same for UDP and TCP; it is closed when the test ends. */
export async function startDnsServer(scope: Scope): Promise<DnsServer> {
  const server = new DnsServer();
  scope.after(() => server.close());
  await server.listen();
  return server;
}

export class DnsServer {
  /** Every question that arrived, in order. A client that asks A and AAAA asks twice. */
  readonly questions: AskedQuestion[] = [];
  port = 0;
  readonly #records = new Map<string, Map<string, unknown[]>>();
  readonly #failures = new Map<string, Failure>();
  readonly #connections = new Set<Socket>();
  #udp: UdpSocket | undefined;
  #tcp: Server | undefined;
  #waiting: (() => void)[] = [];

  /** As `resolver.servers` of a config has it. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** An empty list: the name exists (if it has records of another type) without addresses of this family. */
  setA(name: string, addresses: string[]): void {
    this.#set(name, 'A', addresses);
  }

  setAAAA(name: string, addresses: string[]): void {
    this.#set(name, 'AAAA', addresses);
  }

  setSrv(name: string, records: SrvData[]): void {
    this.#set(
      name,
      'SRV',
      records.map((record) => ({ priority: 0, weight: 1, ...record })),
    );
  }

  /** All questions about a name fail from now on, or those of one type; null ends that. */
  fail(name: string, failure: Failure | null, type: RecordType | '*' = '*'): void {
    const key = `${name.toLowerCase()} ${type}`;
    if (failure === null) this.#failures.delete(key);
    else this.#failures.set(key, failure);
  }

  /** Questions about a name, of a type if it is given. */
  asked(name: string, type?: RecordType): number {
    return this.questions.filter((seen) => seen.name === name && (type === undefined || seen.type === type))
      .length;
  }

  /** Resolves as soon as `condition` holds; it is asked at every question. Throws after `deadline` ms. */
  async until(condition: (server: this) => boolean, deadline = 10_000): Promise<void> {
    const end = performance.now() + deadline;
    while (!condition(this)) {
      const left = end - performance.now();
      if (left <= 0) {
        const seen = this.questions.map(({ name, type }) => `${type} ${name}`).join(', ');
        throw new Error(`the DNS server waited ${deadline} ms in vain for ${condition}; asked: ${seen}`);
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, left);
      this.#waiting.push(resolve);
      await promise;
      clearTimeout(timer);
    }
  }

  async listen(): Promise<void> {
    for (;;) {
      const tcp = createServer((socket) => this.#connected(socket));
      const port = await listenApart(tcp);
      const udp = createSocket('udp4');
      udp.bind(port, '127.0.0.1');
      try {
        await once(udp, 'listening');
      } catch (error) {
        tcp.close();
        if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
        continue;
      }
      udp.on('message', (bytes, from) => {
        const reply = this.#answer(bytes, 'udp');
        if (reply !== undefined) udp.send(reply, from.port, from.address, () => {});
      });
      [this.port, this.#tcp, this.#udp] = [port, tcp, udp];
      return;
    }
  }

  async close(): Promise<void> {
    for (const socket of this.#connections) socket.destroy();
    const [tcp, udp] = [this.#tcp, this.#udp];
    this.#tcp = this.#udp = undefined;
    if (udp !== undefined) udp.close();
    if (tcp === undefined) return;
    tcp.close();
    await once(tcp, 'close');
  }

  #set(name: string, type: RecordType, data: unknown[]): void {
    const key = name.toLowerCase();
    let records = this.#records.get(key);
    if (records === undefined) this.#records.set(key, (records = new Map()));
    if (data.length === 0) records.delete(type);
    else records.set(type, data);
    if (records.size === 0) this.#records.delete(key);
  }

  /** RFC 1035 §4.2.2: over TCP each message has its length in front. */
  #connected(socket: Socket): void {
    this.#connections.add(socket);
    let seen = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      seen = Buffer.concat([seen, chunk]);
      while (seen.length >= 2 && seen.length >= 2 + seen.readUInt16BE(0)) {
        const end = 2 + seen.readUInt16BE(0);
        const reply = this.#answer(seen.subarray(2, end), 'tcp');
        seen = seen.subarray(end);
        if (reply === undefined) continue;
        const length = Buffer.alloc(2);
        length.writeUInt16BE(reply.length);
        socket.write(Buffer.concat([length, reply]));
      }
    });
    // A client that resets its connection has what it wanted.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#connections.delete(socket));
  }

  #answer(bytes: Buffer, over: 'udp' | 'tcp'): Buffer | undefined {
    const { id, questions } = codec.decode(bytes);
    const question = questions?.[0];
    if (id === undefined || question === undefined) return undefined;
    const { type } = question;
    const name = question.name.toLowerCase();
    const failure = this.#failures.get(`${name} ${type}`) ?? this.#failures.get(`${name} *`);
    const records = this.#records.get(name);
    const data = failure === undefined ? (records?.get(type) ?? []) : [];
    const reply = (flags: number, answers: Packet['answers'] = []): Buffer =>
      codec.encode({
        id,
        type: 'response',
        flags: codec.RECURSION_DESIRED | codec.RECURSION_AVAILABLE | flags,
        questions: [question],
        answers,
      });
    this.questions.push({ name, type, over });
    for (const wake of this.#waiting.splice(0)) wake();
    if (failure === 'silent') return undefined;
    if (failure !== undefined) return reply(RCODES[failure]);
    if (records === undefined) return reply(RCODES.NXDOMAIN);
    const answers = shuffled(data).map((one) => ({ name: question.name, type, ttl: TTL, data: one }));
    const whole = reply(0, answers);
    return over === 'udp' && whole.length > MAX_UDP ? reply(codec.TRUNCATED_RESPONSE) : whole;
  }
}

function shuffled<T>(list: readonly T[]): T[] {
  const left = [...list];
  const out: T[] = [];
  while (left.length > 0) out.push(...left.splice(Math.floor(Math.random() * left.length), 1));
  return out;
}
