//! `larum tree`: what belongs together.

use std::io::Write;

use clap::Args;
use larum_event::TenantId;
use larum_tree::{Colour, TextStyle, to_text};

use crate::error::{CliError, Exit};
use crate::query::{Client, Place, Store};
use crate::terminal::{say, stdout};

/// Show the correlation tree that holds an event, an alert or a workflow step
#[derive(Debug, Args)]
#[command(after_help = "\
Asks a running engine, or reads a store that no engine has open. Exits with 1 when no tree holds the id.

Examples:
  larum tree incident-9
  larum tree 01932c07-5a3e-7c11-b1a2-0c7d5e2f9a10 --json
  larum tree incident-9 --store larum-data")]
pub struct Tree {
    /// A root, a step, an event or an alert
    id: String,
    #[command(flatten)]
    place: Place,
    /// The tenant; without it, the default tenant
    #[arg(long)]
    tenant: Option<String>,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

impl Tree {
    /// Runs the verb.
    pub fn run(self) -> Result<Exit, CliError> {
        let shown = match &self.place.store {
            Some(folder) => self.grow(&mut Store::open(folder)?)?,
            None => {
                let format = if self.json { "json" } else { "text" };
                let client = Client::new(&self.place.server)?;
                client.tree(&self.id, self.tenant.as_deref(), format)?
            }
        };
        let Some(shown) = shown else {
            let id = crate::terminal::plain(&self.id);
            say(&format!(
                "no tree holds {id}; give a root, a step, an event or an alert, and --tenant if it is not the default one"
            ));
            return Ok(Exit::Problems);
        };
        let mut out = stdout();
        writeln!(out, "{}", shown.trim_end())?;
        out.flush()?;
        Ok(Exit::Done)
    }

    fn grow(&self, store: &mut Store) -> Result<Option<String>, CliError> {
        let tenant = match &self.tenant {
            None => TenantId::default_tenant(),
            Some(name) => TenantId::new(name)
                .map_err(|error| CliError::Usage(format!("--tenant {name:?}: {error}")))?,
        };
        let Some(view) = store.tree(&tenant, &self.id)? else {
            return Ok(None);
        };
        if self.json {
            let json = serde_json::to_string(&view).map_err(std::io::Error::from)?;
            return Ok(Some(json));
        }
        // Colours that nobody wants are taken out on the way to the terminal.
        let style = TextStyle {
            colour: Colour::Ansi,
            ..TextStyle::default()
        };
        Ok(Some(to_text(&view, style)))
    }
}
