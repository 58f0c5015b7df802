// Every text of the phone, in Chinese and English.

const TEXTS = {
  wechat: ['微信', 'WeChat'],
  notices: ['服务通知', 'Service Messages'],
  noNotices: ['还没有消息。在游戏里订阅，等服务器发来。', 'No messages yet. Subscribe in the game and wait for its server.'],
  game: ['小岛物语', 'Little Island'],
  miniGame: ['小游戏', 'Mini game'],
  back: ['返回', 'Back'],
  close: ['关闭小游戏', 'Close the mini game'],
  settings: ['设置', 'Settings'],
  mainSwitch: ['接收订阅消息', 'Subscribe messages'],
  mainSwitchHint: ['关闭后，之前同意的次数全部作废，本游戏不能再请求订阅。', 'Off: all that was accepted is void, and the game can no longer ask.'],
  eachTemplate: ['订阅消息', 'Messages'],
  eachHint: ['只列出勾选过“总是保持以上选择”的消息。这里打开并不增加次数。', 'Only what "always keep this choice" was ticked for. Turning one on here grants nothing.'],
  nothingKept: ['没有勾选过“总是保持以上选择”的消息', 'No choice is kept'],
  asks: ['申请', 'requests'],
  sendOnce: ['发送一次以下消息', 'permission to send each of these once'],
  sendAlways: ['长期发送以下消息', 'permission to send these from now on'],
  keep: ['总是保持以上选择，不再询问', 'Always keep this choice and do not ask again'],
  cancel: ['取消', 'Cancel'],
  allow: ['允许', 'Allow'],
  openGame: ['进入小游戏查看', 'View in the mini game'],
  now: ['现在', 'now'],
  SYS_MSG_TYPE_INTERACTIVE: ['好友互动提醒', 'Friend interaction'],
  SYS_MSG_TYPE_RANK: ['排行榜超越提醒', 'Rank overtaken'],
  SYS_MSG_TYPE_WHATS_NEW: ['游戏更新提醒', 'Game updates'],
  badGame: ['?game= 必须是 http://127.0.0.1 或 http://localhost 上的脚本', '?game= must be a script on http://127.0.0.1 or http://localhost'],
  controls: ['模拟器', 'Simulator'],
  player: ['玩家', 'Player'],
  another: ['在新标签页打开另一个玩家', 'Open another player in a new tab'],
  truth: ['微信知道的次数', 'What WeChat knows'],
  truthNone: ['还没有同意过', 'Nothing accepted yet'],
  trouble: ['故障', 'Trouble'],
  busy: ['下一次发送：微信繁忙 (-1)', 'Next send: WeChat is busy (-1)'],
  lostAnswer: ['下一次发送：送达，但回答丢失', 'Next send: delivered, the answer is lost'],
  deadToken: ['令牌失效 (40001)', 'The token dies (40001)'],
  network: ['下一次弹窗：网络错误 (10002)', 'Next dialog: network error (10002)'],
  offline: ['游戏连不上自己的服务器', "The game can't reach its server"],
  lostReport: ['服务器收到，但回答丢失', "The server's answer is lost"],
  twice: ['事件推送两次', 'Events are pushed twice'],
  events: ['微信事件推送', "WeChat's events"],
  pushUrl: ['推送地址（回环）', 'Push address (loopback)'],
  pushToken: ['推送 Token', 'Push token'],
  pushKey: ['EncodingAESKey（空为明文）', 'EncodingAESKey (empty: plain)'],
  armed: ['已设置', 'armed'],
  log: ['经过', 'What happened'],
  noServer: ['没有 ?server=：游戏自带一个小服务器', 'No ?server=: the game brings a small server of its own'],
  server: ['游戏服务器', 'Game server'],
  ownGame: ['自己的脚本', 'Own script'],
  language: ['English', '中文'],
  dark: ['深色', 'Dark'],
  light: ['浅色', 'Light'],
};

const asked = new URLSearchParams(location.search).get('lang');

export const isChinese = asked ? asked.startsWith('zh') : navigator.language.startsWith('zh');

export function t(key) {
  const texts = TEXTS[key];
  return texts ? texts[isChinese ? 0 : 1] : key;
}

/** Fills every element that names its text. */
export function fillTexts(root = document) {
  document.documentElement.lang = isChinese ? 'zh-CN' : 'en';
  for (const element of root.querySelectorAll('[data-t]')) element.textContent = t(element.dataset.t);
  for (const element of root.querySelectorAll('[data-label]')) element.setAttribute('aria-label', t(element.dataset.label));
}
