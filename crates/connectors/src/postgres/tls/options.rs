//! What the options say of TLS; the names are those of PostgreSQL's JDBC driver.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tailwater_connector_api::{Hint, Setting, TableIssue, nearest};
use tailwater_pg_wire::auth::ChannelBinding;

use crate::options::OptionReader;

/// The parameters, without whatever a connector puts in front of them.
const NAMES: &[&str] = &[
    "sslmode",
    "ssl",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "sslpassword",
    "sslfactory",
    "channelBinding",
];

/// How much TLS there must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SslMode {
    /// None.
    Disable,
    /// Only if the server refuses us without.
    Allow,
    /// If the server can.
    #[default]
    Prefer,
    /// In any case.
    Require,
    /// In any case, to a server whose certificate our root has signed.
    VerifyCa,
    /// The same, and the certificate is for the host that we connect to.
    VerifyFull,
}

/// What is checked of the server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verification {
    None,
    Chain,
    ChainAndName,
}

/// Whom we trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Roots {
    /// `system`
    System,
    File(PathBuf),
}

/// Our own certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// Judged options. Files are named, not read: they may change while a job runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsOptions {
    pub(crate) mode: SslMode,
    pub(crate) roots: Option<Roots>,
    pub(crate) identity: Option<Identity>,
    pub(crate) channel_binding: ChannelBinding,
}

impl TlsOptions {
    /// A root is never given in vain: with one, the weaker modes check the chain as well.
    pub(crate) fn verification(&self) -> Verification {
        match (self.mode, &self.roots) {
            (SslMode::VerifyFull, _) => Verification::ChainAndName,
            (SslMode::VerifyCa, _) | (_, Some(_)) => Verification::Chain,
            (_, None) => Verification::None,
        }
    }
}

/// A parameter as the user gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    /// The option of the table that it stands in.
    pub(crate) option: String,
    /// What to call it: the option itself, or a parameter of a URL.
    pub(crate) label: String,
    pub(crate) value: String,
}

/// Gathers the parameters from the options that begin with one of `prefixes`. The same one twice
/// must be the same.
pub(crate) fn gather(
    options: &mut OptionReader<'_>,
    prefixes: &[&'static str],
    found: &mut BTreeMap<String, Given>,
) {
    for prefix in prefixes {
        for (name, key, value) in options.prefixed(prefix).filter(|(name, ..)| is_about_tls(name)) {
            let label = format!("option \"{key}\"");
            let given = Given { option: key.to_owned(), label, value: value.to_owned() };
            match found.get(name) {
                Some(other) if other.value != value => {
                    let message = format!("{} and {} differ", other.label, given.label);
                    let issue = TableIssue::option(key, message).with_hint("give one of them");
                    options.errors.push(issue);
                }
                Some(_) => {}
                None => {
                    found.insert(name.to_owned(), given);
                }
            }
        }
    }
}

/// Whether a parameter is one of TLS, or meant to be.
pub(crate) fn is_about_tls(name: &str) -> bool {
    let begins = |word: &str| name.get(..word.len()).is_some_and(|n| n.eq_ignore_ascii_case(word));
    begins("ssl") || begins("channel")
}

/// Complaints about a parameter that looks like one of TLS and that nobody knows: passed over, it
/// would leave a connection open that was meant to be safe.
fn unknown(name: &str, given: &Given) -> Option<TableIssue> {
    if NAMES.contains(&name) {
        return None;
    }
    // Every server takes the older way to begin, and a limit of time is no matter of safety.
    if name == "sslnegotiation" || name == "sslResponseTimeout" {
        return None;
    }
    let issue = TableIssue::option(&given.option, format!("unknown {}", given.label));
    let near = nearest(&name.to_ascii_lowercase(), NAMES.iter().copied());
    Some(match near {
        Some(near) => issue.with_hint(format!("did you mean \"{near}\"?")),
        None => issue.with_hint(format!("the parameters of TLS are {}", NAMES.join(", "))),
    })
}

/// Judges the parameters, keyed by [`NAMES`]; what is wrong is added to `errors`.
pub(crate) fn judge(given: &BTreeMap<String, Given>, errors: &mut Vec<TableIssue>) -> TlsOptions {
    for (name, given) in given {
        errors.extend(unknown(name, given));
    }
    let mut judge = Judge { given, errors };
    let is_unverified = judge.factory();
    let explicit = judge.mode();
    let roots = judge.path("sslrootcert").filter(|_| !is_unverified);
    let roots = roots
        .map(|root| if root.as_os_str() == "system" { Roots::System } else { Roots::File(root) });
    let ssl = judge.ssl();
    let mode = explicit.unwrap_or(match &roots {
        _ if is_unverified => SslMode::Require,
        Some(Roots::System) => SslMode::VerifyFull,
        _ if ssl => SslMode::VerifyFull,
        _ => SslMode::Prefer,
    });
    let options = TlsOptions {
        mode,
        roots,
        identity: judge.identity(),
        channel_binding: judge.channel_binding(),
    };
    judge.together(&options, is_unverified);
    options
}

/// A hint about one parameter.
fn setting(verb: &str, name: &'static str, rest: &str) -> Hint {
    Hint::each(|say| format!("{verb} \"{}\" {rest}", say.name(Setting::Tls(name))))
}

struct Judge<'a> {
    given: &'a BTreeMap<String, Given>,
    errors: &'a mut Vec<TableIssue>,
}

impl Judge<'_> {
    fn value(&self, name: &str) -> Option<&str> {
        self.given.get(name).map(|given| given.value.as_str()).filter(|value| !value.is_empty())
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.value(name).map(PathBuf::from)
    }

    fn complain(&mut self, name: &str, message: String, hint: impl Into<Hint>) {
        let option = self.given.get(name).map_or(name, |given| given.option.as_str());
        self.errors.push(TableIssue::option(option, message).with_hint(hint));
    }

    fn refuse(&mut self, name: &str, expected: &str) {
        if let Some(given) = self.given.get(name) {
            let message = format!("\"{}\" is not a value of {}", given.value, given.label);
            self.complain(name, message, format!("expected: {expected}"));
        }
    }

    fn mode(&mut self) -> Option<SslMode> {
        let mode = match self.value("sslmode")?.to_ascii_lowercase().as_str() {
            "disable" => SslMode::Disable,
            "allow" => SslMode::Allow,
            "prefer" => SslMode::Prefer,
            "require" => SslMode::Require,
            "verify-ca" => SslMode::VerifyCa,
            "verify-full" => SslMode::VerifyFull,
            _ => {
                self.refuse("sslmode", "disable, allow, prefer, require, verify-ca, verify-full");
                return None;
            }
        };
        Some(mode)
    }

    /// The driver's older switch: the strictest mode, unless `sslmode` says otherwise. `ssl` alone
    /// counts as `true`.
    fn ssl(&mut self) -> bool {
        match self.given.get("ssl").map(|given| given.value.to_ascii_lowercase()).as_deref() {
            None | Some("false") => false,
            Some("true" | "") => true,
            Some(_) => {
                self.refuse("ssl", "true, false");
                false
            }
        }
    }

    /// Whether the Java class that checks nothing is asked for.
    fn factory(&mut self) -> bool {
        match self.value("sslfactory") {
            None | Some("org.postgresql.ssl.LibPQFactory") => false,
            Some("org.postgresql.ssl.NonValidatingFactory") => true,
            Some(class) => {
                let message = format!("the Java class \"{class}\" cannot be loaded here");
                let hint = Hint::each(|say| {
                    let taken = ["sslmode", "sslrootcert", "sslcert", "sslkey"];
                    let taken = taken.map(|name| say.name(Setting::Tls(name))).join(", ");
                    format!(
                        "say what it does: {taken} are taken, and \
                         org.postgresql.ssl.NonValidatingFactory (encrypt, check nothing)"
                    )
                });
                self.complain("sslfactory", message, hint);
                false
            }
        }
    }

    fn identity(&mut self) -> Option<Identity> {
        match (self.path("sslcert"), self.path("sslkey")) {
            (Some(certificate), Some(key)) => Some(Identity { certificate, key }),
            (None, None) => None,
            (Some(_), None) => {
                let message = "a client certificate needs its private key".to_owned();
                self.complain("sslcert", message, setting("give", "sslkey", "as well"));
                None
            }
            (None, Some(_)) => {
                let message = "a private key needs its client certificate".to_owned();
                self.complain("sslkey", message, setting("give", "sslcert", "as well"));
                None
            }
        }
    }

    fn channel_binding(&mut self) -> ChannelBinding {
        match self.value("channelBinding").map(str::to_ascii_lowercase).as_deref() {
            None | Some("prefer") => ChannelBinding::Prefer,
            Some("disable") => ChannelBinding::Disable,
            Some("require") => ChannelBinding::Require,
            Some(_) => {
                self.refuse("channelBinding", "disable, prefer, require");
                ChannelBinding::Require
            }
        }
    }

    /// What is wrong with parameters that are right by themselves.
    fn together(&mut self, options: &TlsOptions, is_unverified: bool) {
        let verifies = matches!(options.mode, SslMode::VerifyCa | SslMode::VerifyFull);
        let name = if self.given.contains_key("sslmode") { "sslmode" } else { "ssl" };
        if verifies && is_unverified {
            let message = "a mode that verifies contradicts a factory that does not".to_owned();
            let hint = Hint::each(|say| {
                let factory = say.name(Setting::Tls("sslfactory"));
                let mode = say.name(Setting::Tls("sslmode"));
                format!("leave \"{factory}\" out, or set \"{mode}\" to require")
            });
            self.complain(name, message, hint);
        } else if verifies && options.roots.is_none() {
            let message = "to verify the server's certificate a root certificate is needed";
            let hint = Hint::each(|say| {
                let root = say.name(Setting::Tls("sslrootcert"));
                let mode = say.name(Setting::Tls("sslmode"));
                format!(
                    "set \"{root}\" to the PEM file of the authority that signed it, or to system \
                     for the operating system's; \"{mode}\" require encrypts without"
                )
            });
            self.complain(name, message.to_owned(), hint);
        }
        if options.roots == Some(Roots::System) && options.mode != SslMode::VerifyFull {
            let message = "the operating system's roots have signed for everybody: a weaker mode \
                           than verify-full would let any server in";
            self.complain(
                "sslmode",
                message.to_owned(),
                setting("set", "sslmode", "to verify-full"),
            );
        }
        if options.channel_binding == ChannelBinding::Require && options.mode == SslMode::Disable {
            let message = "there is no channel to bind to without TLS".to_owned();
            self.complain("channelBinding", message, setting("set", "sslmode", "to require"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Parameters<'a> = &'a [(&'a str, &'a str)];

    fn check(given: Parameters<'_>) -> Result<TlsOptions, String> {
        let one = |(name, value): &(&str, &str)| {
            let given = Given {
                option: (*name).to_owned(),
                label: format!("option \"{name}\""),
                value: (*value).to_owned(),
            };
            ((*name).to_owned(), given)
        };
        let mut errors = Vec::new();
        let options = judge(&given.iter().map(one).collect(), &mut errors);
        match errors.first() {
            None => Ok(options),
            Some(issue) => Err(issue.message.clone()),
        }
    }

    #[test]
    fn modes_mean_what_libpq_and_the_jdbc_driver_mean_by_them() {
        use SslMode::{Prefer, Require, VerifyCa, VerifyFull};
        use Verification::{Chain, ChainAndName};
        let non_validating = ("sslfactory", "org.postgresql.ssl.NonValidatingFactory");
        let none = Verification::None;
        let cases: [(Parameters<'_>, SslMode, Verification); 13] = [
            (&[], Prefer, none),
            (&[("sslmode", "require")], Require, none),
            (&[("sslmode", "REQUIRE")], Require, none),
            (&[("sslmode", "require"), ("sslrootcert", "a.pem")], Require, Chain),
            (&[("sslmode", "verify-ca"), ("sslrootcert", "a.pem")], VerifyCa, Chain),
            (&[("sslmode", "verify-full"), ("sslrootcert", "a.pem")], VerifyFull, ChainAndName),
            (&[("sslrootcert", "system")], VerifyFull, ChainAndName),
            (&[("ssl", "true"), ("sslrootcert", "a.pem")], VerifyFull, ChainAndName),
            (&[("ssl", ""), ("sslrootcert", "a.pem")], VerifyFull, ChainAndName),
            (&[("ssl", "true"), ("sslmode", "require")], Require, none),
            (&[("ssl", "false")], Prefer, none),
            (&[("ssl", "true"), non_validating], Require, none),
            (&[non_validating, ("sslrootcert", "a.pem")], Require, none),
        ];
        for (given, mode, verification) in cases {
            let options = check(given).unwrap();
            assert_eq!((options.mode, options.verification()), (mode, verification), "{given:?}");
        }
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        let non_validating = ("sslfactory", "org.postgresql.ssl.NonValidatingFactory");
        let cases: [(Parameters<'_>, &str); 13] = [
            (&[("sslmode", "on")], "\"on\" is not a value of option \"sslmode\""),
            (&[("ssl", "yes")], "\"yes\" is not a value of option \"ssl\""),
            (&[("sslmode", "verify-ca")], "to verify the server's certificate"),
            (&[("ssl", "true")], "to verify the server's certificate"),
            (&[("sslmode", "verify-full"), non_validating], "a mode that verifies contradicts"),
            (&[("sslmode", "require"), ("sslrootcert", "system")], "the operating system's roots"),
            (&[("sslfactory", "com.acme.Factory")], "the Java class \"com.acme.Factory\" cannot"),
            (&[("sslcert", "a.pem")], "a client certificate needs its private key"),
            (&[("sslkey", "a.pem")], "a private key needs its client certificate"),
            (&[("channelBinding", "on")], "\"on\" is not a value of option \"channelBinding\""),
            (&[("sslmode", "disable"), ("channelBinding", "require")], "there is no channel to"),
            (&[("sslMode", "require")], "unknown option \"sslMode\""),
            (&[("sslhostnameverifier", "x")], "unknown option \"sslhostnameverifier\""),
        ];
        for (given, expected) in cases {
            let message = check(given).unwrap_err();
            assert!(message.starts_with(expected), "{given:?}: {message}");
        }
    }
}
