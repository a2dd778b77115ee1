// What Parvis serves in the bench. The bench sets the variables; everything else is Parvis's default.

import { defineGateway } from '../src/config/contract.ts';

export default defineGateway({
  listen: { http: fromBench('BENCH_LISTEN') },
  workers: 1,
  upstreams: { origin: { replicas: [fromBench('BENCH_ORIGIN')] } },
  hosts: {
    'bench.localhost': {
      routes: {
        '/api/*': { proxy: 'origin' },
        '/*': { spa: { root: fromBench('BENCH_ROOT') } },
      },
    },
  },
});

function fromBench(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set. This file is for "npm run bench".`);
  return value;
}
