// Stand-ins for upstreams that do not answer: what `start --local` puts behind the gateway so that a fresh
// clone has something to show. Knows nothing of the gateway; works for any upstream name.

import { join } from 'node:path';
import { startApiReplica } from './api-replica.ts';
import { startPage } from './page-server.ts';
import type { Served } from './serving.ts';
import { startSpaServer } from './spa-server.ts';

export type StandInKind = 'spa' | 'api' | 'page';

export interface StandIn {
  /** In the order of their numbers, which are part of their names. */
  readonly replicas: readonly Served[];
  /** A few words for the table that `start --local` prints. */
  readonly describe: string;
  close(): Promise<void>;
}

/**
 * Starts `replicas` servers (at least one) of a kind for the upstream called `name`: `spa` serves a sample
 * build, the desk's where the name suggests one; `api` names itself in JSON; `page` in HTML.
 */
export async function startStandIn(kind: StandInKind, name: string, replicas: number): Promise<StandIn> {
  const servers: Served[] = [];
  const build = /desk|admin|expert|back-?office/i.test(name) ? 'desk' : 'main';
  for (let i = 1; i <= Math.max(1, replicas); i++) {
    const replica = `${name}-${i}`;
    if (kind === 'api') servers.push(await startApiReplica(replica));
    else if (kind === 'page') servers.push(await startPage(replicas > 1 ? replica : name));
    else servers.push(await startSpaServer(replica, join(import.meta.dirname, 'stack', build, 'dist')));
  }
  const count = servers.length > 1 ? `${servers.length} × ` : '';
  const what = {
    api: 'API that names itself',
    page: 'page that names itself',
    spa: `sample SPA build (${build})`,
  };
  return {
    replicas: servers,
    describe: count + what[kind],
    async close() {
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}
