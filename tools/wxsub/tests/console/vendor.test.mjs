// What is checked in and embedded is what npm has, and nothing of the page comes from elsewhere.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';

const console_ = new URL('../../console/', import.meta.url);
const read = (name) => readFileSync(new URL(name, console_), 'utf8');

test('uPlot is the one of npm, with its licence', () => {
  const npm = (name) => readFileSync(new URL(`node_modules/uplot/${name}`, import.meta.url), 'utf8');
  assert.equal(read('vendor/uPlot.iife.min.js'), npm('dist/uPlot.iife.min.js'));
  assert.equal(read('vendor/uPlot.min.css'), npm('dist/uPlot.min.css'));
  assert.equal(read('vendor/LICENSE'), npm('LICENSE'));
  assert.deepEqual(readdirSync(new URL('vendor/', console_)).sort(), ['LICENSE', 'uPlot.iife.min.js', 'uPlot.min.css']);
});

test('the page names no other site and runs no inline script', () => {
  const own = readdirSync(console_, { withFileTypes: true }).filter((file) => file.isFile());
  for (const { name } of own) {
    const elsewhere = read(name).replaceAll('http://www.w3.org/2000/svg', '').match(/\bhttps?:\/\/[^\s'"]+/g);
    assert.deepEqual(elsewhere, null, name);
    assert.ok(!/innerHTML|insertAdjacentHTML|outerHTML|eval\(|document\.write/.test(read(name)), name);
  }
  assert.ok(!/<script(?![^>]* src=)|<style| style=| on\w+=/.test(read('index.html')));
});

test('every file of the page is in the program', () => {
  const source = readFileSync(new URL('../../src/console/assets.rs', import.meta.url), 'utf8');
  const files = readdirSync(console_, { withFileTypes: true }).filter((file) => file.isFile());
  // It tells Node that the others are modules; a browser knows.
  for (const { name } of files.filter((file) => file.name !== 'package.json')) {
    assert.ok(source.includes(`"${name}"`) || source.includes(`/${name}"`), name);
  }
});
