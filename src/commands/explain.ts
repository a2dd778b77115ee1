// `explain`: which route answers a URL and why every other one did not, and which replica. Asks the gate, the route
// table and the choice that serve traffic; nothing here decides.
import { METHODS } from 'node:http';
import { isIP } from 'node:net';
import { loadConfig } from '../config/load.ts';
import { type ExplainedRequest, RouteQuestion } from '../gateway/explain.ts';
import { divertLog } from '../observe/process-log.ts';
import { lookAtReplicas } from '../supervisor/replica-look.ts';
import { printProblems } from './check.ts';
import { formatExplanation } from './explanation-text.ts';

export interface ExplainOptions {
  readonly method: string;
  readonly header: readonly string[];
  /** Address of the client. */
  readonly client: string;
  /** Resolve no names and ask no replicas. */
  readonly offline: boolean;
  readonly json: boolean;
}

/** Prints the explanation; exit code 0 when a route answers, 1 otherwise, 2 for a URL that cannot be asked. */
export async function explain(file: string, url: string, options: ExplainOptions): Promise<number> {
  const asked = requestOf(url, options);
  if (typeof asked === 'string') {
    process.stderr.write(`${asked}\n`);
    return 2;
  }
  const loaded = await loadConfig(file);
  if (!loaded.ok) {
    printProblems(file, loaded.problems);
    return 1;
  }
  const { config } = loaded;
  // Standard output is the explanation alone.
  divertLog((line) => process.stderr.write(line));
  const question = new RouteQuestion(config, asked);
  const { upstream } = question;
  const look = upstream === null || options.offline ? null : await lookAtReplicas(upstream, config.resolver);
  const explanation = question.explain(look);
  const text = options.json ? `${JSON.stringify(explanation, null, 2)}\n` : formatExplanation(explanation);
  process.stdout.write(text);
  return explanation.route === null ? 1 : 0;
}

/** What the command line asks for, or what is wrong with it. */
function requestOf(url: string, options: ExplainOptions): ExplainedRequest | string {
  const parts = splitUrl(url);
  if (parts === null) return `${JSON.stringify(url)} is not a URL. Try: explain 'https://example.com/path'`;
  const method = options.method.toUpperCase();
  if (!METHODS.includes(method)) return `--method ${JSON.stringify(options.method)} is not an HTTP method`;
  const { client } = options;
  if (isIP(client) === 0)
    return `--client ${JSON.stringify(client)} is not an address. Try: --client 10.0.0.1`;
  const headers: [string, string][] = [];
  let { authority } = parts;
  for (const line of options.header) {
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/.exec(line);
    if (match === null) return `--header ${JSON.stringify(line)} is not of the form 'Name: value'`;
    const [, name, value] = match as unknown as [string, string, string];
    // As with curl: a request to one name that asks for another.
    if (name.toLowerCase() === 'host') authority = value.trimEnd();
    else headers.push([name, value.trimEnd()]);
  }
  return { ...parts, authority, method, headers, client };
}

/** Scheme, authority and target as they stand: a URL parser would already resolve what the gate must judge. */
function splitUrl(url: string): { secure: boolean; authority: string; target: string } | null {
  // A user name is no part of what a client sends: it becomes an Authorization field.
  const match = /^(https?):\/\/(?:[^/?#@]*@)?([^/?#]+)(.*)$/is.exec(url);
  if (match === null) return null;
  const [, scheme, authority, rest] = match as unknown as [string, string, string, string];
  const target = rest.startsWith('/') ? rest : `/${rest}`;
  // Browsers keep the fragment to themselves.
  return { secure: scheme.toLowerCase() === 'https', authority, target: target.replace(/#.*$/s, '') };
}
