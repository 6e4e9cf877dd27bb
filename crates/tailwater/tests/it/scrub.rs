//! Takes out of a text what is another at every run.

use crate::binary::Workspace;
use crate::shop::Shop;

/// The text with names for ports, paths, databases and numbers of processes.
pub(crate) fn scrub(text: &str, workspace: &Workspace, shop: Option<&Shop>) -> String {
    let mut text = text.replace(workspace.path().to_str().unwrap(), "$DIRECTORY");
    if let Some(shop) = shop {
        text = scrub_server(&text, shop.port(), shop.password());
        text = text.replace(&shop.database, "$DATABASE");
    }
    text = without_job(&text);
    text = number_after(&text, "process ", "$PID");
    text = number_after(&text, "pg_terminate_backend(", "$PID");
    text = number_after(&text, "behind 0/", "$LSN");
    hashes(&text)
}

/// Whether a failing job has got as far as to have its name told depends on the moment.
fn without_job(text: &str) -> String {
    let named = text.strip_prefix("[ERROR] job '").and_then(|rest| rest.split_once("' failed: "));
    named.map_or_else(|| text.to_owned(), |(_, rest)| format!("[ERROR] {rest}"))
}

/// The same for a server; its password must not be there.
pub(crate) fn scrub_server(text: &str, port: u16, password: &str) -> String {
    let quoted = password.replace('\'', "''");
    assert!(!text.contains(password) && !text.contains(&quoted), "a password: {text}");
    text.replace(&port.to_string(), "$PORT")
}

fn number_after(text: &str, before: &str, name: &str) -> String {
    let mut parts = text.split(before);
    let mut scrubbed = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest =
            part.trim_start_matches(|c: char| c.is_ascii_digit() || ('A'..='F').contains(&c));
        scrubbed.push_str(before);
        scrubbed.push_str(if rest.len() < part.len() { name } else { "" });
        scrubbed.push_str(rest);
    }
    scrubbed
}

/// `table#0123456789abcdef` depends on ports.
fn hashes(text: &str) -> String {
    let mut parts = text.split('#');
    let mut scrubbed = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_hash = part.get(..16).is_some_and(|h| h.bytes().all(|b| b.is_ascii_hexdigit()));
        scrubbed.push_str(if is_hash { "#$HASH" } else { "#" });
        scrubbed.push_str(if is_hash { &part[16..] } else { part });
    }
    scrubbed
}
