//! `larum incidents`: the cases that alerts come to.

use std::io::Write;

use clap::Args;
use larum_event::{RuleId, Severity, Timestamp, limits};
use larum_tree::{IncidentQuery, incidents_to_text};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::{CliError, Exit};
use crate::query::{Client, Entities, Looks, Parameter, Place, Reply, Store, Whose};
use crate::terminal::{counted, say, stdout};

/// Find incidents: alerts that belong together, those changed last first
#[derive(Debug, Args)]
#[command(after_help = "\
`larum incident ID` shows one. Asks a running engine, or reads a store that no engine has open.

Examples:
  larum incidents
  larum incidents --severity high --from 2026-11-20T00:00:00Z
  larum incidents --user eve --host web-1
  larum incidents --rule auth.repeated_failed_logins --json | jq .id
  larum incidents --store larum-data --limit 10")]
pub struct Incidents {
    /// With an alert of this severity or worse: info, low, medium, high, critical
    #[arg(long, value_name = "LEVEL")]
    severity: Option<Severity>,
    /// With an alert of this rule
    #[arg(long, value_parser = |text: &str| RuleId::new(text))]
    rule: Option<RuleId>,
    #[command(flatten)]
    entities: Entities,
    /// With something not before this time, such as 2026-11-20T12:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// With something not after this time
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    whose: Whose,
    /// Most to show
    #[arg(long, value_name = "N", default_value_t = limits::PAGE_DEFAULT, value_parser = most)]
    limit: usize,
    /// How many to leave out first
    #[arg(long, value_name = "N", default_value_t = 0)]
    offset: usize,
    /// Write NDJSON: one object for each incident
    #[arg(long)]
    json: bool,
}

fn most(text: &str) -> Result<usize, String> {
    let most = limits::PAGE_MOST;
    let number = text.parse().ok();
    number
        .filter(|number| (1..=most).contains(number))
        .ok_or_else(|| format!("it is not a number from 1 to {most}; --offset shows the next ones"))
}

/// Incidents as the door lists them.
#[derive(Deserialize)]
struct Listed {
    items: Vec<Box<RawValue>>,
    total: u64,
}

impl Incidents {
    /// Runs the verb.
    pub fn run(self) -> Result<Exit, CliError> {
        let looks = Looks::new(self.json);
        let total = match &self.place.store {
            None => self.ask_server(looks)?,
            Some(folder) => {
                let grown = Store::open(folder)?.grow(&self.whose.tenant(), None)?;
                let (found, total) = grown.incidents(&self.query());
                let mut out = stdout();
                match looks {
                    _ if found.is_empty() => say("nothing found"),
                    Looks::Text(style) => {
                        write!(out, "{}", incidents_to_text(&found, total, style))?;
                    }
                    Looks::Json => {
                        for incident in &found {
                            let json = serde_json::to_string(incident);
                            writeln!(out, "{}", json.map_err(std::io::Error::from)?)?;
                        }
                    }
                }
                out.flush()?;
                total
            }
        };
        let shown = self.offset.saturating_add(self.limit) as u64;
        if self.json && shown < total {
            let more = counted(total - shown, "incident");
            say(&format!("and {more} more; --limit and --offset show them"));
        }
        Ok(Exit::Done)
    }

    fn query(&self) -> IncidentQuery {
        IncidentQuery {
            severity: self.severity,
            from: self.from,
            to: self.to,
            entities: self.entities.all(),
            rule: self.rule.as_ref().map(|rule| rule.as_str().to_owned()),
            limit: self.limit,
            offset: self.offset,
        }
    }

    fn ask_server(&self, looks: Looks) -> Result<u64, CliError> {
        let client = Client::new(&self.place.server)?;
        let mut parameters = self.parameters();
        parameters.extend(looks.parameters());
        let answer = match client.ask("/v1/incidents", &parameters)? {
            Reply::Found(answer) => answer,
            Reply::Missing(_) => Default::default(),
        };
        let mut out = stdout();
        let total = match looks {
            Looks::Text(_) => {
                let total = answer.total.unwrap_or_default();
                if total == 0 {
                    say("nothing found");
                } else {
                    writeln!(out, "{}", answer.body)?;
                }
                total
            }
            Looks::Json => {
                let listed: Listed =
                    serde_json::from_str(&answer.body).map_err(|error| client.no_sense(&error))?;
                for incident in &listed.items {
                    writeln!(out, "{incident}")?;
                }
                listed.total
            }
        };
        out.flush()?;
        Ok(total)
    }

    fn parameters(&self) -> Vec<Parameter> {
        let IncidentQuery {
            severity,
            from,
            to,
            entities,
            rule,
            limit,
            offset,
        } = self.query();
        let given = [
            ("minSeverity", severity.map(|it| it.to_string())),
            ("from", from.map(|it| it.to_string())),
            ("to", to.map(|it| it.to_string())),
            ("rule", rule),
            ("limit", Some(limit.to_string())),
            ("offset", Some(offset.to_string())),
        ];
        let given = given.into_iter();
        let given = given.filter_map(|(name, value)| value.map(|value| (name, value)));
        let entities = entities.into_iter();
        let entities = entities.map(|(kind, value)| ("entity", format!("{kind}:{value}")));
        given
            .chain(entities)
            .chain(self.whose.parameter())
            .collect()
    }
}
