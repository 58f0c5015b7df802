// What happened to a player, in words.
import { count, language, timeText } from './text.js';

const say = (pair) => pair[language() === 'zh' ? 1 : 0];

/** By status: tone, title, and what it means. */
export const STATUSES = {
  WXSUB_OK: ['good', ['Sent', '已发送'], ['WeChat took the message.', '微信已接收这条消息。']],
  WXSUB_E_MESSAGE: ['bad', ['Not sent: the message is wrong', '未发送：消息有误'], ['It breaks a rule of its template. Nothing was used up.', '不符合模板规则，没有消耗次数。']],
  WXSUB_E_NO_QUOTA: ['warn', ['Not sent: nothing allowed', '未发送：没有次数'], ['The count was 0, so WeChat was not asked. The player must accept again.', '次数为 0，没有请求微信。需要玩家再次同意。']],
  WXSUB_E_REFUSED: ['warn', ['Refused by WeChat', '被微信拒收'], ['WeChat says that the player does not allow it (43101); the count was cleared.', '微信说玩家不允许（43101），次数已清零。']],
  WXSUB_E_BUSY: ['warn', ['Not sent: busy', '未发送：繁忙'], ['WeChat or this player was busy or over a limit. Nothing was used up.', '微信或该玩家繁忙或超限，没有消耗次数。']],
  WXSUB_E_AUTH: ['bad', ['Not sent: credentials', '未发送：凭据问题'], ['The appid, secret, token or IP list is wrong: an operator must act.', 'appid、secret、access_token 或 IP 白名单有问题，需要运维处理。']],
  WXSUB_E_BANNED: ['bad', ['Not sent: banned', '未发送：被封禁'], ['WeChat banned this template or the whole capability (43107).', '微信封禁了该模板或整个能力（43107）。']],
  WXSUB_E_WECHAT: ['bad', ['Not sent: an error of WeChat', '未发送：微信返回错误'], ['WeChat answered with an error.', '微信返回了错误。']],
  WXSUB_E_CONNECT: ['warn', ['Not sent: no connection', '未发送：连接失败'], ['WeChat was not reached; surely not sent.', '没有连上微信，确定没有发送。']],
  WXSUB_E_UNKNOWN: ['warn', ['Maybe sent', '可能已发送'], ['The answer was lost: it may have arrived. It is not sent again by itself.', '答复丢失：可能已送达，不会自动重发。']],
  WXSUB_E_CANCELLED: ['info', ['Taken back', '已撤回'], ['It was cancelled before it was sent.', '发送前已取消。']],
  WXSUB_E_EXPIRED: ['warn', ['Not sent: expired', '未发送：已过期'], ['Its time passed before it could be sent.', '还没能发送就过期了。']],
  WXSUB_E_SKIPPED: ['info', ['Skipped by a rule', '被规则跳过'], ['A rule of the configuration kept it.', '被配置中的规则拦下。']],
  WXSUB_E_STORE: ['bad', ['The store failed', '存储出错'], ['The store could not be read or written.', '存储无法读写。']],
  WXSUB_E_PANIC: ['bad', ['A bug in wxsub', 'wxsub 的错误'], ['It was caught; please report it.', '已被捕获，请反馈。']],
  WXSUB_E_INTERNAL: ['bad', ['An internal error', '内部错误'], ['Something of wxsub’s own went wrong.', 'wxsub 自身出错。']],
};

/** By what the player answered. */
export const ANSWERS = {
  accept: ['good', ['Accepted', '玩家同意'], ['One more message is allowed.', '又允许一条消息。']],
  reject: ['bad', ['Rejected', '玩家拒绝'], ['The player said no: the count was cleared.', '玩家拒绝，次数已清零。']],
  ban: ['warn', ['Banned template', '模板被封禁'], ['WeChat did not ask: the template is banned. The count stays.', '模板被封禁，微信没有询问，次数不变。']],
  filter: ['warn', ['Filtered', '被过滤'], ['WeChat did not ask: a template of the same title was there. The count stays.', '因标题相同被过滤，微信没有询问，次数不变。']],
};

/** By what it was, where neither status nor answer says it. */
export const KINDS = {
  stored: ['info', ['Stored for later', '已存储，稍后发送'], ['It waits in the outbox.', '在发件箱中等待。']],
  cancelled: ['info', ['Taken back', '已撤回'], ['It will not be sent.', '不会发送。']],
  skipped: ['info', ['Skipped', '已跳过'], ['A rule or the count kept it.', '被规则或次数拦下。']],
  settled: ['info', ['Settled by an event', '由事件确认'], ['WeChat’s event told what became of a message that was maybe sent.', '微信的事件说明了“可能已发送”的消息的结果。']],
  opened: ['good', ['Opened', '已打开'], ['The player came in by the message.', '玩家点击消息进入了游戏。']],
  imported: ['info', ['Imported', '已导入'], ['An operator set the count.', '由运维导入次数。']],
};

const VIA_EVENT = ['Told by WeChat’s event.', '由微信事件告知。'];
const UNKNOWN = ['info', ['Something', '其他'], ['', '']];

/** One entry: its tone, a title, a sentence, and what the library said. */
export function explain(entry) {
  const known = chosen(entry);
  const [tone, title, text] = known;
  const sentences = [say(text)];
  if (entry.what === 'event' && entry.answer) sentences.push(say(VIA_EVENT));
  const joined = sentences.filter(Boolean).join(language() === 'zh' ? '' : ' ');
  // What went as it should needs no second sentence.
  const said = entry.status && entry.status !== 'WXSUB_OK' ? entry.message || '' : '';
  return { tone, title: say(title) + (known === UNKNOWN ? `: ${entry.what}` : ''), text: joined, said };
}

function chosen(entry) {
  if (entry.answer && (entry.what === 'report' || entry.what === 'event')) return ANSWERS[entry.answer] || UNKNOWN;
  if (entry.what === 'settled' && entry.status === 'WXSUB_OK') return [STATUSES.WXSUB_OK[0], KINDS.settled[1], STATUSES.WXSUB_OK[2]];
  if (KINDS[entry.what] && !(entry.status && entry.status !== 'WXSUB_OK' && entry.what !== 'skipped' && entry.what !== 'cancelled')) return KINDS[entry.what];
  return STATUSES[entry.status] || KINDS[entry.what] || UNKNOWN;
}

const STANDING = {
  can: ['{0} more may be sent; the player accepted last at {1}.', '还可以发送 {0} 条；玩家最近一次同意在 {1}。'],
  canOnly: ['{0} more may be sent.', '还可以发送 {0} 条。'],
  used: ['None left: the last one was sent at {0}. Ask the player again.', '没有次数：最后一条在 {0} 发送。请再次询问玩家。'],
  refused: ['None left: WeChat said at {0} that the player does not allow it. Ask again.', '没有次数：微信在 {0} 说玩家不允许。请再次询问。'],
  rejected: ['None left: the player rejected at {0}.', '没有次数：玩家在 {0} 拒绝。'],
  maybe: ['The last one was maybe sent at {0}.', '最后一条在 {0} 可能已发送。'],
  never: ['None left.', '没有次数。'],
  muted: ['Muted until {0}: campaigns, and sends with rules, skip this player.', '静音至 {0}：活动和遵守规则的发送会跳过此玩家。'],
};

const filled = (pair, ...values) => say(pair).replace(/\{(\d)\}/g, (_, index) => values[index]);

/** Why a message may, or may not, be sent now: a sentence for each template. */
export function standing(known, history) {
  const names = new Set([...Object.keys(known.counts || {}), ...history.map((entry) => entry.template_id).filter(Boolean)]);
  const said = [...names].sort().map((template) => {
    const n = known.counts?.[template] || 0;
    const of = history.filter((entry) => entry.template_id === template);
    return { template, ...(n > 0 ? can(n, of) : cannot(of)) };
  });
  if (known.muted_until_ms > Date.now()) said.unshift({ template: '', tone: 'warn', text: filled(STANDING.muted, timeText(known.muted_until_ms)) });
  return said;
}

function can(n, entries) {
  const accept = entries.find((entry) => entry.answer === 'accept');
  return { tone: 'good', text: accept ? filled(STANDING.can, count(n), timeText(accept.at_ms)) : filled(STANDING.canOnly, count(n)) };
}

function cannot(entries) {
  const why = entries.find((entry) => entry.answer === 'reject' || ['WXSUB_E_REFUSED', 'WXSUB_E_UNKNOWN'].includes(entry.status) || (entry.status === 'WXSUB_OK' && ['send', 'settled'].includes(entry.what)));
  if (!why) return { tone: '', text: say(STANDING.never) };
  const name = why.answer === 'reject' ? 'rejected' : why.status === 'WXSUB_E_REFUSED' ? 'refused' : why.status === 'WXSUB_E_UNKNOWN' ? 'maybe' : 'used';
  return { tone: name === 'used' ? '' : 'warn', text: filled(STANDING[name], timeText(why.at_ms)) };
}
