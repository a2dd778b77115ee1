// What `npm test` runs: sees to the programs that tests need, then hands the test files to node's runner.
// `npm test -- test/config --test-name-pattern=x` runs some of them; everything after `--` is passed on.
// A test file that starts a real program says so in a line of its own: `// needs: nginx, curl`.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { delimiter, join } from 'node:path';

/** Debian package of each program a test may need. */
const PACKAGES: Record<string, string> = {
  caddy: 'caddy',
  chromium: 'chromium',
  curl: 'curl',
  haproxy: 'haproxy',
  nginx: 'nginx',
  openssl: 'openssl',
  'redis-server': 'redis-server',
};

// nginx and haproxy live in /usr/sbin, which an ordinary user's PATH leaves out.
const searchPath = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];

process.chdir(join(import.meta.dirname, '..'));
const args = process.argv.slice(2);
const options = args.filter((arg) => arg.startsWith('-'));
const paths = args.filter((arg) => !arg.startsWith('-'));
const files = (paths.length > 0 ? paths : ['test']).flatMap(testFiles).sort();
if (files.length === 0) {
  console.error(`No test file (*.test.ts) found in ${paths.join(', ') || 'test'}.`);
  process.exit(1);
}
installMissing(neededBy(files));

// Node's default would be one file at a time on two cores; most of a test is waiting.
const flags = [
  '--test',
  `--test-concurrency=${Math.max(2, availableParallelism())}`,
  '--test-timeout=300000',
];
const runner = spawn(process.execPath, [...flags, '--test-reporter=spec', ...options, ...files], {
  stdio: 'inherit',
});
runner.on('exit', (code) => {
  process.exitCode = code ?? 1;
});

function testFiles(path: string): string[] {
  const folder = statSync(path, { throwIfNoEntry: false })?.isDirectory();
  return globSync(folder ? `${path}/**/*.test.ts` : path);
}

/** Programs that the files name in their `// needs:` lines and that are not installed. */
function neededBy(testFiles: string[]): string[] {
  const lines = testFiles.flatMap((file) => readFileSync(file, 'utf8').match(/^\/\/ needs: .+$/gm) ?? []);
  const programs = new Set(lines.flatMap((line) => line.slice('// needs: '.length).split(/[,\s]+/)));
  return [...programs].filter((program) => program !== '' && !installed(program));
}

function installed(program: string): boolean {
  return searchPath.some((folder) => existsSync(join(folder, program)));
}

function installMissing(programs: string[]): void {
  if (programs.length === 0) return;
  const unknown = programs.filter((program) => !(program in PACKAGES));
  if (unknown.length > 0) {
    console.error(`A test needs ${unknown.join(', ')}, and test/run.ts names no package for it.`);
    process.exit(1);
  }
  const packages = programs.map((program) => PACKAGES[program]!);
  const root = process.getuid?.() === 0;
  const mayInstall = installed('apt-get') && (root || spawnSync('sudo', ['-n', 'true']).status === 0);
  // RUNLEVEL=1 keeps the packages' own services from starting and taking ports.
  const environment = ['env', 'RUNLEVEL=1', 'DEBIAN_FRONTEND=noninteractive'];
  const apt = (...command: string[]) => [...(root ? [] : ['sudo']), ...environment, 'apt-get', ...command];
  const update = apt('update', '-qq');
  const install = apt('install', '-y', '-qq', '--no-install-recommends', ...packages);
  const byHand = `${update.join(' ')} && ${install.join(' ')}`;
  console.log(`The tests need ${programs.join(', ')}.`);
  if (mayInstall) {
    const done = [update, install].every(([command, ...rest]) => {
      return spawnSync(command!, rest, { stdio: 'inherit' }).status === 0;
    });
    if (done && programs.every(installed)) return;
  }
  console.error(`Please install what is missing and try again:\n  ${byHand}`);
  process.exit(1);
}
