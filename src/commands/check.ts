// `check`: validates a config file and says everything that is wrong with it.
import { loadConfig } from '../config/load.ts';
import { formatProblem } from '../config/problem.ts';

/** Prints problems and warnings; returns the exit code. */
export async function check(file: string): Promise<number> {
  const loaded = await loadConfig(file);
  if (!loaded.ok) {
    printProblems(file, loaded.problems);
    return 1;
  }
  for (const warning of loaded.warnings) process.stdout.write(`warning: ${formatProblem(warning)}\n`);
  const { hosts } = loaded.config;
  const routes = hosts.reduce((sum, host) => sum + host.routes.length, 0);
  const count = (n: number, word: string): string => `${n} ${word}${n === 1 ? '' : 's'}`;
  process.stdout.write(`${file} is valid: ${count(hosts.length, 'host')}, ${count(routes, 'route')}\n`);
  return 0;
}

/** The list that `check` and `start` print on standard error. */
export function printProblems(file: string, problems: readonly { path: string; message: string }[]): void {
  const many = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
  process.stderr.write(`${file} has ${many}:\n`);
  for (const problem of problems) process.stderr.write(`  ${formatProblem(problem)}\n`);
}
