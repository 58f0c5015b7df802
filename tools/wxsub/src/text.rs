//! Every sentence of the program, in English and in Chinese; what the library says stays as the library says it.

use std::fmt::Display;
use std::sync::OnceLock;

/// A language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lang {
    /// English.
    En,
    /// Chinese.
    Zh,
}

static LANG: OnceLock<Lang> = OnceLock::new();

/// Chooses the language as the environment says it; the first that is set counts.
pub fn choose(variable: impl Fn(&str) -> Option<String>) {
    let _ = LANG.set(chosen(variable));
}

/// The language that was chosen.
pub fn lang() -> Lang {
    LANG.get().copied().unwrap_or(Lang::En)
}

fn chosen(variable: impl Fn(&str) -> Option<String>) -> Lang {
    let set =
        ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(|name| variable(name).filter(|value| !value.is_empty()));
    if set.is_some_and(|value| value.to_lowercase().starts_with("zh")) { Lang::Zh } else { Lang::En }
}

/// A sentence; `{0}`, `{1}` are its values.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    en: &'static str,
    zh: &'static str,
}

impl Text {
    /// In the chosen language.
    pub fn get(self) -> &'static str {
        match lang() {
            Lang::En => self.en,
            Lang::Zh => self.zh,
        }
    }

    /// With its values. What stands in a value is not looked into.
    pub fn with(self, values: &[&dyn Display]) -> String {
        fill(self.get(), values)
    }
}

fn fill(text: &str, values: &[&dyn Display]) -> String {
    let mut made = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let value = after.split_once('}').and_then(|(at, after)| Some((values.get(at.parse::<usize>().ok()?)?, after)));
        made.push_str(before);
        match value {
            Some((value, after)) => {
                made.push_str(&value.to_string());
                rest = after;
            }
            None => {
                made.push('{');
                rest = after;
            }
        }
    }
    made + rest
}

macro_rules! texts {
    ($($name:ident: $en:literal, $zh:literal;)*) => {
        $(#[allow(missing_docs)] pub const $name: Text = Text { en: $en, zh: $zh };)*
        #[cfg(test)]
        const ALL: &[(&str, Text)] = &[$((stringify!($name), $name)),*];
    };
}

texts! {
    // Failures.
    USAGE: "{0} (wxsub --help)", "{0}（wxsub --help）";
    NOT_WRITTEN: "the answer could not be written: {0}", "结果写不出去：{0}";
    AGAIN_IN: " (again in {0} s)", "（{0} 秒后可重试）";
    INTERRUPTED: "interrupted", "已中断";
    SEND_INTERRUPTED: "interrupted; a message that was being sent may still be sent", "已中断；正在发送的消息仍可能发出";
    IMPORT_INTERRUPTED: "interrupted; run the same command again within 24 hours: rows already imported are not imported again", "已中断；请在 24 小时内再次运行同一命令：已导入的行不会重复导入";
    PIPE_INTERRUPTED: "interrupted; input from a pipe has no key: part of it may be imported, and running it again with --mode add counts those rows twice", "已中断；管道输入没有 key：可能已导入一部分，用 --mode add 再次运行会重复累加";
    ADD_INTERRUPTED: "interrupted; the same command again adds the rest, and nobody twice", "已中断；再次运行同一命令会补上其余玩家，不会重复";
    MOVE_INTERRUPTED: "interrupted; the same command again goes on from here", "已中断；再次运行同一命令会从这里继续";
    WATCH_INTERRUPTED: "no longer watching; the campaign goes on", "不再跟踪；活动仍在继续";
    NO_APPID: "no appid: name a configuration file with --config or WXSUB_CONFIG, or set WXSUB_APPID", "缺少 appid：用 --config 或 WXSUB_CONFIG 指定配置文件，或设置 WXSUB_APPID";
    NO_SECRET: "no secret: put it into WXSUB_SECRET, or into the configuration file", "缺少 secret：请写入 WXSUB_SECRET 或配置文件";
    NO_STORE: "no store: name the server's with --store, WXSUB_STORE or in the configuration file (\":memory:\": an empty one, forgotten at the end)", "缺少 store：用 --store、WXSUB_STORE 或配置文件指定服务器的存储（\":memory:\"：空的，结束即丢弃）";
    STORE_NOT_THERE: "no store at {0}: the server makes it when it starts; --create makes an empty one", "{0} 没有存储：服务器启动时会创建；--create 可创建空的";
    CONFIG_IS_JSON: "--config takes a file, not JSON: others could read a secret on the command line", "--config 要的是文件而不是 JSON：命令行上的密钥会被别人看到";
    NOT_UTF8: "{0}: not UTF-8", "{0}：不是 UTF-8";
    NOT_JSON: "{0}: not JSON: {1}", "{0}：不是 JSON：{1}";
    NO_OBJECT: "{0}: not a JSON object", "{0}：不是 JSON 对象";
    SECRET_IS_OPEN: "{0} holds the secret and others may read it: chmod 600", "{0} 里有密钥，而别人可以读取：请 chmod 600";
    NO_COMMAND: "a COMMAND is missing", "缺少命令";
    UNKNOWN_COMMAND: "no command {0}{1}", "没有命令 {0}{1}";
    MEANT: "; did you mean {0}?", "；是否想用 {0}？";
    UNKNOWN_OPTION: "unknown option: {0} (put a value that begins with - behind --)", "未知选项：{0}（以 - 开头的值请放在 -- 之后）";
    TOO_MANY: "too many arguments", "参数过多";
    MISSING: "missing: {0}", "缺少：{0}";
    AT_ONCE: "{0} and {1} cannot be used together", "{0} 与 {1} 不能同时使用";
    ONE_OF: "{0}: one of {1}", "{0}：只能是 {1}";
    BAD_VALUE: "{0}: invalid value", "{0}：值不对";
    ARGUMENT_NOT_UTF8: "an argument is not UTF-8", "有参数不是 UTF-8";
    SECRET_ON_COMMAND_LINE: "secrets are not taken from the command line: put the secret into WXSUB_SECRET or a file", "命令行不接受密钥：请写入 WXSUB_SECRET 或文件";
    PASSWORD_ON_COMMAND_LINE: "a password is not taken from the command line: put the URL into a variable, and name it as env:NAME", "命令行不接受密码：请把 URL 放进环境变量，并写成 env:变量名";
    NOT_SET: "the variable {0} is not set", "环境变量 {0} 未设置";
    SEND_BOTH: "send: MESSAGE and --openid, --template-id, --data, --page cannot be used together", "send：MESSAGE 与 --openid、--template-id、--data、--page 不能同时使用";
    SEND_WHAT: "send: a MESSAGE, or --openid and --template-id (and --data)", "send：需要 MESSAGE，或 --openid 和 --template-id（以及 --data）";
    NO_PAIR: "send: --data {0}: not KEYWORD=VALUE", "send：--data {0}：不是 关键词=值";
    NO_TIME: "--{0} {1}: not a time; use for example 2026-12-01T20:00 (in this machine's zone), +2h, -7d, or Unix milliseconds", "--{0} {1}：不是时间；例如 2026-12-01T20:00（本机时区）、+2h、-7d 或 Unix 毫秒";
    IMPORT_MODE: "import: counts (CSV) need --mode set, add or max; whole records (lines of JSON) take none", "import：次数（CSV）需要 --mode set、add 或 max；完整记录（JSON 行）不需要";
    REFUSED_LINE: "line {0} was refused: {1}", "第 {0} 行被拒绝：{1}";
    LEFT_OUT: "{0} records can't be read and were left out: {1}", "有 {0} 条记录无法读取，已略去：{1}";
    LINE: "line {0}: {1}", "第 {0} 行：{1}";
    NO_COLUMN: "its header line has no column {0}", "表头没有 {0} 列";
    NO_COUNT: "count {0} is not a number", "count {0} 不是数字";
    SAME_STORE: "move: --from and --to are the same store", "move：--from 与 --to 是同一个存储";
    NOT_EMPTY: "the store to move to is not empty, and would be mixed with the other: name another one", "目标存储不是空的，会混在一起：请换一个";
    OTHER_MOVE: "{0} tells of another move that did not end: end that, or remove the file", "{0} 记录着另一次没有完成的迁移：请先完成，或删除该文件";
    RECORD_REFUSED: "a record was refused, and the move stopped there: {0}", "有记录被拒绝，迁移停在那里：{0}";
    MOVE_DIFFERS: "the stores differ: here {0}; there {1}. If servers still wrote to the old one, stop them, remove {2} and move into an empty store", "两边不一致：原存储 {0}；新存储 {1}。如果仍有服务器在写原存储，请停掉它们，删除 {2}，再迁移到空的存储";
    NO_PORT: "port {0}: {1}", "端口 {0}：{1}";
    OTHER_HOST: "this console answers to 127.0.0.1 and localhost only", "此控制台只响应 127.0.0.1 和 localhost";
    OTHER_ORIGIN: "this console is not for other sites", "此控制台不对其他网站开放";
    WRONG_TOKEN: "this address was used already, or is not this console's: start wxsub console again", "此地址已用过，或不属于此控制台：请重新运行 wxsub console";
    NO_SESSION: "open the address that wxsub console printed", "请打开 wxsub console 输出的地址";
    READ_ONLY: "this console is read-only: start it with --write", "此控制台是只读的：请加 --write 启动";
    NOT_IN_CONSOLE: "the console does not do this: use the command line", "控制台不提供此操作：请用命令行";

    // Answers.
    SENT_WORD: "sent", "已发送";
    WAITED_IN_STORE: "a message that waited in the store, key {0}: {1}", "存储中等待的消息，key {0}：{1}";
    SENT: "sent: msgid {0}", "已发送：msgid {0}";
    SENT_BEFORE: "sent before, by this key: msgid {0}", "此 key 先前已发送：msgid {0}";
    LEFT: "; the player allows {0} more", "；玩家还允许 {0} 条";
    WAITS_FOR: "waits: for {0}", "等待中：{0}";
    TAKEN_BACK: "taken back", "已撤回";
    NOTHING: "nothing", "没有";
    MORE: "there is more: --after {0}, --limit N or --all", "还有更多：--after {0}、--limit N 或 --all";
    MUTED: "muted until {0}", "已静音至 {0}";
    UNMUTED: "no longer muted", "已取消静音";
    FORGOTTEN: "forgotten: {0}", "已遗忘：{0}";
    COMPACTED: "{0} bytes before, {1} after", "之前 {0} 字节，之后 {1} 字节";
    BACKED_UP: "{0} bytes in {1}", "{0} 字节，写入 {1}";
    EXPORTED: "{0} rows", "{0} 行";
    IMPORTED: "{0} imported, {1} refused", "导入 {0} 行，拒绝 {1} 行";
    ADDED: "{0} added, {1} refused", "加入 {0} 人，拒绝 {1} 行";
    MOVED: "{0} records moved; both sides hold {1}", "已迁移 {0} 条记录；两边都有 {1}";
    HELD: "{0} counts of {1} messages, {2} waiting", "{0} 个计数共 {1} 条消息，{2} 条等待中";
    MOVE_GOES_ON: "going on with a move that was interrupted after {0} records", "继续先前在 {0} 条记录后中断的迁移";
    EXPORTING: "exporting", "导出中";
    IMPORTING: "importing", "导入中";
    MOVING: "moving", "迁移中";
    VERIFYING: "verifying", "核对中";
    ADDING: "adding", "加入中";
    FORECASTING: "forecasting", "预估中";
    CONSOLE_READS: "open this address in a browser on this machine; it is good once. Read-only; Ctrl-C ends it", "请在本机浏览器打开此地址，仅可使用一次。只读；Ctrl-C 结束";
    CONSOLE_WRITES: "open this address in a browser on this machine; it is good once. It can change the ledger; Ctrl-C ends it", "请在本机浏览器打开此地址，仅可使用一次。可以修改账本；Ctrl-C 结束";
    CONSOLE_ENDED: "the console has ended", "控制台已结束";

    // Titles of columns and facts.
    PLAYER: "player", "玩家";
    TEMPLATE: "template", "模板";
    COUNT: "count", "次数";
    COUNTS: "counts", "次数";
    SYSTEM: "system types on", "已开启的系统类型";
    IN_DOUBT: "in doubt", "结果未知";
    WAITING: "waiting", "等待中";
    MUTED_UNTIL: "muted until", "静音至";
    SENDING: "sending", "发送中";
    AT: "at", "时间";
    WHAT: "what", "事项";
    ANSWER: "answer", "答复";
    STATUS: "status", "状态";
    ERRCODE: "errcode", "错误码";
    BEFORE: "before", "之前";
    AFTER: "after", "之后";
    TIMES: "times", "次";
    MSGID: "msgid", "消息号";
    KEY: "key", "key";
    CAMPAIGN: "campaign", "活动";
    MESSAGE: "message", "说明";
    DUE: "due", "到期";
    EXPIRES: "expires", "过期";
    TRIES: "tries", "尝试";
    WHY: "why", "原因";
    DAY: "day", "日期";
    ACCEPTED: "accepted", "同意";
    REJECTED: "rejected", "拒绝";
    FILTERED: "filtered", "过滤";
    SENT_COUNT: "sent", "发送";
    OPENED: "opened", "打开";
    REFUSED: "refused", "拒收";
    NO_QUOTA: "no quota", "无次数";
    BAD_MESSAGE: "bad message", "消息错误";
    UNKNOWN: "unknown", "未知";
    EXPIRED: "expired", "过期";
    SKIPPED: "skipped", "跳过";
    OTHER: "other", "其他";
    BY_CAMPAIGN: "campaign", "活动发送";
    ACTION: "action", "操作";
    DETAIL: "detail", "详情";
    STATE: "state", "状态";
    AUDIENCE: "audience", "对象";
    BEGUN: "begun", "开始";
    SEEN: "seen", "已处理";
    FAILED: "failed", "失败";
    PER_SECOND: "per second", "每秒";
    ENDS: "ends", "结束";
    REACHES: "players reached", "触达玩家";
    UNITS: "messages used", "消耗次数";
    SECONDS: "seconds", "秒";

    // The help.
    ABOUT: "WeChat mini-game subscribe messages: what players allow, what became of messages, and what to do about it.", "微信小游戏订阅消息：玩家允许多少、消息结果如何、以及可以做什么。";
    USAGE_HEADING: "Usage:", "用法：";
    COMMANDS: "Commands", "命令";
    COMMAND: "COMMAND", "命令";
    ARGUMENTS: "Arguments", "参数";
    OPTIONS: "Options", "选项";
    CONFIGURATION: "Configuration", "配置";
    EPILOGUE: "The configuration is the JSON object of the library, in a file (--config, WXSUB_CONFIG) that only its owner can read; each of WXSUB_APPID, WXSUB_SECRET, WXSUB_STORE, WXSUB_API_BASE, WXSUB_PROXY and WXSUB_CA_FILE wins over the file. With \"token\": \"external\" the access token is in WXSUB_ACCESS_TOKEN. Secrets are never taken from the command line; only send and check need one.\n\nThe exit code is the number of the status: 0 done, 1 wrong call, 2 configuration or usage, 3 wrong message, 20 the player allows none, 21 WeChat says so, 23 busy, 24 credentials, 25 banned, 40 not connected, 41 maybe sent, 44 no such key, 60 store; docs/statuses.md has all. 130: interrupted.", "配置就是库的 JSON 对象，放在只有本人可读的文件里（--config、WXSUB_CONFIG）；WXSUB_APPID、WXSUB_SECRET、WXSUB_STORE、WXSUB_API_BASE、WXSUB_PROXY、WXSUB_CA_FILE 各自优先于文件。\"token\": \"external\" 时 access_token 放在 WXSUB_ACCESS_TOKEN。命令行不接受密钥；只有 send 和 check 需要密钥。\n\n退出码就是状态的数字：0 完成，1 调用错误，2 配置或用法，3 消息错误，20 玩家没有次数，21 微信拒收，23 繁忙，24 凭据，25 封禁，40 未连接，41 可能已发送，44 没有这个 key，60 存储；全部见 docs/statuses.md。130：被中断。";
    H_HELP: "this text", "显示本帮助";
    H_CONFIG: "the library's configuration, JSON (or: WXSUB_CONFIG)", "库的配置，JSON（或 WXSUB_CONFIG）";
    H_APPID: "the account (or: WXSUB_APPID)", "账号（或 WXSUB_APPID）";
    H_STORE: "the server's store, a file or a URL (or: WXSUB_STORE)", "服务器的存储，文件或 URL（或 WXSUB_STORE）";
    H_API_BASE: "instead of WeChat: a simulator (or: WXSUB_API_BASE)", "用模拟器代替微信（或 WXSUB_API_BASE）";
    H_CREATE: "make the store file if there is none", "没有存储文件时创建";
    H_JSON: "one JSON object on stdout, also for failures", "在标准输出给出一个 JSON 对象，失败时也是";
    H_VERBOSE: "the library's log on stderr; -vv: all of it", "在标准错误输出库的日志；-vv：全部";
    H_CSV: "rows with a head, for spreadsheets", "带表头的 CSV，供表格软件使用";
    H_LIMIT: "at most N rows (100)", "最多多少行（100）";
    H_ALL: "all rows", "全部行";
    H_AFTER: "go on where an earlier answer ended", "从上次结果的末尾继续";
    H_OPENID: "the player", "玩家";
    H_TEMPLATE: "the template, or a system type", "模板，或系统类型";
    H_OF_TEMPLATE: "of this template only", "只看这个模板";
    H_OF_PLAYER: "of this player only", "只看这个玩家";
    H_MESSAGE: "WeChat's request body: a JSON file; -: stdin", "微信的请求体：JSON 文件；-：标准输入";
    H_INSTEAD: "instead of MESSAGE", "代替 MESSAGE";
    H_DATA: "one keyword's value; may be repeated", "一个关键词的值；可重复";
    H_PAGE: "the page that a tap opens", "点击后打开的页面";
    H_KEY: "idempotency: the same key for this player again sends nothing", "幂等：同一玩家同一 key 不会再次发送";
    H_TIMEOUT: "for the whole send", "整个发送的时限";
    H_RULES: "keep to the configuration's rules: caps, quiet hours, budget, mute", "遵守配置中的规则：上限、免打扰时段、预算、静音";
    H_MESSAGE_KEY: "the key that the message was given", "消息的 key";
    H_MIN: "with at least N left (1)", "至少还有多少次（1）";
    H_STATUS: "with this status, such as WXSUB_E_REFUSED", "只看这个状态，例如 WXSUB_E_REFUSED";
    H_WHAT: "of this kind: report, event, send, stored, skipped, cancelled, settled, opened, imported", "只看这类：report、event、send、stored、skipped、cancelled、settled、opened、imported";
    H_FROM: "not before: 2026-12-01T20:00, -7d, or Unix milliseconds", "不早于：2026-12-01T20:00、-7d 或 Unix 毫秒";
    H_TO: "before", "早于";
    H_UNTIL: "such as +7d, or 2026-12-01T20:00", "例如 +7d 或 2026-12-01T20:00";
    H_UNMUTE: "not muted any more", "取消静音";
    H_FROM_DAY: "the first day, YYYY-MM-DD (13 days ago)", "第一天，YYYY-MM-DD（13 天前）";
    H_TO_DAY: "the last day (today)", "最后一天（今天）";
    H_EXPORT_FILE: "where to; stdout if none", "写到哪里；没有则为标准输出";
    H_FULL: "whole records, as lines of JSON, for import into another ledger", "完整记录（JSON 行），供导入另一个账本";
    H_IMPORT_FILE: "CSV with openid, template_id, count; or lines of JSON from export --full; -: stdin", "含 openid、template_id、count 的 CSV；或 export --full 的 JSON 行；-：标准输入";
    H_MODE: "counts replace what is there, are added to it, or win if they are higher", "次数：覆盖 set、累加 add、取大 max";
    H_IMPORT_KEY: "the same key within 24 hours changes nothing; the file's digest if none", "24 小时内同一 key 不再生效；默认用文件摘要";
    H_MOVE_FROM: "the store that is; env:NAME: the variable holds it", "原存储；env:变量名 表示在变量里";
    H_MOVE_TO: "the store that shall be, empty", "新存储，须为空";
    H_BACKUP_PATH: "a file that is not there yet", "尚不存在的文件";
    H_CAMPAIGN: "the campaign's name", "活动名";
    H_C_MESSAGE: "the message without touser: a JSON file; -: stdin", "不含 touser 的消息：JSON 文件；-：标准输入";
    H_C_AUDIENCE: "allowed: everyone who allows it; list: whom campaign add names", "allowed：所有允许的玩家；list：由 campaign add 指定";
    H_C_START: "when; at once if none (a list: at campaign start)", "何时开始；默认立即（list：由 campaign start 开始）";
    H_C_EXPIRES: "when it ends at the latest (24 h after its start)", "最迟何时结束（开始后 24 小时）";
    H_C_PACE: "at most N messages a second, over all servers", "每秒最多多少条，所有服务器合计";
    H_C_LEAVE: "leave each player at least N (0)", "给玩家留下多少次（0）";
    H_C_NO_RULES: "do not keep to the configuration's rules", "不遵守配置中的规则";
    H_C_DRY_RUN: "check it, keep nothing", "只检查，不保存";
    H_C_FILE: "CSV with openid, other columns are the message's keywords; or lines of JSON", "含 openid 的 CSV，其他列为消息关键词；或 JSON 行";
    H_C_WATCH: "follow it until it pauses or ends; exit code 42 if it did not finish", "跟踪到停下；未完成即停时退出码为 42";
    H_PORT: "on 127.0.0.1; any free one if none", "127.0.0.1 上的端口；默认任意空闲端口";
    H_WRITE: "with buttons: forget, mute, take back; start, pause, resume and end campaigns", "带操作按钮：遗忘、静音、撤回；开始、暂停、继续和结束活动";
    A_CHECK: "Will it work? Store, network, clock, appid, secret, IP list, templates. Sends nothing.", "能用吗？检查存储、网络、时钟、appid、密钥、IP 白名单、模板。不发送。";
    A_QUOTA: "How many messages a player still allows from a template.", "玩家对某模板还允许多少条。";
    A_SEND: "Sends one message and waits for the verdict.", "发送一条消息并等待结果。";
    A_LOOKUP: "What became of a message with a key; exit code 0 when there is one.", "某个 key 的消息结果如何；有则退出码为 0。";
    A_CANCEL: "Takes a message back that waits in the store.", "撤回在存储中等待的消息。";
    A_OUTBOX: "Messages that wait in the store.", "存储中等待的消息。";
    A_PLAYERS: "Players who allow a message.", "允许接收消息的玩家。";
    A_PLAYER: "All that is known of one player.", "某个玩家的全部信息。";
    A_HISTORY: "What happened, newest first.", "发生过什么，最新在前。";
    A_MUTE: "Keeps campaigns, and sends with rules, from a player.", "让活动和遵守规则的发送跳过某玩家。";
    A_FORGET: "Removes all that is known of a player. There is no way back.", "遗忘某玩家：删除其全部信息，无法恢复。";
    A_FUNNEL: "Accepted, sent, refused, opened: by day and template.", "按日期和模板：同意、发送、拒收、打开。";
    A_AUDIT: "What operators did to the ledger.", "运维人员对账本做过什么。";
    A_EXPORT: "Counts of all players as CSV, or whole records.", "导出所有玩家的次数（CSV）或完整记录。";
    A_IMPORT: "Counts, or whole records, into the ledger.", "导入次数或完整记录。";
    A_MOVE: "One ledger into another, such as a file into a Redis. Stop the servers first; it can be interrupted.", "把账本迁移到另一个存储，例如从文件到 Redis。请先停掉服务器；可以中断后继续。";
    A_BACKUP: "A consistent copy of the store file while servers work on it.", "服务器运行时给存储文件做一致的备份。";
    A_COMPACT: "Rewrites the store file, so that nothing of what was forgotten is left.", "重写存储文件，使已遗忘的玩家不留痕迹。";
    A_METRICS: "Numbers for Prometheus: the store's, and this process's own.", "供 Prometheus 使用的指标：存储的，以及本进程的。";
    A_CAMPAIGN: "One message to everyone who allows it, or to a list.", "给所有允许的玩家或一份名单发一条消息。";
    A_C_PUT: "Makes a campaign, or changes one that has not begun.", "创建活动，或修改尚未开始的活动。";
    A_C_ADD: "Adds players to a campaign with a list.", "给名单活动加入玩家。";
    A_C_FORECAST: "Whom it would reach now, whom it would skip and why, and how long it takes.", "现在会触达谁、跳过谁及原因、需要多久。";
    A_C_START: "Starts it now.", "立即开始。";
    A_C_PAUSE: "Pauses it within a second, on every server.", "一秒内在所有服务器上暂停。";
    A_C_RESUME: "Goes on with it.", "继续。";
    A_C_CANCEL: "Ends it for good.", "彻底结束。";
    A_C_STATUS: "How far it is.", "进展如何。";
    A_C_LIST: "All campaigns.", "所有活动。";
    A_CONSOLE: "A page on this machine that shows all of it, and with --write changes it.", "在本机打开一个页面查看全部内容；加 --write 可以修改。";
    A_SIMULATOR: "Runs a WeChat on this machine, with a phone in the browser, to try things without an account.", "在本机运行一个模拟微信（浏览器里有手机），无需账号即可试用。";
    A_VERSION: "Program, library and ABI.", "程序、库和 ABI 的版本。";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_chooses() {
        let of = |set: &[(&str, &str)]| {
            chosen(|name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
        };
        assert_eq!(of(&[]), Lang::En);
        assert_eq!(of(&[("LANG", "zh_CN.UTF-8")]), Lang::Zh);
        assert_eq!(of(&[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "C.UTF-8")]), Lang::En);
        assert_eq!(of(&[("LANG", "en_US.UTF-8"), ("LC_MESSAGES", "zh_TW")]), Lang::Zh);
        assert_eq!(of(&[("LC_ALL", ""), ("LANG", "zh")]), Lang::Zh);
    }

    #[test]
    fn every_text_says_the_same_in_both_languages() {
        let marks = |text: &str| {
            let mut marks: Vec<String> =
                text.match_indices('{').map(|(at, _)| text[at..].chars().take(3).collect()).collect();
            marks.sort();
            marks
        };
        // A word that is WeChat's or ours in every language.
        let same = ["KEY"];
        assert!(ALL.len() > 150);
        for (name, text) in ALL {
            assert!(!text.en.trim().is_empty() && !text.zh.trim().is_empty(), "{name} is empty");
            assert_eq!(marks(text.en), marks(text.zh), "{name} has other values");
            let is_chinese = |c: char| matches!(c, '\u{4e00}'..='\u{9fff}' | '\u{ff00}'..='\u{ffef}');
            assert!(!text.en.contains(is_chinese), "{name} is not English");
            assert!(text.zh.contains(is_chinese) || same.contains(name), "{name} is not Chinese");
        }
    }

    #[test]
    fn values_come_in_the_order_of_the_sentence_and_are_not_looked_into() {
        assert_eq!(fill("{1} of {0}{2}", &[&"{1}", &2]), "2 of {1}{2}");
        assert_eq!(fill("{", &[]), "{");
    }
}
