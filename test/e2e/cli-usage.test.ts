// Words on the command line: what is not known ends with the usage and exit code 2, before anything is read.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { runGateway } from '../support/gateway-process.ts';

const WRONG: [args: string[], says: RegExp][] = [
  [[], /^no command$/],
  [['serve'], /^no command named "serve"$/],
  [['toString'], /^no command named "toString"$/],
  [['check', '--frob'], /--frob/],
  [['check', '--http-port', '80'], /^check takes no --http-port$/],
  [['start', '--json'], /^start takes no --json$/],
  [['start', 'now'], /^start takes no "now"$/],
  [['start', '--http-port', '65536'], /^--http-port takes a number from 0 to 65535$/],
  [['start', '--http-port=-1'], /^--http-port takes a number/],
  [['start', '--http-port', 'http'], /^--http-port takes a number/],
  [['start', '--workers', '0'], /^--workers takes a number from 1 to 128$/],
  [['start', '--config'], /--config/],
  [['explain'], /^explain takes one URL$/],
  [['explain', 'http://a/', 'http://b/'], /^explain takes one URL$/],
];

suite('the command line', { concurrency: 2 }, () => {
  for (const [args, says] of WRONG) {
    test(`refuses "${args.join(' ')}"`, async () => {
      const { code, stdout, stderr } = await runGateway(args);
      assert.equal(code, 2, stderr);
      assert.equal(stdout, '');
      const [line, ...usage] = stderr.split('\n');
      assert.match(line!, says);
      assert.match(
        usage.join('\n'),
        /^\nParvis, an edge gateway\.\n[\s\S]*start [\s\S]*check [\s\S]*explain /,
      );
    });
  }

  for (const args of [['help'], ['--help'], ['start', '-h']]) {
    test(`prints the usage for "${args.join(' ')}"`, async () => {
      const { code, stdout, stderr } = await runGateway(args);
      assert.equal(code, 0);
      assert.equal(stderr, '');
      assert.match(stdout, /^Parvis, an edge gateway\.\n/);
    });
  }

  test('explain refuses what is no URL, no method and no header, with exit code 2', async () => {
    for (const [args, says] of [
      [['a.com/x'], /"a\.com\/x" is not a URL/],
      [['ftp://a.com/'], /is not a URL/],
      [['http:///x'], /is not a URL/],
      [['http://a.com/', '--method', 'G ET'], /--method "G ET" is not an HTTP method/],
      [['http://a.com/', '--header', 'no colon'], /--header "no colon" is not of the form 'Name: value'/],
      [['http://a.com/', '--header', 'A: b\r\nC: d'], /is not of the form/],
    ] as [string[], RegExp][]) {
      const { code, stdout, stderr } = await runGateway(['explain', ...args]);
      assert.equal(code, 2, `${args.join(' ')}: ${stderr}`);
      assert.equal(stdout, '');
      assert.match(stderr, says);
    }
  });
});
