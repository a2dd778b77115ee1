#!/usr/bin/env node
// The command line: which command, which options, which exit code. What the commands do is in `commands/`; each
// is loaded when it is asked for, because what `explain` needs takes `check` longer to load than to work.
import { parseArgs } from 'node:util';

const USAGE = `Parvis, an edge gateway.

  node src/main.ts start   [--config F] [--local] [--http-port N] [--workers N]   serve
  node src/main.ts check   [--config F]                                           validate the config
  node src/main.ts explain URL [--config F] [--method M] [--header 'K: V'] [--client A] [--offline] [--json]
                                                                                  which route and replica, and why

  --config F      the config file (default: routes.config.ts)
  --local         on 127.0.0.1:8080 for *.localhost names, with stand-ins for upstreams that do not answer
  --http-port N   listen on this port instead of the one in the config; 0 takes a free one
  --workers N     worker threads instead of what the config says
  --client A      address of the client that the request is rehearsed for (default: 203.0.113.7)
  --offline       resolve no names and ask no replicas
`;

const OPTIONS = {
  config: { type: 'string', default: 'routes.config.ts' },
  local: { type: 'boolean', default: false },
  'http-port': { type: 'string' },
  workers: { type: 'string' },
  method: { type: 'string', default: 'GET' },
  header: { type: 'string', multiple: true, default: [] as string[] },
  client: { type: 'string', default: '203.0.113.7' },
  offline: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** Options that a command takes besides --config and --help. */
const COMMANDS = new Map<string | undefined, readonly string[]>([
  ['start', ['local', 'http-port', 'workers']],
  ['check', []],
  ['explain', ['method', 'header', 'client', 'offline', 'json']],
]);

/** Wrong words on the command line. */
class UsageError extends Error {}

async function run(): Promise<number> {
  const { values, positionals, tokens } = parseArgs({
    args: process.argv.slice(2),
    options: OPTIONS,
    allowPositionals: true,
    tokens: true,
  });
  const [command, ...operands] = positionals;
  if (values.help || command === 'help') {
    process.stdout.write(USAGE);
    return 0;
  }
  const takes = COMMANDS.get(command);
  if (takes === undefined) {
    throw new UsageError(command === undefined ? 'no command' : `no command named "${command}"`);
  }
  for (const token of tokens) {
    if (token.kind === 'option' && token.name !== 'config' && !takes.includes(token.name)) {
      throw new UsageError(`${command} takes no ${token.rawName}`);
    }
  }
  if (operands.length !== (command === 'explain' ? 1 : 0)) {
    throw new UsageError(
      command === 'explain' ? 'explain takes one URL' : `${command} takes no "${operands[0]}"`,
    );
  }
  switch (command) {
    case 'check': {
      const { check } = await import('./commands/check.ts');
      return check(values.config);
    }
    case 'explain': {
      const { explain } = await import('./commands/explain.ts');
      return explain(values.config, operands[0]!, values);
    }
    default: {
      const httpPort = numberOption('--http-port', values['http-port'], 0, 65535);
      const workers = numberOption('--workers', values.workers, 1, 128);
      const { start } = await import('./commands/start.ts');
      return start({ config: values.config, local: values.local, httpPort, workers });
    }
  }
}

function numberOption(
  name: string,
  text: string | undefined,
  least: number,
  most: number,
): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most))
    throw new UsageError(`${name} takes a number from ${least} to ${most}`);
  return value;
}

// A reader that is gone (`| head`, a log collector that restarts) is no reason to stop serving.
process.stdout.on('error', ignoreBrokenPipe);
process.stderr.on('error', ignoreBrokenPipe);

function ignoreBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}

try {
  process.exitCode = await run();
} catch (error) {
  const usage =
    error instanceof UsageError || (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS');
  if (!usage) throw error;
  // What node advises behind the first sentence fits no command of ours.
  const [said] = (error as Error).message.split('. ');
  process.stderr.write(`${said}\n\n${USAGE}`);
  process.exitCode = 2;
}
