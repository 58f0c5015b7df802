// wx.requestSubscribeMessage and wx.requestSubscribeSystemMessage, on WeChat's side.
import { showDialog } from './dialog.js';
import { pushEvent } from './events.js';
import { changed, log, openid, readSetting, sim, trouble } from './wechat.js';

const MESSAGES = {
  10001: "TmplIds can't be empty",
  10002: 'Request list fail',
  10003: 'Request subscribe fail',
  10004: 'Invalid template id',
  10005: 'Cannot show subscribe message UI',
  20001: 'No template data return, verify the template id exist',
  20002: 'Templates type must be same',
  20003: 'Templates count out of max bounds',
  20004: 'The main switch is switched off',
};
const MOST = 3;

let running = false;

const isSystem = (id) => /^SYS_MSG_TYPE_/.test(id);

class Failure extends Error {
  constructor(errCode, text) {
    super(text ?? MESSAGES[errCode]);
    this.errCode = errCode;
  }
}

/**
 * One call. Resolves to what `success` or `fail` gets; `ok` says which.
 * @param inTap whether it was called inside a tap
 */
export async function request(api, ids, { inTap, inForeground }) {
  let result;
  let mine = false;
  try {
    if (!inTap) throw new Failure(undefined, 'can only be invoked by user TAP gesture.');
    if (running) throw new Failure(undefined, 'last call has not ended');
    running = mine = true;
    result = { ok: true, errMsg: `${api}:ok`, ...(await ask(api, ids, inForeground)) };
  } catch (error) {
    if (!(error instanceof Failure)) console.error(error);
    const code = error instanceof Failure ? error.errCode : 10003;
    result = { ok: false, errMsg: `${api}:fail ${error.message}`, ...(code === undefined ? {} : { errCode: code }) };
  } finally {
    if (mine) running = false;
  }
  const { ok, errMsg, ...rest } = result;
  log(`${api} → ${ok ? JSON.stringify(rest) : `${rest.errCode ?? ''} ${errMsg.split(':fail ')[1]}`}`);
  changed();
  return result;
}

async function ask(api, ids, inForeground) {
  const system = api === 'requestSubscribeSystemMessage';
  if (ids === undefined || (Array.isArray(ids) && !ids.length)) throw new Failure(10001);
  if (!Array.isArray(ids) || !ids.every((id) => typeof id === 'string' && id)) throw new Failure(10004);
  if (ids.length > MOST) throw new Failure(20003);
  if (ids.some((id) => isSystem(id) !== system)) throw new Failure(20002);
  if (!inForeground()) throw new Failure(10005);
  const [setting, titles] = await Promise.all([readSetting(), system ? null : readTitles(ids)]);
  if (trouble.networkOnce) {
    trouble.networkOnce = false;
    throw new Failure(10002);
  }
  if (!setting.mainSwitch) throw new Failure(20004);

  const answers = {};
  const seen = new Set();
  const open = [];
  for (const id of new Set(ids)) {
    const title = system ? id : titles.get(id);
    if (seen.has(title)) answers[id] = 'filter';
    else if (setting.itemSettings[id]) answers[id] = setting.itemSettings[id];
    else open.push({ id, title });
    seen.add(title);
  }
  const told = open.length ? await showDialog({ items: open, system }) : { answers: {}, keep: false };
  if (open.length) await sim('answer', { openid, answers: told.answers, keep: told.keep });
  // A choice that is kept grants one more all the same.
  const silent = Object.fromEntries(Object.entries(answers).filter(([, word]) => word === 'accept'));
  if (Object.keys(silent).length) await sim('answer', { openid, answers: silent });
  Object.assign(answers, told.answers);
  pushEvent('popup', Object.fromEntries(Object.entries(answers).filter(([id, word]) => word !== 'filter' && !isSystem(id))));
  return Object.fromEntries(ids.map((id) => [id, answers[id]]));
}

async function readTitles(ids) {
  const [list, { any_template: any }] = await Promise.all([sim('templates'), sim('account')]);
  const titles = new Map(list.map(({ priTmplId, title }) => [priTmplId, title || priTmplId]));
  if (!any && ids.some((id) => !titles.has(id))) throw new Failure(20001);
  return new Map(ids.map((id) => [id, titles.get(id) ?? id]));
}
