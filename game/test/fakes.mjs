// What is around the kit: a WeChat, its storage, a game server, and time.

// A pause of the kit must not keep a test's process waiting.
const realSetTimeout = globalThis.setTimeout;
globalThis.setTimeout = (...args) => realSetTimeout(...args).unref();

/** Lets every promise that can settle now settle. */
export async function settle() {
  for (let i = 0; i < 5; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Time that stands still until a test moves it. Replaces setTimeout, clearTimeout and Date.now. */
export class Time {
  constructor(t) {
    this.now = 0;
    this.wall = 1700000000000;
    this.timers = new Map();
    this.next = 1;
    const real = { setTimeout, clearTimeout, now: Date.now };
    globalThis.setTimeout = (run, ms = 0) => {
      this.timers.set(this.next, { run, at: this.now + ms });
      return this.next++;
    };
    globalThis.clearTimeout = (id) => this.timers.delete(id);
    Date.now = () => this.wall;
    t.after(() => {
      globalThis.setTimeout = real.setTimeout;
      globalThis.clearTimeout = real.clearTimeout;
      Date.now = real.now;
    });
  }

  /** Runs what is due within the next `ms`, in order. */
  async pass(ms) {
    const end = this.now + ms;
    for (;;) {
      await settle();
      const due = [...this.timers].filter(([, timer]) => timer.at <= end).sort((a, b) => a[1].at - b[1].at)[0];
      if (!due) break;
      this.timers.delete(due[0]);
      this.now = Math.max(this.now, due[1].at);
      due[1].run();
    }
    this.now = end;
    await settle();
  }
}

/** The phone's storage; outlives a killed game. */
export class FakeStorage {
  constructor() {
    this.items = new Map();
    this.failing = { get: false, set: false };
    /** Readings until one fails, once. */
    this.failsAfter = Infinity;
  }

  getStorageSync(key) {
    this.failsAfter -= 1;
    if (this.failing.get || this.failsAfter === -1) throw new Error('getStorageSync:fail');
    return this.items.get(key) ?? '';
  }

  setStorageSync(key, value) {
    if (this.failing.set) throw new Error('setStorageSync:fail exceed storage max size');
    this.items.set(key, value);
  }

  get entries() {
    return JSON.parse(this.items.get('wxsub.answers') || '[]');
  }
}

/** WeChat: answers as `player` says, at once or when the test wants it. */
export class FakeWeChat {
  constructor({ version = '3.8.0', storage = new FakeStorage() } = {}) {
    this.version = version;
    this.storage = storage;
    this.inTap = true;
    this.calls = [];
    /** What the next calls answer: 'accept', 'reject', {errCode, errMsg}, or null: nothing until `answer` is called. */
    this.player = 'accept';
    this.setting = { mainSwitch: true, itemSettings: {} };
    this.wx = {
      requestSubscribeMessage: (option) => this.request('requestSubscribeMessage', option.tmplIds, option),
      requestSubscribeSystemMessage: (option) => this.request('requestSubscribeSystemMessage', option.msgTypeList, option),
      getSetting: (option) => this.getSetting(option),
      getAppBaseInfo: () => ({ SDKVersion: this.version }),
      getStorageSync: (key) => this.storage.getStorageSync(key),
      setStorageSync: (key, value) => this.storage.setStorageSync(key, value),
    };
  }

  request(api, ids, option) {
    const call = { api, ids: [...ids], option };
    this.calls.push(call);
    call.answer = (player) => {
      if (typeof player === 'object') option.fail({ errMsg: `${api}:fail ${player.errMsg}`, ...withCode(player) });
      else option.success(Object.assign({ errMsg: `${api}:ok` }, Object.fromEntries(ids.map((id) => [id, player]))));
    };
    if (!this.inTap) call.answer({ errMsg: 'can only be invoked by user TAP gesture.' });
    else if (this.player !== null) call.answer(this.player);
  }

  getSetting(option) {
    this.calls.push({ api: 'getSetting', ids: [], option });
    if (this.setting === null) option.fail({ errMsg: 'getSetting:fail' });
    else if (option.withSubscriptions) option.success({ errMsg: 'getSetting:ok', authSetting: {}, subscriptionsSetting: this.setting });
    else option.success({ errMsg: 'getSetting:ok', authSetting: {} });
  }
}

const withCode = ({ errCode }) => (errCode === undefined ? {} : { errCode });

/** A game server with wxsub behind it: a report whose key it has seen changes nothing. Outlives the game. */
export class FakeServer {
  constructor() {
    this.seen = [];
    this.counts = {};
    this.requests = 0;
    /** 'ok', 'down' (nothing arrives), 'lost' (applied, but the answer does not come back), 'silent' (no answer). */
    this.mode = 'ok';
  }

  report(report) {
    this.requests += 1;
    if (this.mode === 'down') return Promise.reject(new Error('request:fail'));
    if (this.mode === 'silent') return new Promise(() => {});
    this.apply(report);
    return this.mode === 'lost' ? Promise.reject(new Error('request:fail timeout')) : Promise.resolve(true);
  }

  apply({ id, kind, answer }) {
    if (this.seen.some((report) => report.id === id)) return;
    this.seen.push({ id, kind, answer });
    for (const [template, word] of Object.entries(answer)) {
      if (word === 'accept') this.counts[template] = (this.counts[template] ?? 0) + 1;
    }
  }
}
