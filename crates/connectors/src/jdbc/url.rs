//! `jdbc:postgresql://host:port/database?currentSchema=..&user=..&sslmode=..`

use std::collections::BTreeMap;

use crate::postgres::tls::is_about_tls;

/// What a URL says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct JdbcUrl {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) database: Option<String>,
    pub(super) schema: Option<String>,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    /// What is about TLS, as it is written.
    pub(super) tls: BTreeMap<String, String>,
}

/// Why a URL is refused: a message and a hint.
pub(super) type Refusal = (String, &'static str);

const FORM: &str = "expected: jdbc:postgresql://host:port/database";

/// Reads a URL. Messages do not show it: it may hold a password.
pub(super) fn parse(url: &str) -> Result<JdbcUrl, Refusal> {
    let Some(rest) = url.strip_prefix("jdbc:") else {
        return Err(("the URL does not begin with \"jdbc:\"".to_owned(), FORM));
    };
    let Some((driver, rest)) = rest.split_once(':') else {
        return Err(("the URL names no database system".to_owned(), FORM));
    };
    if driver != "postgresql" {
        let message = format!("the database system \"{driver}\" is not supported");
        return Err((message, "only PostgreSQL is: jdbc:postgresql://host:port/database"));
    }
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut parsed = JdbcUrl { host: "localhost".to_owned(), port: 5432, ..JdbcUrl::default() };
    let database = match place.strip_prefix("//") {
        None => place,
        Some(place) => {
            let (server, database) = place.split_once('/').unwrap_or((place, ""));
            if server.contains(',') {
                let message = "the URL names several hosts".to_owned();
                return Err((message, "name the primary alone"));
            }
            parse_server(server, &mut parsed)?;
            database
        }
    };
    parsed.database = Some(decode(database)).filter(|d| !d.is_empty());
    for pair in query.split('&') {
        let (key, value) = match pair.split_once('=') {
            Some(pair) => pair,
            // The only switch.
            None if pair == "ssl" => (pair, ""),
            None => continue,
        };
        let value = decode(value);
        match key {
            "currentSchema" => {
                let first = value.split(',').next().unwrap_or_default();
                parsed.schema = Some(first.trim().trim_matches('"').to_owned());
            }
            "user" => parsed.user = Some(value),
            "password" => parsed.password = Some(value),
            _ if is_about_tls(key) => {
                parsed.tls.insert(key.to_owned(), value);
            }
            _ => {}
        }
    }
    Ok(parsed)
}

fn parse_server(server: &str, parsed: &mut JdbcUrl) -> Result<(), Refusal> {
    let (host, port) = match server.strip_prefix('[').and_then(|s| s.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => match server.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (server, None),
        },
    };
    if !host.is_empty() {
        host.clone_into(&mut parsed.host);
    }
    if let Some(port) = port {
        let number = port.parse().map_err(|_| (format!("\"{port}\" is not a port"), FORM))?;
        parsed.port = number;
    }
    Ok(())
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digit = |at: usize| after.get(at).and_then(|b| char::from(*b).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high << 4 | low) as u8);
                rest = &after[2..];
            }
            _ => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_the_driver_is_read() {
        let url =
            parse("jdbc:postgresql://db:6000/shop?currentSchema=s,t&user=a%40b&password=p%26q");
        let url = url.unwrap();
        assert_eq!((url.host.as_str(), url.port), ("db", 6000));
        assert_eq!(url.database.as_deref(), Some("shop"));
        assert_eq!(url.schema.as_deref(), Some("s"));
        assert_eq!((url.user.as_deref(), url.password.as_deref()), (Some("a@b"), Some("p&q")));
        let url = parse("jdbc:postgresql://[::1]/x").unwrap();
        assert_eq!((url.host.as_str(), url.port), ("::1", 5432));
        let url = parse("jdbc:postgresql:shop").unwrap();
        assert_eq!((url.host.as_str(), url.database.as_deref()), ("localhost", Some("shop")));
    }

    #[test]
    fn parameters_of_tls_are_kept_as_they_are_written() {
        let url = parse("jdbc:postgresql://db/shop?ssl&sslrootcert=%2Fetc%2Fca.pem&a=b");
        let tls = url.unwrap().tls;
        let tls: Vec<_> = tls.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(tls, [("ssl", ""), ("sslrootcert", "/etc/ca.pem")]);
    }

    #[test]
    fn other_systems_and_broken_urls_are_refused() {
        let (message, _) = parse("jdbc:mysql://db/shop").unwrap_err();
        assert_eq!(message, "the database system \"mysql\" is not supported");
        for wrong in ["", "postgresql://x/y", "jdbc:postgresql://a:b/c", "jdbc:postgresql://a,b/c"]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
