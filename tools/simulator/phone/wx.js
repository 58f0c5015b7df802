// The simulated `wx` of a mini game: what a game needs to ask, report and start. Runs in the game's frame.
(() => {
  const phone = parent.phone;
  const VERSION = '3.8.0';
  const STORE = `wx:${phone.player}:`;

  /** True while a tap is handled; WeChat opens its dialog only then. */
  let inTap = false;
  for (const type of ['touchend', 'pointerup', 'mouseup', 'click', 'keyup']) {
    addEventListener(
      type,
      (event) => {
        if (!event.isTrusted) return;
        inTap = true;
        setTimeout(() => {
          inTap = false;
        });
      },
      true,
    );
  }

  /** Ends a call as WeChat does: success or fail, then complete; a promise if there are no callbacks. */
  function end(option, ok, result) {
    const run = (handler) => typeof handler === 'function' && setTimeout(() => handler(result));
    run(ok ? option.success : option.fail);
    run(option.complete);
  }

  function call(option = {}, work) {
    const promised = !(option.success || option.fail || option.complete);
    const running = work().then(
      ({ ok, result }) => {
        end(option, ok, result);
        if (!ok) throw result;
        return result;
      },
      (error) => {
        const result = { errMsg: `fail ${error.message}` };
        end(option, false, result);
        throw result;
      },
    );
    if (promised) return running;
    running.catch(() => {});
    return undefined;
  }

  function subscribe(api, parameter) {
    return (option = {}) => {
      const tap = inTap;
      return call(option, async () => {
        const { ok, ...result } = await phone.request(api, option[parameter], tap);
        return { ok, result };
      });
    };
  }

  const good = (api, result = {}) => ({ ok: true, result: { errMsg: `${api}:ok`, ...result } });

  async function request(option) {
    const { url, data, header = {}, method = 'GET', dataType = 'json' } = option;
    const isGet = method.toUpperCase() === 'GET';
    const query = isGet && data && typeof data === 'object' ? `${url.includes('?') ? '&' : '?'}${new URLSearchParams(data)}` : '';
    const names = Object.keys(header).map((name) => name.toLowerCase());
    const answer = await phone.fetch({
      url: new URL(url + query, location.href).href,
      method: method.toUpperCase(),
      header: { ...(names.includes('content-type') ? {} : { 'content-type': 'application/json' }), ...header },
      data: isGet || data === undefined ? '' : typeof data === 'string' ? data : JSON.stringify(data),
    });
    if (answer.error) return { ok: false, result: { errMsg: `request:fail ${answer.error}` } };
    let parsed = answer.data;
    try {
      if (dataType === 'json') parsed = JSON.parse(answer.data);
    } catch (error) {
      // As in WeChat: what is no JSON stays text.
    }
    return good('request', { ...answer, data: parsed });
  }

  const info = {
    SDKVersion: VERSION,
    language: phone.isChinese ? 'zh_CN' : 'en',
    platform: 'devtools',
    system: 'wxsub phone',
    version: '8.0.50',
    brand: 'wxsub',
    model: 'phone',
    pixelRatio: devicePixelRatio,
  };
  const window_ = () => ({ windowWidth: innerWidth, windowHeight: innerHeight, screenWidth: innerWidth, screenHeight: innerHeight });
  const launch = () => ({ ...phone.launch, query: { ...phone.launch.query }, referrerInfo: {} });
  const read = (key) => {
    const text = localStorage.getItem(STORE + key);
    return text === null ? '' : JSON.parse(text);
  };
  const write = (key, value) => localStorage.setItem(STORE + key, JSON.stringify(value));
  const keys = () => Object.keys(localStorage).filter((key) => key.startsWith(STORE));

  const listeners = { show: new Set(), hide: new Set(), touchStart: new Set(), touchMove: new Set(), touchEnd: new Set(), touchCancel: new Set() };
  window.wxsubShow = (shown) => listeners[shown ? 'show' : 'hide'].forEach((listener) => listener(launch()));
  const on = (name) => (listener) => listeners[name].add(listener);
  const off = (name) => (listener) => (listener ? listeners[name].delete(listener) : listeners[name].clear());

  // A game draws on a canvas and hears of touches by wx; a mouse is one finger.
  for (const [type, name] of [['pointerdown', 'touchStart'], ['pointermove', 'touchMove'], ['pointerup', 'touchEnd'], ['pointercancel', 'touchCancel']]) {
    addEventListener(type, (event) => {
      const { pointerId: identifier, clientX, clientY, pageX, pageY, pressure: force } = event;
      const touch = { identifier, clientX, clientY, pageX, pageY, force };
      const touches = name === 'touchStart' || name === 'touchMove' ? [touch] : [];
      listeners[name].forEach((listener) => listener({ touches, changedTouches: [touch], timeStamp: event.timeStamp }));
    });
  }

  let screenCanvas = null;
  function createCanvas() {
    const canvas = document.createElement('canvas');
    canvas.width = innerWidth;
    canvas.height = innerHeight;
    if (!screenCanvas) {
      screenCanvas = canvas;
      canvas.className = 'screen-canvas';
      document.body.append(canvas);
    }
    return canvas;
  }

  window.wx = {
    login: (option) => call(option, async () => good('login', { code: `code-${phone.openid}~${crypto.randomUUID()}` })),
    checkSession: (option) => call(option, async () => good('checkSession')),
    requestSubscribeMessage: subscribe('requestSubscribeMessage', 'tmplIds'),
    requestSubscribeSystemMessage: subscribe('requestSubscribeSystemMessage', 'msgTypeList'),
    getSetting: (option = {}) =>
      call(option, async () => {
        const subscriptionsSetting = option.withSubscriptions ? await phone.readSetting() : undefined;
        return good('getSetting', { authSetting: {}, ...(subscriptionsSetting ? { subscriptionsSetting } : {}) });
      }),
    openSetting: (option) =>
      call(option, async () => {
        phone.openSettings();
        return good('openSetting', { authSetting: {} });
      }),
    request: (option) => call(option, () => request(option)),
    getStorageSync: read,
    setStorageSync: write,
    removeStorageSync: (key) => localStorage.removeItem(STORE + key),
    clearStorageSync: () => keys().forEach((key) => localStorage.removeItem(key)),
    getStorageInfoSync: () => ({ keys: keys().map((key) => key.slice(STORE.length)), currentSize: 1, limitSize: 10240 }),
    getStorage: (option) => call(option, async () => good('getStorage', { data: read(option.key) })),
    setStorage: (option) =>
      call(option, async () => {
        write(option.key, option.data);
        return good('setStorage');
      }),
    getLaunchOptionsSync: launch,
    getEnterOptionsSync: launch,
    getAppBaseInfo: () => ({ ...info }),
    getDeviceInfo: () => ({ ...info }),
    getWindowInfo: () => ({ ...window_(), pixelRatio: devicePixelRatio }),
    getSystemInfoSync: () => ({ ...info, ...window_() }),
    canIUse: (schema) => typeof window.wx[String(schema).split('.')[0]] === 'function',
    onShow: on('show'),
    offShow: off('show'),
    onHide: on('hide'),
    offHide: off('hide'),
    onTouchStart: on('touchStart'),
    offTouchStart: off('touchStart'),
    onTouchMove: on('touchMove'),
    offTouchMove: off('touchMove'),
    onTouchEnd: on('touchEnd'),
    offTouchEnd: off('touchEnd'),
    onTouchCancel: on('touchCancel'),
    offTouchCancel: off('touchCancel'),
    createCanvas,
    createImage: () => new Image(),
    showToast: ({ title, duration }) => phone.toast(title, duration),
    exitMiniProgram: () => phone.closeGame(),
  };
  window.GameGlobal = window;
})();
