// A gateway whose supervisor says how the replicas do, for tests that count what is under way over all workers.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { UpstreamStatus } from '../../src/supervisor/replica-status.ts';
import { type Scope, temporaryFolder } from './fixtures.ts';
import { GatewayProcess, PROJECT } from './gateway-process.ts';

const HOST = join(PROJECT, 'test/support/supervisor-host.ts');

export interface SupervisedGateway {
  readonly gateway: GatewayProcess;
  /** How the replicas do at this moment, one for each upstream. */
  status(): Promise<UpstreamStatus[]>;
}

/** Starts it on a free port; it is stopped when the test ends. */
export async function startSupervised(scope: Scope, config: object): Promise<SupervisedGateway> {
  const folder = await temporaryFolder(scope);
  const file = join(folder, 'routes.config.mjs');
  const listen = { http: '127.0.0.1:0' };
  await writeFile(file, `export default ${JSON.stringify({ listen, ...config })};\n`);
  const gateway = new GatewayProcess([HOST, file, '1000'], folder, file);
  scope.after(() => gateway.stop().then(() => {}));
  await gateway.listening(15_000);
  const status = async (): Promise<UpstreamStatus[]> => {
    const before = gateway.stdout.length;
    gateway.child.kill('SIGUSR2');
    for (;;) {
      if (gateway.exit !== undefined) throw new Error(`the gateway ended: ${gateway.report()}`);
      const match = /^status (.*)\n/m.exec(gateway.stdout.slice(before));
      if (match !== null) return JSON.parse(match[1]!) as UpstreamStatus[];
      await sleep(5);
    }
  };
  return { gateway, status };
}
