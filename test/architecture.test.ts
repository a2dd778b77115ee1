// Holds the layout of docs and design: directions between folders, who may import what, file size, names.

import assert from 'node:assert/strict';
import { glob, readFile } from 'node:fs/promises';
import { sep } from 'node:path';
import { suite, test } from 'node:test';
import { checkArchitecture, importsOf } from './support/architecture.ts';
import { PROJECT } from './support/gateway-process.ts';

suite('architecture', () => {
  test('the tree keeps the rules', async () => {
    const files = new Map<string, string>();
    for await (const path of glob('{src,demo,test}/**/*.ts', { cwd: PROJECT })) {
      files.set(path.split(sep).join('/'), await readFile(`${PROJECT}/${path}`, 'utf8'));
    }
    assert.ok(files.size > 10, `only ${files.size} files found`);
    const problems = checkArchitecture(files);
    if (problems.length > 0) assert.fail(`\n${problems.join('\n')}\n`);
  });
});

suite('the checker', () => {
  const HEAD = '// What it is for.\n';
  const check = (files: Record<string, string>) =>
    checkArchitecture(new Map(Object.entries(files).map(([path, text]) => [path, HEAD + text])));

  test('accepts what the design allows', () => {
    assert.deepEqual(
      check({
        'src/main.ts': `import { a } from './supervisor/a.ts';\nimport { r } from './routing/r.ts';`,
        'src/supervisor/a.ts': `import { Worker } from 'node:worker_threads';
import { listen } from '../listener/l.ts';
const standIns = await import('../../demo/stand-ins.ts');`,
        'src/gateway/app.ts': `import fastify from 'fastify';\nimport {\n  proxy,\n} from '../actions/proxy.ts';`,
        'src/actions/proxy.ts': `import { forward } from '../proxy/forward.ts';`,
        'src/proxy/forward.ts': `import type { Up } from '../upstream/up.ts';\nimport { log } from '../observe/log.ts';`,
        'src/upstream/up.ts': `import { c } from '../wire/c.ts';`,
        'src/wire/c.ts': `import type { ResolvedConfig } from '../config/resolved.ts';\nimport { d } from './d.ts';`,
        'src/wire/d.ts': `import type { c } from './c.ts';`,
        'src/config/load.ts': `import { Worker } from 'node:worker_threads';\nimport { E } from '../errors.ts';`,
        'src/listener/l.ts': `import { canonical } from '../routing/canonical.ts';`,
      }),
      [],
    );
  });

  for (const [file, text, rule] of [
    [
      'src/wire/a.ts',
      `import { u } from '../upstream/u.ts';`,
      /src\/wire\/a\.ts: .* wire may not use upstream/,
    ],
    ['src/proxy/a.ts', `import type { A } from '../actions/a.ts';`, /proxy may not use actions/],
    ['src/proxy/a.ts', `export { a } from '../gateway/a.ts';`, /proxy may not use gateway/],
    ['src/routing/a.ts', `import { a } from '../static/a.ts';`, /routing may not use static/],
    ['src/config/a.ts', `import { log } from '../observe/log.ts';`, /config may not use observe/],
    ['src/config/a.ts', `import '../routing/a.ts';`, /config may not use routing/],
    ['src/wire/a.ts', `import { resolved } from '../config/resolved.ts';`, /wire may not use config/],
    ['src/actions/a.ts', `import { l } from '../listener/l.ts';`, /actions may not use listener/],
    ['src/errors.ts', `import { log } from './observe/log.ts';`, /errors\.ts may not use observe/],
    ['src/proxy/a.ts', `import type { FastifyReply } from 'fastify';`, /imports fastify; only gateway/],
    ['src/supervisor/a.ts', `import rate from '@fastify/rate-limit';`, /imports @fastify\/rate-limit/],
    ['src/upstream/a.ts', `import { threadId } from 'node:worker_threads';`, /imports node:worker_threads/],
    ['src/main.ts', `import { a } from '../test/support/a.ts';`, /only tests import from test/],
    ['src/main.ts', `import { startStandIn } from '../demo/stand-ins.ts';`, /with import\(\)/],
    ['src/gateway/a.ts', `await import('../../demo/stand-ins.ts');`, /only main\.ts and supervisor/],
    ['demo/a.ts', `import { a } from '../src/wire/a.ts';`, /demo\/ stands alone/],
    ['src/proxy/utils.ts', '', /nothing is called "utils"/],
    ['test/helpers/a.ts', '', /nothing is called "helpers"/],
    ['src/backend/a.ts', '', /no folder of the layout/],
    ['src/proxy/a.ts', `${'\n'.repeat(299)};`, /301 lines; 300/],
  ] as const) {
    test(`finds ${JSON.stringify(text.trim() || file)} in ${file}`, () => {
      const problems = check({ [file]: text });
      assert.equal(problems.length, 1, problems.join('\n'));
      assert.match(problems[0]!, rule);
      assert.ok(problems[0]!.startsWith(`${file}: `));
    });
  }

  test('finds a missing head comment', () => {
    assert.match(checkArchitecture(new Map([['src/wire/a.ts', 'export {};\n']]))[0]!, /no head comment/);
  });

  test('finds a cycle, once, and does not count types', () => {
    const a = `import { b } from './b.ts';`;
    const b = `import { c } from './c.ts';`;
    const problems = check({
      'src/wire/a.ts': a,
      'src/wire/b.ts': b,
      'src/wire/c.ts': `export * from './a.ts';`,
    });
    assert.deepEqual(problems, [
      'src/wire/a.ts: imports itself by way of src/wire/b.ts → src/wire/c.ts → src/wire/a.ts',
    ]);
    const types = `import type { A } from './a.ts';`;
    assert.deepEqual(check({ 'src/wire/a.ts': a, 'src/wire/b.ts': b, 'src/wire/c.ts': types }), []);
  });

  test('reads no imports from comments', () => {
    assert.deepEqual(
      importsOf('src/a.ts', `// import { a } from './a.ts';\n/*\n * import('./b.ts')\n */`),
      [],
    );
  });
});
