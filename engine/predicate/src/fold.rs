//! Many texts folded at once, into memory that is used again.
//!
//! How one character folds is defined by [`larum_event::value::fold_case`].

use larum_event::value::fold_char;

/// A text that was folded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FoldedText<'f> {
    pub(crate) text: &'f [u8],
    pub(crate) is_ascii: bool,
}

/// Replaces `folded` by the text folded.
pub(crate) fn fold_bytes(text: &[u8], folded: &mut Vec<u8>) {
    folded.clear();
    let mut rest = str::from_utf8(text).unwrap_or_default();
    let mut encoded = [0; 4];
    while !rest.is_empty() {
        // Most of a text is ASCII, even where not all of it is.
        let ascii = rest.bytes().position(|byte| !byte.is_ascii());
        let (ascii, behind) = rest.split_at(ascii.unwrap_or(rest.len()));
        let start = folded.len();
        folded.extend_from_slice(ascii.as_bytes());
        if let Some(ascii) = folded.get_mut(start..) {
            ascii.make_ascii_lowercase();
        }
        let mut chars = behind.chars();
        while let Some(c) = chars.next() {
            folded.extend_from_slice(fold_char(c).encode_utf8(&mut encoded).as_bytes());
            if chars.as_str().as_bytes().first().is_none_or(u8::is_ascii) {
                break;
            }
        }
        rest = chars.as_str();
    }
}

/// Texts one behind the other, all folded at once; those of other characters one by one.
#[derive(Debug, Default)]
pub(crate) struct FoldBuffer {
    all: Vec<u8>,
    is_ascii: bool,
    one: Vec<u8>,
}

impl FoldBuffer {
    /// Replaces what was folded before.
    pub(crate) fn fold_all(&mut self, texts: &[u8]) {
        self.all.clear();
        self.all.extend_from_slice(texts);
        self.all.make_ascii_lowercase();
        self.is_ascii = self.all.is_ascii();
    }

    /// All texts; folded are those of ASCII.
    pub(crate) fn all_bytes(&self) -> &[u8] {
        &self.all
    }

    /// Whether all texts are ASCII.
    pub(crate) fn is_ascii(&self) -> bool {
        self.is_ascii
    }

    /// The one at `place`.
    pub(crate) fn text_at(&mut self, place: std::ops::Range<usize>) -> FoldedText<'_> {
        let text = self.all.get(place).unwrap_or_default();
        if self.is_ascii || text.is_ascii() {
            return FoldedText {
                text,
                is_ascii: true,
            };
        }
        // Other characters are still as they were, and ASCII does not change once more.
        fold_bytes(text, &mut self.one);
        FoldedText {
            text: &self.one,
            is_ascii: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_folded_together_are_those_folded_alone() {
        for (text, folded) in [
            ("AbC", "abc"),
            ("ÄÖ", "äö"),
            ("ΣΑΣ", "σασ"),
            ("σας", "σασ"),
            ("\u{212a}", "k"),
            ("İ", "İ"),
            ("ß", "ß"),
        ] {
            let mut bytes = b"before".to_vec();
            fold_bytes(text.as_bytes(), &mut bytes);
            assert_eq!(bytes, folded.as_bytes());
            let beside = format!("Ab{text}");
            for texts in [beside.clone(), format!("{beside}ä")] {
                let mut all = FoldBuffer::default();
                all.fold_all(texts.as_bytes());
                let place = all.text_at(2..beside.len());
                assert_eq!(place.text, folded.as_bytes());
                assert_eq!(place.is_ascii, text.is_ascii());
            }
        }
    }
}
