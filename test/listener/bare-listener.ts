// A listener with nothing behind it but what a test says, and the connections it made.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Listener } from '../../src/listener/listener.ts';
import type { ServerRequest } from '../../src/listener/server-request.ts';
import type { ServerResponse } from '../../src/listener/server-response.ts';
import { Networks } from '../../src/routing/networks.ts';
import type { Scope } from '../support/fixtures.ts';
import { RawConnection } from '../support/raw-client.ts';

export type Answer = (req: ServerRequest, res: ServerResponse) => void;

/** Listens until the test is over; returns the port. */
export async function listenBare(
  scope: Scope,
  answer: Answer,
): Promise<{ listener: Listener; port: number }> {
  const listener = new Listener(answer, new Networks([]));
  const port = await listener.listen({ address: '127.0.0.1', port: 0 }, false);
  scope.after(() => listener.drain(0));
  return { listener, port };
}

export async function open(scope: Scope, port: number): Promise<RawConnection> {
  const connection = await RawConnection.open(port);
  scope.after(() => connection.destroy());
  return connection;
}

/** A socket that never reads. */
export async function openDeaf(scope: Scope, port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  scope.after(() => void socket.destroy());
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** Answers with a body of known length. */
export function reply(res: ServerResponse, body: string, fields: string[] = []): void {
  res.writeHead(200, [...fields, 'content-length', String(Buffer.byteLength(body))]);
  res.end(body);
}

/** Collects the body of a request. */
export function collect(
  req: ServerRequest,
  whole: (body: Buffer) => void,
  aborted: () => void = () => {},
): void {
  const pieces: Buffer[] = [];
  req.readTo({
    onData: (chunk) => void pieces.push(Buffer.from(chunk)),
    onEnd: () => whole(Buffer.concat(pieces)),
    onAborted: aborted,
  });
}

/** Resolves when `condition` holds; throws after `deadline` ms. */
export async function until(condition: () => boolean, deadline = 3000): Promise<void> {
  const end = performance.now() + deadline;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited ${deadline} ms in vain for ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
