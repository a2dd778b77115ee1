// Reads a Dockerfile and a .dockerignore as far as this project's own use them, and checks what can be
// checked without a Docker engine.

export interface Stage {
  from: string;
  name: string;
  instructions: { word: string; rest: string }[];
}

export interface Copy {
  sources: string[];
  target: string;
}

export function parseStages(text: string): Stage[] {
  const stages: Stage[] = [];
  const lines = text
    .replace(/^\s*#.*$/gm, '')
    .replace(/\\\n/g, ' ')
    .split('\n');
  for (const line of lines) {
    const match = /^\s*([A-Za-z]+)\s+(.*\S)\s*$/.exec(line);
    if (!match) continue;
    const [word, rest] = [match[1]!.toUpperCase(), match[2]!];
    if (word === 'FROM') {
      const [from = '', , name = ''] = rest.split(/\s+/);
      stages.push({ from, name, instructions: [] });
    } else stages.at(-1)?.instructions.push({ word, rest });
  }
  return stages;
}

/** What a stage copies out of the build context (not out of other stages). */
export function copies(stage: Stage): Copy[] {
  return valuesOf(stage, 'COPY')
    .filter((rest) => !rest.startsWith('--from='))
    .map((rest) => {
      const parts = rest.split(/\s+/).filter((part) => !part.startsWith('--'));
      return { sources: parts.slice(0, -1), target: parts.at(-1)! };
    });
}

/** CMD, or the command of HEALTHCHECK, in its JSON form. */
export function commandOf(stage: Stage, word: 'CMD' | 'HEALTHCHECK'): string[] | undefined {
  const rest = valuesOf(stage, word).at(-1);
  const json = rest?.slice(rest.indexOf('['));
  return json?.startsWith('[') ? (JSON.parse(json) as string[]) : undefined;
}

/** Whether .dockerignore keeps a path out: the last pattern that fits it, or a folder above it, decides. */
export function isIgnored(path: string, dockerignore: string): boolean {
  const parts = path.split('/');
  const candidates = parts.map((_, i) => parts.slice(0, i + 1).join('/'));
  let ignored = false;
  for (const line of dockerignore.split('\n').map((text) => text.trim())) {
    if (line === '' || line.startsWith('#')) continue;
    const pattern = globPattern(line.replace(/^!/, '').replace(/^\/|\/$/g, ''));
    if (candidates.some((candidate) => pattern.test(candidate))) ignored = !line.startsWith('!');
  }
  return ignored;
}

/** Docker's globs, in which `*` fits names that begin with a dot too. */
function globPattern(glob: string): RegExp {
  const parts: Record<string, string> = { '**/': '(?:.*/)?', '**': '.*', '*': '[^/]*', '?': '[^/]' };
  const source = glob.replace(/\*\*\/|\*\*|[*?]|[.+^${}()|[\]\\]/g, (found) => parts[found] ?? `\\${found}`);
  return new RegExp(`^${source}$`);
}

/** Faults of the Dockerfile. `exists` answers for paths of the build context. */
export function checkDockerfile(
  text: string,
  dockerignore: string,
  exists: (path: string) => boolean,
): string[] {
  const problems: string[] = [];
  const report = (problem: string) => problems.push(`Dockerfile: ${problem}`);
  const stages = parseStages(text);
  const last = stages.at(-1);
  if (!last || stages.length < 2)
    return ['Dockerfile: needs one stage for dependencies and one for the image'];
  for (const { from } of stages) {
    if (!/^node:26[\w.]*-slim$/.test(from)) report(`FROM ${from}: expected a slim image of Node 26`);
  }
  const copied = stages.flatMap(copies).flatMap(({ sources }) => sources);
  for (const source of copied) {
    if (!exists(source)) report(`COPY ${source}: does not exist`);
    else if (isIgnored(source, dockerignore)) report(`COPY ${source}: .dockerignore keeps it out`);
  }
  if (!stages.some((stage) => valuesOf(stage, 'RUN').some((run) => run.includes('npm ci --omit=dev')))) {
    report('dependencies are not installed with "npm ci --omit=dev"');
  }
  const user = valuesOf(last, 'USER').at(-1);
  if (user === undefined || /^(root|0)(:|$)/.test(user))
    report(`USER is ${user ?? 'not set'}; must not be root`);
  if (valuesOf(last, 'EXPOSE').join(' ') !== '80 443') report('EXPOSE is not "80 443"');
  if (valuesOf(last, 'STOPSIGNAL').at(-1) !== 'SIGTERM') report('STOPSIGNAL is not SIGTERM');
  for (const word of ['CMD', 'HEALTHCHECK'] as const) {
    const command = commandOf(last, word);
    if (command === undefined) report(`no ${word} in JSON form`);
    const script = command?.find((part) => /\.[cm]?[jt]s$/.test(part));
    const present = copies(last).some(({ sources }) =>
      sources.some((source) => script === source || script?.startsWith(`${source}/`)),
    );
    if (command && !(script && present && exists(script)))
      report(`${word}: ${script ?? 'no script'} is not in the image`);
  }
  return problems;
}

function valuesOf(stage: Stage, word: string): string[] {
  return stage.instructions.filter((found) => found.word === word).map(({ rest }) => rest);
}
