// wxsub-client: built from src/ by build.mjs

// src/errors.js
var MEANINGS = {
  10001: ["ids", "no template id was given"],
  10002: ["network", "WeChat could not load the templates; ask again at a later tap"],
  10003: ["network", "WeChat could not store the answer; ask again at a later tap"],
  10004: ["ids", "an id is not valid; templates belong to ask(), SYS_MSG_TYPE_… to askSystem()"],
  10005: ["hidden", "WeChat could not show the dialog; was the game in the background?"],
  20001: ["ids", "this account has no such template, or it is of the call's other kind"],
  20002: ["ids", "one-time templates and system types do not mix in one call"],
  20003: ["ids", "too many templates in one call"],
  20004: ["off", "the player turned this game's subscribe messages off; only the settings page turns them on"],
  20005: ["banned", "WeChat banned this game from subscribe messages"],
  tap: ["tap", "WeChat allows the call only inside a tap: call it in touchend, before any await or timer"],
  busy: ["busy", "the last call has not ended"],
  old: ["old", "this WeChat is too old for the call; the player has to update it"],
  full: ["full", "the server has not taken the earlier answers; call sync() when it is back"],
  wechat: ["wechat", "WeChat refused the call"]
};
var TEXTS = [
  [/main switch/i, 20004],
  [/tap|touchend|user interaction/i, "tap"],
  [/last call/i, "busy"]
];
var SubscribeError = class extends Error {
  /**
   * @param {number | string} reason one of WeChat's codes, or a word of MEANINGS
   * @param {{ id?: string, errCode?: number, errMsg?: string }} [details]
   */
  constructor(reason, details = {}) {
    const [code, words] = MEANINGS[reason] || MEANINGS.wechat;
    super(details.errMsg ? `${words} (${details.errMsg})` : words);
    this.name = "SubscribeError";
    this.code = code;
    Object.assign(this, details);
  }
};
function readFailure(failure) {
  const { errMsg, errCode, errno } = Object(failure);
  const text = String(errMsg || failure).slice(0, 500);
  const known = Number(errCode === void 0 ? errno : errCode);
  const told = TEXTS.find(([pattern]) => pattern.test(text));
  const reason = MEANINGS[known] ? known : told ? told[1] : "wechat";
  const answer = { errMsg: text };
  if (reason > 0 || known) answer.errCode = reason > 0 ? reason : known;
  return { reason, answer };
}

// src/outbox.js
var MOST = 50;
var FIRST_PAUSE_MS = 1e3;
var LONGEST_PAUSE_MS = 3e5;
var REPORT_TIMEOUT_MS = 3e4;
var sequence = 0;
function newId() {
  const part = () => Math.random().toString(36).slice(2, 10);
  return [Date.now().toString(36), (sequence += 1).toString(36), part() + part()].join("-");
}
var isEntry = (entry) => Boolean(entry) && typeof entry.id === "string" && Boolean(entry.answer);
var isMinor = ({ kind, answer }) => kind !== "setting" && answer.errCode !== 20004 && /:fail/.test(String(answer.errMsg));
function createOutbox({ storage, report, key, onError }) {
  let unsaved = [];
  const taken = /* @__PURE__ */ new Set();
  let sending = null;
  let failures = 0;
  let timer = null;
  const open = (list2) => list2.filter((entry) => !taken.has(entry.id));
  function stored() {
    try {
      const list2 = JSON.parse(storage.getStorageSync(key) || "[]");
      return open((Array.isArray(list2) ? list2 : []).filter(isEntry));
    } catch (error) {
      onError(error);
      return error instanceof SyntaxError ? [] : void 0;
    }
  }
  const list = () => (stored() || []).concat(unsaved);
  function change(edit) {
    const before = stored();
    const entries = edit((before || []).concat(unsaved));
    try {
      if (before) {
        storage.setStorageSync(key, JSON.stringify(open(entries)));
        unsaved = [];
        return;
      }
    } catch (error) {
      onError(error);
    }
    unsaved = open(entries).filter(({ id }) => !(before || []).some((entry) => entry.id === id));
  }
  function pause() {
    return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * Math.pow(2, failures - 1)) * (0.5 + Math.random() / 2);
  }
  function wait() {
    failures += 1;
    timer = setTimeout(flush, pause());
  }
  function attempt({ id, kind, answer }, done) {
    const fail = (error) => {
      onError(error);
      end(false);
    };
    const timeout = setTimeout(() => end(false), REPORT_TIMEOUT_MS);
    let ended = false;
    function end(isTaken) {
      if (ended) return;
      ended = true;
      clearTimeout(timeout);
      done(isTaken);
    }
    try {
      Promise.resolve(report({ id, kind, answer })).then((result) => {
        if (result === true) {
          taken.add(id);
          change((entries) => entries);
        }
        end(result === true);
      }, fail);
    } catch (error) {
      fail(error);
    }
  }
  function flush() {
    if (sending) return;
    clearTimeout(timer);
    const known = stored();
    const [entry] = (known || []).concat(unsaved);
    if (!entry) {
      if (!known) wait();
      return;
    }
    sending = entry.id;
    attempt(entry, (isTaken) => {
      sending = null;
      if (!isTaken) return wait();
      failures = 0;
      flush();
    });
  }
  function add(kind, answer) {
    const entry = { id: newId(), kind, answer };
    let kept = false;
    change((entries) => {
      const last = entries[entries.length - 1];
      if (kind === "setting" && last && last.kind === kind && last.id !== sending) entries.pop();
      const minor = entries.findIndex((e) => isMinor(e) && e.id !== sending);
      if (entries.length >= MOST && minor >= 0) entries.splice(minor, 1);
      kept = entries.length < MOST || kind !== "setting" && !isMinor(entry);
      return kept ? entries.concat(entry) : entries;
    });
    flush();
    return { id: entry.id, saved: kept && !unsaved.includes(entry) };
  }
  return {
    add,
    flush,
    size: () => list().length,
    /** Whether another answer of the player can be kept. */
    hasRoom: () => list().filter((entry) => !isMinor(entry)).length < MOST
  };
}

// src/platform.js
function atLeast(version, wanted) {
  const have = version.split(".").map(Number);
  const want = wanted.split(".").map(Number);
  const differs = want.findIndex((part, i) => (have[i] || 0) !== part);
  return differs < 0 || !((have[differs] || 0) < want[differs]);
}
function baseLibrary(wx) {
  try {
    const info = wx.getAppBaseInfo ? wx.getAppBaseInfo() : wx.getSystemInfoSync();
    return /^\d[\d.]*$/.test(info.SDKVersion) ? info.SDKVersion : "";
  } catch (e) {
    return "";
  }
}
function isSince(wx, wanted) {
  const version = baseLibrary(wx);
  return !version || atLeast(version, wanted);
}
function supports(wx, api, since) {
  if (typeof wx[api] !== "function") return false;
  if (baseLibrary(wx)) return isSince(wx, since);
  try {
    return !wx.canIUse || wx.canIUse(api) !== false;
  } catch (e) {
    return true;
  }
}

// src/subscriber.js
var MOST_IDS = 3;
var LONGEST_ID = 128;
var MOST_SETTINGS = 50;
var UNANSWERED_MS = 6e4;
var isSystemType = (id) => /^SYS_MSG_TYPE_/.test(id);
function quiet(promise) {
  promise.catch(() => {
  });
  return promise;
}
var Subscriber = class {
  constructor({ wx, report, storage = wx, key = "wxsub.answers", onError = () => {
  } }) {
    if (!wx || typeof report !== "function") throw new TypeError("Subscriber needs { wx, report }");
    this._wx = wx;
    this._outbox = createOutbox({
      storage,
      report,
      key,
      onError: (error) => {
        try {
          onError(error);
        } catch (e) {
        }
      }
    });
    this._call = null;
    this._setting = {};
  }
  get pending() {
    return this._outbox.size();
  }
  ask(templateIds) {
    const ids = cleanIds(templateIds, (id) => !isSystemType(id));
    if (ids && !isSince(this._wx, "2.8.4")) ids.splice(1);
    return this._request("ask", "requestSubscribeMessage", "2.4.4", "tmplIds", ids);
  }
  askSystem(types) {
    let ids = cleanIds(types, isSystemType);
    const wanted = ids && ids.length;
    if (ids && !isSince(this._wx, "2.32.1")) ids = ids.filter((id) => id !== "SYS_MSG_TYPE_WHATS_NEW");
    const since = wanted && !ids.length ? "2.32.1" : "2.9.4";
    return this._request("system", "requestSubscribeSystemMessage", since, "msgTypeList", ids);
  }
  sync() {
    this._outbox.flush();
    return quiet(
      new Promise((resolve, reject) => {
        const done = () => resolve({ mainSwitch: this._setting.mainSwitch, pending: this.pending });
        if (!supports(this._wx, "getSetting", "2.10.1")) {
          done();
          return;
        }
        const fail = (failure) => {
          const { reason, answer } = readFailure(failure);
          reject(new SubscribeError(reason, answer));
        };
        try {
          this._wx.getSetting({
            withSubscriptions: true,
            success: (res) => {
              const setting = res && res.subscriptionsSetting;
              if (setting) this._keepSetting(setting);
              done();
            },
            fail
          });
        } catch (error) {
          fail(error);
        }
      })
    );
  }
  canAskSilently(ids) {
    const { mainSwitch, itemSettings } = this._setting;
    const list = [].concat(ids);
    return mainSwitch === true && list.length > 0 && list.every((id) => Object(itemSettings)[id] === "accept");
  }
  _keepSetting(setting) {
    this._setting = setting;
    const mainSwitch = setting.mainSwitch !== false;
    const items = Object.entries(Object(setting.itemSettings)).filter(
      ([id, choice]) => choice === "reject" || isSystemType(id)
    );
    if (mainSwitch && !items.length) return;
    const itemSettings = {};
    items.slice(0, MOST_SETTINGS).forEach(([id, choice]) => itemSettings[id] = choice);
    this._outbox.add("setting", { mainSwitch, itemSettings });
  }
  _request(kind, api, since, parameter, ids) {
    return quiet(
      new Promise((resolve, reject) => {
        const reason = !ids && 10004 || !supports(this._wx, api, since) && "old" || !ids.length && 10001 || this._call && "busy" || !this._outbox.hasRoom() && "full";
        if (reason) {
          reject(new SubscribeError(reason));
          return;
        }
        const call = {};
        this._call = call;
        const timeout = setTimeout(() => this._end(call), UNANSWERED_MS);
        const answered = (answer, settle) => {
          if (call.answered) return;
          call.answered = true;
          clearTimeout(timeout);
          this._end(call);
          settle(this._outbox.add(kind, answer));
        };
        const fail = (failure) => {
          const { reason: why, answer } = readFailure(failure);
          answered(answer, ({ id }) => reject(new SubscribeError(why, Object.assign({ id }, answer))));
        };
        try {
          this._wx[api]({
            [parameter]: ids,
            success: (res) => {
              const answers = Object.assign({}, res);
              const accepted = ids.filter((id) => /^accept/.test(answers[id]));
              answered(answers, ({ id, saved }) => resolve({ id, answers, accepted, saved }));
            },
            fail
          });
        } catch (error) {
          fail(error);
        }
      })
    );
  }
  _end(call) {
    if (this._call === call) this._call = null;
  }
};
function cleanIds(list, isRight) {
  const ids = Array.from(new Set([].concat(list === void 0 ? [] : list)));
  const good = (id) => typeof id === "string" && id.length > 0 && id.length <= LONGEST_ID && isRight(id);
  return ids.every(good) ? ids.slice(0, MOST_IDS) : null;
}
export {
  SubscribeError,
  Subscriber
};
