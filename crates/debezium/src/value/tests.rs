use super::*;

fn text(writer: &ValueWriter, value: &str) -> String {
    let mut out = Vec::new();
    let raw = Raw { bytes: value.as_bytes(), is_binary: false };
    match writer.write(raw, &mut out) {
        Ok(()) => String::from_utf8(out).unwrap(),
        Err(Unreadable) => "unreadable".to_owned(),
    }
}

#[test]
fn decimals_of_any_length_are_written_in_each_form() {
    let scaled = |scale| ValueWriter::Decimal(DecimalForm::Scaled(scale));
    let variable = ValueWriter::Decimal(DecimalForm::VariableScale);
    for (writer, value, expected) in [
        (scaled(2), "123.45", "\"MDk=\""),
        (scaled(2), "-999.99", "\"/nlh\""),
        (scaled(2), "0.00", "\"AA==\""),
        (scaled(2), "1.28", "\"AIA=\""),
        (scaled(2), "-1.28", "\"gA==\""),
        (scaled(-2), "12300", "\"ew==\""),
        (scaled(2), "NaN", "null"),
        (variable.clone(), "-0.00000000000000000001", "{\"scale\":20,\"value\":\"/w==\"}"),
        (variable.clone(), "100.500", "{\"scale\":1,\"value\":\"A+0=\"}"),
        (variable.clone(), "0", "{\"scale\":0,\"value\":\"AA==\"}"),
        (
            variable,
            "123456789012345678901234567890.123456789",
            "{\"scale\":9,\"value\":\"XODppWAV/sWq36MorjmBFQ==\"}",
        ),
        (
            scaled(20),
            "99999999999999999999999999999999999999.99999999999999999999",
            "\"AZfU3xnWBXZzN+nxTT7siSDj/////////w==\"",
        ),
        (ValueWriter::Decimal(DecimalForm::Text(Some(3))), "1.5", "\"1.500\""),
        (ValueWriter::Decimal(DecimalForm::Text(None)), "-0.05", "\"-0.05\""),
        (ValueWriter::Decimal(DecimalForm::Text(None)), "NaN", "\"NAN\""),
        (ValueWriter::Decimal(DecimalForm::Double), "NaN", "\"NaN\""),
        (ValueWriter::Money { digits: 2, form: DecimalForm::Scaled(2) }, "-$1,234.11", "\"/h3t\""),
        (ValueWriter::Money { digits: 2, form: DecimalForm::Scaled(4) }, "$1.00", "\"JxA=\""),
    ] {
        assert_eq!(text(&writer, value), expected, "{value}");
    }
}

#[test]
fn times_are_written_in_each_form() {
    for (writer, value, expected) in [
        (ValueWriter::Timestamp(TimeForm::Micros), "infinity", "9223372036825200000"),
        (ValueWriter::Timestamp(TimeForm::Nanos), "0001-01-01 00:00:00", "null"),
        (
            ValueWriter::Timestamp(TimeForm::Iso),
            "0044-03-15 12:00:00 BC",
            "\"-0043-03-15T12:00:00Z\"",
        ),
        (ValueWriter::Timestamp(TimeForm::Iso), "infinity", "\"+294247-01-10T04:00:25.2Z\""),
        (ValueWriter::Timestamp(TimeForm::Iso), "-infinity", "\"-290308-12-21T19:59:27.6Z\""),
        (ValueWriter::TimestampTz(3), "2024-02-29 11:14:15.123+00", "\"2024-02-29T11:14:15.123Z\""),
        (ValueWriter::TimestampTz(6), "-infinity", "\"-infinity\""),
        (ValueWriter::TimeTz, "13:14:15.123456+05:30", "\"07:44:15.123456Z\""),
        (ValueWriter::TimeTz, "24:00:00-15", "\"15:00:00Z\""),
        (ValueWriter::Time(TimeForm::Iso), "24:00:00", "\"00:00:00Z\""),
        (ValueWriter::Date(DateForm::Days), "0044-03-15 BC", "-735160"),
        (
            ValueWriter::Interval(IntervalForm::Iso),
            "-1 years -2 mons +3 days -04:05:06.000001",
            "\"P-1Y-2M3DT-4H-5M-6.000001S\"",
        ),
        (ValueWriter::Interval(IntervalForm::Iso), "-00:00:00.5", "\"P0Y0M0DT0H0M-0.5S\""),
        (ValueWriter::Interval(IntervalForm::Micros), "178000000 years", "9223372036854775807"),
        (ValueWriter::Date(DateForm::Days), "tomorrow", "unreadable"),
    ] {
        assert_eq!(text(&writer, value), expected, "{value}");
    }
}

#[test]
fn text_is_escaped_wherever_a_special_byte_stands() {
    for at in 0..20 {
        let plain = format!("{}\"\\\u{1}\né", "x".repeat(at));
        let expected = format!("\"{}\\\"\\\\\\u0001\\né\"", "x".repeat(at));
        assert_eq!(text(&ValueWriter::Text, &plain), expected);
    }
}

#[test]
fn bits_geometry_and_vectors_are_written() {
    for (writer, value, expected) in [
        (ValueWriter::Bits, "10101", "\"FQ==\""),
        (ValueWriter::Bits, "00000", "\"\""),
        (ValueWriter::Bits, "000000110000001000000001", "\"AQID\""),
        (
            ValueWriter::Geometry,
            "0101000020E6100000000000000000F83F0000000000000440",
            "{\"wkb\":\"AQEAACDmEAAAAAAAAAAA+D8AAAAAAAAEQA==\",\"srid\":4326}",
        ),
        (ValueWriter::Vector, "[1,2.5]", "[1,2.5]"),
        (
            ValueWriter::SparseVector,
            "{1:1.5,3:2}/5",
            "{\"dimensions\":5,\"vector\":[[1,1.5],[3,2.0]]}",
        ),
        (
            ValueWriter::HstoreJson,
            "\"a\"=>\"q\\\"\", \"n\"=>NULL",
            r#""{\"a\":\"q\\\"\",\"n\":null}""#,
        ),
    ] {
        assert_eq!(text(&writer, value), expected, "{value}");
    }
}
