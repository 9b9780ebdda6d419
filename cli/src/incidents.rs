//! `larum incidents`: the incidents that alerts come to.
//!
//! Owns the verb against a server and against a store; filters are a query of the tree crate,
//! which knows nothing of flags.
//! Invariant: both ways write the same text and the same JSON.

use std::io::Write;

use clap::Args;
use larum_event::{FormQuery, RuleId, Severity, Timestamp, limits};
use larum_tree::IncidentQuery;
use larum_view::incidents_to_text;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::{CliError, CommandExit};
use crate::query::{
    BackendArgs, EngineClient, EntityArgs, OfflineStore, OutputStyle, QueryReply, TenantArg,
};
use crate::terminal::{count_noun, print_notice, stdout};

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
pub struct IncidentsCommand {
    /// With an alert of this severity or worse
    #[arg(long, value_name = "LEVEL", help = format!("With an alert of this severity or worse: {}", Severity::list_words("or")))]
    severity: Option<Severity>,
    /// With an alert of this rule
    #[arg(long, value_parser = |text: &str| RuleId::new(text))]
    rule: Option<RuleId>,
    #[command(flatten)]
    entities: EntityArgs,
    /// Active at or after this time, such as 2026-11-20T12:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Active at or before this time
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
    #[command(flatten)]
    backend: BackendArgs,
    #[command(flatten)]
    tenant_arg: TenantArg,
    /// Show at most this many
    #[arg(long, value_name = "N", default_value_t = limits::PAGE_DEFAULT, value_parser = parse_limit)]
    limit: usize,
    /// Skip this many
    #[arg(long, value_name = "N", default_value_t = 0)]
    offset: usize,
    /// Write NDJSON: one object for each incident
    #[arg(long)]
    json: bool,
}

fn parse_limit(text: &str) -> Result<usize, String> {
    let most = limits::PAGE_MOST;
    let number = text.parse().ok();
    number
        .filter(|number| (1..=most).contains(number))
        .ok_or_else(|| format!("it is not a number from 1 to {most}; --offset shows the next ones"))
}

/// Incidents as the door lists them.
#[derive(Deserialize)]
struct IncidentListAnswer {
    items: Vec<Box<RawValue>>,
    total: u64,
}

impl IncidentsCommand {
    /// Runs the verb.
    pub fn run(self) -> Result<CommandExit, CliError> {
        let output = OutputStyle::new(self.json);
        let total = match &self.backend.store {
            None => self.ask_server(output)?,
            Some(folder) => {
                let tenant_trees =
                    OfflineStore::open(folder)?.rebuild_trees(&self.tenant_arg.tenant(), None)?;
                let (found, total) = tenant_trees.find_incidents(&self.to_query());
                let mut out = stdout();
                match output {
                    _ if found.is_empty() => print_notice("nothing found"),
                    OutputStyle::Text(style) => {
                        write!(out, "{}", incidents_to_text(&found, total, style))?;
                    }
                    OutputStyle::Json => {
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
        // Text says itself what it leaves out; NDJSON has no place for that.
        let shown = self.offset.saturating_add(self.limit) as u64;
        if self.json && shown < total {
            let more = count_noun(total - shown, "incident");
            print_notice(&format!("and {more} more; --limit and --offset show them"));
        }
        Ok(CommandExit::Done)
    }

    fn to_query(&self) -> IncidentQuery {
        IncidentQuery {
            severity: self.severity,
            from: self.from,
            to: self.to,
            entities: self.entities.entity_pairs(),
            rule: self.rule.as_ref().map(|rule| rule.as_str().to_owned()),
            limit: self.limit,
            offset: self.offset,
        }
    }

    fn ask_server(&self, output: OutputStyle) -> Result<u64, CliError> {
        let client = EngineClient::new(&self.backend.server)?;
        let mut parameters = self.to_query().to_pairs();
        parameters.extend(self.tenant_arg.parameter());
        parameters.extend(output.to_parameters());
        let answer = match client.fetch_reply("/v1/incidents", &parameters)? {
            QueryReply::Found(answer) => answer,
            QueryReply::Missing(_) => Default::default(),
        };
        let mut out = stdout();
        let total = match output {
            OutputStyle::Text(_) => {
                let total = answer.total.unwrap_or_default();
                if total == 0 {
                    print_notice("nothing found");
                } else {
                    writeln!(out, "{}", answer.body)?;
                }
                total
            }
            OutputStyle::Json => {
                // Each object is passed on as the engine wrote it, so that members this version
                // does not know survive.
                let listed: IncidentListAnswer = serde_json::from_str(&answer.body)
                    .map_err(|error| client.bad_answer_error(&error))?;
                for incident in &listed.items {
                    writeln!(out, "{incident}")?;
                }
                listed.total
            }
        };
        out.flush()?;
        Ok(total)
    }
}
