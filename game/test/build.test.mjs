// What is shipped: built from these sources, small enough, ES2017, and at home in WeChat's engine.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';
import { parse } from 'acorn';
import { buildTo } from '../build.mjs';
import { FakeWeChat } from './fakes.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const read = (name) => readFileSync(join(dist, name), 'utf8');
const FILES = ['index.js', 'index.mjs', 'wxsub-client.min.js'];

test('dist/ is what build.mjs makes of src/', async (t) => {
  const fresh = mkdtempSync(join(tmpdir(), 'wxsub-client-'));
  t.after(() => rmSync(fresh, { recursive: true }));
  await buildTo(fresh);
  assert.deepEqual(readdirSync(dist).sort(), FILES);
  for (const name of FILES) assert.equal(readFileSync(join(fresh, name), 'utf8'), read(name), `${name}: run "npm run build"`);
});

test('under 6 KB minified', () => {
  const size = Buffer.byteLength(read('wxsub-client.min.js'));
  assert.ok(size < 6 * 1024, `${size} bytes`);
});

test('ES2017, and no dependency', () => {
  for (const name of FILES) {
    const sourceType = name.endsWith('.mjs') ? 'module' : 'script';
    parse(read(name), { ecmaVersion: 2017, sourceType });
    assert.doesNotMatch(read(name), /\brequire\(|\bimport\b/, name);
  }
  assert.equal(JSON.parse(readFileSync(join(root, 'package.json'))).dependencies, undefined);
});

test("runs where there is nothing but WeChat's globals, and no eval", async () => {
  for (const name of ['index.js', 'wxsub-client.min.js']) {
    const { wx } = new FakeWeChat();
    const module = { exports: {} };
    const sandbox = { wx, module, exports: module.exports, setTimeout, clearTimeout, reports: [] };
    const context = vm.createContext(sandbox, { codeGeneration: { strings: false, wasm: false } });
    vm.runInContext(read(name), context);
    const accepted = await vm.runInContext(
      `const kit = this.wxsubClient || module.exports;
       new kit.Subscriber({ wx, report: (report) => { reports.push(report.kind); return true; } }).ask(['A']).then((r) => r.accepted.join())`,
      context,
    );
    assert.equal(accepted, 'A', name);
    assert.deepEqual([...sandbox.reports], ['ask'], name);
  }
});

test('by import and by require, from the packed package', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wxsub-client-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const packed = JSON.parse(execFileSync('npm', ['pack', '--json', '--pack-destination', folder], { cwd: root, encoding: 'utf8' }))[0];
  assert.deepEqual(
    packed.files.map(({ path }) => path).sort(),
    ['README.md', 'README.zh-CN.md', ...FILES.map((name) => `dist/${name}`), 'index.d.mts', 'index.d.ts', 'package.json'].sort(),
  );
  execFileSync('npm', ['install', '--offline', '--no-audit', '--no-fund', '--prefix', folder, join(folder, packed.filename)], { stdio: 'pipe' });
  const require = createRequire(join(folder, 'any.js'));
  const required = require('wxsub-client');
  const imported = await import(join(folder, 'node_modules/wxsub-client/dist/index.mjs'));
  for (const kit of [required, imported]) assert.deepEqual(Object.keys(kit).sort(), ['SubscribeError', 'Subscriber']);
  const script = "import { Subscriber } from 'wxsub-client'; console.log(typeof Subscriber)";
  assert.equal(execFileSync(process.execPath, ['--input-type=module', '-e', script], { cwd: folder, encoding: 'utf8' }), 'function\n');
});
