// The rules of the layout as a pure function over files (path → text): it reads import lines and names every
// file that breaks a rule. `architecture.test.ts` feeds it the real tree.

import { dirname, join } from 'node:path/posix';

/** From top to bottom; a folder imports from itself and from what stands lower. Same line: side by side. */
const LAYERS = [
  ['main.ts'],
  ['commands'],
  ['supervisor'],
  ['gateway', 'admin'],
  ['policies', 'actions'],
  ['proxy'],
  ['upstream'],
  ['wire'],
];
/** Used by every layer above `wire`; they know only themselves. */
const LEAVES = ['routing', 'config', 'static', 'tls'];
/** Only these may use `listener`, which itself uses the leaves. */
const LISTENER_USERS = ['supervisor', 'gateway', 'admin'];
const SHARED = ['errors.ts', 'observe'];
const FOLDERS = [...LAYERS.flat(), ...LEAVES, ...SHARED, 'listener'];

const FASTIFY_USERS = ['gateway', 'policies', 'actions', 'admin'];
const MAX_LINES = 300;
const BANNED_NAMES = ['utils', 'helpers', 'common', 'types'];

interface Import {
  target: string;
  kind: 'value' | 'type' | 'dynamic';
}

/** Every broken rule as `file: rule`. Paths are relative to the project, with `/`. */
export function checkArchitecture(files: Map<string, string>): string[] {
  const problems: string[] = [];
  const valueImports = new Map<string, string[]>();
  for (const [file, text] of files) {
    const imports = importsOf(file, text);
    const inSrc = file.startsWith('src/');
    const report = (rule: string) => problems.push(`${file}: ${rule}`);
    for (const name of file.split('/')) {
      const bare = name.replace(/\..*$/, '');
      if (BANNED_NAMES.includes(bare)) report(`nothing is called "${bare}"; name it after its idea`);
    }
    for (const found of imports) {
      const { target } = found;
      if (target.startsWith('test/') && !file.startsWith('test/'))
        report(`imports ${target}; only tests import from test/`);
      if (file.startsWith('demo/') && target.startsWith('src/'))
        report(`imports ${target}; demo/ stands alone`);
      if (inSrc) checkImport(file, found, report);
    }
    if (!inSrc) continue;
    if (!FOLDERS.includes(placeOf(file))) report('is in no folder of the layout');
    const lines = text.trimEnd().split('\n').length;
    if (lines > MAX_LINES) report(`has ${lines} lines; ${MAX_LINES} is the ceiling`);
    if (!/^(#!.*\n)?\/[/*]/.test(text)) report('has no head comment that says what it is for');
    const values = imports.filter(({ kind, target }) => kind === 'value' && files.has(target));
    valueImports.set(
      file,
      values.map(({ target }) => target),
    );
  }
  return [...problems, ...cycles(valueImports)];
}

function checkImport(file: string, { target, kind }: Import, report: (rule: string) => void): void {
  const place = placeOf(file);
  if (/^(fastify|@fastify\/.*)$/.test(target) && !FASTIFY_USERS.includes(place)) {
    report(`imports ${target}; only ${FASTIFY_USERS.join(', ')} may`);
  }
  if (target === 'node:worker_threads' && place !== 'supervisor' && file !== 'src/config/load.ts') {
    report(`imports ${target}; only supervisor and config/load.ts may`);
  }
  if (target.startsWith('demo/') && !(kind === 'dynamic' && ['supervisor', 'main.ts'].includes(place))) {
    report(`imports ${target}; only main.ts and supervisor may, with import()`);
  }
  if (target.startsWith('src/') && !mayImport(place, placeOf(target), target, kind)) {
    report(`imports ${target}; ${place} may not use ${placeOf(target)}`);
  }
}

function mayImport(from: string, to: string, target: string, kind: Import['kind']): boolean {
  if (from === to) return true;
  // Plain data that every part is told about.
  if (target === 'src/config/resolved.ts' && kind === 'type') return true;
  if (from === 'config') return to === 'errors.ts';
  if (from === 'errors.ts') return false;
  if (to === 'errors.ts') return true;
  if (from === 'observe') return false;
  if (to === 'observe') return true;
  if (LEAVES.includes(from)) return false;
  // Both ends speak HTTP/1.1 with one codec.
  if (from === 'listener') return LEAVES.includes(to) || to === 'wire';
  // The narrow side of the listener: who the client is, and how its request and response are used.
  if (/^src\/listener\/(client-|downstream\.ts)/.test(target))
    return ['proxy', 'actions'].includes(from) || LISTENER_USERS.includes(from);
  if (to === 'listener') return LISTENER_USERS.includes(from);
  if (LEAVES.includes(to)) return from !== 'wire';
  return layerOf(from) <= layerOf(to);
}

function layerOf(place: string): number {
  return LAYERS.findIndex((layer) => layer.includes(place));
}

/** The folder below src, or the file that stands in src itself. */
function placeOf(file: string): string {
  return file.split('/')[1] ?? '';
}

/** Import lines; relative targets become project paths. */
export function importsOf(file: string, text: string): Import[] {
  const code = text.replace(/^\s*(\/\/|\*|\/\*).*$/gm, '');
  const found: Import[] = [];
  const add = (specifier: string, kind: Import['kind']) => {
    const target = specifier.startsWith('.') ? join(dirname(file), specifier) : specifier;
    found.push({ target, kind });
  };
  for (const match of code.matchAll(/^(?:import|export)\s+(type\s)?[^;'"`]*?\bfrom\s+['"]([^'"]+)['"]/gm)) {
    add(match[2]!, match[1] ? 'type' : 'value');
  }
  for (const match of code.matchAll(/^import\s+['"]([^'"]+)['"]/gm)) add(match[1]!, 'value');
  for (const match of code.matchAll(/\bimport\(\s*['"`]([^'"`]+)['"`]/g)) add(match[1]!, 'dynamic');
  return found;
}

/** Each cycle of value imports once, named by its files. */
function cycles(imports: Map<string, string[]>): string[] {
  const problems: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, trail: string[]): void => {
    const at = trail.indexOf(file);
    if (at !== -1) {
      problems.push(`${file}: imports itself by way of ${[...trail.slice(at + 1), file].join(' → ')}`);
      return;
    }
    if (done.has(file)) return;
    for (const next of imports.get(file) ?? []) visit(next, [...trail, file]);
    done.add(file);
  };
  for (const file of imports.keys()) visit(file, []);
  return problems;
}
