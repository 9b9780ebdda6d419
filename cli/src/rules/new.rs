//! `larum rules new`: a rule to start from, with two cases that pass.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use larum_event::RuleId;

use crate::error::{CliError, CommandExit};
use crate::terminal::stdout;

const RULE: &str = include_str!("new/rule.rhai");
const FIRES: &str = include_str!("new/fires.ndjson");
const QUIET: &str = include_str!("new/quiet.ndjson");

/// Runs the verb.
pub fn create_rule(rules: &Path, name: &str) -> Result<CommandExit, CliError> {
    let id = parse_rule_id(name)?;
    let folder = rules.join(name);
    if folder.exists() {
        return Err(CliError::Usage(format!(
            "{} exists and is left as it is; choose another name",
            folder.display()
        )));
    }
    let cases = folder.join("cases");
    fs::create_dir_all(&cases).map_err(|source| write_error(&cases, source))?;
    let rule = folder.join("rule.rhai");
    write_new_file(&rule, &RULE.replace("AREA.NAME", &id))?;
    write_new_file(&cases.join("fires-at-the-third.ndjson"), FIRES)?;
    write_new_file(&cases.join("quiet-at-the-second.ndjson"), QUIET)?;
    let mut out = stdout();
    writeln!(
        out,
        "wrote {}; next: larum rules test{} {name}",
        rule.display(),
        rules_flag(rules)
    )?;
    out.flush()?;
    Ok(CommandExit::Done)
}

/// `authentication/odd_hours` becomes `authentication.odd_hours`.
fn parse_rule_id(name: &str) -> Result<String, CliError> {
    let parts: Vec<&str> = name.split('/').collect();
    let is_word = |part: &&str| {
        let of_a_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
        !part.is_empty() && part.chars().all(of_a_word)
    };
    if parts.len() != 2 || !parts.iter().all(is_word) {
        return Err(CliError::Usage(format!(
            "{name:?} is not AREA/NAME: use two words of lower case letters, digits, '_' and '-' such as authentication/odd_hours"
        )));
    }
    let id = parts.join(".");
    RuleId::new(&id).map_err(|error| CliError::Usage(error.to_string()))?;
    Ok(id)
}

/// The flag that names the folder again, where it is not the default.
fn rules_flag(rules: &Path) -> String {
    if rules == Path::new("rules") {
        return String::new();
    }
    format!(" --rules {}", rules.display())
}

fn write_new_file(path: &Path, text: &str) -> Result<(), CliError> {
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|source| write_error(path, source))
}

fn write_error(path: &Path, source: io::Error) -> CliError {
    CliError::Write {
        path: PathBuf::from(path),
        source,
    }
}
