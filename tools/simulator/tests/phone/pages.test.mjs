import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import { startBrowser, until, world } from './rig.mjs';

let browser;
before(async () => {
  browser = await startBrowser();
});
after(() => browser.close());

const STAMINA = 'sim-stamina';

test('in English, dark, and on a small screen', async (t) => {
  const { server, phone: open } = await world(t, browser);
  const phone = await open({ query: { lang: 'en' }, size: { width: 360, height: 640 }, scheme: 'dark' });
  await phone.ready();
  await phone.shot('8-small-dark-game');
  await phone.ask();
  assert.match(await phone.page.locator('#sheet').innerText(), /Always keep this choice/);
  await phone.shot('9-small-dark-dialog');
  const overflow = await phone.page.evaluate('document.documentElement.scrollWidth - innerWidth');
  assert.ok(overflow <= 0, `${overflow} px too wide`);
  await phone.choose('allow', { keep: true });
  await until(() => server.count(phone.openid, STAMINA) === 1, 'an accept');
  await server.send(phone.openid);
  await phone.page.locator('#banner').waitFor();
  await phone.shot('10-small-dark-banner');
  await phone.page.locator('#banner').click();
  assert.match(await phone.page.locator('.card-foot').innerText(), /View in the mini game/);
  await phone.shot('11-small-dark-notices');
  await phone.page.locator('.back:visible').click();
  await phone.shot('12-small-dark-home');
  await phone.page.locator('#open-game').click();
  await phone.page.locator('#capsule-menu').click();
  await phone.page.locator('[data-id="main-switch"]').waitFor({ state: 'attached' });
  await phone.shot('13-small-dark-settings');
  await phone.page.locator('#panel-toggle').click();
  await phone.page.locator('#panel').waitFor();
  await phone.shot('14-small-dark-panel');
  assert.deepEqual(phone.errors, []);
});

test('every text has both languages', () => {
  const source = readFileSync(new URL('../../phone/text.js', import.meta.url), 'utf8');
  const pairs = [...source.matchAll(/^ {2}(\w+): \[(.+)\],$/gm)];
  assert.ok(pairs.length > 40);
  for (const [, key, texts] of pairs) assert.equal(JSON.parse(`[${texts.replace(/'([^'\\]*)'/g, (_, text) => JSON.stringify(text))}]`).filter(Boolean).length, 2, key);
});

test('the pages are for this machine and this page only', async (t) => {
  const { simulator } = await world(t, browser);
  const status = (path, headers, option = {}) =>
    new Promise((resolve, reject) => {
      const { hostname, port } = new URL(simulator.url);
      const sent = request({ hostname, port, path, headers, ...option }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      sent.on('error', reject);
      sent.end(option.body);
    });
  const own = new URL(simulator.url).host;
  assert.equal(await status('/phone', { host: own }), 200);
  assert.equal(await status('/phone', { host: 'evil.example' }), 403);
  assert.equal(await status('/phone', { host: own, origin: 'http://evil.example' }), 403);
  assert.equal(await status('/sim/players', { host: 'evil.example' }), 403);
  assert.equal(await status('/sim/grant', { host: own, origin: 'http://evil.example' }, { method: 'POST', body: '{}' }), 403);
  assert.equal(await status('/phone/no-such.js', { host: own }), 404);
  assert.equal(await status('/phone', { host: own }, { method: 'DELETE' }), 405);
  const relayed = async (url) => (await fetch(`${simulator.url}/phone/request`, { method: 'POST', body: JSON.stringify({ url, method: 'GET' }) })).json();
  for (const url of ['http://192.168.0.1/', 'https://127.0.0.1/', 'http://example.com/', 'file:///etc/passwd', 'x']) {
    assert.ok((await relayed(url)).error, url);
  }
});
