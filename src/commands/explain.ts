// `explain`: which route answers a URL and why every other one did not. Asks the gate and the route table that
// serve traffic; nothing here decides.
import { METHODS } from 'node:http';
import { loadConfig } from '../config/load.ts';
import { explainRequest } from '../gateway/explain.ts';
import { printProblems } from './check.ts';
import { formatExplanation } from './explanation-text.ts';

export interface ExplainOptions {
  readonly method: string;
  readonly header: readonly string[];
  readonly json: boolean;
}

/** Prints the explanation; exit code 0 when a route answers, 1 otherwise, 2 for a URL that cannot be asked. */
export async function explain(file: string, url: string, options: ExplainOptions): Promise<number> {
  const parts = splitUrl(url);
  if (parts === null) {
    process.stderr.write(`${JSON.stringify(url)} is not a URL. Try: explain 'https://example.com/path'\n`);
    return 2;
  }
  const method = options.method.toUpperCase();
  if (!METHODS.includes(method)) {
    process.stderr.write(`--method ${JSON.stringify(options.method)} is not an HTTP method\n`);
    return 2;
  }
  const headers: [string, string][] = [];
  let { authority } = parts;
  for (const line of options.header) {
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/.exec(line);
    if (match === null) {
      process.stderr.write(`--header ${JSON.stringify(line)} is not of the form 'Name: value'\n`);
      return 2;
    }
    const [, name, value] = match as unknown as [string, string, string];
    // As with curl: a request to one name that asks for another.
    if (name.toLowerCase() === 'host') authority = value.trimEnd();
    else headers.push([name, value.trimEnd()]);
  }
  const loaded = await loadConfig(file);
  if (!loaded.ok) {
    printProblems(file, loaded.problems);
    return 1;
  }
  const explanation = explainRequest(loaded.config, { ...parts, authority, method, headers });
  const text = options.json ? `${JSON.stringify(explanation, null, 2)}\n` : formatExplanation(explanation);
  process.stdout.write(text);
  return explanation.route === null ? 1 : 0;
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
