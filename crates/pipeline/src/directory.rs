//! Where what belongs to a name lies.

/// A name as the name of a directory: readable, and different for different names.
pub fn directory_name(name: &str) -> String {
    const MOST: usize = 80;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let readable: String =
        name.chars().map(|c| if is_plain(c) { c } else { '_' }).take(MOST).collect();
    // A name of dots is another directory; one that begins with them is not seen.
    if readable == name && !name.starts_with('.') && !name.is_empty() {
        return readable;
    }
    let readable = readable.trim_start_matches('.');
    format!("{readable}-{:016x}", xxhash_rust::xxh3::xxh3_64(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::directory_name;

    #[test]
    fn names_stay_apart_and_below_their_parent() {
        assert_eq!(directory_name("orders-2.eu_1"), "orders-2.eu_1");
        let names = ["", ".", "..", "../x", "a/b", "a_b", "a b", ".a", "é", &"x".repeat(200)];
        let mut seen = Vec::new();
        for name in names {
            let directory = directory_name(name);
            assert!(!directory.starts_with('.') && !directory.contains('/'), "{directory}");
            assert!(!directory.is_empty() && directory.len() < 120);
            assert!(!seen.contains(&directory), "{directory}");
            seen.push(directory);
        }
    }
}
