//! Messages are written as Flink 1.20 wrote them, and read back as what they were.

#![expect(clippy::unwrap_used, reason = "a test says what it expects by failing")]

use jiff::tz::TimeZone;
use tailwater_expr::ResolveContext;
use tailwater_formats::{
    CsvConfig, CsvDecoder, CsvEncoder, Encoded, EncodedColumns, Endianness, JsonConfig,
    JsonDecoder, JsonEncoder, JsonEncoding, MessageDecoder, MessageEncoder, NullKeys, RawDecoder,
    RawEncoder, TimestampFormat,
};
use tailwater_types::row::append_map;
use tailwater_types::{
    ChangeBatch, DataType, Datum, Field, Layout, MapRef, RowKind, RowRef, RowWriter, Schema,
    TypeKind,
};

fn schema(columns: &[(&str, DataType)]) -> Schema {
    Schema::new(columns.iter().map(|(n, t)| Field::new(*n, t.clone())).collect::<Vec<_>>())
}

fn context() -> ResolveContext {
    ResolveContext { time_zone: TimeZone::UTC, is_strict: false }
}

fn all(schema: &Schema) -> EncodedColumns {
    EncodedColumns::new(schema, &(0..schema.len()).collect::<Vec<_>>(), "")
}

fn encoded(encoder: &mut dyn MessageEncoder, row: RowRef<'_>) -> String {
    let mut out = Vec::new();
    assert_eq!(encoder.encode(RowKind::Insert, row, &mut out), Ok(Encoded::Bytes));
    String::from_utf8(out).unwrap()
}

/// The table that a Flink was given as JSON and as CSV.
fn wide() -> Schema {
    let fields = vec![
        Field::new("x", TypeKind::Int.nullable()),
        Field::new("y", TypeKind::STRING.nullable()),
    ];
    let map = TypeKind::Map(TypeKind::STRING.not_null().into(), TypeKind::Int.nullable().into());
    schema(&[
        ("i", TypeKind::Int.nullable()),
        ("b", TypeKind::BigInt.nullable()),
        ("d", TypeKind::Double.nullable()),
        ("dc", TypeKind::Decimal { precision: 10, scale: 2 }.nullable()),
        ("s", TypeKind::STRING.nullable()),
        ("bo", TypeKind::Boolean.nullable()),
        ("dt", TypeKind::Date.nullable()),
        ("tm", TypeKind::Time(3).nullable()),
        ("ts", TypeKind::Timestamp(3).nullable()),
        ("l", TypeKind::TimestampLtz(3).nullable()),
        ("by_", TypeKind::BYTES.nullable()),
        ("ar", TypeKind::Array(TypeKind::Int.nullable().into()).nullable()),
        ("m", map.nullable()),
        ("r", TypeKind::Row(fields.into()).nullable()),
    ])
}

const WIDE: &[&str] = &[
    r#"{"i":1,"b":9223372036854775807,"d":1.5,"dc":12.35,"s":"a\"é\n","bo":true,"dt":"2024-01-02","tm":"03:04:05","ts":"2024-01-02 03:04:05.678","l":"2024-01-02 03:04:05.678Z","by_":"aGk=","ar":[1,null],"m":{"k":1},"r":{"x":1,"y":"z"}}"#,
    r#"{"i":4,"b":null,"d":"NaN","dc":null,"s":"true","bo":null,"dt":null,"tm":null,"ts":null,"l":null,"by_":null,"ar":null,"m":null,"r":null}"#,
    r#"{"i":null,"b":null,"d":1.0E10,"dc":1E+2,"s":"\u0001\b\\/","bo":false,"dt":null,"tm":"03:04:05.6","ts":"2024-01-02 03:04:05","l":null,"by_":"","ar":[],"m":{},"r":{"x":null,"y":null}}"#,
];

#[test]
fn json_is_written_as_flink_writes_it_and_reads_back() {
    let schema = wide();
    let mut decoder = JsonDecoder::new(&schema, JsonConfig::default(), &context()).unwrap();
    let mut encoder = JsonEncoder::new(&all(&schema), JsonEncoding::default()).unwrap();
    for line in WIDE {
        let mut rows = ChangeBatch::default();
        decoder.decode_message(line.as_bytes(), &mut rows).unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(encoded(&mut encoder, rows.row(0).1), *line);
    }
}

#[test]
fn json_obeys_its_options_for_writing() {
    let schema = wide();
    let mut decoder = JsonDecoder::new(&schema, JsonConfig::default(), &context()).unwrap();
    let columns = EncodedColumns::new(&schema, &[0, 3, 8, 9, 4], "");
    let encoding = JsonEncoding {
        timestamps: TimestampFormat::Iso8601,
        has_plain_decimals: true,
        omits_nulls: true,
        ..JsonEncoding::default()
    };
    let mut encoder = JsonEncoder::new(&columns, encoding).unwrap();
    let expected = [
        r#"{"i":1,"dc":12.35,"ts":"2024-01-02T03:04:05.678","l":"2024-01-02T03:04:05.678Z","s":"a\"é\n"}"#,
        r#"{"i":4,"s":"true"}"#,
        r#"{"dc":100,"ts":"2024-01-02T03:04:05","s":"\u0001\b\\/"}"#,
    ];
    for (line, expected) in WIDE.iter().zip(expected) {
        let mut rows = ChangeBatch::default();
        decoder.decode_message(line.as_bytes(), &mut rows).unwrap();
        assert_eq!(encoded(&mut encoder, rows.row(0).1), expected);
    }
}

#[test]
fn a_null_key_of_a_map_fails_or_goes_or_has_a_name() {
    let kind = TypeKind::Map(TypeKind::STRING.nullable().into(), TypeKind::Int.nullable().into());
    let schema = schema(&[("k", kind.nullable())]);
    let mut map = Vec::new();
    let half = |out: &mut Vec<u8>, datum, layout| RowWriter::new(out, 1).push(datum, layout);
    append_map(
        &mut map,
        |out| half(out, Datum::Null, Layout::Str),
        |out| half(out, Datum::Int(1), Layout::Int),
    );
    let mut rows = ChangeBatch::default();
    let map = Datum::Map(MapRef::new(RowRef::new(&map)));
    rows.push_datums(RowKind::Insert, &[map], &schema.layouts());
    let with = |null_keys| {
        let encoding = JsonEncoding { null_keys, ..JsonEncoding::default() };
        JsonEncoder::new(&all(&schema), encoding).unwrap()
    };
    let row = rows.row(0).1;
    assert_eq!(encoded(&mut with(NullKeys::Literal("nul".to_owned())), row), r#"{"k":{"nul":1}}"#);
    assert_eq!(encoded(&mut with(NullKeys::Drop), row), r#"{"k":{}}"#);
    let refused = with(NullKeys::Fail).encode(RowKind::Insert, row, &mut Vec::new());
    assert!(refused.unwrap_err().message.contains("null keys"));
}

#[test]
fn csv_is_quoted_where_flink_quotes_it() {
    let schema = schema(&[
        ("i", TypeKind::Int.nullable()),
        ("s", TypeKind::STRING.nullable()),
        ("d", TypeKind::Decimal { precision: 8, scale: 2 }.nullable()),
        ("bo", TypeKind::Boolean.nullable()),
        ("ts", TypeKind::Timestamp(3).nullable()),
    ]);
    let config = CsvConfig::default;
    let ignoring = CsvConfig { ignores_errors: true, ..config() };
    let mut decoder = CsvDecoder::new(&schema, ignoring, &context()).unwrap();
    let mut encoder = CsvEncoder::new(&all(&schema), config()).unwrap();
    let records = [
        "1,plain,1.5,true,\"2024-01-02 03:04:05\"",
        "2,\"quo\"\"ted, comma\",2.56,false,\"2024-01-02 03:04:05.1\"",
        ",\"bad int\",1,true,\"2024-01-02 03:04:05\"",
        "6,\" sp \",-0.1,true,",
        "7,\"multi\nline\",\"1E+2\",false,\"2024-01-02 03:04:05\"",
        "8,\"more-than-twenty-four-letters\",,false,",
    ];
    for record in records {
        let mut rows = ChangeBatch::default();
        decoder.decode_message(record.as_bytes(), &mut rows).unwrap();
        assert_eq!(encoded(&mut encoder, rows.row(0).1), record);
    }
}

#[test]
fn a_broken_message_leaves_nothing_and_the_next_one_is_read() {
    let schema = schema(&[("a", TypeKind::Int.nullable()), ("b", TypeKind::Int.nullable())]);
    let mut csv = CsvDecoder::new(&schema, CsvConfig::default(), &context()).unwrap();
    let mut json = JsonDecoder::new(&schema, JsonConfig::default(), &context()).unwrap();
    let cases: [(&mut dyn MessageDecoder, [&str; 4]); 2] = [
        (&mut csv, ["1", "x,1", "", "1,2\n3,4"]),
        (&mut json, ["{\"a\":1", "{\"a\":[]}", "1", "{\"a\":1,\"b\":2}"]),
    ];
    for (decoder, [first, second, third, last]) in cases {
        let mut rows = ChangeBatch::default();
        for broken in [first, second, third] {
            assert!(decoder.decode_message(broken.as_bytes(), &mut rows).is_err(), "{broken}");
            assert!(rows.is_empty(), "{broken}");
        }
        decoder.decode_message(last.as_bytes(), &mut rows).unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows.row(0).1.get(1, Layout::Int), Datum::Int(2));
    }
}

#[test]
fn raw_is_the_bytes_of_one_column() {
    let table: [(TypeKind, Datum<'_>, &[u8]); 7] = [
        (TypeKind::STRING, Datum::Str("żó"), "żó".as_bytes()),
        (TypeKind::BYTES, Datum::Bytes(&[0, 255]), &[0, 255]),
        (TypeKind::Boolean, Datum::Bool(true), &[1]),
        (TypeKind::TinyInt, Datum::Int(-2), &[254]),
        (TypeKind::Int, Datum::Int(-2), &[255, 255, 255, 254]),
        (TypeKind::BigInt, Datum::Int(258), &[0, 0, 0, 0, 0, 0, 1, 2]),
        (TypeKind::Double, Datum::Double(1.0), &[0x3f, 0xf0, 0, 0, 0, 0, 0, 0]),
    ];
    for (kind, datum, bytes) in table {
        let schema = schema(&[("a", kind.nullable())]);
        for endianness in [Endianness::Big, Endianness::Little] {
            let mut decoder = RawDecoder::new(&schema, endianness).unwrap();
            let mut encoder = RawEncoder::new(&all(&schema), endianness).unwrap();
            let mut message = bytes.to_vec();
            if endianness == Endianness::Little && !matches!(datum, Datum::Str(_) | Datum::Bytes(_))
            {
                message.reverse();
            }
            let mut rows = ChangeBatch::default();
            decoder.decode_message(&message, &mut rows).unwrap();
            let row = rows.row(0).1;
            assert_eq!(row.get(0, schema.layouts()[0]), datum);
            let mut out = Vec::new();
            assert_eq!(encoder.encode(RowKind::Insert, row, &mut out), Ok(Encoded::Bytes));
            assert_eq!(out, message);
        }
    }
    let int = schema(&[("a", TypeKind::Int.nullable())]);
    let mut decoder = RawDecoder::new(&int, Endianness::Big).unwrap();
    let refused = decoder.decode_message(&[1, 2], &mut ChangeBatch::default()).unwrap_err();
    assert_eq!(refused.message, "Size of data received for deserializing INT type is not 4.");
    let two = schema(&[("a", TypeKind::Int.nullable()), ("b", TypeKind::Int.nullable())]);
    assert!(RawDecoder::new(&two, Endianness::Big).is_err());
}
