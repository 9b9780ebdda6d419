//! How values are written as parts of ids.

use std::borrow::Cow;
use std::net::IpAddr;

use larum_event::PartForm;

/// What producers write where they have nothing, so that it never links one event to another: no
/// text, a dash, a hexadecimal nought, a nil UUID (RFC 9562, 5.9).
pub(crate) fn is_placeholder(text: &str) -> bool {
    const NIL: &str = "00000000-0000-0000-0000-000000000000";
    let inner = text.strip_prefix('{').and_then(|it| it.strip_suffix('}'));
    matches!(text, "" | "-" | "0x0") || inner.unwrap_or(text) == NIL
}

/// A text in a form; `None` where that leaves nothing.
pub(crate) fn format_part(text: Cow<'_, str>, form: PartForm) -> Option<Cow<'_, str>> {
    let part: Cow<'_, str> = match form {
        PartForm::AsIs => text,
        PartForm::Lower => Cow::Owned(text.to_lowercase()),
        PartForm::ShortHost if text.parse::<IpAddr>().is_ok() => text,
        PartForm::ShortHost => {
            let short = text.split('.').next().unwrap_or_default();
            Cow::Owned(short.to_lowercase())
        }
        PartForm::Number => match text.strip_prefix("0x").or(text.strip_prefix("0X")) {
            Some(hex) => Cow::Owned(u64::from_str_radix(hex, 16).ok()?.to_string()),
            None => text,
        },
        PartForm::Account => Cow::Owned(account_name(&text).to_owned()),
        PartForm::Sha256 => Cow::Owned(find_sha256(&text)?),
    };
    Some(part).filter(|part| !part.is_empty())
}

/// An account without its domain, in whichever way Windows writes it:
/// <https://learn.microsoft.com/en-us/windows/win32/secauthn/user-name-formats>.
fn account_name(text: &str) -> &str {
    let name = text.rsplit('\\').next().unwrap_or(text);
    name.split('@').next().unwrap_or(name)
}

/// The SHA-256 that a text is, or that is one of the hashes in it.
fn find_sha256(text: &str) -> Option<String> {
    let is_one = |text: &&str| text.len() == 64 && text.bytes().all(|it| it.is_ascii_hexdigit());
    let named = text.split(',').filter_map(|hash| {
        let (name, value) = hash.split_once('=')?;
        let is_named = name.trim().eq_ignore_ascii_case("SHA256");
        is_named.then(|| value.trim())
    });
    let mut found = named.chain([text]).filter(is_one);
    found.next().map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a form makes of a text.
    fn apply_form(form: PartForm, text: &str) -> Option<String> {
        format_part(text.into(), form).map(Cow::into_owned)
    }

    #[test]
    fn forms_write_the_same_thing_in_the_same_way() {
        let sha256 = "14FB2362D0F317107D91424B35D37C1FFD7B8C0C86158BA173B15D77D1200770";
        let several = format!("SHA1=01,MD5=7A, sha256 = {sha256},IMPHASH=37");
        let lower = sha256.to_lowercase();
        for (form, text, wanted) in [
            (PartForm::AsIs, "WS5.Shire", Some("WS5.Shire")),
            (PartForm::Lower, "{E2-4B}", Some("{e2-4b}")),
            (PartForm::ShortHost, "WS5.shire.com", Some("ws5")),
            (PartForm::ShortHost, "WS5", Some("ws5")),
            (PartForm::ShortHost, "10.0.0.1", Some("10.0.0.1")),
            (PartForm::ShortHost, ".shire", None),
            (PartForm::Number, "0x1850", Some("6224")),
            (PartForm::Number, "6224", Some("6224")),
            (PartForm::Number, "0xno", None),
            (PartForm::Account, "eve", Some("eve")),
            (PartForm::Account, "SHIRE\\eve", Some("eve")),
            (PartForm::Account, "eve@shire.com", Some("eve")),
            (PartForm::Account, "SHIRE\\", None),
            (PartForm::Sha256, sha256, Some(&*lower)),
            (PartForm::Sha256, &several, Some(&*lower)),
            (PartForm::Sha256, "SHA256=14FB", None),
            (PartForm::Sha256, "MD5=7A", None),
            (PartForm::Sha256, &format!("MD5={sha256}"), None),
        ] {
            assert_eq!(
                apply_form(form, text).as_deref(),
                wanted,
                "{form:?} of {text:?}"
            );
        }
    }
}
