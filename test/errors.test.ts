// `src/errors.ts` and `docs/errors.md` say the same, and neither says what a client must not know.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { ERRORS, type ErrorEntry } from '../src/errors.ts';
import { PROJECT } from './support/gateway-process.ts';

const DOC = readFileSync(join(PROJECT, 'docs/errors.md'), 'utf8');

/** Rows of the document's tables: code, status, side, retry, meaning, advice. */
const rows = [...DOC.matchAll(/^\| `([A-Z_]+)` \|(.+)\|$/gm)].map(([, code, rest]) => ({
  code: code!,
  cells: rest!.split('|').map((cell) => cell.trim()),
}));

suite('docs/errors.md', () => {
  test('has each code once, in the order of the table, and no other', () => {
    assert.deepEqual(
      rows.map(({ code }) => code),
      Object.keys(ERRORS),
    );
  });

  test('has the same status, side and retry, and explains each', () => {
    for (const { code, cells } of rows) {
      const { status, side, retry } = ERRORS[code as keyof typeof ERRORS] as ErrorEntry;
      const [docStatus, docSide, docRetry, meaning, advice, ...more] = cells;
      assert.deepEqual([docStatus, docSide, docRetry], [String(status), side, retry ? 'yes' : 'no'], code);
      assert.ok(meaning!.length > 10 && advice!.length > 0, code);
      assert.deepEqual(more, [], `${code}: a cell too many`);
    }
  });

  test('shows an error body as it is sent', () => {
    const example = JSON.parse(/```json\n(.*)\n```/.exec(DOC)![1]!) as {
      error: { code: 'UPSTREAM_CONNECT_FAILED' };
    };
    const { code } = example.error;
    const { status, message, retry } = ERRORS[code];
    assert.deepEqual(example, { error: { code, status, message, retry } });
  });
});

suite('the table', () => {
  test('has plain sentences without addresses, paths or stacks', () => {
    for (const [code, { status, message }] of Object.entries(ERRORS)) {
      assert.match(message, /^[A-Z][A-Za-z, ]+\.$/, code);
      assert.ok(status >= 400 && status <= 599, code);
    }
  });
});
