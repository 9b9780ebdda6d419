//! Folding: what makes two texts equal without regard to case.
//!
//! Unicode's simple case folding, character by character, so that folding a part of a text gives a
//! part of the folded text and `?` still stands for one character. Both sides are folded by the
//! same function.

use std::borrow::Cow;

/// Whether texts that differ only in case are different.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CaseSensitivity {
    /// They are equal: texts are folded on both sides.
    Insensitive,
    /// They differ: texts are compared as they are.
    Sensitive,
}

impl CaseSensitivity {
    /// The text in the form that is compared.
    pub fn normalize(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Insensitive => fold_case(text),
            Self::Sensitive => Cow::Borrowed(text),
        }
    }
}

/// Folds one character to one character.
#[inline]
pub fn fold_char(c: char) -> char {
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

/// The text folded: two texts are equal without regard to case if they are equal after this.
pub fn fold_case(text: &str) -> Cow<'_, str> {
    let is_folded = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase();
    if text.bytes().all(is_folded) {
        Cow::Borrowed(text)
    } else if text.is_ascii() {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Owned(text.chars().map(fold_char).collect())
    }
}

/// Replaces `folded` by the text folded; the same as [`fold_case`] into memory that is there.
pub fn fold_into(text: &str, folded: &mut String) {
    folded.clear();
    if text.is_ascii() {
        folded.push_str(text);
        folded.make_ascii_lowercase();
    } else {
        folded.extend(text.chars().map(fold_char));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_is_unicode_and_keeps_the_number_of_characters() {
        for (text, folded) in [
            ("abc", "abc"),
            ("AbC", "abc"),
            ("ÄÖ", "äö"),
            ("ΣΑΣ", "σασ"),
            ("σας", "σασ"),
            ("\u{212a}", "k"),
            ("İ", "İ"),
            ("ß", "ß"),
        ] {
            assert_eq!(fold_case(text), folded);
            let mut reused = "before".to_owned();
            fold_into(text, &mut reused);
            assert_eq!(reused, folded);
            assert_eq!(text.chars().count(), folded.chars().count());
        }
    }
}
