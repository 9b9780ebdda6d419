//! The configuration file that `larum config init` writes.

use super::keys::{KEYS, SettingKey, SettingKind};
use super::{CHANNEL_BUFFERS, ServerSettings};

/// Columns that its comments are wrapped at.
const WIDTH: usize = 110;

const HEAD: &str = "\
# Larum's configuration. Every key may be left out; what is commented out with \"#:\" shows the default.
# A variable of the environment (in brackets) overrides a key, and a flag of `larum serve` overrides both.
# `larum config check` finds mistakes, `larum config show` shows the values in force. Paths are relative to this file.
";
const CHANNELS: &str = "
# Events buffered per channel; a channel that is not named here has 100. What does not fit is read from the log.
[channels]
";

/// Keys written as values: the file then says where the store and the door are, however the server
/// is started.
const WRITTEN: [&str; 2] = ["store", "listen"];

/// A file with every key explained; `defaults` are what it shows.
pub(super) fn write_template(defaults: &ServerSettings) -> String {
    let mut text = HEAD.to_owned();
    let mut table = "";
    for (key, entry) in KEYS.iter().zip(defaults.entries()) {
        let (own_table, name) = key.name.split_once('.').unwrap_or(("", key.name));
        text.push('\n');
        if own_table != table {
            table = own_table;
            text.push_str(&format!("[{table}]\n"));
        }
        text.push_str(&to_comment(&format!(
            "{} [{}]",
            key.explanation(),
            overriders(key)
        )));
        let mark = if WRITTEN.contains(&key.name) {
            ""
        } else {
            "#: "
        };
        text.push_str(&format!("{mark}{name} = {}\n", entry.value));
    }
    text.push_str(CHANNELS);
    for (channel, buffer) in CHANNEL_BUFFERS {
        text.push_str(&format!("#: {channel}.buffer = {buffer}\n"));
    }
    text
}

/// `LARUM_DECODERS, separated by commas; --decoder, repeated`.
fn overriders(key: &SettingKey) -> String {
    let flag = key.flag.map(|flag| format!("--{}", flag.long));
    match (key.kind, flag) {
        (SettingKind::List, Some(flag)) => {
            format!("{}, separated by commas; {flag}, repeated", key.variable())
        }
        (SettingKind::List, None) => format!("{}, separated by commas", key.variable()),
        (_, Some(flag)) => format!("{}, {flag}", key.variable()),
        (_, None) => key.variable(),
    }
}

fn to_comment(text: &str) -> String {
    let mut comment = String::from("#");
    let mut width = 1;
    for word in text.split(' ') {
        let columns = word.chars().count() + 1;
        if width + columns > WIDTH {
            comment.push_str("\n#");
            width = 1;
        }
        comment.push(' ');
        comment.push_str(word);
        width += columns;
    }
    comment.push('\n');
    comment
}
