// A ledger of many players; with WXSUB_SLOW=1 of a million, which takes minutes to make.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Page, knows, startBrowser, startConsole, until, world, wxsub } from './rig.mjs';

const PLAYERS = process.env.WXSUB_SLOW ? 1000000 : 100000;
const STAMINA = 'sim-stamina';

let browser;
before(async () => {
  browser = await startBrowser();
});
after(() => browser.close());

const openid = (i) => `oAbCd${String(i).padStart(23, '0')}`;

test(`a ledger of ${PLAYERS} players`, async (t) => {
  const here = await world(t);
  if (!(await knows(here, 'import'))) return t.skip('this library imports nothing yet');
  // The look at what it knows left one.
  await wxsub(here, ['import', '-', '--mode', 'set'], { input: 'openid,template_id,count\no-nobody,t,0\n' });
  const csv = join(here.folder, 'players.csv');
  const rows = ['openid,template_id,count'];
  // One in ten thousand has many: a filter must look far.
  for (let i = 0; i < PLAYERS; i += 1) rows.push(`${openid(i)},${STAMINA},${i % 10000 === 77 ? 9 : 1 + (i % 3)}`);
  writeFileSync(csv, rows.join('\n'));
  const told = JSON.parse(await wxsub(here, ['import', csv, '--mode', 'set', '--create', '--json']));
  assert.deepEqual(told, { imported: PLAYERS, refused: 0 });

  const console_ = await startConsole(here);
  const page = await Page.open(browser, console_);
  for (const view of ['health', 'players', 'outbox']) await page.view(view);
  if (await knows(here, 'funnel', 'audit')) for (const view of ['funnel', 'audit']) await page.view(view);
  await page.view('players');
  const seen = new Set();
  for (let n = 0; n < 5; n += 1) {
    for (const id of await page.page.locator('#players tbody a').allInnerTexts()) seen.add(id);
    await page.page.click('#next');
    await page.page.getByText(`page ${n + 2}`).waitFor();
  }
  assert.equal(seen.size, 250, 'no player is shown twice');
  await page.page.click('#back');
  await page.page.getByText('page 5').waitFor();

  await page.page.fill('#min', '9');
  await page.page.press('#min', 'Enter');
  const rich = Math.min(50, PLAYERS / 10000);
  await until(async () => (await page.page.locator('#players tbody tr').count()) === rich, 'those with nine', 60000);
  await page.view(`player/${openid(PLAYERS - 1)}`);
  assert.match(await page.text('#counts'), /sim-stamina/);
  await page.shot('many-player');

  const memory = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${console_.pid}/status`, 'utf8'))[1]);
  assert.ok(memory < 200 * 1024, `${memory} kB`);
  if (await knows(here, 'history')) assert.deepEqual(page.errors, []);
  await page.close();
});
