// A game server in the game itself, for a phone that is opened without ?server=: it counts, and sends by WeChat's API as a
// real one does. A real one does it with wxsub.
(() => {
  const phone = parent.phone;
  const KEY = 'pocket';
  const TEMPLATES = ['sim-stamina', 'sim-activity', 'sim-result'];

  const load = () => ({ counts: {}, seen: [], ...(wx.getStorageSync(KEY) || {}) });
  const save = (state) => wx.setStorageSync(KEY, state);
  const post = (url, data) =>
    new Promise((resolve, reject) => wx.request({ url: location.origin + url, method: 'POST', data, success: (res) => resolve(res.data), fail: reject }));

  const plan = () => {
    const { counts } = load();
    return { ask: TEMPLATES.filter((id) => (counts[id] || 0) < 3), counts };
  };

  function report({ id, answer }) {
    const state = load();
    if (!state.seen.includes(id)) {
      state.seen = [...state.seen.slice(-99), id];
      const refusesAll = answer.errCode === 20004 || answer.mainSwitch === false;
      for (const key of Object.keys(state.counts)) if (refusesAll || answer.itemSettings?.[key] === 'reject') state.counts[key] = 0;
      for (const key of TEMPLATES) {
        if (answer[key] === 'accept') state.counts[key] = (state.counts[key] || 0) + 1;
        if (answer[key] === 'reject') state.counts[key] = 0;
      }
      save(state);
    }
    return true;
  }

  async function send() {
    const state = load();
    if (!state.counts['sim-stamina']) return;
    const { appid, secret } = await phone.account();
    const { access_token: token } = await post('/cgi-bin/stable_token', { grant_type: 'client_credential', appid, secret });
    const time = new Date().toLocaleTimeString('en-GB').slice(0, 5);
    const { errcode } = await post(`/cgi-bin/message/subscribe/send?access_token=${token}`, {
      touser: phone.openid,
      template_id: 'sim-stamina',
      page: 'pages/index?from=stamina',
      data: { thing1: { value: '体力已满，快来领取' }, time2: { value: time } },
    });
    if (errcode === 0) state.counts['sim-stamina'] -= 1;
    if (errcode === 43101) state.counts['sim-stamina'] = 0;
    save(state);
  }

  window.pocketServer = {
    login: async () => plan(),
    plan: async () => plan(),
    report: async (entry) => report(entry),
    event: async () => setTimeout(send, 3000),
  };
})();
