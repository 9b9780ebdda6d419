//! Where Windows events keep their fields, as data.

use std::collections::BTreeMap;

use larum_predicate::PathMap;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LayoutFile {
    layout: Vec<WindowsLayout>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WindowsLayout {
    #[serde(rename = "name")]
    _name: String,
    #[serde(default)]
    mounts: Vec<String>,
    #[serde(default)]
    aliases: BTreeMap<String, Vec<String>>,
}

/// The layouts that come with this crate: Windows events nested, flattened by NXLog, and of
/// Winlogbeat.
pub fn default_layout() -> PathMap {
    parse_layout(include_str!("../data/windows_layout.toml"))
        .expect("the layouts that come with the crate are read by a test")
}

/// Reads layouts.
///
/// # Errors
/// The text is not TOML of this form.
pub fn parse_layout(text: &str) -> Result<PathMap, toml::de::Error> {
    let layouts: LayoutFile = toml::from_str(text)?;
    let mut map = PathMap::default();
    for layout in layouts.layout {
        layout.mounts.iter().for_each(|path| map.add_mount(path));
        for (path, fields) in layout.aliases {
            fields.iter().for_each(|field| map.add_alias(&path, field));
        }
    }
    Ok(map)
}
