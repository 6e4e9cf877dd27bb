//! Records in Avro: written and read back, read by another schema, and damaged.

use std::sync::Arc;

use tailwater_formats::{
    AvroDecoder, AvroEncoder, AvroFraming, DebeziumAvroDecoder, DebeziumAvroEncoder,
    EncodedColumns, MessageDecoder, MessageEncoder, SchemaSource, SchemaUnavailable, derive_schema,
    envelope,
};
use tailwater_types::row::append_map;
use tailwater_types::{
    ChangeBatch, DataType, Datum, Field, Layout, MapRef, RowKind, RowRef, RowWriter, Schema,
    Timestamp, TypeKind,
};

/// Knows the schema of one number.
struct Known(u32, String);

impl SchemaSource for Known {
    fn schema(&self, id: u32) -> Result<Arc<str>, SchemaUnavailable> {
        match id == self.0 {
            true => Ok(self.1.as_str().into()),
            false => Err(SchemaUnavailable { message: "unknown".to_owned(), may_pass: true }),
        }
    }
}

fn fields(columns: &[(&str, DataType)]) -> Vec<Field> {
    columns.iter().map(|(name, data_type)| Field::new(*name, data_type.clone())).collect()
}

fn all(schema: &Schema) -> EncodedColumns {
    EncodedColumns::new(schema, &(0..schema.len()).collect::<Vec<_>>(), "")
}

#[test]
fn every_type_is_read_back_as_it_was_written() {
    let inner = fields(&[("x", TypeKind::Int.nullable()), ("y", TypeKind::STRING.not_null())]);
    let text = TypeKind::STRING.not_null();
    let columns = fields(&[
        ("bo", TypeKind::Boolean.nullable()),
        ("i", TypeKind::Int.not_null()),
        ("b", TypeKind::BigInt.nullable()),
        ("f", TypeKind::Float.nullable()),
        ("d", TypeKind::Double.nullable()),
        ("dc", TypeKind::Decimal { precision: 38, scale: 2 }.nullable()),
        ("s", TypeKind::STRING.nullable()),
        ("by_", TypeKind::BYTES.nullable()),
        ("dt", TypeKind::Date.nullable()),
        ("tm", TypeKind::Time(3).nullable()),
        ("ts", TypeKind::Timestamp(3).nullable()),
        ("l", TypeKind::TimestampLtz(6).nullable()),
        ("ar", TypeKind::Array(TypeKind::Int.nullable().into()).nullable()),
        ("m", TypeKind::Map(text.into(), TypeKind::BigInt.nullable().into()).nullable()),
        ("r", TypeKind::Row(inner.into()).nullable()),
        ("no", TypeKind::STRING.nullable()),
    ]);
    let schema = Schema::new(columns);
    let pair = |first: Datum<'_>, second: Datum<'_>, layouts: [Layout; 2]| {
        let mut bytes = Vec::new();
        let mut writer = RowWriter::new(&mut bytes, 2);
        writer.push(first, layouts[0]);
        writer.push(second, layouts[1]);
        bytes
    };
    let array = pair(Datum::Int(-1), Datum::Null, [Layout::Int; 2]);
    let keys = pair(Datum::Str("a"), Datum::Str("ö"), [Layout::Str; 2]);
    let values = pair(Datum::Int(i64::MIN), Datum::Null, [Layout::Int; 2]);
    let row = pair(Datum::Null, Datum::Str("z"), [Layout::Int, Layout::Str]);
    let mut map = Vec::new();
    append_map(&mut map, |k| k.extend_from_slice(&keys), |v| v.extend_from_slice(&values));
    let datums = [
        Datum::Bool(true),
        Datum::Int(-7),
        Datum::Int(i64::MAX),
        Datum::Float(0.5),
        Datum::Double(-1e300),
        Datum::Decimal(-123_456_789_012_345_678_901_234),
        Datum::Str("żółw"),
        Datum::Bytes(&[0, 255]),
        Datum::Int(-1),
        Datum::Int(86_399_999),
        Datum::Timestamp(Timestamp::from_millis(-1)),
        Datum::Timestamp(Timestamp::from_micros(1_700_000_000_123_456)),
        Datum::Array(RowRef::new(&array)),
        Datum::Map(MapRef::new(RowRef::new(&map))),
        Datum::Row(RowRef::new(&row)),
        Datum::Null,
    ];
    let mut rows = ChangeBatch::default();
    rows.push_datums(RowKind::Insert, &datums, &schema.layouts());
    let written = derive_schema(schema.fields()).unwrap();
    for framing in [AvroFraming::Table, AvroFraming::Registry(Arc::new(Known(258, written)))] {
        let id = matches!(framing, AvroFraming::Registry(_)).then_some(258);
        let mut message = Vec::new();
        let mut encoder = AvroEncoder::new(&all(&schema), id).unwrap();
        encoder.encode(RowKind::Insert, rows.row(0).1, &mut message).unwrap();
        assert_eq!(message.starts_with(&[0, 0, 0, 1, 2]), id.is_some());
        let mut decoder = AvroDecoder::new(&schema, framing).unwrap();
        let mut read = ChangeBatch::default();
        decoder.decode_message(&message, &mut read).unwrap();
        assert_eq!(read.row(0).1.bytes(), rows.row(0).1.bytes());
        // Nothing that is cut panics, and nothing of it is left.
        for end in 0..message.len() {
            let mut none = ChangeBatch::default();
            assert!(decoder.decode_message(&message[..end], &mut none).is_err(), "{end}");
            assert!(none.is_empty());
        }
    }
}

#[test]
fn bytes_are_those_that_the_specification_gives() {
    let schema = Schema::new(fields(&[
        ("a", TypeKind::BigInt.not_null()),
        ("b", TypeKind::STRING.not_null()),
        ("c", TypeKind::Decimal { precision: 5, scale: 2 }.nullable()),
    ]));
    let mut rows = ChangeBatch::default();
    let datums = [Datum::Int(27), Datum::Str("foo"), Datum::Decimal(-129)];
    rows.push_datums(RowKind::Insert, &datums, &schema.layouts());
    let mut message = Vec::new();
    let mut encoder = AvroEncoder::new(&all(&schema), None).unwrap();
    encoder.encode(RowKind::Insert, rows.row(0).1, &mut message).unwrap();
    assert_eq!(message, [0x36, 0x06, b'f', b'o', b'o', 2, 4, 0xff, 0x7f]);
    assert_eq!(
        derive_schema(schema.fields()).unwrap(),
        concat!(
            r#"{"type":"record","name":"record","namespace":"org.apache.flink.avro.generated","#,
            r#""fields":[{"name":"a","type":"long"},{"name":"b","type":"string"},{"name":"c","#,
            r#""type":["null",{"type":"bytes","logicalType":"decimal","precision":5,"scale":2}],"#,
            r#""default":null}]}"#
        )
    );
}

#[test]
fn another_writers_schema_is_read_by_names() {
    let written = r#"["null", {"type":"record","name":"v.User","fields":[
        {"name":"unused","type":{"type":"array","items":{"type":"map","values":"bytes"}}},
        {"name":"kind","type":{"type":"enum","name":"Kind","symbols":["A","B"]}},
        {"name":"n","type":["int","null"]},
        {"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}},
        {"name":"fix","type":{"type":"fixed","name":"F","size":2,"logicalType":"decimal","precision":4,"scale":3}},
        {"name":"other","type":["null","Kind"]}]}]"#;
    // The record; an array of one block with its size, a map of one entry in it; B; 3; 1; 1.235; B.
    let message =
        [&[0, 0, 0, 0, 1, 2][..], &[1, 10, 2, 2, b'k', 0, 0, 0], &[2, 0, 6, 2, 0x04, 0xd3, 2, 2]]
            .concat();
    let schema = Schema::new(fields(&[
        ("n", TypeKind::BigInt.nullable()),
        ("fix", TypeKind::Decimal { precision: 6, scale: 2 }.nullable()),
        ("missing", TypeKind::STRING.nullable()),
        ("kind", TypeKind::STRING.nullable()),
        ("at", TypeKind::Timestamp(6).nullable()),
        ("other", TypeKind::STRING.nullable()),
    ]));
    let framing = || AvroFraming::Registry(Arc::new(Known(1, written.to_owned())));
    let mut decoder = AvroDecoder::new(&schema, framing()).unwrap();
    let mut read = ChangeBatch::default();
    let decoded = decoder.decode_message(&message, &mut read);
    let datums: Vec<Datum<'_>> = match decoded {
        Ok(()) => (0..6).map(|i| read.row(0).1.get(i, schema.layouts()[i])).collect(),
        Err(error) => panic!("{error}"),
    };
    let expected = [
        Datum::Int(3),
        Datum::Decimal(124),
        Datum::Null,
        Datum::Str("B"),
        Datum::Timestamp(Timestamp::from_micros(1)),
        Datum::Str("B"),
    ];
    assert_eq!(datums, expected);
    let refused = |columns: &[(&str, DataType)], message: &[u8]| {
        let schema = Schema::new(fields(columns));
        let mut decoder = AvroDecoder::new(&schema, framing()).unwrap();
        decoder.decode_message(message, &mut ChangeBatch::default()).unwrap_err()
    };
    let error = refused(&[("kind", TypeKind::Int.nullable())], &message);
    assert_eq!(
        error.message,
        "schema 1: field \"kind\": the Avro schema has another type than INT"
    );
    let error = refused(&[("missing", TypeKind::Int.not_null())], &message);
    assert_eq!(error.message, "schema 1: the Avro schema lacks field \"missing\"");
    let error = refused(&[("n", TypeKind::Int.nullable())], &[0, 0, 0, 0, 9, 2]);
    assert_eq!(
        (error.message.as_str(), error.may_pass),
        ("schema 9 is not to be had: unknown", true)
    );
    let error = refused(&[("n", TypeKind::Int.nullable())], b"{\"n\":1}");
    assert_eq!(error.message, "Unknown data format. Magic number does not match");
}

#[test]
fn debeziums_changes_are_written_and_read_back() {
    let schema = Schema::new(fields(&[
        ("id", TypeKind::Int.not_null()),
        ("name", TypeKind::STRING.nullable()),
    ]));
    let written = derive_schema(&envelope(schema.fields())).unwrap();
    let mut encoder = DebeziumAvroEncoder::new(&all(&schema), 1).unwrap();
    let framing = AvroFraming::Registry(Arc::new(Known(1, written)));
    let mut decoder = DebeziumAvroDecoder::new(&schema, framing).unwrap();
    let mut rows = ChangeBatch::default();
    for (kind, name) in
        [(RowKind::Insert, "a"), (RowKind::UpdateBefore, "a"), (RowKind::UpdateAfter, "b")]
    {
        rows.push_datums(kind, &[Datum::Int(1), Datum::Str(name)], &schema.layouts());
    }
    let mut read = ChangeBatch::default();
    for (kind, row) in rows.iter() {
        let mut message = Vec::new();
        encoder.encode(kind, row, &mut message).unwrap();
        decoder.decode_message(&message, &mut read).unwrap();
    }
    let kinds: Vec<&str> = read.iter().map(|(kind, _)| kind.short()).collect();
    assert_eq!(kinds, ["+I", "-D", "+I"]);
    for i in 0..3 {
        assert_eq!(read.row(i).1.bytes(), rows.row(i).1.bytes());
    }
    // before and after NULL, an update.
    let update = [0, 0, 0, 0, 1, 0, 0, 2, 2, b'u'];
    let refused = decoder.decode_message(&update, &mut read).unwrap_err();
    assert!(refused.message.contains("The \"before\" field of UPDATE message is null"));
}
