// Parvis with one worker, started by its own command line and with its defaults.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Peer } from './peer.ts';

export const parvis: Peer = {
  name: 'parvis',
  serves: ['proxy', 'site'],
  version() {
    const file = new URL('../../package.json', import.meta.url);
    return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
  },
  launch({ port, originPort, site, scenario, profileFolder }) {
    const folder = profileFolder === null ? null : join(profileFolder, scenario.name);
    const profile = folder === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${folder}`];
    const start = ['src/main.ts', 'start', '--config', 'bench/parvis.config.ts'];
    return {
      command: [process.execPath, ...profile, ...start, '--http-port', String(port), '--workers', '1'],
      env: {
        NODE_ENV: 'production',
        BENCH_LISTEN: `127.0.0.1:${port}`,
        BENCH_ORIGIN: `http://127.0.0.1:${originPort}`,
        BENCH_ROOT: site.root,
      },
    };
  },
};
