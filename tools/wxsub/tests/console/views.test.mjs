// What each view shows, beside what the simulator and the ledger know; and pictures of all of them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Page, knows, startBrowser, startConsole, startServer, until, world, wxsub } from './rig.mjs';

const STAMINA = 'sim-stamina';
const ACTIVITY = 'sim-activity';
const HOUR = 3600000;

let browser;
before(async () => {
  browser = await startBrowser();
});
after(() => browser.close());

export function message(openid, template = STAMINA) {
  const data = template === STAMINA ? { thing1: '体力已满', time2: '15:01' } : { thing1: '双倍经验', date2: '2026-12-01', number3: 200 };
  return { touser: openid, template_id: template, data };
}

/** A game's day: players of every kind, and what WeChat knows of them. */
async function play(here) {
  const { sim } = here.simulator;
  const server = await startServer(here);
  const accept = async (openid, template = STAMINA) => {
    await sim('grant', { openid, template_id: template, n: 1 });
    assert.equal(await server.call('report', openid, template, 'accept'), 'WXSUB_OK');
  };
  const send = (openid, key) => server.call('send', message(openid), key ? { key } : {});
  for (let i = 0; i < 12; i += 1) {
    await accept(`o-player-${i}`);
    if (i % 2) await accept(`o-player-${i}`, ACTIVITY);
    if (i % 3 === 0) assert.equal(await send(`o-player-${i}`), 'WXSUB_OK');
  }
  await accept('o-alice');
  await accept('o-alice');
  assert.equal(await send('o-alice', 'stamina-4711'), 'WXSUB_OK');
  if (await knows(here, 'history')) {
    assert.deepEqual(await server.call('admin', { do: 'opened', openid: 'o-alice', scene: 1014 }), { counted: true, template_id: STAMINA });
  }
  await accept('o-bob');
  await server.call('report', 'o-bob', STAMINA, 'reject');
  assert.equal(await send('o-bob'), 'WXSUB_E_NO_QUOTA');
  await server.call('report', 'o-carol', STAMINA, 'accept');
  assert.equal(await send('o-carol'), 'WXSUB_E_REFUSED');
  await accept('o-dave');
  await sim('faults', { kind: 'close', endpoint: 'send', openid: 'o-dave', applied: true });
  assert.equal(await send('o-dave', 'lost-1'), 'WXSUB_E_UNKNOWN');
  await accept('o-erin');
  for (const hours of [1, 2, 30]) {
    assert.equal(await server.call('store', message('o-erin'), { key: `later-${hours}`, deliver_at: Date.now() + hours * HOUR }), 'WXSUB_OK');
  }
  return server;
}

test('real numbers of a run with the simulator', async (t) => {
  const here = await world(t);
  const server = await play(here);
  const console_ = await startConsole(here);
  const page = await Page.open(browser, console_);

  await page.view('health');
  assert.equal(await page.page.locator('[data-verdict]').getAttribute('data-verdict'), 'good');
  for (const topic of ['store', 'network', 'credentials', 'templates']) {
    assert.equal(await page.page.locator(`[data-topic="${topic}"]`).getAttribute('data-tone'), 'good', topic);
  }
  assert.match(await page.text('.tiles'), /waiting\s+3/);

  await page.view('players');
  const rows = await page.page.locator('#players tbody tr').allInnerTexts();
  assert.ok(rows.some((row) => /o-alice\s+sim-stamina\s+1/.test(row)), rows);
  assert.ok(!rows.some((row) => /o-bob|o-carol/.test(row)), rows);
  assert.equal(rows.length, 12 - 4 + 6 + 1 + 1 + 1, rows);

  await page.page.fill('#search', 'o-alice');
  await page.page.press('#search', 'Enter');
  await page.page.locator('#counts').waitFor();
  assert.match(await page.text('#counts'), /sim-stamina\s+1/);

  await page.view('outbox');
  assert.deepEqual(
    (await page.page.locator('#outbox tbody tr').allInnerTexts()).map((row) => /later-\d+/.exec(row)[0]),
    ['later-1', 'later-2', 'later-30'],
  );
  if (await knows(here, 'history')) assert.deepEqual(page.errors, []);
  await page.close();
  await server.stop();
});

test('history in words', async (t) => {
  const here = await world(t);
  if (!(await knows(here, 'history'))) return t.skip('this library keeps no history yet');
  await play(here);
  const page = await Page.open(browser, await startConsole(here));
  await page.view('player/o-alice');
  await page.page.locator('#timeline').waitFor();
  assert.deepEqual(await page.page.locator('#timeline .title').allInnerTexts(), ['Opened', 'Sent', 'Accepted', 'Accepted']);
  assert.match(await page.text('#why'), /1 more may be sent; the player accepted last at 20/);
  assert.match(await page.text('#timeline li:nth-child(2)'), /count 2 → 1[\s\S]*stamina-4711/);

  for (const [openid, titles, why] of [
    ['o-bob', ['Not sent: nothing allowed', 'Rejected', 'Accepted'], /None left: the player rejected/],
    ['o-carol', ['Refused by WeChat', 'Accepted'], /None left: WeChat said/],
    ['o-dave', ['Maybe sent', 'Accepted'], /1 more may be sent/],
  ]) {
    await page.view(`player/${openid}`);
    assert.deepEqual(await page.page.locator('#timeline .title').allInnerTexts(), titles, openid);
    assert.match(await page.text('#why'), why);
  }
  await page.view('player/o-nobody');
  assert.match(await page.text('main'), /never answered/);
  assert.deepEqual(page.errors, []);
  await page.close();
});

test('the funnel is what the simulator knows', async (t) => {
  const here = await world(t);
  if (!(await knows(here, 'funnel'))) return t.skip('this library keeps no numbers yet');
  await play(here);
  const page = await Page.open(browser, await startConsole(here));
  // The funnel is the simulator's truth: what it delivered and told of, and the one whose answer was lost.
  await page.view('funnel');
  const shown = async (name) => Number(await page.text(`[data-sum="${name}"] b`));
  const { sim } = here.simulator;
  const delivered = await sim('deliveries');
  assert.equal(await shown('sent'), delivered.filter((one) => one.openid !== 'o-dave').length);
  assert.equal(await shown('refused'), 1);
  assert.equal(await shown('opened'), 1);
  assert.equal(await shown('accepted'), 12 + 6 + 2 + 1 + 1 + 1 + 1);
  assert.equal(await page.page.locator('.u-wrap canvas').count() > 2, true);
  assert.match(await page.text('.chips'), /maybe sent\s+1/);
  assert.deepEqual(page.errors, []);
  await page.close();
});

test('a waiting message is taken back', async (t) => {
  const here = await world(t);
  await play(here);
  const page = await Page.open(browser, await startConsole(here, ['--write']));
  await page.view('outbox');
  await page.page.click('[data-cancel="later-2"]');
  await page.page.locator('dialog').getByText('Leave it').click();
  assert.match(await wxsub(here, ['outbox', '--csv']), /later-2/);
  await page.page.click('[data-cancel="later-2"]');
  await page.shot('dialog');
  await page.page.locator('dialog [data-yes]').click();
  await until(async () => (await page.page.locator('#outbox tbody tr').count()) === 2, 'it is taken back');
  assert.ok(!/later-2/.test(await wxsub(here, ['outbox', '--csv'])));
  await page.close();
});

test('a player is muted and forgotten', async (t) => {
  const here = await world(t);
  if (!(await knows(here, 'mute', 'audit'))) return t.skip('this library forgets nobody yet');
  await play(here);
  const console_ = await startConsole(here, ['--write']);
  const page = await Page.open(browser, console_);

  await page.view('player/o-alice');
  await page.page.click('#mute');
  await page.page.locator('#unmute').waitFor();
  const muted = JSON.parse(await wxsub(here, ['player', 'o-alice', '--json']));
  assert.ok(muted.muted_until_ms > Date.now() + 6 * 24 * HOUR, JSON.stringify(muted));
  await page.page.click('#unmute');
  await page.page.locator('#mute').waitFor();

  await page.page.click('#forget');
  await page.page.locator('dialog').getByText('Leave it').click();
  assert.match(await wxsub(here, ['quota', 'o-alice', STAMINA]), /^1/);
  await page.page.click('#forget');
  await page.page.locator('dialog [data-yes]').click();
  await until(async () => (await wxsub(here, ['quota', 'o-alice', STAMINA])).trim() === '0', 'the player is forgotten');
  await page.page.getByText('never answered').waitFor();

  await page.view('audit');
  const told = await page.text('#audit');
  assert.match(told, /forget/);
  assert.match(told, /mute/);
  assert.ok(!told.includes('o-alice'), told);
  await page.close();
});

test('pictures of every view, small and large, light and dark, in both languages', async (t) => {
  const here = await world(t);
  await play(here);
  const views = ['health', 'players', 'player/o-alice', 'outbox'];
  if (await knows(here, 'funnel')) views.push('funnel');
  if (await knows(here, 'audit')) views.push('audit');
  const campaigns = await knows(here, 'campaigns');
  if (campaigns) views.push('campaigns', 'campaign/spring-2026');
  const put = ['campaign', 'put', 'spring-2026', '--message', '-', '--audience', 'allowed', '--leave', '1'];
  if (campaigns) await wxsub(here, put, { input: JSON.stringify({ ...message('', ACTIVITY), touser: undefined }) });
  const looks = [
    { name: 'large-light-en', size: { width: 1280, height: 860 }, scheme: 'light', lang: 'C.UTF-8' },
    { name: 'large-dark-zh', size: { width: 1280, height: 860 }, scheme: 'dark', lang: 'zh_CN.UTF-8' },
    { name: 'small-light-zh', size: { width: 375, height: 720 }, scheme: 'light', lang: 'zh_CN.UTF-8' },
    { name: 'small-dark-en', size: { width: 375, height: 720 }, scheme: 'dark', lang: 'C.UTF-8' },
  ];
  for (const { name, size, scheme, lang } of looks) {
    const console_ = await startConsole(here, ['--write'], { LANG: lang });
    const page = await Page.open(browser, console_, { size, scheme });
    assert.equal(await page.page.evaluate('document.documentElement.lang'), lang.startsWith('zh') ? 'zh-CN' : 'en');
    for (const view of views) {
      await page.view(view);
      await page.shot(`${name}-${view.split('/')[0]}`);
      assert.ok((await page.overflow()) <= 0, `${name} ${view}: ${await page.overflow()} px too wide`);
      const text = await page.text('body');
      assert.ok(!/undefined|NaN|\[object|null/.test(text), `${name} ${view}: ${text}`);
    }
    // Of a library that keeps no history yet the browser notes the answer 422.
    if (await knows(here, 'history')) assert.deepEqual(page.errors, [], name);
    await page.close();
    assert.equal(await console_.stop(), 0);
  }
});

test('language and colours are changed by hand and kept', async (t) => {
  const here = await world(t);
  await wxsub(here, ['quota', 'o-nobody', STAMINA, '--create']);
  const page = await Page.open(browser, await startConsole(here));
  await page.view('health');
  assert.match(await page.text('h1'), /Health/);
  await page.page.click('#language');
  await page.page.getByRole('heading', { name: '健康' }).waitFor();
  const back = () => page.page.evaluate("getComputedStyle(document.body.parentElement).backgroundColor");
  const light = await back();
  await page.page.click('#theme');
  assert.notEqual(await back(), light);
  await page.page.reload();
  await page.page.getByRole('heading', { name: '健康' }).waitFor();
  assert.notEqual(await back(), light);
  await page.close();
});

test('what is wrong is red', async (t) => {
  const here = await world(t);
  await wxsub(here, ['quota', 'o-nobody', STAMINA, '--create']);
  const page = await Page.open(browser, await startConsole(here, [], { WXSUB_SECRET: 'not-the-secret' }));
  await page.view('health');
  assert.equal(await page.page.locator('[data-verdict]').getAttribute('data-verdict'), 'bad');
  assert.equal(await page.page.locator('[data-topic="credentials"]').getAttribute('data-tone'), 'bad');
  assert.equal(await page.page.locator('[data-topic="network"]').getAttribute('data-tone'), 'good');
  assert.ok(!(await page.text('main')).includes('not-the-secret'));
  await page.shot('health-bad');
  await page.close();
});
