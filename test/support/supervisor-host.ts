// `node supervisor-host.ts CONFIG DRAIN`: a supervisor with a drain deadline of DRAIN milliseconds, where the
// command line has one of its own. SIGTERM stops it; SIGUSR2 makes it say how the replicas do, as one line of JSON.

import { loadConfig } from '../../src/config/load.ts';
import { Supervisor } from '../../src/supervisor/supervisor.ts';

const [file, drain] = process.argv.slice(2);
const loaded = await loadConfig(file!);
if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
const supervisor = new Supervisor(loaded.config);
const port = await supervisor.start();
process.on('SIGTERM', async () => {
  await supervisor.stop(Number(drain));
  process.exit(0);
});
process.on('SIGUSR2', () => console.log(`status ${JSON.stringify(supervisor.status())}`));
// The words that tests wait for.
console.log(`listening on http://127.0.0.1:${port}`);
