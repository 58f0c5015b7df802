// Every text of the page, in English and Chinese; tests/console/text.test.mjs holds both complete.

export const TEXTS = {
  // The frame.
  health: ['Health', '健康'],
  funnel: ['Funnel', '漏斗'],
  players: ['Players', '玩家'],
  outbox: ['Outbox', '发件箱'],
  campaigns: ['Campaigns', '活动'],
  audit: ['Audit', '操作记录'],
  readOnly: ['read-only', '只读'],
  canWrite: ['can change', '可修改'],
  dark: ['Dark', '深色'],
  light: ['Light', '浅色'],
  back: ['Back', '上一页'],
  next: ['Next', '下一页'],
  page: ['page {0}', '第 {0} 页'],
  keep: ['Leave it', '不做'],
  done: ['done', '已完成'],
  // Health.
  checkAgain: ['Check again', '重新检查'],
  verdict_good: ['All is well', '一切正常'],
  verdict_warn: ['It works, but look at what is amber', '可以工作，但请看黄色的项目'],
  verdict_bad: ['Something is wrong', '有问题'],
  says_writable: ['writable', '可写'],
  says_reached: ['reached', '已连通'],
  says_right: ['right', '正确'],
  topic_event: ['Events', '事件推送'],
  topic_store: ['Store', '存储'],
  topic_network: ['Network', '网络'],
  topic_credentials: ['Credentials', '凭据'],
  topic_templates: ['Templates', '模板'],
  topic_token: ['Token', 'access_token 状态'],
  wechatNotChecked: [
    'WeChat is not asked from here: that needs the secret and "token": "stable", or WXSUB_ACCESS_TOKEN with "external". wxsub check asks it.',
    '这里没有询问微信：需要 secret 且 "token": "stable"，或 "external" 时设置 WXSUB_ACCESS_TOKEN。wxsub check 会询问。',
  ],
  waiting: ['What waits', '等待情况'],
  outboxWaiting: ['waiting', '等待中'],
  outboxDue: ['due now', '已到期'],
  outboxLate: ['the oldest is late by', '最久的已晚'],
  token: ['Access token', 'access_token 状态'],
  tokenState: ['State', '状态'],
  tokenMode: ['Mode', '方式'],
  tokenAge: ['Got', '获取于'],
  tokenLeft: ['Good for', '还有效'],
  tokenFailures: ['Failures', '失败次数'],
  tokenGood: ['good', '有效'],
  tokenNone: ['none at the moment', '目前没有'],
  tokenFails: ['cannot be had', '获取失败'],
  // Funnel.
  lastDays: ['last {0} days', '最近 {0} 天'],
  allTemplates: ['all templates', '全部模板'],
  noNumbers: ['No numbers for these days yet', '这些天还没有数据'],
  accepted: ['accepted', '同意'],
  sent: ['sent', '发送'],
  opened: ['opened', '打开'],
  refused: ['refused', '拒收'],
  rejected: ['rejected', '拒绝'],
  filtered: ['filtered', '过滤'],
  no_quota: ['no quota', '无次数'],
  bad_message: ['bad message', '消息错误'],
  unknown: ['maybe sent', '可能已发'],
  expired: ['expired', '过期'],
  skipped: ['skipped', '跳过'],
  other: ['other', '其他'],
  campaign: ['campaign', '活动'],
  about_rejected: ['The player said no in the dialog', '玩家在弹窗里拒绝'],
  about_filtered: ['WeChat filtered the template in the dialog', '弹窗里模板被微信过滤'],
  about_no_quota: ['The count was 0, so WeChat was not asked', '次数为 0，没有请求微信'],
  about_bad_message: ['The message broke a rule of its template', '消息不符合模板规则'],
  about_unknown: ['WeChat’s answer was lost: it may have arrived', '微信的答复丢失：可能已送达'],
  about_expired: ['It could not be sent in time', '没能及时发送'],
  about_skipped: ['A rule kept it: a cap, quiet hours, the budget, a mute', '被规则拦下：上限、免打扰时段、预算、静音'],
  about_other: ['Busy, credentials, network and the like', '繁忙、凭据、网络等'],
  ofAsked: ['{0} of answers', '占选择 {0}'],
  ofSent: ['{0} of sent', '占发送 {0}'],
  ofTries: ['{0} of tries', '占尝试 {0}'],
  byCampaigns: ['{0} by campaigns', '其中活动 {0}'],
  moreTemplates: ['{0} more templates: choose one above', '还有 {0} 个模板：请在上面选择'],
  problems: ['What did not arrive', '没有送达的'],
  noProblems: ['Nothing was held up', '没有'],
  asTable: ['as a table', '表格'],
  day: ['day', '日期'],
  template: ['template', '模板'],
  // Players.
  player: ['player', '玩家'],
  searchPlayer: ['openid of a player', '玩家的 openid'],
  open: ['Open', '查看'],
  whoAllows: ['Who allows a message now', '现在谁允许接收'],
  anyTemplate: ['any template', '任意模板'],
  atLeast: ['at least', '至少'],
  count: ['count', '次数'],
  nobody: ['Nobody', '没有玩家'],
  lookFurther: ['None found so far: Next looks further', '暂未找到：点下一页继续'],
  // One player.
  whatAllowed: ['What this player allows', '此玩家允许的'],
  allowsNothing: ['nothing', '没有'],
  on: ['on', '开'],
  why: ['Why', '原因'],
  nothingKnown: ['This player never answered, and nothing was sent.', '此玩家从未作出选择，也没有发送过消息。'],
  mutedUntil: ['muted until', '静音至'],
  sendingNow: ['being sent', '正在发送'],
  inDoubt: ['maybe sent', '可能已发'],
  waitingHere: ['waiting', '等待中'],
  history: ['History', '历史'],
  noHistory: ['No history is kept', '没有历史记录'],
  older: ['Older', '更早'],
  key: ['key', 'key'],
  msgid: ['msgid', '消息号'],
  muteWeek: ['Mute for a week', '静音一周'],
  unmute: ['Unmute', '取消静音'],
  forget: ['Forget this player', '遗忘此玩家'],
  forgetTitle: ['Forget this player?', '遗忘此玩家？'],
  forgetText: ['All that is known of {0} is removed: counts, history, waiting messages. There is no way back.', '{0} 的全部信息都会删除：次数、历史、待发消息。无法恢复。'],
  // Outbox.
  anyPlayer: ['openid of a player, or all', '玩家的 openid，留空为全部'],
  due: ['due', '到期'],
  isDue: ['due', '已到期'],
  whyWaits: ['why', '原因'],
  tries: ['tries', '尝试'],
  expires: ['expires', '过期'],
  nothingWaits: ['Nothing waits', '没有待发消息'],
  cancelIt: ['Take back', '撤回'],
  cancelTitle: ['Take this message back?', '撤回这条消息？'],
  cancelText: ['The message {0} to {1} will not be sent.', '给 {1} 的消息 {0} 将不会发送。'],
  // Campaigns.
  noCampaigns: ['No campaigns yet: wxsub campaign put makes one', '还没有活动：用 wxsub campaign put 创建'],
  state_running: ['running', '进行中'],
  state_waiting: ['waiting', '等待开始'],
  state_paused: ['paused', '已暂停'],
  state_done: ['done', '已完成'],
  state_cancelled: ['cancelled', '已取消'],
  failed: ['failed', '失败'],
  seen: ['{0} players looked at', '已处理 {0} 名玩家'],
  seenOf: ['{0} of about {1} players looked at ({2})', '已处理 {0} / 约 {1} 名玩家（{2}）'],
  noSamples: ['The plot begins when the console has looked twice.', '控制台看过两次后开始画图。'],
  overTime: ['Over time', '随时间'],
  skippedWhy: ['Skipped, and why', '跳过的及原因'],
  failedWhy: ['Failed', '失败的'],
  nobodySkipped: ['Nobody was skipped', '没有跳过任何人'],
  pace: ['Pace', '速度'],
  perSecond: ['{0} a second', '每秒 {0} 条'],
  begun: ['Begun', '开始'],
  ended: ['Ended', '结束'],
  ends: ['Ends at the latest', '最迟结束'],
  stillTakes: ['Still takes about', '大约还需'],
  do_start: ['Start', '开始'],
  do_pause: ['Pause', '暂停'],
  do_resume: ['Resume', '继续'],
  endIt: ['End it', '结束活动'],
  endTitle: ['End this campaign?', '结束此活动？'],
  endText: ['{0} ends for good: nobody else gets its message.', '{0} 将彻底结束：不再给任何人发送。'],
  reason_count: ['no count left', '没有次数'],
  reason_leave: ['left for other messages', '留给其他消息'],
  reason_per_day: ['cap of the day', '每日上限'],
  reason_per_week: ['cap of the week', '每周上限'],
  reason_quiet: ['quiet hours', '免打扰时段'],
  reason_budget: ['budget', '预算'],
  reason_muted: ['muted', '静音'],
  reason_refused: ['refused', '拒收'],
  reason_long_term_off: ['switched off', '已关闭'],
  reason_expired: ['expired', '过期'],
  reason_not_known: ['not known', '未知玩家'],
  about_reason_count: ['The player’s count was 0 when his turn came.', '轮到时玩家的次数为 0。'],
  about_reason_leave: ['Only what "leave" keeps was left.', '只剩 "leave" 要保留的次数。'],
  about_reason_per_day: ['The player had as many messages in 24 hours as the rules allow.', '24 小时内已达规则上限。'],
  about_reason_per_week: ['The player had as many messages in 7 days as the rules allow.', '7 天内已达规则上限。'],
  about_reason_quiet: ['It ended before the quiet hours did.', '免打扰时段结束前活动已结束。'],
  about_reason_budget: ['The template’s budget of the day was used up.', '该模板当天预算已用完。'],
  about_reason_muted: ['An operator muted the player.', '玩家被运维人员静音。'],
  about_reason_refused: ['WeChat said that the player does not allow it.', '微信说玩家不允许。'],
  about_reason_long_term_off: ['The player switched this kind of message off.', '玩家关闭了这类消息。'],
  about_reason_expired: ['The campaign ended before his turn.', '轮到之前活动已结束。'],
  about_reason_not_known: ['The ledger does not know a player of the list.', '账本里没有名单上的这名玩家。'],
  // Audit.
  aboutAudit: ['What was done to the ledger by hand: forget, import, mute, compact, campaigns.', '对账本的人工操作：遗忘、导入、静音、压缩、活动。'],
  noAudit: ['Nothing yet', '还没有'],
  at: ['at', '时间'],
  action: ['action', '操作'],
  detail: ['detail', '详情'],
  // Times.
  ms: ['{0} ms', '{0} 毫秒'],
  seconds: ['{0} s', '{0} 秒'],
  minutes: ['{0} min', '{0} 分钟'],
  hours: ['{0} h', '{0} 小时'],
  days: ['{0} days', '{0} 天'],
  ago: ['{0} ago', '{0}前'],
};

let at = 0;

export const language = () => (at === 1 ? 'zh' : 'en');

export function chooseLanguage(wanted, keep) {
  at = String(wanted).startsWith('zh') ? 1 : 0;
  keep?.('wxsub-language', language());
}

/** A text with its values; one that is not known is its key. */
export function t(key, ...values) {
  const text = TEXTS[key]?.[at] ?? key;
  return text.replace(/\{(\d)\}/g, (_, index) => values[index]);
}

const locale = () => (at === 1 ? 'zh-CN' : 'en-US');

export const count = (n) => Number(n ?? 0).toLocaleString(locale());

export const percent = (part, whole) => (whole ? `${((100 * part) / whole).toLocaleString(locale(), { maximumFractionDigits: 1 })} %` : '–');

export function timeText(ms) {
  const date = new Date(ms);
  const two = (n) => String(n).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

export function duration(ms) {
  const round = (n) => (n < 10 ? Math.round(n * 10) / 10 : Math.round(n));
  if (ms < 1000) return t('ms', Math.round(ms));
  if (ms < 90000) return t('seconds', round(ms / 1000));
  if (ms < 5400000) return t('minutes', round(ms / 60000));
  if (ms < 172800000) return t('hours', round(ms / 3600000));
  return t('days', round(ms / 86400000));
}

export const sinceText = (ms) => t('ago', duration(ms));
