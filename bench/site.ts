// The files every static peer serves: a small build output with content-hash names, written to a temporary
// folder. Contents are the same on every run, so results can be compared.

import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

export interface SiteFile {
  path: string;
  bytes: Buffer;
}

export interface Site {
  root: string;
  /** The same files with `.gz` siblings, for @fastify/static, which can't compress by itself. */
  precompressedRoot: string;
  index: SiteFile;
  asset1k: SiteFile;
  asset64k: SiteFile;
}

export function writeSite(folder: string): Site {
  const asset1k = script('entry', 1024);
  const asset64k = script('vendor', 64 * 1024);
  const index = { path: '/index.html', bytes: indexPage(asset1k.path, asset64k.path) };
  const root = join(folder, 'site');
  const precompressedRoot = join(folder, 'site-precompressed');
  for (const [base, withGzip] of [
    [root, false],
    [precompressedRoot, true],
  ] as const) {
    mkdirSync(join(base, 'assets'), { recursive: true });
    for (const file of [index, asset1k, asset64k]) {
      writeFileSync(join(base, file.path), file.bytes);
      if (withGzip) writeFileSync(join(base, `${file.path}.gz`), gzipSync(file.bytes, { level: 6 }));
    }
  }
  return { root, precompressedRoot, index, asset1k, asset64k };
}

function script(name: string, size: number): SiteFile {
  let text = `// ${name}\n`;
  for (let line = 0; text.length < size; line++) {
    const word = createHash('sha256').update(`${name}${line}`).digest('hex').slice(0, 12);
    text += `export function f${word}(x) { return x * ${line} + ${line % 7}; }\n`;
  }
  const bytes = Buffer.from(
    text
      .slice(0, size - 1)
      .padEnd(size - 1, ' ')
      .concat('\n'),
    'latin1',
  );
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 8);
  return { path: `/assets/${name}-${hash}.js`, bytes };
}

function indexPage(...scripts: string[]): Buffer {
  const head = scripts.map((path) => `    <script type="module" src="${path}"></script>\n`).join('');
  let body = '';
  for (let i = 0; body.length < 3600; i++) {
    const word = createHash('sha256').update(`card${i}`).digest('hex').slice(0, 16);
    body += `      <section class="card" id="card-${i}"><h2>Card ${i}</h2><p>${word} is loading.</p></section>\n`;
  }
  return Buffer.from(
    `<!doctype html>\n<html lang="en">\n  <head>\n    <meta charset="utf-8" />\n    <title>Bench</title>\n${head}` +
      `  </head>\n  <body>\n    <div id="root">\n${body}    </div>\n  </body>\n</html>\n`,
  );
}
