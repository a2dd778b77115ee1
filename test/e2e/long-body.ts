// Bodies of any length that are made and checked on the fly: a replica that sends and takes them, and the sums
// that show a piece lost, doubled or swapped.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { Scope } from '../support/fixtures.ts';

// Sent over and over; its odd size shifts it against every buffer on the way.
const BLOCK = Buffer.alloc(64 * 1024 - 7);
for (let i = 0; i < BLOCK.length; i++) BLOCK[i] = (i * 31 + (i >> 8)) & 0xff;

/** Pieces that add up to `size`. */
function* blocks(size: number): Generator<Buffer> {
  for (let left = size; left > 0; left -= BLOCK.length) yield BLOCK.subarray(0, Math.min(left, BLOCK.length));
}

/** SHA-1 of a body of this size. */
export function sumOf(size: number): string {
  const hash = createHash('sha1');
  for (const block of blocks(size)) hash.update(block);
  return hash.digest('hex');
}

export function framingOf(size: number, chunked: boolean): string {
  return chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${size}`;
}

/** Writes a body as fast as the socket takes it; stops when that is closed. */
export async function sendBody(socket: Socket, size: number, chunked: boolean): Promise<void> {
  for (const block of blocks(size)) {
    if (socket.destroyed) return;
    if (chunked) socket.write(`${block.length.toString(16)}\r\n`);
    let more = socket.write(block);
    if (chunked) more = socket.write('\r\n');
    if (!more) await drained(socket);
  }
  if (chunked) socket.write('0\r\n\r\n');
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      socket.off('drain', go).off('close', go);
      resolve();
    };
    socket.on('drain', go).on('close', go);
  });
}

/** Takes a body in as it arrives, without its framing, and sums it up. */
export class BodySum {
  size = 0;
  done = false;
  readonly #hash = createHash('sha1');
  /** -1 for chunked. */
  readonly #length: number;
  #line = '';
  #left = 0;
  /** The last chunk was announced; an empty line follows. */
  #last = false;

  constructor(length: number) {
    this.#length = length;
    this.#left = length === -1 ? 0 : length;
  }

  push(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length && !this.done) {
      if (this.#left > 0) {
        const piece = bytes.subarray(at, at + this.#left);
        this.#hash.update(piece);
        this.size += piece.length;
        this.#left -= piece.length;
        at += piece.length;
        if (this.#length !== -1) this.done = this.#left === 0;
      } else this.#sizeByte(String.fromCharCode(bytes[at++]!));
    }
    if (at < bytes.length) throw new Error(`${bytes.length - at} bytes after the end of the body`);
  }

  digest(): string {
    return this.#hash.digest('hex');
  }

  /** Chunk sizes and the CRLF around them; trailers are not expected. */
  #sizeByte(char: string): void {
    this.#line += char;
    if (char !== '\n') return;
    const line = this.#line.trim();
    this.#line = '';
    if (this.#last) {
      if (line !== '') throw new Error(`trailers: ${line}`);
      this.done = true;
    } else if (line !== '') {
      this.#left = Number.parseInt(line, 16);
      this.#last = this.#left === 0;
    }
  }
}

/** Splits what arrives into a head and the body behind it. */
export class HeadThenBody {
  head = '';
  body: BodySum | undefined;
  #held = Buffer.alloc(0);

  push(bytes: Buffer): void {
    if (this.body !== undefined) return this.body.push(bytes);
    this.#held = Buffer.concat([this.#held, bytes]);
    const end = this.#held.indexOf('\r\n\r\n');
    if (end === -1) return;
    this.head = this.#held.toString('latin1', 0, end);
    const length = /^content-length: (\d+)/im.exec(this.head)?.[1];
    const chunked = /^transfer-encoding: chunked/im.test(this.head);
    this.body = new BodySum(chunked ? -1 : Number(length ?? 0));
    if (!chunked && (length ?? '0') === '0') this.body.done = true;
    const rest = this.#held.subarray(end + 4);
    this.#held = Buffer.alloc(0);
    if (rest.length > 0) this.body.push(rest);
  }
}

/** `GET /length?N` and `GET /chunked?N` send N bytes; `POST /` takes any number and answers their sum. */
export class LongBodyReplica {
  url = '';
  /** The upload under way, and its socket: a test slows it down by pausing that. */
  upload: { socket: Socket; body: BodySum } | undefined;

  /** Bytes of the upload so far. */
  get taken(): number {
    return this.upload?.body.size ?? 0;
  }

  static async start(scope: Scope): Promise<LongBodyReplica> {
    const replica = new LongBodyReplica();
    const server = createServer({ noDelay: true }, (socket) => replica.#serve(socket));
    const sockets = new Set<Socket>();
    server.on('connection', (socket) => sockets.add(socket));
    scope.after(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    replica.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return replica;
  }

  #serve(socket: Socket): void {
    let request = new HeadThenBody();
    socket.on('error', () => socket.destroy());
    socket.on('data', (bytes: Buffer) => {
      request.push(bytes);
      const { head, body } = request;
      if (body === undefined) return;
      if (!body.done) {
        this.upload = { socket, body };
        return;
      }
      request = new HeadThenBody();
      const [, method, kind, size] = /^(\w+) \/(\w*)\??(\d*)/.exec(head) ?? [];
      if (method === 'GET') void this.#download(socket, Number(size), kind === 'chunked');
      else {
        const answer = `${body.size} ${body.digest()}`;
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${answer.length}\r\n\r\n${answer}`);
      }
    });
  }

  async #download(socket: Socket, size: number, chunked: boolean): Promise<void> {
    const type = 'Content-Type: application/octet-stream';
    socket.write(`HTTP/1.1 200 OK\r\n${type}\r\n${framingOf(size, chunked)}\r\n\r\n`);
    await sendBody(socket, size, chunked);
  }
}
