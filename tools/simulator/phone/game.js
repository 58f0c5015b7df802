// The small game: pick fruit until the stamina is used up, and be told when it is full again.
// It asks and reports by the real client kit. With ?server=URL it talks to that server:
//   POST /login {code, scene}        -> {session, ask: [ID], counts: {ID: N}}
//   POST /report {id, kind, answer}  -> 200       (authorization: Bearer SESSION); 400: never wanted; else again
//   POST /plan                       -> {ask, counts}
//   POST /event {event: "stamina"}   -> 200       the stamina is used up; the server sends when it is full
(() => {
  const phone = parent.phone;
  const SYSTEM = ['SYS_MSG_TYPE_INTERACTIVE', 'SYS_MSG_TYPE_RANK', 'SYS_MSG_TYPE_WHATS_NEW'];
  const FULL = 5;
  const SENT_AFTER_MS = [300, 4000];
  const TEXTS = {
    title: ['小岛物语', 'Little Island'],
    stamina: ['体力', 'Stamina'],
    pick: ['摘果子', 'Pick fruit'],
    empty: ['体力用完了', 'No stamina left'],
    remind: ['体力满了提醒我', 'Tell me when it is full'],
    remindMore: ['多提醒我一次', 'Tell me once more'],
    system: ['好友与更新提醒', 'Friends and updates'],
    welcome: ['欢迎回来！体力已满', 'Welcome back! Stamina is full'],
    allowed: ['服务器还可以发 {n} 条', 'The server may send {n} more'],
    thanks: ['好的，到时候提醒你', 'We will tell you'],
    no: ['好的，不提醒', 'Fine, no message'],
    waits: ['{n} 个回答等待上报', '{n} answers wait for the server'],
  };
  const text = (key, n) => TEXTS[key][phone.isChinese ? 0 : 1].replace('{n}', n);
  const $ = (id) => document.getElementById(id);

  let session = '';
  let plan = { ask: [], counts: {} };
  let stamina = FULL;
  let coins = 0;

  const remote = (path, data) =>
    new Promise((resolve, reject) =>
      wx.request({
        url: phone.server + path,
        method: 'POST',
        header: { authorization: `Bearer ${session}` },
        data,
        success: ({ statusCode, data: body }) => (statusCode === 200 ? resolve(body) : reject(Object.assign(new Error(`${path}: ${statusCode}`), { statusCode }))),
        fail: ({ errMsg }) => reject(new Error(errMsg)),
      }),
    );
  const server = phone.server
    ? {
        login: async (code, scene) => {
          const answer = await remote('/login', { code, scene });
          session = answer.session;
          return answer;
        },
        plan: () => remote('/plan', {}),
        report: async (entry) => {
          try {
            await remote('/report', entry);
          } catch (error) {
            // What the server will never want must not hold up the answers behind it.
            if (error.statusCode !== 400 && error.statusCode !== 413) throw error;
            phone.log(`game: ${error.message}`);
          }
          return true;
        },
        event: (event) => remote('/event', { event }),
      }
    : window.pocketServer;

  const subscriber = new wxsubClient.Subscriber({
    wx,
    report: async (entry) => {
      const taken = await server.report(entry);
      setTimeout(refresh);
      return taken;
    },
    onError: (error) => phone.log(`kit: ${error.message}`),
  });
  window.subscriber = subscriber;

  function draw() {
    $('coins').textContent = coins;
    $('bolts').replaceChildren(
      ...Array.from({ length: FULL }, (_, i) => Object.assign(document.createElement('i'), { className: i < stamina ? 'full' : '' })),
    );
    $('pick').disabled = stamina === 0;
    $('pick').textContent = stamina ? text('pick') : text('empty');
    const count = plan.counts['sim-stamina'] || 0;
    $('remind').textContent = text(count ? 'remindMore' : 'remind');
    const waiting = subscriber.pending;
    $('status').textContent = waiting ? text('waits', waiting) : text('allowed', count);
  }

  async function refresh() {
    try {
      plan = await server.plan();
    } catch (error) {
      phone.log(`game: ${error.message}`);
    }
    draw();
  }

  /** The server sends when the stamina is full again; then it may send one less. */
  async function usedUp() {
    try {
      await server.event('stamina');
      SENT_AFTER_MS.forEach((ms) => setTimeout(refresh, ms));
    } catch (error) {
      phone.log(`game: ${error.message}`);
    }
  }

  function say(asking) {
    asking.then(
      ({ accepted }) => wx.showToast({ title: text(accepted.length ? 'thanks' : 'no') }),
      ({ code, message }) => {
        phone.log(`kit: ${code}: ${message}`);
        wx.showToast({ title: code });
      },
    );
    draw();
    asking.then(draw, draw);
  }

  $('title').textContent = text('title');
  $('stamina-label').textContent = text('stamina');
  $('system').textContent = text('system');
  $('pick').addEventListener('click', () => {
    stamina -= 1;
    coins += 10;
    $('tree').classList.remove('shaken');
    requestAnimationFrame(() => $('tree').classList.add('shaken'));
    if (!stamina) usedUp();
    draw();
  });
  $('remind').addEventListener('click', () => say(subscriber.ask(plan.ask.length ? plan.ask : ['sim-stamina'])));
  $('system').addEventListener('click', () => say(subscriber.askSystem(SYSTEM)));

  draw();
  wx.login({
    success: async ({ code }) => {
      const { scene } = wx.getLaunchOptionsSync();
      try {
        plan = await server.login(code, scene);
        subscriber.sync().then(draw, (error) => phone.log(`kit: ${error.message}`));
      } catch (error) {
        phone.log(`game: ${error.message}`);
      }
      if (scene === 1014) wx.showToast({ title: text('welcome') });
      document.documentElement.dataset.login = 'over';
      draw();
    },
  });
})();
