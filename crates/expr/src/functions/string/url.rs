//! `PARSE_URL`, as `java.net.URL` takes a URL apart.

use tailwater_types::{Datum, TypeKind};

use super::super::call::{Call, text};
use crate::resolve::Resolved;

pub(super) fn resolve(call: &mut Call<'_>) -> Resolved {
    if call.name != "PARSE_URL" || !(2..=3).contains(&call.args.len()) {
        return None;
    }
    Some(call.expect(&["ss", "sss"]).and_then(|()| {
        call.strict_nullable(TypeKind::STRING, |_, args| {
            let Some(url) = Url::parse(text(args, 0)) else {
                return Ok(Datum::Null);
            };
            let part = if args.len() > 2 {
                let is_query = text(args, 1) == "QUERY";
                is_query.then(|| url.parameter(text(args, 2))).flatten()
            } else {
                url.part(text(args, 1))
            };
            Ok(part.map_or(Datum::Null, Datum::Str))
        })
    }))
}

struct Url<'u> {
    protocol: &'u str,
    authority: Option<&'u str>,
    file: &'u str,
    reference: Option<&'u str>,
}

impl<'u> Url<'u> {
    fn parse(url: &'u str) -> Option<Self> {
        let (protocol, rest) = url.trim().split_once(':')?;
        let known = ["http", "https", "ftp", "file", "jar", "mailto"];
        if !known.iter().any(|k| protocol.eq_ignore_ascii_case(k)) {
            return None;
        }
        let (rest, reference) = match rest.split_once('#') {
            Some((rest, reference)) => (rest, Some(reference)),
            None => (rest, None),
        };
        let (authority, file) = match rest.strip_prefix("//") {
            Some(rest) => {
                let end = rest.find(['/', '?']).unwrap_or(rest.len());
                (Some(&rest[..end]), &rest[end..])
            }
            None => (None, rest),
        };
        let url = Self { protocol, authority, file, reference };
        let port_is_number = url.port().is_none_or(|p| p.bytes().all(|b| b.is_ascii_digit()));
        port_is_number.then_some(url)
    }

    fn host_and_port(&self) -> &'u str {
        let authority = self.authority.unwrap_or("");
        authority.rsplit_once('@').map_or(authority, |(_, host)| host)
    }

    fn port(&self) -> Option<&'u str> {
        let host = self.host_and_port();
        let after = host.rfind(']').map_or(0, |i| i + 1);
        host[after..].split_once(':').map(|(_, port)| port)
    }

    fn part(&self, name: &str) -> Option<&'u str> {
        let (path, query) = match self.file.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (self.file, None),
        };
        match name {
            "HOST" => {
                let host = self.host_and_port();
                let port = self.port().map_or(0, |p| p.len() + 1);
                Some(&host[..host.len() - port])
            }
            "PATH" => Some(path),
            "QUERY" => query,
            "REF" => self.reference,
            "PROTOCOL" => Some(self.protocol),
            "FILE" => Some(self.file),
            "AUTHORITY" => self.authority,
            "USERINFO" => self.authority?.rsplit_once('@').map(|(user, _)| user),
            _ => None,
        }
    }

    fn parameter(&self, key: &str) -> Option<&'u str> {
        let query = self.part("QUERY")?;
        let mut pairs = query.split('&');
        pairs.find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
    }
}
