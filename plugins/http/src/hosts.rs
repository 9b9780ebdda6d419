//! Which `Host` and `Origin` a request may have.
//!
//! Owns the door's only protection until there is authentication; it does not know who a client
//! is. The door trusts every program on this machine, and a browser here may show any page. A page
//! posts to other sites only with an `Origin` of its own, and reads their answers only after it
//! made its own name resolve to 127.0.0.1, which leaves that name in `Host`. Both are refused;
//! programs send neither.
//! Invariant: a request that names a foreign host or origin is refused before its body is read.

use std::net::IpAddr;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderName};
use actix_web::http::uri::{Authority, Uri};

use crate::error::HttpError;
use crate::problem::HttpProblem;

/// The names, besides those of this machine, under which the door may be spoken to.
#[derive(Debug, Clone, Default)]
pub(crate) struct AllowedHosts(Vec<HostName>);

/// A host, lower case, and a port if one was given.
#[derive(Debug, Clone, PartialEq, Eq)]
struct HostName {
    host: String,
    port: Option<u16>,
}

impl HostName {
    fn parse(text: &str) -> Option<Self> {
        // The part before an `@` is a login and not a host.
        let authority: Authority = text.parse().ok().filter(|_| !text.contains('@'))?;
        if authority.host().is_empty() {
            return None;
        }
        Some(Self {
            host: authority.host().to_ascii_lowercase(),
            port: authority.port_u16(),
        })
    }

    /// Whether it means this machine whatever a name server says.
    fn is_loopback(&self) -> bool {
        let address = self.host.trim_start_matches('[').trim_end_matches(']');
        self.host == "localhost"
            || address
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }
}

impl AllowedHosts {
    pub(crate) fn new(entries: &[String]) -> Result<Self, HttpError> {
        entries
            .iter()
            .map(|text| {
                HostName::parse(text).ok_or_else(|| HttpError::InvalidHost { text: text.clone() })
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether a request to `uri` with these headers may come in.
    pub(crate) fn check_request(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), HttpProblem> {
        let host = single_header(headers, header::HOST)?.ok_or_else(|| {
            HttpProblem::bad_request("host_missing", "the request has no Host header")
        })?;
        let name = self.check_host(host)?;
        if let Some(authority) = uri.authority() {
            self.check_host(authority.as_str())?;
        }
        match single_header(headers, header::ORIGIN)? {
            Some(origin) => self.check_origin(origin, &name),
            None => Ok(()),
        }
    }

    fn check_host(&self, host: &str) -> Result<HostName, HttpProblem> {
        if let Some(name) = HostName::parse(host)
            && (name.is_loopback() || self.has_entry(&name))
        {
            return Ok(name);
        }
        Err(HttpProblem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "foreign_host",
            format!("the request is for host {:?}, which is not one of this server's", shorten_text(host)),
        )
        .with_help(
            "use localhost or a loopback address, or add the name to the allowed hosts of the http door",
        ))
    }

    fn check_origin(&self, origin: &str, host: &HostName) -> Result<(), HttpProblem> {
        let uri: Option<Uri> = origin.parse().ok();
        let name = uri
            .as_ref()
            .and_then(Uri::authority)
            .and_then(|authority| HostName::parse(authority.as_str()));
        let usual_port = match uri.as_ref().and_then(Uri::scheme_str) {
            Some("http") => Some(80),
            Some("https") => Some(443),
            _ => None,
        };
        if let (Some(name), Some(usual)) = (name, usual_port) {
            let same =
                name.host == host.host && name.port.unwrap_or(usual) == host.port.unwrap_or(usual);
            if same || self.has_entry(&name) {
                return Ok(());
            }
        }
        Err(HttpProblem::new(
            StatusCode::FORBIDDEN,
            "foreign_origin",
            format!("a web page of {:?} may not use this server", shorten_text(origin)),
        )
        .with_help("programs send no Origin header; a site that may is added to the allowed hosts of the http door"))
    }

    fn has_entry(&self, name: &HostName) -> bool {
        self.0.iter().any(|entry| {
            entry.host == name.host && (entry.port.is_none() || entry.port == name.port)
        })
    }
}

/// The header's value; a second one, or one that is no text, is refused, for two readers might
/// differ about it.
fn single_header(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, HttpProblem> {
    let mut values = headers.get_all(&name);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let text = value.to_str().ok().filter(|_| values.next().is_none());
    text.map(Some).ok_or_else(|| {
        HttpProblem::bad_request(
            "bad_header",
            format!("the header {name} is given twice or is not plain text"),
        )
    })
}

fn shorten_text(text: &str) -> String {
    text.chars().take(128).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(host: &str, origin: Option<&str>) -> Result<(), &'static str> {
        let hosts =
            AllowedHosts::new(&["larum.example".to_owned(), "proxy:8443".to_owned()]).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        hosts
            .check_request(&Uri::from_static("/v1/events"), &headers)
            .map_err(|problem| problem.code())
    }

    #[test]
    fn names_and_addresses_of_this_machine_and_listed_ones_are_let_in() {
        for host in [
            "localhost",
            "LOCALHOST:9",
            "127.0.0.1:80",
            "127.9.9.9",
            "[::1]:1",
            "[::1]",
            "larum.example",
            "larum.example:81",
            "Larum.Example",
            "proxy:8443",
        ] {
            assert_eq!(check(host, None), Ok(()), "{host}");
        }
    }

    #[test]
    fn any_other_host_is_refused() {
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "localhost@evil.example",
            "evil.example@localhost",
            "192.168.0.1",
            "0.0.0.0",
            "[::]",
            "proxy",
            "proxy:80",
            "not-larum.example",
            "",
            "local host",
            "localhost.",
        ] {
            assert_eq!(check(host, None), Err("foreign_host"), "{host}");
        }
    }

    #[test]
    fn an_origin_is_the_same_host_and_port_or_listed() {
        for (host, origin) in [
            ("localhost:8080", "http://localhost:8080"),
            ("localhost", "http://localhost"),
            ("localhost:80", "http://localhost"),
            ("localhost", "http://localhost:80"),
            ("localhost:8080", "https://larum.example"),
            ("localhost:8080", "https://proxy:8443"),
        ] {
            assert_eq!(check(host, Some(origin)), Ok(()), "{host} {origin}");
        }
        for origin in [
            "http://localhost:8081",
            "http://localhost",
            "https://localhost",
            "http://127.0.0.1:8080",
            "http://evil.example",
            "null",
            "",
            "file://",
            "http://localhost:8080@evil.example",
            "localhost:8080",
            "chrome-extension://localhost:8080",
            "https://proxy",
        ] {
            assert_eq!(
                check("localhost:8080", Some(origin)),
                Err("foreign_origin"),
                "{origin}"
            );
        }
    }

    #[test]
    fn a_second_host_and_a_foreign_target_are_refused() {
        let hosts = AllowedHosts::default();
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "localhost".parse().unwrap());
        let target = Uri::from_static("http://evil.example/v1/events");
        assert_eq!(
            hosts.check_request(&target, &headers).unwrap_err().code(),
            "foreign_host"
        );
        headers.append(header::HOST, "localhost".parse().unwrap());
        let target = Uri::from_static("/");
        assert_eq!(
            hosts.check_request(&target, &headers).unwrap_err().code(),
            "bad_header"
        );
        assert_eq!(
            hosts
                .check_request(&target, &HeaderMap::new())
                .unwrap_err()
                .code(),
            "host_missing"
        );
    }

    #[test]
    fn an_entry_that_is_no_host_is_an_error() {
        for text in ["", "http://x", "a b", "user@x"] {
            assert!(AllowedHosts::new(&[text.to_owned()]).is_err(), "{text}");
        }
    }
}
