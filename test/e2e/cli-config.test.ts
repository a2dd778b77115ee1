// `check` and `start` with configs that are wrong, or that are none: every mistake is named, nothing listens.

import assert from 'node:assert/strict';
import { chmod, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { type Scope, temporaryFolder } from '../support/fixtures.ts';
import { runGateway } from '../support/gateway-process.ts';

const TEN_MISTAKES = `export default {
  listen: { http: 70000 },
  workers: 0,
  trustedProxies: ['0.0.0.0/0'],
  upstreams: {
    api: { replicas: ['http://api-1:3000/v1'], timeouts: { response: '60' } },
    crm: { replicas: [] },
  },
  hosts: {
    'a.com': {
      redirectFrom: ['b.com'],
      policies: { security: { frameOption: 'DENY' } },
      routes: {
        '/api/*': { proxy: 'apii' },
        '/docs': { redirect: { to: '/docs/', status: 200 } },
      },
    },
    'b.com': { routes: { '/crm/*': { proxy: 'crm' } } },
  },
};
`;

/** The start of the line that names each of them. */
const TEN_PLACES = [
  'listen.http',
  'workers',
  'trustedProxies[0]',
  'upstreams.api.replicas[0]',
  'upstreams.api.timeouts.response',
  'upstreams.crm.replicas',
  'hosts["a.com"].redirectFrom[0]',
  'hosts["a.com"].policies.security.frameOption',
  'hosts["a.com"].routes["/api/*"].proxy',
  'hosts["a.com"].routes["/docs"].redirect.status',
];

/** Each file is no configuration, for a reason that one line tells. */
const NO_CONFIGS: [what: string, name: string, content: string | null, line: RegExp][] = [
  ['is not there', 'absent.mjs', null, /: does not exist$/],
  ['throws', 'throws.mjs', `throw new Error('no database');`, /:1: throws Error: no database$/],
  [
    'cannot be parsed',
    'syntax.ts',
    `export default {\n  hosts: {,\n};`,
    /:2: cannot be read as TypeScript: /,
  ],
  ['exports a function', 'function.mjs', `export default () => ({});`, /: exports a function; /],
  ['exports nothing', 'nothing.mjs', `export const hosts = {};`, /: has no default export; /],
  [
    'waits for ever',
    'waits.mjs',
    `await new Promise(() => {});\nexport default {};`,
    /waits at its top level/,
  ],
  ['loops for ever', 'loops.mjs', `for (;;);\nexport default {};`, /: did not finish within 10 s: /],
];

/** Path of a file with this content; null leaves it out. */
async function configFile(scope: Scope, name: string, content: string | null): Promise<string> {
  return join(await temporaryFolder(scope, content === null ? {} : { [name]: content }), name);
}

/** Runs the command and returns the problem lines it printed, having checked that it failed in the usual form. */
async function problemsOf(command: 'check' | 'start', file: string): Promise<string[]> {
  const args = command === 'start' ? ['--http-port', '0'] : [];
  const { code, stdout, stderr } = await runGateway([command, '--config', file, ...args]);
  assert.equal(code, 1, stderr);
  assert.equal(stdout, '', 'neither "listening" nor anything else on standard output');
  const [title, ...lines] = stderr.trimEnd().split('\n');
  const count = lines.length === 1 ? 'a problem' : `${lines.length} problems`;
  assert.equal(title, `${file} has ${count}:`);
  for (const line of lines) assert.match(line, /^ {2}\S/);
  return lines.map((line) => line.trim());
}

for (const command of ['check', 'start'] as const) {
  suite(command, { concurrency: 2 }, () => {
    test('names ten mistakes out of ten, in the order of the file', async (t) => {
      const lines = await problemsOf(command, await configFile(t, 'ten.mjs', TEN_MISTAKES));
      // The place ends where a colon and a space begin the message; key paths hold neither.
      assert.deepEqual(
        lines.map((line) => line.slice(0, line.indexOf(': '))),
        TEN_PLACES,
      );
      assert.match(lines[7]!, /Did you mean "frameOptions"\?$/);
      assert.match(lines[8]!, /no upstream named "apii"\. Known: api, crm\. Did you mean "api"\?$/);
    });

    for (const [what, name, content, expected] of NO_CONFIGS) {
      test(`says in one line that the file ${what}`, async (t) => {
        const file = await configFile(t, name, content);
        const lines = await problemsOf(command, file);
        assert.equal(lines.length, 1, lines.join('\n'));
        assert.match(lines[0]!, expected);
        assert.ok(lines[0]!.startsWith(file), `${lines[0]} does not begin with ${file}`);
      });
    }

    test('says in one line that the file is a folder', async (t) => {
      const folder = join(await temporaryFolder(t), 'routes.config.ts');
      await mkdir(folder);
      assert.deepEqual(await problemsOf(command, folder), [`${folder}: is a folder, not a file`]);
    });

    test('says in one line that the file cannot be read', async (t) => {
      // A link to itself is unreadable for root as well.
      const loop = await configFile(t, 'loop.mjs', null);
      await symlink(loop, loop);
      assert.deepEqual(await problemsOf(command, loop), [`${loop}: cannot be read (ELOOP)`]);
      if (process.getuid?.() === 0) return;
      const file = await configFile(t, 'secret.mjs', 'export default {};');
      await chmod(file, 0o000);
      assert.deepEqual(await problemsOf(command, file), [`${file}: cannot be read (no permission)`]);
    });
  });
}

suite('a config that is right', () => {
  test('check counts hosts and routes, and prints warnings', async (t) => {
    const config = {
      upstreams: { api: { replicas: ['http://api:1'] }, idle: { replicas: ['http://idle:1'] } },
      hosts: { 'a.com': { routes: { '/*': { proxy: 'api' }, '/ping': { respond: {} } } } },
    };
    const file = await configFile(t, 'ok.mjs', `export default ${JSON.stringify(config)};`);
    const { code, stdout, stderr } = await runGateway(['check', '--config', file]);
    assert.equal(code, 0);
    assert.equal(stderr, '');
    const [warning, summary] = stdout.trimEnd().split('\n');
    assert.match(warning!, /^warning: upstreams\.idle: /);
    assert.equal(summary, `${file} is valid: 1 host, 2 routes`);
  });

  for (const file of ['routes.config.ts', 'examples/orchestra.routes.config.ts']) {
    test(`check accepts ${file} without a warning`, async () => {
      const { code, stdout, stderr } = await runGateway(['check', '--config', file]);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^\S+ is valid: 3 hosts, \d routes\n$/);
    });
  }
});
