// The rig of the conformance tests: a raw client, the real gateway, two recording replicas. After every case it
// checks that the replicas saw only what they should have, that a fresh request is served, that a refused
// connection is silent and closed, that nothing internal shows, and that nothing died.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';
import { type Piece, RawConnection } from '../support/raw-client.ts';
import { type RecordingReplica, startReplica } from '../support/recording-replica.ts';
import type { RecordedRequest } from '../support/request-reader.ts';
import { headerOf, type RawResponse } from '../support/response-parser.ts';
import { suiteScope } from '../support/suite-scope.ts';

/** The Host line that most cases have. */
export const H = 'Host: a.test\r\n';
export const GET1 = `GET / HTTP/1.1\r\n${H}\r\n`;
/** Sent behind every refused request: whoever goes on reading would serve it. */
const SMUGGLED = `GET /smuggled HTTP/1.1\r\n${H}\r\n`;

/** One status, or those that are equally right. */
export type Status = number | readonly number[];

export interface Outcome {
  /** Statuses of the answers in order, interim ones included. */
  readonly answers: readonly Status[];
  /** What the replicas must have seen, in order: `A GET /path`. @default nothing */
  readonly upstream?: readonly string[];
  /** A replica may have seen the head of this request before its body broke, and must have seen it broken off. */
  readonly brokenOff?: string;
  /** Methods of the requests, for the answers to HEAD. */
  readonly method?: string;
  /** The gateway closes the connection. @default false */
  readonly closes?: boolean;
  /** Half-close after the last piece. @default false */
  readonly end?: boolean;
  /** What else must hold. */
  readonly check?: (responses: RawResponse[], requests: RecordedRequest[]) => void;
}

const INTERNAL = [
  /\n\s+at /,
  /127\.0\.0\.1/,
  /node:/,
  /node_modules/,
  /\.ts\b/,
  /\/tmp\//,
  /ECONN|ENOENT|HPE_/,
];

export class Rig {
  readonly gateway: GatewayProcess;
  readonly a: RecordingReplica;
  readonly b: RecordingReplica;
  /** Open files of the gateway before the first case. */
  readonly idleFiles: number;
  /** Resident bytes of it then. */
  readonly idleMemory: number;

  constructor(
    gateway: GatewayProcess,
    replicas: { a: RecordingReplica; b: RecordingReplica },
    idle: { files: number; memory: number },
  ) {
    this.gateway = gateway;
    this.idleFiles = idle.files;
    this.idleMemory = idle.memory;
    this.a = replicas.a;
    this.b = replicas.b;
  }

  /** A test that sends `pieces` and expects `outcome`. */
  exchange(title: string, pieces: Piece | Piece[], outcome: Outcome): void {
    test(title, () => this.run(pieces, outcome));
  }

  /**
   * A test of a request that must be refused with one answer and a close, by itself and with another request
   * right behind it; no replica may see any of it.
   */
  refusal(title: string, pieces: Piece | Piece[], status: Status = 400, brokenOff?: string): void {
    const outcome: Outcome = {
      answers: [status],
      closes: true,
      ...(brokenOff !== undefined && { brokenOff }),
    };
    test(title, async () => {
      await this.run(pieces, outcome);
      await this.run([pieces, SMUGGLED].flat(), outcome);
    });
  }

  /** `refusal` for a list: what is added to the title → the bytes. */
  refusals(
    title: string,
    cases: Record<string, Piece | Piece[]>,
    status: Status = 400,
    brokenOff?: string,
  ): void {
    for (const [what, pieces] of Object.entries(cases)) {
      this.refusal(`${title}: ${what}`, pieces, status, brokenOff);
    }
  }

  /** Sends, reads the answers, checks the outcome and the invariants. */
  async run(pieces: Piece | Piece[], outcome: Outcome): Promise<void> {
    await this.watch(outcome, async (connection) => {
      await connection.send(...[pieces].flat());
      if (outcome.end) connection.end();
      const responses: RawResponse[] = [];
      for (const status of outcome.answers) {
        const response = await connection.response(outcome.method);
        const allowed = [status].flat();
        assert.ok(allowed.includes(response.status), `status ${response.status} instead of ${allowed}`);
        responses.push(response);
      }
      if (outcome.closes || outcome.end) await assertSilentClose(connection);
      else await assertUsable(connection);
      return responses;
    });
  }

  /** Runs a dialogue on a connection of its own; then the checks of `outcome` and the invariants. */
  async watch(
    outcome: Pick<Outcome, 'upstream' | 'brokenOff' | 'check'>,
    talk: (connection: RawConnection) => Promise<RawResponse[]>,
  ): Promise<void> {
    const seenA = this.a.requests.length;
    const seenB = this.b.requests.length;
    const connection = await RawConnection.open(this.gateway.port);
    try {
      const responses = await talk(connection);
      for (const response of responses) this.#assertDiscreet(response);
      await this.#assertServes();
      const requests = [...this.a.requests.slice(seenA), ...this.b.requests.slice(seenB)].filter(
        (request) => request.target !== '/invariant',
      );
      const name = (request: RecordedRequest) =>
        `${this.b.requests.includes(request) ? 'B' : 'A'} ${request.method} ${request.target}`;
      const names = requests.map(name);
      if (outcome.brokenOff !== undefined && names.length > 0) {
        assert.deepEqual(names, [outcome.brokenOff]);
        await this.#assertBrokenOff(requests[0]!);
      } else assert.deepEqual(names, outcome.upstream ?? []);
      outcome.check?.(responses, requests);
      this.assertAlive();
    } finally {
      connection.destroy();
    }
  }

  assertAlive(): void {
    assert.equal(this.gateway.exit, undefined, `the gateway ended: ${this.gateway.report()}`);
    const log = this.gateway.stdout + this.gateway.stderr;
    assert.doesNotMatch(log, /worker died|INTERNAL|Unhandled|uncaught/, 'a fault of the gateway itself');
  }

  async #assertServes(): Promise<void> {
    const connection = await RawConnection.open(this.gateway.port);
    try {
      await assertUsable(connection);
    } finally {
      connection.destroy();
    }
  }

  /** The replica can tell that the request is not whole, and soon. */
  async #assertBrokenOff(request: RecordedRequest): Promise<void> {
    const replica = this.a.requests.includes(request) ? this.a : this.b;
    const connection = replica.connections[request.connection]!;
    await replica.until(() => connection.closed, 1000);
    assert.equal(request.complete, false);
    assert.equal(connection.requests.at(-1), request, 'the connection was used again');
  }

  #assertDiscreet(response: RawResponse): void {
    const text = `${response.reason}\n${response.headers.join('\n')}\n${response.body.toString('latin1')}`;
    for (const pattern of INTERNAL) assert.doesNotMatch(text, pattern);
    for (const replica of [this.a, this.b]) assert.ok(!text.includes(`:${replica.port}`));
    // RFC 9110 section 6.6.1, whoever made the answer; interim ones need none.
    if (response.status < 200) return;
    assert.match(headerOf(response, 'date') ?? '', /^\w{3}, \d{2} \w{3} \d{4} [\d:]{8} GMT$/);
  }
}

/** The next answer on the connection is that of a plain request: nothing came unasked before it. */
export async function assertUsable(connection: RawConnection): Promise<void> {
  await connection.send(`GET /invariant HTTP/1.1\r\n${H}\r\n`);
  const response = await connection.response();
  assert.equal(response.status, 200);
  assert.equal(headerOf(response, 'x-replica'), 'A');
  assert.equal(response.body.toString(), 'GET /invariant');
}

/** The gateway closes the connection and says nothing more on it. */
export async function assertSilentClose(connection: RawConnection): Promise<void> {
  await connection.closing();
  assert.equal((await connection.collect()).toString('latin1'), '');
}

export interface RigOptions {
  /** Further hosts. */
  hosts?: Record<string, object>;
  /** Further upstreams. */
  upstreams?: Record<string, object>;
  trustedProxies?: string[];
}

/** Starts gateway and replicas once for a test file; the last test looks for what the cases left behind. */
export async function startRig(options: RigOptions = {}): Promise<Rig> {
  const scope = suiteScope();
  const a = await startReplica(scope, echo('A'));
  const b = await startReplica(scope, echo('B'));
  const config = {
    trustedProxies: options.trustedProxies ?? [],
    upstreams: { a: { replicas: [a.url] }, b: { replicas: [b.url] }, ...options.upstreams },
    hosts: {
      'a.test': { routes: { '/*': { proxy: 'a' } } },
      'b.test': { routes: { '/*': { proxy: 'b' } } },
      'spa.test': { routes: { '/*': { spa: { root: 'dist' } }, '/old': { redirect: '/new' } } },
      'part.test': { routes: { '/api/*': { proxy: 'a' } } },
      'ping.test': { routes: { '/ping': { respond: { body: 'pong' } } } },
      ...options.hosts,
    },
  };
  const files = { 'dist/index.html': '<!doctype html>spa', 'dist/app.js': 'let app;' };
  // One worker, so that what was read first was also handled first.
  const gateway = await startGateway(scope, config, { files, args: ['--workers', '1'] });
  const idle = { files: await gateway.openFiles(), memory: await gateway.memory() };
  return new Rig(gateway, { a, b }, idle);
}

/** The script of a replica that names itself and the request line it saw. */
export function echo(name: string) {
  return (request: RecordedRequest): Buffer => {
    const body = Buffer.from(`${request.method} ${request.target}`, 'latin1');
    const head = `HTTP/1.1 200 OK\r\nX-Replica: ${name}\r\nContent-Length: ${body.length}\r\n\r\n`;
    return Buffer.concat([Buffer.from(head), request.method === 'HEAD' ? Buffer.alloc(0) : body]);
  };
}

/** The last test of a file: nothing of its cases is left in the process. */
export function leftovers(rig: Rig): void {
  test('I5 the process is alive and holds no more open files than a few idle connections', async () => {
    await assertSettled(async () => (await rig.gateway.openFiles()) - rig.idleFiles <= 8);
    // A heap that has worked keeps some of what it got; what a leak of connections or bodies would take is more.
    const grown = (await rig.gateway.memory()) - rig.idleMemory;
    assert.ok(grown < 128 * 1024 * 1024, `${Math.round(grown / 1024 / 1024)} MB more memory than at first`);
    rig.assertAlive();
  });
}

/** Polls until `condition` holds; sockets close in their own time. */
async function assertSettled(condition: () => Promise<boolean>, deadline = 5000): Promise<void> {
  const end = performance.now() + deadline;
  while (!(await condition())) {
    assert.ok(performance.now() < end, `not settled after ${deadline} ms`);
    await sleep(50);
  }
}
