// Real files in a temporary folder: what each kind of bad file is answered with, and how long a large one takes.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { loadConfig } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';

const dir = mkdtempSync(join(tmpdir(), 'parvis-load-'));
after(() => rmSync(dir, { recursive: true, force: true }));

const CONTRACT = pathToFileURL(join(import.meta.dirname, '../../src/config/contract.ts')).href;
let count = 0;

function write(source: string, name = `routes-${++count}.config.ts`): string {
  const file = join(dir, name);
  writeFileSync(file, source);
  return file;
}

/** The problems of a file, one a line, with the path of the file shortened to FILE. */
async function lines(file: string, timeout?: number): Promise<string[]> {
  const result = await loadConfig(file, timeout === undefined ? {} : { timeout });
  if (result.ok) return [];
  return result.problems.map((problem) =>
    formatProblem(problem).replaceAll(file, 'FILE').replaceAll(dir, 'DIR'),
  );
}

const linesOf = (source: string, timeout?: number) => lines(write(source), timeout);

test('a typed file and a plain one load alike', async () => {
  const body = `{ hosts: { 'a.com': { routes: { '/ping': { respond: { body: 'pong' } } } } } }`;
  const typed = await loadConfig(
    write(`import { defineGateway } from '${CONTRACT}';\nexport default defineGateway(${body});`),
  );
  const plain = await loadConfig(write(`export default ${body};`, 'plain.mjs'));
  assert.equal(typed.ok, true);
  assert.deepEqual(typed, plain);
});

test('a file is read again at every load', async () => {
  const source = (body: string) =>
    `export default { hosts: { 'a.com': { routes: { '/': { respond: { body: '${body}' } } } } } };`;
  const bodyOf = async (file: string) => {
    const result = await loadConfig(file);
    const action = result.ok ? result.config.actions[result.config.hosts[0]!.routes[0]!.action] : undefined;
    return action?.kind === 'respond' ? action.body : undefined;
  };
  const file = write(source('one'), 'again.config.ts');
  assert.equal(await bodyOf(file), 'one');
  write(source('two'), 'again.config.ts');
  assert.equal(await bodyOf(file), 'two');
});

test('folders start at the file, and warnings come along', async () => {
  mkdirSync(join(dir, 'sub/dist'), { recursive: true });
  const file = write(
    `export default { upstreams: { api: { replicas: ['http://api'] } }, hosts: { 'a.com': { routes: { '/*': { files: { root: 'dist' } } } } } };`,
    'sub/routes.config.ts',
  );
  const result = await loadConfig(file);
  assert.equal(result.ok && result.config.roots[0]!.path, join(dir, 'sub/dist'));
  assert.deepEqual(result.ok && result.warnings.map(formatProblem), ['upstreams.api: no route leads here']);
});

test('what a file may read and do stays in its thread', async () => {
  process.env.PARVIS_TEST_HOST = 'env.example.com';
  const file = write(`
    const name = process.env.PARVIS_TEST_HOST;
    process.env.PARVIS_TEST_HOST = 'changed';
    Object.prototype.polluted = true;
    delete Object.prototype.polluted;
    setInterval(() => {}, 1000);
    export default { hosts: { [name]: { routes: { '/': { respond: {} } } } } };`);
  const result = await loadConfig(file);
  assert.equal(result.ok && result.config.hosts[0]!.name, 'env.example.com');
  assert.equal(process.env.PARVIS_TEST_HOST, 'env.example.com');
  delete process.env.PARVIS_TEST_HOST;
});

test('files that cannot be read', async () => {
  assert.deepEqual(await lines(join(dir, 'nope.config.ts')), ['FILE: does not exist']);
  assert.deepEqual(await lines(dir), ['FILE: is a folder, not a file']);
  assert.deepEqual(await lines(write('', 'routes.config.yaml')), [
    'FILE: throws TypeError: Unknown file extension ".yaml" for FILE',
  ]);
});

test('files that cannot be parsed name the line', async () => {
  assert.deepEqual(await linesOf('const a: number = 1;\n\nexport default { a: , };'), [
    'FILE:3: cannot be read as TypeScript: Expression expected',
  ]);
  assert.deepEqual(await linesOf('export default {};\nenum A { B }\n'), [
    'FILE:2: cannot be read as TypeScript: TypeScript enum is not supported in strip-only mode',
  ]);
  assert.deepEqual(await lines(write('const a = 1;\nexport default { a: ] };', 'bad.mjs')), [
    "FILE:2: cannot be read as TypeScript: Unexpected token ']'",
  ]);
  write('export const x = ;', 'part.ts');
  assert.deepEqual(await linesOf(`import { x } from './part.ts';\nexport default x;`), [
    'FILE: cannot be read as TypeScript: Expression expected (in DIR/part.ts:1)',
  ]);
});

test('files that throw', async () => {
  assert.deepEqual(await linesOf(`const api = undefined as any;\nexport default { x: api.y };`), [
    "FILE:2: throws TypeError: Cannot read properties of undefined (reading 'y')",
  ]);
  assert.deepEqual(await linesOf(`throw new Error('two\\nlines');`), ['FILE:1: throws Error: two lines']);
  assert.deepEqual(await linesOf(`throw 'just text';`), ['FILE: throws "just text"']);
  assert.deepEqual(await linesOf(`export default await Promise.reject(new RangeError('no'));`), [
    'FILE:1: throws RangeError: no',
  ]);
  assert.deepEqual(
    await linesOf(`setTimeout(() => { throw new Error('later'); });\nawait new Promise(() => {});`),
    ['FILE:1: throws Error: later'],
  );
  assert.match(
    (await linesOf(`import './nope.ts';\nexport default {};`)).join('\n'),
    /^FILE: imports something that is not there: .*nope\.ts' imported from FILE$/,
  );
});

test('files that never come to an end', async () => {
  assert.deepEqual(await linesOf('await new Promise(() => {});\nexport default {};'), [
    'FILE: waits at its top level for something that never comes ("await")',
  ]);
  const tooLate = 'FILE: did not finish within 0.5 s: it loops, or waits for something that never comes';
  assert.deepEqual(await linesOf('while (true);', 500), [tooLate]);
  assert.deepEqual(await linesOf('setInterval(() => {}, 50);\nawait new Promise(() => {});', 500), [tooLate]);
});

test('files that end the process end only themselves', async () => {
  const expected = ['FILE: ends the process (process.exit) instead of exporting a configuration'];
  assert.deepEqual(await linesOf('process.exit(0);\nexport default {};'), expected);
  assert.deepEqual(await linesOf('process.exit(1);'), expected);
});

test('files that export something else', async () => {
  const cases: [string, string][] = [
    ['export const config = {};', 'has no default export; write "export default defineGateway({ … })"'],
    [
      'export default () => ({});',
      'exports a function; a configuration is plain data, export what the function returns',
    ],
    ['export default Promise.resolve({});', 'exports a promise; write "export default await …"'],
    [
      'export default new (class Config {})();',
      'the default export is an instance of Config; a configuration is plain data',
    ],
    ['export default new Map();', 'the default export is an instance of Map; a configuration is plain data'],
    ['export default [];', 'exports a list; expected an object, the argument of defineGateway'],
    ['export default "x";', 'exports "x"; expected an object, the argument of defineGateway'],
    ['export default undefined;', 'exports undefined; expected an object, the argument of defineGateway'],
    ['export default null;', 'exports null; expected an object, the argument of defineGateway'],
    ['const a: any = {}; a.hosts = { a }; export default a;', 'exports an object that contains itself'],
    [
      `export default { hosts: { 'a.com': { hook() {} } } };`,
      'hosts["a.com"].hook is a function; a configuration is plain data',
    ],
    [
      'export default { upstreams: { api: Promise.resolve() } };',
      'upstreams.api is a promise; put "await" before it',
    ],
    ['export default { workers: 1n };', 'workers is a bigint; a configuration is plain data'],
    ['export default { workers: NaN };', 'workers is NaN'],
    ['export default { list: [/x/] };', 'list[0] is an instance of RegExp; a configuration is plain data'],
    ['export default { list: [undefined] };', 'list[0] is undefined'],
    ['export default { ["__proto__"]: {} };', '__proto__ "__proto__" cannot be a name here'],
    [
      'export default { __proto__: { x: 1 } };',
      'the default export is an object with a prototype; a configuration is plain data',
    ],
  ];
  for (const [source, expected] of cases)
    assert.deepEqual(await linesOf(source), [`FILE: ${expected}`], source);
});

test('ten mistakes give ten problems', async () => {
  const found = await linesOf(`export default {
    trustedProxies: 2,
    upstreams: {
      api: { replicas: ['http://api-1:3000/v1', 'http://api-2:3000'], health: 'health' },
      crm: { replicas: ['http://crm'], timeouts: { connect: 3 } },
    },
    hosts: {
      'a.com': {
        redirectFrom: ['b.com'],
        policies: { headers: { response: { set: { Connection: 'close' } } } },
        routes: {
          '/api/*': { proxy: 'apii' },
          '/crm/*': { porxy: 'crm' },
          '/both': { proxy: 'crm', redirect: '/' },
        },
      },
      'b.com': { routes: { '/*': { proxy: 'api', security: { csp: { 'default-src': ['self'] } } } } },
    },
  };`);
  assert.deepEqual(found, [
    'trustedProxies: a hop count (2) does not say who may be believed; list the networks of your proxies, such as ["10.0.0.0/8"]',
    'upstreams.api.replicas[0]: must end after the port: a replica has no path or query. Write "http://api-1:3000"',
    'upstreams.api.health: must start with "/"',
    'upstreams.crm.timeouts.connect: 3 has no unit; write a duration as text, such as "60s"',
    'hosts["a.com"].redirectFrom[0]: the name "b.com" is taken already, by hosts["b.com"]',
    'hosts["a.com"].policies.headers.response.set.Connection: the header "Connection" belongs to one connection; the gateway writes it for each side itself',
    'hosts["a.com"].routes["/api/*"].proxy: no upstream named "apii". Known: api, crm. Did you mean "api"?',
    'hosts["a.com"].routes["/crm/*"].porxy: unknown field. Known: proxy, spa, files, redirect, respond, security, headers, cache, compress, timeouts, maintenance, hold, retry. Did you mean "proxy"?',
    'hosts["a.com"].routes["/both"]: has 2 actions, proxy and redirect; keep one',
    'hosts["b.com"].routes["/*"].security.csp["default-src"][0]: needs its quotes: "\'self\'"',
  ]);
});

test('10,000 hosts with 20 routes each load', async (t) => {
  const file = write(`
    const hosts: Record<string, object> = {};
    for (let h = 0; h < 10_000; h++) {
      const routes: Record<string, object> = {};
      for (let r = 0; r < 20; r++) {
        routes[\`/r\${r}/*\`] = r % 4 === 0 ? { proxy: 'api', cache: 'no-store', security: { csp: false } } : { proxy: 'api' };
      }
      hosts[\`h\${h}.example.com\`] = { policies: { security: { csp: "default-src 'self'" } }, routes };
    }
    export default { upstreams: { api: { replicas: ['http://api:3000'] } }, hosts };`);
  const started = performance.now();
  const result = await loadConfig(file, { timeout: 15_000 });
  const took = performance.now() - started;
  t.diagnostic(`loaded 200,000 routes in ${Math.round(took)} ms`);
  assert.equal(result.ok, true);
  if (!result.ok) return;
  assert.equal(result.config.hosts.length, 10_000);
  assert.equal(result.config.hosts.at(-1)!.routes.length, 20);
  assert.equal(result.config.policies.length, 2);
  assert.ok(took < 15_000, `took ${took} ms`);
});
