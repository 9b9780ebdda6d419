//! Which known word was probably meant by one that is unknown.

/// The candidate that is near enough to `word` that it was probably meant. Of candidates that are
/// equally near it is the first in the alphabet.
pub fn find_nearest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let (distance, candidate) = candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .min()?;
    // A third of the letters may be wrong, at least one and at most three.
    let most = (word.chars().count() / 3).clamp(1, 3);
    (distance <= most).then_some(candidate)
}

/// "did you mean", if one of `candidates` was probably meant by `word`.
pub fn did_you_mean<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<String> {
    find_nearest(word, candidates).map(|meant| format!("did you mean `{meant}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_words_are_suggested() {
        let words = ["severity", "title", "on"];
        assert_eq!(
            did_you_mean("serverity", words).as_deref(),
            Some("did you mean `severity`?")
        );
        assert_eq!(did_you_mean("group", words), None);
    }

    #[test]
    fn a_third_of_the_letters_may_be_wrong_and_not_more() {
        for (word, known, is_near) in [
            ("om", "on", true),
            ("mo", "an", false),
            ("abcdef", "abcdxy", true),
            ("abcdef", "abcxyz", false),
            ("abcdefghijkl", "abcdefghixyz", true),
            ("abcdefghijklmno", "abcdefghijkwxyz", false),
        ] {
            assert_eq!(find_nearest(word, [known]).is_some(), is_near, "{word}");
        }
    }
}
