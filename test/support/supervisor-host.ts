// `node supervisor-host.ts CONFIG DRAIN`: a supervisor with a drain deadline of DRAIN milliseconds, where the
// command line has one of its own. SIGTERM stops it.

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
// The words that tests wait for.
console.log(`listening on http://127.0.0.1:${port}`);
