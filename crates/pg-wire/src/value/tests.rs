use super::*;

fn round_trip(unscaled: i128, scale: u8) -> String {
    let mut bytes = Vec::new();
    numeric::append_binary(unscaled, scale, &mut bytes);
    let read = numeric::parse(&bytes).expect("a numeric");
    assert_eq!(read.to_unscaled(scale), Some(unscaled), "{unscaled} {scale}");
    let mut text = Vec::new();
    read.append_text(&mut text);
    assert_eq!(text::decimal(&text, scale), Some(unscaled));
    String::from_utf8(text).expect("ascii")
}

#[test]
fn numerics_are_written_and_read_back_at_every_alignment() {
    assert_eq!(round_trip(0, 0), "0");
    assert_eq!(round_trip(0, 5), "0.00000");
    assert_eq!(round_trip(-1, 0), "-1");
    assert_eq!(round_trip(12345, 2), "123.45");
    assert_eq!(round_trip(1, 9), "0.000000001");
    assert_eq!(round_trip(10_000, 4), "1.0000");
    assert_eq!(round_trip(120_000_000, 0), "120000000");
    let most = 99_999_999_999_999_999_999_999_999_999_999_999_999;
    for scale in 0..=38 {
        round_trip(most, scale);
        round_trip(-most, scale);
        round_trip(1, scale);
        round_trip(10_i128.pow(u32::from(scale)), scale);
    }
}

#[test]
fn a_numeric_that_does_not_fit_is_refused() {
    let mut bytes = Vec::new();
    numeric::append_binary(12345, 3, &mut bytes);
    let number = numeric::parse(&bytes).unwrap();
    assert_eq!(number.to_unscaled(2), None);
    assert_eq!(number.to_unscaled(4), Some(123_450));
    assert_eq!(text::decimal(b"12.345", 2), None);
    assert_eq!(text::decimal(b"12.3400", 2), Some(1234));
    for wrong in [&b""[..], b"-", b"1.2.3", b"NaN", b"1e5"] {
        assert_eq!(text::decimal(wrong, 2), None);
    }
    let nan = numeric::parse(&[0, 0, 0, 0, 0xC0, 0, 0, 0]).unwrap();
    assert_eq!((nan.sign, nan.to_unscaled(0)), (numeric::Sign::NaN, None));
}

#[test]
fn dates_and_times_as_text_agree_with_the_calendar() {
    assert_eq!(text::date(b"1970-01-01"), Some(0));
    assert_eq!(text::date(b"2000-01-01"), Some(10_957));
    assert_eq!(text::date(b"0001-12-31 BC"), Some(-719_163));
    assert_eq!(text::date(b"12024-02-29"), Some(3_672_207));
    assert_eq!(text::date(b"2023-02-29"), None);
    assert_eq!(text::date(b"infinity"), None);
    assert_eq!(text::time(b"23:59:59.5"), Some(86_399_500_000));
    assert_eq!(text::timestamp(b"1969-12-31 23:59:59.999999"), Some(-1));
    assert_eq!(text::timestamp(b"1970-01-01 01:00:00+01"), Some(0));
    assert_eq!(text::timestamp(b"1970-01-01 00:00:00-05:30"), Some(19_800_000_000));
    for days in (-800_000..800_000).step_by(997) {
        let (year, month, day) = calendar::civil_from_days(days);
        assert_eq!(calendar::days_from_civil(year, month, day), days);
    }
}

#[test]
fn arrays_are_read_in_both_formats() {
    let element = |text: &[u8]| Some(text.to_vec());
    let read = |text: &[u8]| array::text(text, b',');
    let flat = read(br#"{1,NULL,"a \"b\"\\",x}"#).unwrap();
    assert_eq!(flat.lengths, [4]);
    let expected = [element(b"1"), None, element(br#"a "b"\"#), element(b"x")];
    assert_eq!(flat.elements, expected);
    assert!(read(b"{}").unwrap().lengths.is_empty());
    assert_eq!(read(b"[0:1]={1,2}").unwrap().lengths, [2]);
    let cube = read(br#"{{{1,2}},{{NULL,"{"}},{{5,6}}}"#).unwrap();
    assert_eq!((cube.lengths, cube.elements.len()), (vec![3, 1, 2], 6));
    let boxes = array::text(b"{(1,2),(0,0);(3,4),(0,0)}", b';').unwrap();
    assert_eq!(boxes.elements, [element(b"(1,2),(0,0)"), element(b"(3,4),(0,0)")]);
    for wrong in ["{", "{1,}", "{{1},{2,3}}", "{{1},2}", "{1,{2}}", "{\"a}", "x", "{1}}", "{a b}"] {
        assert_eq!(read(wrong.as_bytes()), None, "{wrong}");
    }
    let one = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 0, 0, 0, 2, 0, 0, 0, 1];
    let mut bytes = one.to_vec();
    bytes.extend_from_slice(&[0, 0, 0, 4, 0, 0, 0, 7, 0xff, 0xff, 0xff, 0xff]);
    let elements = array::binary(&bytes).unwrap();
    assert_eq!(elements.dimensions(), [array::Dimension { length: 2, lower: 1 }]);
    let read: Vec<_> = elements.collect();
    assert_eq!(read, [Some(Some(&[0, 0, 0, 7][..])), Some(None)]);
    assert!(array::binary(&one).is_none());
}

#[test]
fn rows_and_entries_are_read_from_text() {
    let some = |text: &str| Some(text.as_bytes().to_vec());
    let row = composite::text(br#"(1,,"","a ""b"" \\,)",x)"#).unwrap();
    assert_eq!(row, [some("1"), None, some(""), some("a \"b\" \\,)"), some("x")]);
    assert_eq!(composite::text(b"(\"a)"), None);
    let pairs = hstore::text(br#""k"=>"v \" \\", "n"=>NULL"#).unwrap();
    assert_eq!(pairs, [(b"k".to_vec(), some("v \" \\")), (b"n".to_vec(), None)]);
    assert_eq!(hstore::text(b"").unwrap(), []);
    assert_eq!(hstore::text(b"\"a\"=>\"b\", "), None);
}

#[test]
fn intervals_money_and_bits_are_read_from_text() {
    for (months, days, micros) in [
        (0, 0, 0),
        (14, 3, 14_706_780_000),
        (-14, 3, -14_706_000_001),
        (i32::MIN, i32::MIN, i64::MIN + 1),
        (i32::MAX, i32::MAX - 1, i64::MAX),
        (-1, 1, 1),
    ] {
        let interval = binary::Interval { months, days, micros };
        let mut printed = Vec::new();
        clock::append_interval(interval, &mut printed);
        assert_eq!(text::interval(&printed), Some(interval));
    }
    assert_eq!(text::interval(b"infinity"), None);
    assert_eq!(text::money(b"-$1,234.56"), Some(-123_456));
    assert_eq!(text::money("(1.234,56 €)".as_bytes()), Some(-123_456));
    assert_eq!(text::money(b"$"), None);
    assert!(text::bits(b"101").unwrap().eq([true, false, true]));
    assert!(text::bits(b"102").is_none());
}

#[test]
fn a_uuid_prints_in_its_five_groups() {
    let bytes: Vec<u8> = (0..16).map(|i| i * 17).collect();
    let text = binary::uuid(&bytes).unwrap();
    assert_eq!(&text, b"00112233-4455-6677-8899-aabbccddeeff");
    assert_eq!(binary::uuid(&bytes[1..]), None);
}

fn printed(value: &ValueType, bytes: &[u8]) -> Option<String> {
    let mut out = b"before".to_vec();
    value.append_text(bytes, &mut out)?;
    Some(String::from_utf8(out).expect("utf-8")["before".len()..].to_owned())
}

/// pgvector and PostGIS need no server for what their formats say.
#[test]
fn types_of_extensions_print_as_these_print_them() {
    let of = |extension, name| ValueType::of_extension(extension, name).expect("a known type");
    let numbers = [[0, 3, 0, 0], [0x3f, 0x80, 0, 0], [0xbf, 0, 0, 0], [0x4b, 0x18, 0x96, 0x80]];
    let vector = of("vector", "vector");
    assert_eq!(printed(&vector, numbers.as_flattened()).as_deref(), Some("[1,-0.5,1e+07]"));
    assert_eq!(printed(&vector, &[0, 1, 0, 0, 1, 2]), None);
    // 1, -2, the smallest and the largest number of 16 bits, infinity.
    let halves = [[0, 5], [0, 0], [0x3c, 0], [0xc0, 0], [0, 1], [0x7b, 0xff], [0x7c, 0]];
    let expected = "[1,-2,5.9604645e-08,65504,Infinity]";
    let half = of("vector", "halfvec");
    assert_eq!(printed(&half, halves.as_flattened()).as_deref(), Some(expected));
    let sparse: Vec<u8> = [5_u32, 2, 0, 0, 2, 0x3fc0_0000, 0x4000_0000]
        .iter()
        .flat_map(|word| word.to_be_bytes())
        .collect();
    let sparsevec = of("vector", "sparsevec");
    assert_eq!(printed(&sparsevec, &sparse).as_deref(), Some("{1:1.5,3:2}/5"));
    assert_eq!(printed(&sparsevec, &sparse[..24]), None);
    let point = [1, 1, 0, 0, 0x20, 0xe6, 0x10, 0, 0];
    let geometry = of("postgis", "geometry");
    assert_eq!(printed(&geometry, &point).as_deref(), Some("0101000020E6100000"));
    assert_eq!(ValueType::of_extension("postgis", "raster"), None);
}

#[test]
fn a_byte_of_its_own_is_octal_beyond_ascii() {
    assert_eq!(printed(&ValueType::Char, &[0]).as_deref(), Some(""));
    assert_eq!(printed(&ValueType::Char, b"x").as_deref(), Some("x"));
    assert_eq!(printed(&ValueType::Char, &[0xe9]).as_deref(), Some("\\351"));
}

#[test]
fn money_has_the_digits_of_its_country() {
    let yen = ValueType::Money { digits: 0 };
    assert_eq!(printed(&yen, &(-1_234_567_i64).to_be_bytes()).as_deref(), Some("-$1,234,567"));
    let dinar = ValueType::Money { digits: 3 };
    assert_eq!(printed(&dinar, &1_005_i64.to_be_bytes()).as_deref(), Some("$1.005"));
}

#[test]
fn an_unknown_part_makes_the_whole_unreadable() {
    let array = |element| ValueType::Array { element: Box::new(element), delimiter: b',' };
    assert!(array(ValueType::Int4).is_readable());
    assert!(!array(ValueType::Opaque).is_readable());
    assert!(!array(ValueType::Opaque).fails_in_binary());
    assert!(array(ValueType::TextOnly).fails_in_binary());
    assert!(!ValueType::TextOnly.fails_in_binary() && !ValueType::TextOnly.is_readable());
}
