use super::*;
use crate::cast::parse_timestamp;
use crate::civil::{Civil, ShownTimestamp};

fn formatted(text: &str, pattern: &str, flavor: Flavor) -> String {
    let time = parse_timestamp(text).expect("a time");
    let mut out = String::new();
    let pattern = DatePattern::new(pattern, flavor).expect("a pattern");
    pattern.format(&Civil::new(time), 0, &mut out);
    out
}

#[test]
fn times_are_written_as_in_the_oracle() {
    let table = [
        ("2024-01-31 23:59:59.999", "EEE, d MMM yyyy", "Wed, 31 Jan 2024"),
        ("2024-01-31 23:59:59.999", "hh:mm a", "11:59 PM"),
        ("2024-02-29 00:00:00", "hh:mm a", "12:00 AM"),
        ("2024-01-31 23:59:59.999", "yyyy-DDD", "2024-031"),
        ("1969-12-31 23:00:00.001", "HH:mm:ss.SSS", "23:00:00.001"),
        ("2024-01-31 23:59:59.999", "QQ ww", "01 05"),
        ("1969-12-31 23:00:00.001", "QQ ww", "04 01"),
        ("2023-12-31 12:30:45.5", "QQ ww", "04 01"),
        ("2021-01-03 00:00:00", "QQ ww", "01 02"),
        ("2024-01-31 23:59:59.999", "yyyyMMddHHmmss", "20240131235959"),
        ("2024-03-04 05:06:07", "yyyy-MM-dd'T'HH 'o''clock'", "2024-03-04T05 o'clock"),
        ("2024-12-31 05:06:07", "YYYY MMMM EEEE S", "2025 December Tuesday 0"),
    ];
    for (text, pattern, expected) in table {
        assert_eq!(formatted(text, pattern, Flavor::Formatter), expected, "{pattern}");
    }
    let simple = formatted("2024-03-04 05:06:07.008", "MM/dd/yy HH SSS Z X", Flavor::Simple);
    assert_eq!(simple, "03/04/24 05 008 +0000 Z");
}

#[test]
fn letters_that_are_not_known_are_refused() {
    for pattern in ["yyyy-bb", "VV", "yyyy[-MM]", "'open", "nnn"] {
        assert!(DatePattern::new(pattern, Flavor::Formatter).is_err(), "{pattern}");
    }
}

#[test]
fn texts_are_read_strictly_or_leniently() {
    let read = |text: &str, pattern: &str, flavor| {
        let pattern = DatePattern::new(pattern, flavor).expect("a pattern");
        let time = pattern.parse(text)?.0;
        Some(ShownTimestamp(time, 3).to_string())
    };
    let table = [
        (
            "02.01.2024 03-04",
            "dd.MM.yyyy HH-mm",
            Flavor::Formatter,
            Some("2024-01-02 03:04:00.000"),
        ),
        ("20240131235959", "yyyyMMddHHmmss", Flavor::Formatter, Some("2024-01-31 23:59:59.000")),
        ("2024-01-31 x", "yyyy-MM-dd", Flavor::Formatter, None),
        ("2024-1-31", "yyyy-MM-dd", Flavor::Formatter, None),
        ("2024-02-31", "yyyy-MM-dd", Flavor::Formatter, Some("2024-02-29 00:00:00.000")),
        ("11:30 PM", "hh:mm a", Flavor::Formatter, Some("1970-01-01 23:30:00.000")),
        ("4 Mar 24", "d MMM yy", Flavor::Formatter, Some("2024-03-04 00:00:00.000")),
        ("2024-13-01 rest", "yyyy-MM-dd", Flavor::Simple, Some("2025-01-01 00:00:00.000")),
        ("2024-1-2", "yyyy-MM-dd", Flavor::Simple, Some("2024-01-02 00:00:00.000")),
        ("20240102", "yyyyMMdd", Flavor::Simple, Some("2024-01-02 00:00:00.000")),
        ("bad", "yyyy-MM-dd", Flavor::Simple, None),
    ];
    for (text, pattern, flavor, expected) in table {
        assert_eq!(read(text, pattern, flavor).as_deref(), expected, "{text} {pattern}");
    }
}
