// Client connections of which a test knows the worker that serves them: the kernel spreads them over the workers as
// it likes, so as many are opened as it takes.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Scope, temporaryFolder } from './fixtures.ts';
import { type GatewayProcess, PROJECT, startGateway } from './gateway-process.ts';
import { requestBytes } from './plain-request.ts';
import { RawConnection } from './raw-client.ts';

const PROBE = join(PROJECT, 'test/support/worker-probe.ts');

export interface ProbedGateway {
  readonly gateway: GatewayProcess;
  /** Opens `count` connections at each of two workers; they are closed when the test ends. */
  clientsOfBoth(count: number): Promise<[RawConnection[], RawConnection[]]>;
}

/** Starts a gateway with two workers. Its host `nobody.test` must not exist. */
export async function startProbed(scope: Scope, config: object): Promise<ProbedGateway> {
  const clients: RawConnection[] = [];
  // Before the gateway stops, which would wait for them to close their side.
  scope.after(() => {
    for (const client of clients) client.destroy();
  });
  const log = join(await temporaryFolder(scope), 'served.log');
  const gateway = await startGateway(
    scope,
    { ...config, workers: 2 },
    { nodeArgs: ['--import', PROBE], env: { PROBE_LOG: log } },
  );
  const clientsOfBoth = async (count: number): Promise<[RawConnection[], RawConnection[]]> => {
    const byWorker = new Map<string, RawConnection[]>();
    const enough = (): boolean =>
      byWorker.size === 2 && [...byWorker.values()].every((l) => l.length >= count);
    for (let tries = 0; !enough(); tries++) {
      if (tries > 100 + 10 * count) throw new Error('all connections went to one worker');
      const connection = await RawConnection.open(gateway.port);
      clients.push(connection);
      // Answered by the worker alone.
      await connection.send(requestBytes('/', { host: 'nobody.test' }));
      await connection.response();
      const worker = (await readFile(log, 'utf8')).trim().split('\n').at(-1)!;
      byWorker.set(worker, [...(byWorker.get(worker) ?? []), connection]);
    }
    const [one, other] = [...byWorker.values()] as [RawConnection[], RawConnection[]];
    return [one.slice(0, count), other.slice(0, count)];
  };
  return { gateway, clientsOfBoth };
}
