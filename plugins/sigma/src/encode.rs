//! Encodings that modifiers apply to a value: UTF-16 and base64.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(crate) fn encode_utf16le(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

pub(crate) fn encode_utf16be(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

/// Little endian, with the mark that says so.
pub(crate) fn encode_utf16(text: &str) -> Vec<u8> {
    let mut bytes = vec![0xFF, 0xFE];
    bytes.extend(encode_utf16le(text));
    bytes
}

pub(crate) fn encode_base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut bits = 0_usize;
        for at in 0..3 {
            bits = bits << 8 | usize::from(chunk.get(at).copied().unwrap_or_default());
        }
        for at in 0..4 {
            let six = bits >> (18 - 6 * at) & 63;
            let letter = ALPHABET.get(six).copied().map_or('=', char::from);
            text.push(if at <= chunk.len() { letter } else { '=' });
        }
    }
    text
}

/// The part of the base64 of the bytes that stays the same wherever they are in a longer text:
/// three texts, for the three places they can have within a group of three bytes.
pub(crate) fn encode_base64_offsets(bytes: &[u8]) -> [String; 3] {
    [0, 1, 2].map(|offset| {
        let mut shifted = vec![b' '; offset];
        shifted.extend_from_slice(bytes);
        let encoded = encode_base64(&shifted);
        // Letters that also hold bits of the bytes before or after.
        let start = [0, 2, 3].get(offset).copied().unwrap_or_default();
        let end = [0, 3, 2]
            .get(shifted.len() % 3)
            .copied()
            .unwrap_or_default();
        let stable = encoded.get(start..encoded.len().saturating_sub(end));
        stable.unwrap_or_default().to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_the_standard_one() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ] {
            assert_eq!(encode_base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn the_letters_that_depend_on_neighbours_are_cut_at_both_ends() {
        assert_eq!(
            encode_base64_offsets(b"Test"),
            ["VGVzd", "Rlc3", "UZXN0"].map(str::to_owned)
        );
        for (offset, stable) in encode_base64_offsets(b"http://").iter().enumerate() {
            for (before, behind) in [("abc", "x"), ("zzz", "\u{7f}!"), ("  -", "")] {
                let text = format!("{}http://{behind}", &before[..offset]);
                assert!(
                    encode_base64(text.as_bytes()).contains(stable),
                    "{text} {stable}"
                );
            }
        }
    }
}
