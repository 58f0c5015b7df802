import { SubscribeError, readFailure } from './errors.js';
import { createOutbox } from './outbox.js';
import { isSince, supports } from './platform.js';

/** More in one call is 20003; base libraries before 2.8.4 take one. */
const MOST_IDS = 3;
const LONGEST_ID = 128;
/** The server takes at most 64 entries in an object. */
const MOST_SETTINGS = 50;
/** A call that WeChat never answers holds up the next one for as long. */
const UNANSWERED_MS = 60000;

const isSystemType = (id) => /^SYS_MSG_TYPE_/.test(id);

/** The same promise; a game that does not look at it gets no unhandled rejection. */
function quiet(promise) {
  promise.catch(() => {});
  return promise;
}

export class Subscriber {
  constructor({ wx, report, storage = wx, key = 'wxsub.answers', onError = () => {} }) {
    if (!wx || typeof report !== 'function') throw new TypeError('Subscriber needs { wx, report }');
    this._wx = wx;
    this._outbox = createOutbox({
      storage,
      report,
      key,
      onError: (error) => {
        try {
          onError(error);
        } catch (e) {
          // A handler that fails must not stop what it was told about.
        }
      },
    });
    this._call = null;
    this._setting = {};
  }

  get pending() {
    return this._outbox.size();
  }

  ask(templateIds) {
    const ids = cleanIds(templateIds, (id) => !isSystemType(id));
    if (ids && !isSince(this._wx, '2.8.4')) ids.splice(1);
    return this._request('ask', 'requestSubscribeMessage', '2.4.4', 'tmplIds', ids);
  }

  askSystem(types) {
    let ids = cleanIds(types, isSystemType);
    const wanted = ids && ids.length;
    if (ids && !isSince(this._wx, '2.32.1')) ids = ids.filter((id) => id !== 'SYS_MSG_TYPE_WHATS_NEW');
    const since = wanted && !ids.length ? '2.32.1' : '2.9.4';
    return this._request('system', 'requestSubscribeSystemMessage', since, 'msgTypeList', ids);
  }

  sync() {
    this._outbox.flush();
    return quiet(
      new Promise((resolve, reject) => {
        const done = () => resolve({ mainSwitch: this._setting.mainSwitch, pending: this.pending });
        if (!supports(this._wx, 'getSetting', '2.10.1')) {
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
            fail,
          });
        } catch (error) {
          fail(error);
        }
      }),
    );
  }

  canAskSilently(ids) {
    const { mainSwitch, itemSettings } = this._setting;
    const list = [].concat(ids);
    return mainSwitch === true && list.length > 0 && list.every((id) => Object(itemSettings)[id] === 'accept');
  }

  _keepSetting(setting) {
    this._setting = setting;
    const mainSwitch = setting.mainSwitch !== false;
    // What the ledger can act on: a kept "accept" of a template grants nothing.
    const items = Object.entries(Object(setting.itemSettings)).filter(
      ([id, choice]) => choice === 'reject' || isSystemType(id),
    );
    if (mainSwitch && !items.length) return;
    const itemSettings = {};
    items.slice(0, MOST_SETTINGS).forEach(([id, choice]) => (itemSettings[id] = choice));
    this._outbox.add('setting', { mainSwitch, itemSettings });
  }

  _request(kind, api, since, parameter, ids) {
    return quiet(
      new Promise((resolve, reject) => {
        const reason =
          (!ids && 10004) ||
          (!supports(this._wx, api, since) && 'old') ||
          (!ids.length && 10001) ||
          (this._call && 'busy') ||
          (!this._outbox.hasRoom() && 'full');
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
            fail,
          });
        } catch (error) {
          fail(error);
        }
      }),
    );
  }

  _end(call) {
    if (this._call === call) this._call = null;
  }
}

/** The first ids that one call may have, each once; null if there is anything else among them. */
function cleanIds(list, isRight) {
  const ids = Array.from(new Set([].concat(list === undefined ? [] : list)));
  const good = (id) => typeof id === 'string' && id.length > 0 && id.length <= LONGEST_ID && isRight(id);
  return ids.every(good) ? ids.slice(0, MOST_IDS) : null;
}
