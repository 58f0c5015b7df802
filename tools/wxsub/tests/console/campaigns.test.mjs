// A campaign that runs while one looks on.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Page, knows, startBrowser, startConsole, startServer, until, world, wxsub } from './rig.mjs';

const STAMINA = 'sim-stamina';
const PLAYERS = 600;

let browser;
before(async () => {
  browser = await startBrowser();
});
after(() => browser.close());

test('a campaign runs, is paused, goes on and ends, with a plot over time', async (t) => {
  const here = await world(t, ['--grants', '1']);
  if (!(await knows(here, 'campaigns'))) return t.skip('this library has no campaigns yet');
  const server = await startServer(here);
  for (let i = 0; i < PLAYERS; i += 1) assert.equal(await server.call('report', `o-player-${i}`, STAMINA, 'accept'), 'WXSUB_OK');
  const console_ = await startConsole(here, ['--write']);
  const page = await Page.open(browser, console_);
  const message = { template_id: STAMINA, data: { thing1: '新赛季开启', time2: '20:00' } };
  await wxsub(here, ['campaign', 'put', 'season-3', '--message', '-', '--audience', 'allowed', '--per-second', '60'], { input: JSON.stringify(message) });
  const delivered = async () => (await here.simulator.sim('deliveries')).length;

  await page.view('campaigns');
  await until(async () => (await page.page.locator('[data-campaign="season-3"] .u-wrap').count()) > 0, 'a plot');
  await until(async () => (await delivered()) > 60, 'it sends');
  await page.shot('campaigns-running');
  await page.page.click('[data-campaign="season-3"] [data-do="pause"]');
  await page.page.locator('[data-campaign="season-3"] [data-state="paused"]').waitFor();
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const resting = await delivered();
  await new Promise((resolve) => setTimeout(resolve, 1500));
  assert.equal(await delivered(), resting, 'nothing is sent while it is paused');

  await page.view('campaign/season-3');
  await page.page.click('[data-do="resume"]');
  await page.page.locator('[data-state="running"]').waitFor();
  await page.shot('campaign-running');
  await page.page.locator('[data-state="done"]').waitFor({ timeout: 60000 });
  assert.equal(await delivered(), PLAYERS);
  await until(async () => /600/.test(await page.text('[data-sum="sent"] b')), 'its numbers');
  await page.shot('campaign-done');
  assert.deepEqual(page.errors, []);
  await page.close();
  await server.stop();
});
