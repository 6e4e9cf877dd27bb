//! What a failure of TLS means for the user, and how to mend it.

use std::error::Error as StdError;
use std::io;

use rustls::{AlertDescription, CertificateError, Error};
use tailwater_connector_api::{ConnectorError, ErrorKind, Hint, Setting};

use super::options::{Roots, SslMode};
use crate::postgres::client::{ServerAddress, unreachable};

const CHANNEL: Setting = Setting::Tls("channelBinding");
const MODE: Setting = Setting::Tls("sslmode");

/// The server answered that it speaks no TLS.
pub(crate) fn no_tls(address: &ServerAddress) -> ConnectorError {
    let ServerAddress { host, port, .. } = address;
    let message = format!("the server at \"{host}:{port}\" does not speak TLS");
    ConnectorError::new(ErrorKind::Config, message).with_hint(Hint::each(|say| {
        format!(
            "on the server: ALTER SYSTEM SET ssl = on; with ssl_cert_file and ssl_key_file, then \
             SELECT pg_reload_conf(); or set \"{}\" to prefer or disable to go without",
            say.name(MODE)
        )
    }))
}

/// TLS could not be agreed on.
pub(crate) fn handshake_failed(address: &ServerAddress, error: io::Error) -> ConnectorError {
    let answer = match tls_error_of(&error) {
        Some(Error::InvalidCertificate(reason)) => untrusted(address, reason),
        Some(reason) => alert(address, reason),
        None => {
            let ServerAddress { host, port, .. } = address;
            let message =
                format!("the connection to \"{host}:{port}\" was lost while TLS was agreed on");
            ConnectorError::new(ErrorKind::Connect, message)
        }
    };
    answer.with_source(error)
}

/// The TLS error within another one.
pub(crate) fn tls_error_of<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<Error>() {
            return Some(found);
        }
        // An I/O error shows what it wraps here and not as its source.
        let within = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match within {
            Some(within) => Some(within),
            None => error.source(),
        };
    }
    None
}

/// TLS broke off, before or after the handshake.
pub(crate) fn alert(address: &ServerAddress, error: &Error) -> ConnectorError {
    use AlertDescription::{
        AccessDenied, BadCertificate, CertificateExpired, CertificateRequired, CertificateRevoked,
        CertificateUnknown, DecryptError, UnknownCA, UnsupportedCertificate,
    };
    let ServerAddress { host, port, .. } = address;
    let Error::AlertReceived(alert) = error else {
        let message = format!("TLS with the server at \"{host}:{port}\" failed: {error}");
        return ConnectorError::new(ErrorKind::Config, message).with_hint(
            "TLS 1.2 or 1.3 with ECDHE and AES-GCM or ChaCha20 is needed: see \
             ssl_min_protocol_version and ssl_ciphers of the server",
        );
    };
    let about_us = matches!(
        alert,
        AccessDenied
            | BadCertificate
            | CertificateExpired
            | CertificateRequired
            | CertificateRevoked
            | CertificateUnknown
            | DecryptError
            | UnknownCA
            | UnsupportedCertificate
    );
    match (about_us, &address.tls.identity) {
        (true, Some(identity)) => {
            let file = identity.certificate.display();
            let message =
                format!("the server refuses the client certificate \"{file}\": {alert:?}");
            ConnectorError::new(ErrorKind::Auth, message).with_hint(
                "it must be valid and signed by an authority in the server's ssl_ca_file, \
                 intermediate certificates behind it in the same file",
            )
        }
        (true, None) => needs_certificate(format!("the server ended TLS: {alert:?}")),
        (false, _) => {
            let message = format!("the server at \"{host}:{port}\" ended TLS: {alert:?}");
            ConnectorError::new(ErrorKind::Config, message).with_hint(
                "its log says why; TLS 1.2 or 1.3 with ECDHE and AES-GCM or ChaCha20 is needed",
            )
        }
    }
}

/// The server let TLS be and refused the session for want of a client certificate, or for whose it
/// is.
pub(crate) fn uncertified(address: &ServerAddress, message: &str) -> Option<ConnectorError> {
    // The names of user and database stand in the other refusal.
    if !message.contains("certificate") || message.contains("pg_hba.conf") {
        return None;
    }
    let ServerAddress { user, tls, .. } = address;
    let text = format!("the server refuses user \"{user}\": {message}");
    let Some(identity) = &tls.identity else {
        return Some(needs_certificate(text));
    };
    let file = identity.certificate.display();
    Some(ConnectorError::new(ErrorKind::Auth, text).with_hint(format!(
        "the common name of \"{file}\" must be the user, or pg_ident.conf must map it; to see it: \
         openssl x509 -in {file} -noout -subject"
    )))
}

fn needs_certificate(message: String) -> ConnectorError {
    ConnectorError::new(ErrorKind::Auth, message).with_hint(Hint::each(|say| {
        let (cert, key) = (say.name(Setting::Tls("sslcert")), say.name(Setting::Tls("sslkey")));
        format!(
            "set \"{cert}\" and \"{key}\" to a certificate that an authority in the server's \
             ssl_ca_file has signed, and its key"
        )
    }))
}

/// `channelBinding` is `require`, and the connection has nothing to bind to.
pub(crate) fn no_channel(has_tls: bool) -> ConnectorError {
    if has_tls {
        let message = "channel binding is required, and the signature of the server's certificate \
                       names no hash to bind to";
        ConnectorError::new(ErrorKind::Config, message).with_hint(Hint::each(|say| {
            format!(
                "Ed25519 and RSA-PSS have none: sign the certificate by RSA or ECDSA with SHA-256, \
                 or set \"{}\" to prefer",
                say.name(CHANNEL)
            )
        }))
    } else {
        let message = "channel binding is required, and the server does not speak TLS";
        ConnectorError::new(ErrorKind::Config, message).with_hint(Hint::each(|say| {
            let binding = say.name(CHANNEL);
            format!("on the server: ALTER SYSTEM SET ssl = on; or set \"{binding}\" to prefer")
        }))
    }
}

/// `channelBinding` is `require`, and the server authenticates without.
pub(crate) fn unbound(message: impl Into<String>) -> ConnectorError {
    ConnectorError::new(ErrorKind::Auth, message).with_hint(Hint::each(|say| {
        format!(
            "let pg_hba.conf ask for scram-sha-256, and store the password so: SET \
             password_encryption = 'scram-sha-256'; ALTER ROLE ... PASSWORD '...'; or set \"{}\" to \
             prefer",
            say.name(CHANNEL)
        )
    }))
}

fn untrusted(address: &ServerAddress, reason: &CertificateError) -> ConnectorError {
    use CertificateError as Reason;
    let ServerAddress { host, port, tls, .. } = address;
    let roots = match &tls.roots {
        Some(Roots::File(path)) => format!("\"{}\"", path.display()),
        Some(Roots::System) | None => "the operating system's roots".to_owned(),
    };
    let (said, hint) = match reason {
        Reason::UnknownIssuer | Reason::BadSignature => (
            format!("is not signed by an authority in {roots}"),
            Hint::each(|say| {
                format!(
                    "set \"{}\" to the certificate of the authority that signed it; to see what the \
                     server shows: openssl s_client -starttls postgres -showcerts -connect \
                     {host}:{port}",
                    say.name(Setting::Tls("sslrootcert"))
                )
            }),
        ),
        Reason::NotValidForNameContext { presented, .. } => {
            (format!("is for {}", names(presented)), another_name(tls.mode, presented))
        }
        Reason::Expired | Reason::ExpiredContext { .. } => (
            "has expired".to_owned(),
            "renew it on the server, then SELECT pg_reload_conf();".into(),
        ),
        Reason::NotValidYet | Reason::NotValidYetContext { .. } => {
            ("is not valid yet".to_owned(), "compare the clocks of both machines".into())
        }
        Reason::InvalidPurpose | Reason::InvalidPurposeContext { .. } => (
            "is not for servers".to_owned(),
            "its extended key usage must have serverAuth, or there must be none".into(),
        ),
        other => (
            format!("cannot be verified ({})", Error::InvalidCertificate(other.clone())),
            format!(
                "to see what the server shows: openssl s_client -starttls postgres -showcerts \
                 -connect {host}:{port}"
            )
            .into(),
        ),
    };
    let message = format!("the certificate of the server at \"{host}:{port}\" {said}");
    ConnectorError::new(ErrorKind::Config, message).with_hint(hint)
}

fn names(presented: &[String]) -> String {
    if presented.is_empty() {
        return "no name at all".to_owned();
    }
    presented.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

fn another_name(mode: SslMode, presented: &[String]) -> Hint {
    Hint::each(|say| {
        let weaker = format!("set \"{}\" to verify-ca, which asks for no name", say.name(MODE));
        match presented.iter().find(|name| !name.starts_with('*')) {
            Some(name) if mode == SslMode::VerifyFull => {
                format!("connect to \"{name}\", put this name into the certificate, or {weaker}")
            }
            _ => format!("put the name that you connect to into the certificate, or {weaker}"),
        }
    })
}

/// The session did not begin: nobody answered, somebody hung up, or TLS broke off behind the
/// handshake, as it does in 1.3 when the server refuses our certificate.
pub(crate) fn hung_up(
    address: &ServerAddress,
    error: impl StdError + Send + Sync + 'static,
) -> ConnectorError {
    let answer = match tls_error_of(&error) {
        Some(reason) => alert(address, reason),
        None => match &address.tls.identity {
            None => unreachable(address),
            Some(identity) => unreachable(address).with_hint(format!(
                "the server hung up: its log says why; it may refuse the client certificate \"{}\"",
                identity.certificate.display()
            )),
        },
    };
    answer.with_source(error)
}
