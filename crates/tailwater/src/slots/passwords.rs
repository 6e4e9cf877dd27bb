//! `~/.pgpass`: lines `host:port:database:user:password`, `*` for any, `\` before `:` and `\`.

use std::path::PathBuf;

use tailwater_pipeline::SlotServer;

/// The password of the first line that fits.
pub(super) fn find(server: &SlotServer) -> Option<String> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let path = set("PGPASSFILE").or_else(|| set("HOME").map(|home| home.join(".pgpass")))?;
    let metadata = std::fs::metadata(&path).ok()?;
    let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions());
    if mode & 0o077 != 0 {
        let path = path.display();
        eprintln!(
            "warning: \"{path}\" can be read by others and is not used: chmod 600 \"{path}\""
        );
        return None;
    }
    let text = std::fs::read_to_string(&path).ok()?;
    let port = server.port().to_string();
    find_in(&text, [server.host(), &port, server.database(), server.user()])
}

fn find_in(text: &str, wanted: [&str; 4]) -> Option<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(fields).find_map(|fields| {
        let [host, port, database, user, password] = <[String; 5]>::try_from(fields).ok()?;
        let given = [host, port, database, user];
        let fits = given.iter().zip(wanted).all(|(given, wanted)| given == "*" || given == wanted);
        fits.then_some(password)
    })
}

fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        let field = match c {
            ':' if fields.len() < 5 => {
                fields.push(String::new());
                continue;
            }
            '\\' => chars.next(),
            other => Some(other),
        };
        if let (Some(last), Some(c)) = (fields.last_mut(), field) {
            last.push(c);
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_fits_has_the_password() {
        let text = "# comment\nother:*:*:*:no\ndb:5432:a\\:b:*:one\\:\\\\:two\n*:*:*:me:three\n";
        let find = |wanted| find_in(text, wanted);
        assert_eq!(find(["db", "5432", "a:b", "x"]).as_deref(), Some("one:\\:two"));
        assert_eq!(find(["db", "1", "c", "me"]).as_deref(), Some("three"));
        assert_eq!(find(["db", "1", "c", "you"]), None);
    }
}
