// Relative links in the README and the documents lead to files that are there, and to headings that exist.

import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';
import { PROJECT } from './support/gateway-process.ts';

const FILES = globSync(['*.md', '{docs,examples,bench,certs,demo,deploy}/**/*.md'], { cwd: PROJECT });

/** Text outside of code blocks and code spans. */
const prose = (text: string) => text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '`');

/** Anchors as GitHub makes them of headings. */
function anchors(file: string): Set<string> {
  const text = readFileSync(file, 'utf8').replace(/^```[\s\S]*?^```/gm, '');
  const headings = [...text.matchAll(/^#{1,6} +(.+)$/gm)].map(([, heading]) => heading!.toLowerCase());
  return new Set(headings.map((heading) => heading.replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-')));
}

/** Targets of `[text](target)` and `<img src="target">`, without those that leave the repository. */
function targets(file: string): string[] {
  const text = prose(readFileSync(file, 'utf8'));
  const found = [...text.matchAll(/\]\(([^)\s]+)\)/g), ...text.matchAll(/(?:src|href)="([^"]+)"/g)];
  return found.map(([, target]) => target!).filter((target) => !/^[a-z]+:/.test(target));
}

test('links resolve', () => {
  assert.ok(FILES.length >= 10, `only ${FILES.length} documents found`);
  const broken: string[] = [];
  let links = 0;
  for (const name of FILES) {
    const file = join(PROJECT, name);
    for (const target of targets(file)) {
      links++;
      const [path = '', anchor] = target.split('#');
      const to = path === '' ? file : resolve(dirname(file), path);
      const inside = !relative(PROJECT, to).startsWith('..');
      if (!inside || !existsSync(to)) broken.push(`${name}: ${target}`);
      else if (anchor !== undefined && to.endsWith('.md') && !anchors(to).has(anchor)) {
        broken.push(`${name}: ${target} (no such heading)`);
      }
    }
  }
  assert.ok(links > 50, `only ${links} links found`);
  assert.deepEqual(broken, []);
});

test('each decision is in the list, in the fixed form', () => {
  const folder = join(PROJECT, 'docs/decisions');
  const list = readFileSync(join(folder, 'README.md'), 'utf8');
  const records = globSync('[0-9]*.md', { cwd: folder }).sort();
  for (const [index, name] of records.entries()) {
    const number = String(index + 1).padStart(4, '0');
    assert.ok(name.startsWith(`${number}-`), `${name} should have number ${number}`);
    assert.ok(list.includes(`[${number}](${name})`), `${name} is not in the list`);
    const text = readFileSync(join(folder, name), 'utf8');
    assert.deepEqual(
      [...text.matchAll(/^#+ .+$/gm)].map(([heading]) => heading.replace(/^# \d{4} .+/, `# ${number}`)),
      [`# ${number}`, '## Context', '## Decision', '## Consequences'],
    );
  }
});
