//! Every command with its arguments.

use clap::{Arg, ArgAction, Command};

use super::{argument, flag, moment, named, number, openid, option};
use crate::text;

/// All commands, in the order of the help.
pub fn all() -> Vec<Command> {
    let mut all = messages();
    all.extend(players());
    all.extend(ledger());
    all.push(campaign());
    all.extend(around());
    all
}

fn messages() -> Vec<Command> {
    vec![
        named("check", text::A_CHECK),
        named("quota", text::A_QUOTA).arg(openid()).arg(argument("template_id", "TEMPLATE_ID", text::H_TEMPLATE)),
        named("send", text::A_SEND)
            .arg(argument("message", "MESSAGE", text::H_MESSAGE).required(false))
            .arg(option("openid", "OPENID", text::H_INSTEAD))
            .arg(option("template_id", "TEMPLATE_ID", text::H_INSTEAD).long("template-id"))
            .arg(option("data", "KEYWORD=VALUE", text::H_DATA).action(ArgAction::Append).allow_hyphen_values(true))
            .arg(option("page", "PAGE", text::H_PAGE))
            .arg(option("key", "KEY", text::H_KEY))
            .arg(option("timeout", "SECONDS", text::H_TIMEOUT).value_parser(clap::value_parser!(f64)))
            .arg(flag("rules", text::H_RULES)),
        named("lookup", text::A_LOOKUP).arg(openid()).arg(key()),
        named("cancel", text::A_CANCEL).arg(openid()).arg(key()),
        listed("outbox", text::A_OUTBOX).arg(of_player()),
    ]
}

fn players() -> Vec<Command> {
    vec![
        listed("players", text::A_PLAYERS).arg(of_template()).arg(number("min", "N", text::H_MIN)),
        named("player", text::A_PLAYER).arg(openid()),
        listed("history", text::A_HISTORY)
            .arg(of_player())
            .arg(of_template())
            .arg(option("status", "STATUS", text::H_STATUS))
            .arg(option("what", "WHAT", text::H_WHAT))
            .arg(moment("from", text::H_FROM))
            .arg(moment("to", text::H_TO)),
        named("mute", text::A_MUTE)
            .arg(openid())
            .arg(moment("until", text::H_UNTIL).required_unless_present("off"))
            .arg(flag("off", text::H_UNMUTE).conflicts_with("until")),
        named("forget", text::A_FORGET).arg(openid()),
    ]
}

fn ledger() -> Vec<Command> {
    vec![
        named("funnel", text::A_FUNNEL)
            .arg(of_template())
            .arg(option("from", "DAY", text::H_FROM_DAY))
            .arg(option("to", "DAY", text::H_TO_DAY))
            .arg(csv()),
        listed("audit", text::A_AUDIT),
        named("export", text::A_EXPORT)
            .arg(argument("file", "FILE", text::H_EXPORT_FILE).required(false))
            .arg(flag("full", text::H_FULL)),
        named("import", text::A_IMPORT)
            .arg(argument("file", "FILE", text::H_IMPORT_FILE))
            .arg(option("mode", "MODE", text::H_MODE).value_parser(["set", "add", "max"]))
            .arg(option("key", "KEY", text::H_IMPORT_KEY)),
        named("move", text::A_MOVE)
            .arg(option("from", "STORE", text::H_MOVE_FROM).required(true))
            .arg(option("to", "STORE", text::H_MOVE_TO).required(true)),
        named("backup", text::A_BACKUP).arg(argument("path", "PATH", text::H_BACKUP_PATH)),
        named("compact", text::A_COMPACT),
        named("metrics", text::A_METRICS),
    ]
}

fn campaign() -> Command {
    let id = || argument("id", "ID", text::H_CAMPAIGN);
    let one = |name, about| named(name, about).arg(id());
    named("campaign", text::A_CAMPAIGN)
        .subcommand_required(true)
        .subcommand_help_heading(text::COMMANDS.get())
        .subcommand_value_name(text::COMMAND.get())
        .subcommands([
            one("put", text::A_C_PUT)
                .arg(option("message", "FILE", text::H_C_MESSAGE).required(true))
                .arg(option("audience", "WHO", text::H_C_AUDIENCE).value_parser(["allowed", "list"]).required(true))
                .arg(moment("start_at", text::H_C_START).long("start-at"))
                .arg(moment("expires_at", text::H_C_EXPIRES).long("expires-at"))
                .arg(number("per_second", "N", text::H_C_PACE).long("per-second"))
                .arg(number("leave", "N", text::H_C_LEAVE))
                .arg(flag("no_rules", text::H_C_NO_RULES).long("no-rules"))
                .arg(flag("dry_run", text::H_C_DRY_RUN).long("dry-run")),
            one("add", text::A_C_ADD).arg(argument("file", "FILE", text::H_C_FILE)),
            one("forecast", text::A_C_FORECAST),
            one("start", text::A_C_START).arg(flag("watch", text::H_C_WATCH)),
            one("pause", text::A_C_PAUSE),
            one("resume", text::A_C_RESUME).arg(flag("watch", text::H_C_WATCH)),
            one("cancel", text::A_C_CANCEL),
            one("status", text::A_C_STATUS).arg(flag("watch", text::H_C_WATCH)),
            named("list", text::A_C_LIST).arg(csv()),
        ])
}

fn around() -> Vec<Command> {
    vec![
        named("console", text::A_CONSOLE)
            .arg(option("port", "PORT", text::H_PORT).value_parser(clap::value_parser!(u16)))
            .arg(flag("write", text::H_WRITE)),
        // Parsed by itself: it takes nothing of what the other commands take.
        named("simulator", text::A_SIMULATOR),
        named("version", text::A_VERSION),
    ]
}

/// A command that answers with a list in pages.
fn listed(name: &'static str, about: text::Text) -> Command {
    named(name, about)
        .arg(number("limit", "N", text::H_LIMIT).conflicts_with("all"))
        .arg(flag("all", text::H_ALL))
        .arg(option("after", "CURSOR", text::H_AFTER).allow_hyphen_values(true))
        .arg(csv())
}

fn csv() -> Arg {
    flag("csv", text::H_CSV).conflicts_with("json")
}

fn key() -> Arg {
    argument("key", "KEY", text::H_MESSAGE_KEY)
}

fn of_template() -> Arg {
    option("template_id", "TEMPLATE_ID", text::H_OF_TEMPLATE).long("template-id")
}

fn of_player() -> Arg {
    option("openid", "OPENID", text::H_OF_PLAYER)
}
