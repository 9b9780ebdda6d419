//! The flags of `larum serve`, one for each key that has one.

use std::collections::BTreeMap;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use super::keys::{KEYS, RawSetting, SettingFlag, SettingKey, SettingKind};

/// Values given as flags, by the name of their key. They are checked with those of all other
/// layers.
#[derive(Debug, Default)]
pub struct FlagValues(BTreeMap<&'static str, RawSetting>);

impl FlagValues {
    pub(super) fn value(&self, key: &SettingKey) -> Option<&RawSetting> {
        self.0.get(key.name)
    }

    /// As if the flag of `key` had been given.
    #[cfg(test)]
    pub(super) fn with_text(mut self, key: &'static str, text: &str) -> Self {
        self.0.insert(key, RawSetting::Text(text.to_owned()));
        self
    }
}

impl Args for FlagValues {
    fn augment_args(command: Command) -> Command {
        let flags = KEYS.iter().filter_map(|key| Some(to_arg(key, key.flag?)));
        flags.fold(command, Command::arg)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn to_arg(key: &SettingKey, flag: SettingFlag) -> Arg {
    let action = match key.kind {
        SettingKind::List => ArgAction::Append,
        SettingKind::Text | SettingKind::Number => ArgAction::Set,
    };
    Arg::new(key.name)
        .long(flag.long)
        .value_name(flag.value_name)
        .help(key.help())
        .action(action)
}

impl FromArgMatches for FlagValues {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for key in KEYS.iter().filter(|key| key.flag.is_some()) {
            let Some(texts) = matches.get_many::<String>(key.name) else {
                continue;
            };
            let mut texts: Vec<String> = texts.cloned().collect();
            let raw = match key.kind {
                SettingKind::List => RawSetting::List(texts),
                SettingKind::Text | SettingKind::Number => {
                    RawSetting::Text(texts.pop().unwrap_or_default())
                }
            };
            self.0.insert(key.name, raw);
        }
        Ok(())
    }
}
