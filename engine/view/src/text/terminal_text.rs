//! What producers wrote, without what moves a terminal's cursor, colours it or turns its direction.

/// Whether a character does something to a terminal or to the order of those beside it.
fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'
                | '\u{2029}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
        )
}

/// The text with harmful characters replaced.
pub(super) fn replace_harmful(text: &str) -> String {
    let shown = text.chars();
    shown
        .map(|character| {
            if is_harmful(character) {
                '\u{fffd}'
            } else {
                character
            }
        })
        .collect()
}

/// The text with harmful characters named, such as `<U+202E>`: for pictures, where nobody looks at
/// the source.
pub(crate) fn spell_out_harmful(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_harmful(character) {
            shown.push_str(&format!("<U+{:04X}>", u32::from(character)));
        } else {
            shown.push(character);
        }
    }
    shown
}
