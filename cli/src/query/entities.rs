//! The entities that trees and incidents are about, as flags.

use clap::Args;
use larum_event::parse_entity;

/// Who or what they are about
#[derive(Debug, Args)]
pub struct EntityArgs {
    /// A user
    #[arg(long, value_name = "NAME")]
    user: Vec<String>,
    /// An address
    #[arg(long, value_name = "ADDRESS")]
    ip: Vec<String>,
    /// A host
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// The hash of a file
    #[arg(long)]
    hash: Vec<String>,
    /// Anything else that links declare an entity, such as device:usb-4711
    #[arg(long, value_name = "KIND:VALUE", value_parser = parse_entity)]
    entity: Vec<(String, String)>,
}

impl EntityArgs {
    /// All of them, kind and value.
    pub fn entity_pairs(&self) -> Vec<(String, String)> {
        let kinds = [
            ("user", &self.user),
            ("ip", &self.ip),
            ("host", &self.host),
            ("hash", &self.hash),
        ];
        let named = kinds.into_iter().flat_map(|(kind, values)| {
            let values = values.iter();
            values.map(move |value| (kind.to_owned(), value.clone()))
        });
        named.chain(self.entity.iter().cloned()).collect()
    }
}
