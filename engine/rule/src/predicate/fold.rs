//! Folding: what makes two texts equal without regard to case.
//!
//! Unicode's simple case folding, character by character, so that folding a part of a text gives a part
//! of the folded text and `?` still stands for one character. Both sides are folded by the same function.

/// Folds one character to one character.
fn fold_char(c: char) -> char {
    match c {
        'ς' => 'σ',
        'ſ' => 's',
        // Its lower case is two characters; Unicode's simple folding leaves it alone.
        'İ' => c,
        _ => {
            let mut lower = c.to_lowercase();
            match (lower.next(), lower.next()) {
                (Some(one), None) => one,
                _ => c,
            }
        }
    }
}

/// The text folded: equal without regard to case means equal after this.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    fold_into(text, &mut folded);
    folded
}

/// Replaces `folded` by the text folded.
pub(crate) fn fold_into(text: &str, folded: &mut String) {
    folded.clear();
    if text.is_ascii() {
        folded.push_str(text);
        folded.make_ascii_lowercase();
    } else {
        folded.extend(text.chars().map(fold_char));
    }
}

/// Replaces `folded` by the text folded.
pub(crate) fn fold_bytes(text: &[u8], folded: &mut Vec<u8>) {
    folded.clear();
    if text.is_ascii() {
        folded.extend_from_slice(text);
        folded.make_ascii_lowercase();
        return;
    }
    let mut encoded = [0; 4];
    for c in str::from_utf8(text).unwrap_or_default().chars() {
        folded.extend_from_slice(fold_char(c).encode_utf8(&mut encoded).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_is_unicode_and_keeps_the_number_of_characters() {
        for (text, folded) in [
            ("AbC", "abc"),
            ("ÄÖ", "äö"),
            ("ΣΑΣ", "σασ"),
            ("σας", "σασ"),
            ("\u{212a}", "k"),
            ("İ", "İ"),
            ("ß", "ß"),
        ] {
            assert_eq!(fold(text), folded);
            let mut bytes = b"before".to_vec();
            fold_bytes(text.as_bytes(), &mut bytes);
            assert_eq!(bytes, folded.as_bytes());
            assert_eq!(text.chars().count(), folded.chars().count());
        }
    }
}
