// Runs a config file and says what came of it, in one line when it failed. Meant for a fresh thread: a module can
// be imported only once, and a file may loop or exit. Knows nothing of threads.
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { isAbsolute, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { plainFindings } from './plain.ts';
import { keyPath, type Problem, show } from './problem.ts';

/** `json` is the configuration as text: for 10,000 hosts half as much work as a structured clone. */
export type Evaluation = { ok: true; json: string } | { ok: false; problems: Problem[] };

/**
 * Imports `file` and hands its default export to `report`, or what is wrong with it. Reports once or, when the
 * file never comes to an end, not at all.
 * @param file absolute path
 */
export async function evaluate(file: string, report: (evaluation: Evaluation) => void): Promise<void> {
  const exit = process.exit;
  process.exit = (code) => {
    report(failure(file, 'ends the process (process.exit) instead of exporting a configuration'));
    return exit(code);
  };
  try {
    const module = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
    report(judge(file, module));
  } catch (error) {
    report({ ok: false, problems: [thrownProblem(file, error)] });
  }
}

function judge(file: string, module: Record<string, unknown>): Evaluation {
  if (!('default' in module)) {
    return failure(file, 'has no default export; write "export default defineGateway({ … })"');
  }
  const value = module.default;
  if (typeof value === 'function') {
    return failure(
      file,
      'exports a function; a configuration is plain data, export what the function returns',
    );
  }
  if (value instanceof Promise) {
    return failure(file, 'exports a promise; write "export default await …"');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return failure(file, `exports ${show(value)}; expected an object, the argument of defineGateway`);
  }
  const found = plainFindings(value);
  if (found.length === 0) {
    try {
      return { ok: true, json: JSON.stringify(value) };
    } catch {
      return failure(file, 'exports an object that contains itself');
    }
  }
  const problems = found.map(({ path, message }) => ({
    path: shownFile(file),
    message: path.length === 0 ? `the default export ${message}` : `${keyPath(path)} ${message}`,
  }));
  return { ok: false, problems };
}

function failure(file: string, message: string): Evaluation {
  return { ok: false, problems: [{ path: shownFile(file), message }] };
}

/** A file as messages name it: short when it lies below the working directory. */
export function shownFile(file: string): string {
  const short = relative(process.cwd(), file);
  return short === '' || short.startsWith('..') || isAbsolute(short) ? file : short;
}

/** What a file threw, with the line where that is known. */
export function thrownProblem(file: string, thrown: unknown): Problem {
  const path = shownFile(file);
  if (!(thrown instanceof Error)) return { path, message: `throws ${show(thrown)}` };
  const { code } = thrown as NodeJS.ErrnoException;
  const text = oneLine(thrown.message);
  if (code === 'ERR_WORKER_OUT_OF_MEMORY') return { path, message: 'needs too much memory; does it loop?' };
  const place = placeOf(file, thrown);
  const at = place.file === file && place.line !== undefined ? `${path}:${place.line}` : path;
  const where =
    place.file === file ? '' : ` (in ${shownFile(place.file)}${place.line ? `:${place.line}` : ''})`;
  if (code === 'ERR_MODULE_NOT_FOUND')
    return { path, message: `imports something that is not there: ${text}` };
  if (thrown.name === 'SyntaxError')
    return { path: at, message: `cannot be read as TypeScript: ${text}${where}` };
  return { path: at, message: `throws ${thrown.name}: ${text}${where}` };
}

interface Place {
  file: string;
  line: string | undefined;
}

/** Node writes `path:line` above a syntax error, and a frame with a file URL below everything else. */
function placeOf(file: string, error: Error): Place {
  const stack = error.stack ?? '';
  const above = /^(\/.*|file:\/\/.*|[A-Za-z]:\\.*):(\d+)\n/.exec(stack);
  const place = above ?? /(file:\/\/[^\s)]+?):(\d+):\d+\)?$/m.exec(stack);
  if (place !== null) {
    const [, where = '', line] = place;
    return { file: where.startsWith('file:') ? fileURLToPath(where) : where, line };
  }
  return { file, line: error.name === 'SyntaxError' ? lineOfSyntaxError(file) : undefined };
}

/** The engine names no line for a syntax error in plain JavaScript; the TypeScript parser does. */
function lineOfSyntaxError(file: string): string | undefined {
  try {
    stripTypeScriptTypes(readFileSync(file, 'utf8'), { sourceUrl: file });
    return undefined;
  } catch (error) {
    return /:(\d+)\n/.exec((error as Error).stack ?? '')?.[1];
  }
}

function oneLine(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}
