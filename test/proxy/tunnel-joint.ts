// The least gateway that joins tunnels: a listener, a connection to the replica for each upgrade, a clock, and
// nothing of what chooses, checks or counts.
import { performance } from 'node:perf_hooks';
import { Listener } from '../../src/listener/listener.ts';
import type { ServerResponse } from '../../src/listener/server-response.ts';
import { Tunnel } from '../../src/proxy/tunnel.ts';
import { Networks } from '../../src/routing/networks.ts';
import { Connection } from '../../src/wire/connection.ts';
import type { ResponseHandler } from '../../src/wire/response-handler.ts';
import type { Scope } from '../support/fixtures.ts';

export interface Joint {
  readonly port: number;
  /** Tunnels opened. */
  opened: number;
  /** Tunnels whose end was told. */
  closed: number;
  /** Connections to the replica that are not closed. */
  readonly connections: Set<Connection>;
}

const REQUEST = 'GET / HTTP/1.1\r\nhost: a.test\r\nconnection: upgrade\r\nupgrade: raw\r\n\r\n';

/** Every request on it is joined with a connection of its own to the replica; `idle` in milliseconds. */
export async function startJoint(
  scope: Scope,
  replica: { port: number; ca?: string },
  idle = 60_000,
): Promise<Joint> {
  const tls = replica.ca === undefined ? null : { serverName: undefined, ca: replica.ca, verify: true };
  const target = { host: '127.0.0.1', port: replica.port, tls, connectTimeout: 5000 };
  const connections = new Set<Connection>();
  const owner = {
    onIdle: (connection: Connection) => connection.destroy(),
    onClosed: (connection: Connection) => void connections.delete(connection),
  };
  const listener = new Listener((_, res) => {
    const connection = new Connection(target, owner);
    connections.add(connection);
    const handler = new Upgrading(joint, res, connection, idle);
    res.observer = { onDrain: () => {}, onGone: () => connection.destroy() };
    const timeouts = { responseTimeout: 60_000, idleTimeout: 60_000 };
    connection.send(REQUEST, handler, { hasBody: false, bodiless: false, upgrade: true, ...timeouts });
  }, new Networks([]));
  const port = await listener.listen({ address: '127.0.0.1', port: 0 }, false);
  const joint: Joint = { port, opened: 0, closed: 0, connections };
  const clock = setInterval(() => {
    const now = performance.now();
    for (const connection of connections) if (connection.deadline < now) connection.expire();
  }, 20);
  scope.after(() => {
    clearInterval(clock);
    for (const connection of connections) connection.destroy();
    return listener.drain(0);
  });
  return joint;
}

class Upgrading implements ResponseHandler {
  readonly #joint: Joint;
  readonly #res: ServerResponse;
  readonly #connection: Connection;
  readonly #idle: number;

  constructor(joint: Joint, res: ServerResponse, connection: Connection, idle: number) {
    this.#joint = joint;
    this.#res = res;
    this.#connection = connection;
    this.#idle = idle;
  }

  onUpgrade(): void {
    this.#joint.opened++;
    const client = this.#res.switchProtocols(['connection', 'upgrade', 'upgrade', 'raw']);
    new Tunnel(client, this.#connection, this.#idle, () => {
      this.#joint.closed++;
    });
  }

  onConnected(): void {}
  onInterim(): void {}
  onHead(): void {}
  onBody(): void {}
  onPause(): void {}
  onDrain(): void {}
  onInterrupted(): void {}

  onEnd(): void {
    this.#res.abort();
  }

  onFailure(): void {
    this.#res.abort();
  }
}
