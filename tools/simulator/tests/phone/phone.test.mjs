import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startBrowser, until, world } from './rig.mjs';

let browser;
before(async () => {
  browser = await startBrowser();
});
after(() => browser.close());

const STAMINA = 'sim-stamina';

test('home: the unread count, and it goes when the messages were seen', async (t) => {
  const { server, simulator, phone: open } = await world(t, browser);
  const phone = await open();
  await phone.ready();
  await phone.accept();
  await phone.accept();
  await until(() => server.count(phone.openid, STAMINA) === 2, 'two accepts');
  await phone.page.locator('#capsule-close').click();
  await server.send(phone.openid);
  await server.send(phone.openid, { page: undefined, lang: 'en_US' });
  await phone.page.locator('#unread').filter({ hasText: '2' }).waitFor();
  assert.equal(await phone.page.locator('#banner').isVisible(), false, 'no banner over the list that shows it');
  await phone.shot('5-home');
  await phone.page.locator('#open-notices').click();
  assert.equal(await phone.page.locator('.notice').count(), 2);
  assert.equal(await phone.page.locator('button.card').count(), 1, 'a card without a page opens nothing');
  await phone.page.locator('.back:visible').click();
  assert.equal(await phone.page.locator('#unread').isVisible(), false);
  await phone.page.reload();
  await phone.page.locator('#capsule-close').click();
  await until(async () => (await phone.page.locator('#last-notice').textContent()) !== '', 'the messages after a reload');
  assert.equal(await phone.page.locator('#unread').isVisible(), false);
  assert.equal((await simulator.sim('deliveries')).length, 2);
});

test('the game goes on while the player looks at the messages', async (t) => {
  const { server, phone: open } = await world(t, browser);
  const phone = await open();
  await phone.ready();
  await phone.accept();
  await until(() => server.count(phone.openid, STAMINA) === 1, 'an accept');
  await phone.inGame("window.shown = []; wx.onHide(() => shown.push('hide')); wx.onShow(() => shown.push('show'))");
  await server.send(phone.openid);
  await phone.page.locator('#banner').click();
  await phone.page.locator('.back:visible').click();
  await phone.page.locator('#open-game').click();
  assert.deepEqual(await phone.inGame('shown'), ['hide', 'show']);
});

test('the main switch off: 20004 in words, a refusal of all, and no dialog', async (t) => {
  const { server, remaining, phone: open } = await world(t, browser);
  const phone = await open();
  await phone.ready();
  await phone.accept();
  await until(() => server.count(phone.openid, STAMINA) === 1, 'an accept');
  await phone.page.locator('#capsule-menu').click();
  await phone.page.locator('label:has(input[data-id="main-switch"])').click();
  await until(async () => (await remaining(phone.openid, STAMINA)) === 0, 'the count is void');
  await phone.page.locator('.back:visible').click();
  await phone.game.locator('#remind').click();
  await until(() => server.count(phone.openid, STAMINA) === 0, 'the server knows');
  assert.equal(server.reports[1].answer.errCode, 20004);
  assert.equal(await phone.page.locator('#sheet').isVisible(), false);
  await phone.page.locator('#log', { hasText: 'off: the player turned' }).waitFor();

  await phone.page.reload();
  const setting = await until(() => server.reports.find(({ kind }) => kind === 'setting'), 'sync() tells it at the next start');
  assert.deepEqual(setting.answer, { mainSwitch: false, itemSettings: {} });
});

test('always keep: no dialog any more, each call grants one; the settings page turns it off', async (t) => {
  const { server, remaining, phone: open } = await world(t, browser);
  const phone = await open();
  await phone.ready();
  await phone.accept({ keep: true, without: ['sim-result'] });
  await until(() => server.count(phone.openid, STAMINA) === 1, 'the first accept');
  assert.equal(await phone.inGame(`subscriber.canAskSilently('${STAMINA}')`), false, 'known at the next sync');
  await phone.page.reload();
  await phone.ready();
  await until(() => phone.inGame(`subscriber.canAskSilently('${STAMINA}')`), 'sync() knows');
  assert.equal(await phone.inGame("subscriber.canAskSilently('sim-result')"), false);
  await phone.game.locator('#remind').click();
  await until(() => server.count(phone.openid, STAMINA) === 2, 'a silent accept');
  assert.equal(await phone.page.locator('#sheet').isVisible(), false);
  assert.equal(await remaining(phone.openid, STAMINA), 2);

  await phone.page.locator('#capsule-menu').click();
  await phone.page.locator(`input[data-id="${STAMINA}"]`).waitFor({ state: 'attached' });
  await phone.shot('6-settings');
  await phone.page.locator(`label:has(input[data-id="${STAMINA}"])`).click();
  await until(async () => (await remaining(phone.openid, STAMINA)) === 0, 'the count is void');
  await phone.page.reload();
  await until(() => server.count(phone.openid, STAMINA) === 0, 'sync() tells it at the next start');
});

test('trouble from the panel: busy, a lost answer, a dead token, the network, no server', async (t) => {
  const { server, simulator, remaining, phone: open } = await world(t, browser);
  const phone = await open();
  await phone.ready();
  for (let i = 0; i < 3; i += 1) await phone.accept();
  await until(() => server.count(phone.openid, STAMINA) === 3, 'three accepts');

  await phone.trouble('busy');
  await until(async () => (await simulator.sim('faults')).length === 1, 'armed');
  assert.equal((await server.send(phone.openid)).errcode, 0, 'sent at the second try');
  assert.equal((await simulator.sim('counters')).errcodes.send['-1'], 1);

  await server.token();
  await phone.trouble('deadToken');
  await phone.page.locator('#log', { hasText: '令牌失效' }).waitFor();
  assert.equal((await server.send(phone.openid)).errcode, 0, 'with the next token');
  assert.equal((await simulator.sim('counters')).errcodes.send['40001'], 1);

  await phone.trouble('lostAnswer');
  await until(async () => (await simulator.sim('faults')).length === 1, 'armed');
  assert.equal((await server.send(phone.openid)).status, 'maybe sent');
  assert.equal(await remaining(phone.openid, STAMINA), 0);
  await until(async () => (await simulator.sim('deliveries')).length === 3, 'delivered all the same');

  await phone.trouble('network');
  await phone.game.locator('#remind').click();
  await until(() => server.reports.at(-1).answer.errCode === 10002, 'the failure is reported');

  await phone.trouble('offline');
  await phone.accept();
  await until(async () => (await phone.pending()) === 1, 'it waits');
  await phone.trouble('offline');
  await until(async () => (await phone.pending()) === 0, 'it is reported when the server is back');
});

test('events are pushed to the game server, twice if wanted, and by the settings page', async (t) => {
  const { server, phone: open } = await world(t, browser);
  const phone = await open({ query: { push: `${server.url}/push`, push_token: 'spamtest' } });
  await phone.ready();
  await phone.trouble('twice');
  await phone.accept({ keep: true });
  await until(() => server.pushes.length === 2, 'two pushes');
  assert.deepEqual(server.pushes[0], server.pushes[1]);
  assert.match(server.pushes[0].text, /subscribe_msg_popup_event/);
  assert.ok(server.pushes[0].query.signature && server.pushes[0].query.openid === phone.openid);
  await phone.page.locator('#capsule-menu').click();
  await phone.page.locator(`label:has(input[data-id="${STAMINA}"])`).click();
  await until(() => server.pushes.length === 4, 'the change');
  assert.match(server.pushes[3].text, /subscribe_msg_change_event/);
});

test('system types: once for good, told by getSetting', async (t) => {
  const { server, phone: open } = await world(t, browser);
  const phone = await open();
  await phone.ready();
  await phone.game.locator('#system').click();
  await phone.page.locator('#sheet').waitFor();
  await phone.shot('7-system');
  await phone.choose('allow', { without: ['SYS_MSG_TYPE_RANK'] });
  await until(() => server.reports.length === 1, 'a report');
  assert.deepEqual(server.player(phone.openid).system, {
    SYS_MSG_TYPE_INTERACTIVE: true,
    SYS_MSG_TYPE_RANK: false,
    SYS_MSG_TYPE_WHATS_NEW: true,
  });
  await phone.page.reload();
  // The report may come once more, if the page went before it was answered.
  const setting = await until(() => server.reports.find(({ kind }) => kind === 'setting'), 'sync() tells which are on');
  assert.deepEqual(Object.keys(setting.answer.itemSettings), ['SYS_MSG_TYPE_INTERACTIVE', 'SYS_MSG_TYPE_WHATS_NEW']);
  await phone.game.locator('#system').click();
  await phone.page.locator('#sheet').waitFor();
  assert.equal(await phone.page.locator('.sheet-list label').count(), 1, 'asked for the rest only');
});

test("wx as WeChat's: outside a tap, two at once, the ids", async (t) => {
  const { phone: open } = await world(t, browser);
  const phone = await open();
  await phone.ready();
  const code = (script) => phone.inGame(`(async () => { try { await ${script}; return 'ok'; } catch (e) { return e.code ?? [e.errCode, e.errMsg]; } })()`);
  assert.equal(await code("subscriber.ask('sim-stamina')"), 'tap');

  await phone.inGame(`document.getElementById('remind').addEventListener('click', () => {
    window.second = subscriber.ask('sim-stamina').catch((e) => e.code);
    window.third = wx.requestSubscribeMessage({ tmplIds: ['sim-stamina'] }).catch((e) => e.errMsg);
  })`);
  await phone.ask();
  assert.equal(await phone.inGame('window.second'), 'busy');
  assert.match(await phone.inGame('window.third'), /last call has not ended/);
  await phone.choose('cancel');

  const inTap = async (script) => {
    await phone.inGame(`document.getElementById('pick').onpointerup = () => { window.answer = ${script}.then(() => 'ok', (e) => e.errCode ?? e.errMsg); }`);
    await phone.game.locator('#pick').click();
    return phone.inGame('window.answer');
  };
  assert.equal(await inTap('wx.requestSubscribeMessage({ tmplIds: [] })'), 10001);
  assert.equal(await inTap('wx.requestSubscribeMessage({ tmplIds: [7] })'), 10004);
  assert.equal(await inTap("wx.requestSubscribeMessage({ tmplIds: ['a', 'b', 'c', 'd'] })"), 20003);
  assert.equal(await inTap("wx.requestSubscribeMessage({ tmplIds: ['sim-stamina', 'SYS_MSG_TYPE_RANK'] })"), 20002);
  assert.match(await inTap("new Promise((r) => setTimeout(r, 50)).then(() => wx.requestSubscribeMessage({ tmplIds: ['sim-stamina'] }))"), /TAP gesture/);
});

test('ids of no template are 20001 once the templates are known', async (t) => {
  const { simulator, phone: open } = await world(t, browser);
  await simulator.sim('templates/any', { any: false });
  const phone = await open();
  await phone.ready();
  await phone.inGame("document.getElementById('pick').onpointerup = () => { window.answer = subscriber.ask('no-such').catch((e) => e.errCode); }");
  await phone.game.locator('#pick').click();
  assert.equal(await phone.inGame('window.answer'), 20001);
});

test("a team's own script from this machine, and no other", async (t) => {
  const { server, simulator, phone: open } = await world(t, browser);
  server.ownScript = `
    const canvas = wx.createCanvas();
    const pen = canvas.getContext('2d');
    pen.fillStyle = '#246'; pen.fillRect(0, 0, canvas.width, canvas.height);
    const subscriber = new wxsubClient.Subscriber({ wx, report: (r) => { window.got = r; return true; } });
    wx.onTouchEnd(() => subscriber.ask('sim-stamina'));`;
  const phone = await open({ query: { game: `${server.url}/own.js` } });
  await phone.game.locator('canvas').click();
  await phone.page.locator('#sheet').waitFor();
  await phone.choose('allow');
  await until(() => phone.inGame('window.got'), 'the report');
  assert.equal((await phone.inGame('window.got')).answer[STAMINA], 'accept');

  for (const url of ['https://evil.example/x.js', 'http://evil.example/x.js', 'javascript:alert(1)', 'nonsense']) {
    const other = await open({ player: 'mallory', query: { game: url } });
    await other.page.locator('#no-game').waitFor();
    assert.equal(await other.page.locator('#frame').getAttribute('src'), null, url);
  }
  const policy = (await fetch(`${simulator.url}/phone/game.html`)).headers.get('content-security-policy');
  assert.match(policy, /script-src 'self' http:\/\/127\.0\.0\.1:\* http:\/\/localhost:\*;/);
});

test('two tabs of one player share storage and settings', async (t) => {
  const { server, phone: open } = await world(t, browser);
  const phone = await open();
  await phone.ready();
  server.refuseReports = 503;
  await phone.accept();
  await until(async () => (await phone.pending()) === 1, 'it waits');
  server.refuseReports = null;
  const tab = await phone.context.newPage();
  await tab.goto(phone.page.url());
  await until(() => server.count(phone.openid, STAMINA) === 1, 'the other tab reports it');
  await until(async () => (await phone.pending()) === 0, 'gone from the first');
});

test('without a game server: the loop goes round all the same', async (t) => {
  const { phone: open } = await world(t, browser);
  const phone = await open({ alone: true });
  await phone.ready();
  await phone.accept();
  await phone.game.locator('#status').filter({ hasText: '1 条' }).waitFor();
  for (let i = 0; i < 5; i += 1) await phone.game.locator('#pick').click();
  await phone.page.locator('#banner').waitFor();
  await phone.page.locator('#banner').click();
  await phone.page.locator('.card').waitFor();
});
