//! The binary format of every type printed by us, against what the server prints: thousands of
//! random values for each type.

use std::error::Error;

use tailwater_pg_wire::value::{CompositeField, ValueType};
use tailwater_testkit_postgres::{Client, Cluster};
use tokio_postgres::types::{FromSql, ToSql, Type};

const SEED: u64 = 0x2545_F491_4F6C_DD1D;

const SETTINGS: &str =
    "SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'; SET TimeZone = 'UTC';
    SET extra_float_digits = 3; SET bytea_output = 'hex'; SET lc_monetary = 'C';
    SELECT setseed(0.42);";

/// A value as the server sends it in the binary format.
struct Raw(Vec<u8>);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Raw(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

async fn client() -> (std::sync::Arc<Cluster>, Client) {
    println!("seed {SEED:#x}");
    let cluster = Cluster::shared();
    let client = cluster.connect(&cluster.create_database().await).await;
    client.batch_execute(SETTINGS).await.expect("settings");
    (cluster, client)
}

/// Compares every value that `sql` gives.
async fn check(client: &Client, value: &ValueType, sql: &str, given: &[&(dyn ToSql + Sync)]) {
    compare(client, |_| value.clone(), sql, given).await;
}

/// The same for a built-in type.
async fn check_built_in(client: &Client, sql: &str, given: &[&(dyn ToSql + Sync)]) {
    compare(client, |oid| ValueType::built_in(oid).expect("a built-in type"), sql, given).await;
}

async fn compare(
    client: &Client,
    value: impl Fn(u32) -> ValueType,
    sql: &str,
    given: &[&(dyn ToSql + Sync)],
) {
    // Computed once: the values are random.
    let sql = format!("WITH v AS MATERIALIZED ({sql}) SELECT v.v, format('%s', v.v) FROM v");
    let rows = client.query(&sql, given).await.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    let value = value(rows.first().expect("a row").columns()[0].type_().oid());
    let mut text = Vec::new();
    for row in rows {
        let (Raw(bytes), expected) = (row.get(0), row.get::<_, String>(1));
        text.clear();
        let read = value.append_text(&bytes, &mut text);
        let text = String::from_utf8_lossy(&text);
        assert!(read.is_some() && text == expected, "{sql}\n ours {text}\n  PG  {expected}");
    }
}

fn array(element: ValueType) -> ValueType {
    ValueType::Array { element: Box::new(element), delimiter: b',' }
}

fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// Expressions of random values; `g` counts.
const RANDOM: &[&str] = &[
    "random() < 0.5",
    "wide(32767)::int2",
    "wide(2147483647)::int4",
    "wide(9.2e18)::int8",
    "((random() * 4294967295)::int8)::oid",
    "((random() * 4294967295)::int8)::text::xid",
    "((random() * 1.8e19)::numeric(20))::text::xid8",
    "round(wide(1e10)::numeric * 10::numeric ^ (random() * 40)::int, (random() * 60)::int)",
    "('-1.5e' || (g - 1500))::numeric",
    "wide(9e16)::numeric::money",
    "chr(1 + g::int % 126)::\"char\"",
    "md5(g::text)::name",
    "decode(substr(md5(g::text), 1, (random() * 16)::int * 2), 'hex')",
    "substring(((random() * 2 ^ 31)::int8 - 5)::int::bit(32)::varbit, 1, (random() * 32)::int)",
    "date '2000-01-01' + (random() * 2145000000)::int",
    "date '2000-01-01' - (random() ^ 2 * 2451000)::int",
    "time '00:00' + random() * interval '1 day'",
    "date_trunc('second', random() * interval '1 day')::time",
    "((time '00:00' + random() * interval '1 day')::text || CASE WHEN g % 2 = 0 THEN '+' ELSE '-' \
     END || (random() * interval '15 h 59 min')::interval(0)::text)::timetz",
    "timestamp '2000-01-01' + random() * interval '290000 years'",
    "(timestamp '2000-01-01' - random() ^ 4 * interval '6700 years') AT TIME ZONE 'UTC'",
    "make_interval(months => wide(1e9)::int * (random() < 0.7)::int, \
     days => wide(2e9)::int * (random() < 0.7)::int) \
     + wide(1e7) * (random() < 0.7)::int * interval '1 hour'",
    "gen_random_uuid()",
    "set_masklen('0.0.0.0'::inet + (random() * 4294967295)::int8, least(32, (random() * 64)::int))",
    "set_masklen(array_to_string(ARRAY(SELECT CASE WHEN random() < 0.6 THEN '0' WHEN random() < 0.2 \
     THEN 'ffff' ELSE to_hex(abs(wide(65535))::int) END FROM generate_series(1, 8 + g * 0)), \
     ':')::inet, least(128, (random() * 256)::int))",
    "network(set_masklen('0.0.0.0'::inet + (random() * 4294967295)::int8, (random() * 32)::int))",
    "substr(md5(g::text), 1, 12)::macaddr",
    "substr(md5(g::text), 1, 16)::macaddr8",
    "'0/0'::pg_lsn + abs(wide(9.2e18))::int8",
    "format('(%s,%s)', (random() * 4294967295)::int8, (random() * 65535)::int)::tid",
    "format('%s:%s:%s', g, g + 20, CASE WHEN g % 3 > 0 THEN g + 1 || ',' || g + 4 END)::pg_snapshot",
    "format('%s:%s:%s', g, g + 9, g + 5)::txid_snapshot",
    "jsonb_build_object('k', random(), md5(g::text), ARRAY[g, NULL, 1])",
    "json_build_object('k', random())",
    "format('<a b=\"%s\">\u{fc}</a>', g)::xml",
    "format('$.a[*] ? (@ > %s)', g)::jsonpath",
    "format('1 %s -2', g)::int2vector",
    "CASE WHEN g > 1 THEN format('1 %s', g) ELSE '' END::oidvector",
];

#[tokio::test]
async fn scalars_print_as_the_server_prints_them() {
    let (_cluster, client) = client().await;
    let wide = "CREATE FUNCTION wide(most float8) RETURNS float8 VOLATILE LANGUAGE sql AS
        'SELECT (random() - 0.5) * 2 * most * random() ^ 20'";
    client.batch_execute(wide).await.unwrap();
    for expression in RANDOM {
        let sql = format!("SELECT {expression} AS v FROM generate_series(1, 3000) g");
        check_built_in(&client, &sql, &[]).await;
    }
}

/// As text it is read by PostgreSQL 15 and later.
const WIDEST_INTERVAL: &str = "2562047788:00:54.775807";

/// Types with values at their edges.
const EDGES: &[(&str, &[&str])] = &[
    ("int8", &["-9223372036854775808", "9223372036854775807"]),
    ("numeric", &["NaN", "Infinity", "-Infinity", "0", "0.000", "-0.00000000000000000001"]),
    ("numeric", &["1e16000", "1e-16000"]),
    ("money", &["-92233720368547758.08", "92233720368547758.07", "0", "-0.01", "999.99", "1000"]),
    ("varbit", &["", "1", "10000000", "100000001"]),
    ("bytea", &["", "\\x00"]),
    ("\"char\"", &["", "a", "'"]),
    ("date", &["infinity", "-infinity", "0001-01-01 BC", "0001-01-01"]),
    ("date", &["4713-01-01 BC", "5874897-12-31"]),
    ("timestamp", &["infinity", "-infinity", "0044-03-15 12:00:00 BC", "1999-12-31 23:59:59.5"]),
    ("timestamp", &["294276-12-31 23:59:59.999999"]),
    ("timestamptz", &["infinity", "-infinity", "0001-12-31 23:59:59.1 BC"]),
    ("time", &["24:00:00", "00:00:00.000001", "23:59:59.9"]),
    ("timetz", &["24:00:00-15", "00:00:00+14", "12:00:00-00:30", "12:00+05:30:15"]),
    ("interval", &["0", "178000000 years", "-178000000 years", "1 mon -1 day", "-1 mon 1 day"]),
    ("interval", &["-1 day 00:00:01", "1 day -00:00:01", "0.1 s", "-1 day -0.000001 s"]),
    ("interval", &["-1 year -2 mons +3 days -04:05:06.000001", "1 mon", "-1 mon", "1 year 1 mon"]),
    ("interval", &[WIDEST_INTERVAL, "-2562047788:00:54.775807"]),
    ("interval", &["2147483647 days", "-2147483648 days", "-2147483648 mons"]),
    ("inet", &["::", "::1", "::2", "::1:0", "::ffff:1.2.3.4", "::1.2.3.4", "1::", "::ffff:0:1"]),
    ("inet", &["1:0:0:2:0:0:0:3", "1:0:2::", "0:0:1::/64", "0.0.0.0/0", "0:2:3:4:5:6:7:8"]),
    ("inet", &["1:2:3:4:5:6:7:0"]),
    ("cidr", &["10.0.0.0/8", "10.1.2.3", "::/0", "1::/16", "::1"]),
    ("pg_lsn", &["0/0", "16/B374D848", "FFFFFFFF/FFFFFFFF", "0/10"]),
    ("xid8", &["0", "18446744073709551615"]),
];

#[tokio::test]
async fn the_edges_print_as_the_server_prints_them() {
    let (cluster, client) = client().await;
    for (name, texts) in EDGES {
        if cluster.version() < 15 && texts.contains(&WIDEST_INTERVAL) {
            continue;
        }
        let sql = format!("SELECT t::{name} AS v FROM unnest($1::text[]) t");
        check_built_in(&client, &sql, &[texts]).await;
    }
}

#[tokio::test]
async fn floating_point_numbers_print_with_the_servers_digits() {
    let (_cluster, client) = client().await;
    let mut state = SEED;
    let mut doubles: Vec<f64> = vec![0.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    let mut floats: Vec<f32> = vec![0.0, -0.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    // Every power of two with its neighbours, where the distance to them changes.
    for exponent in 0..2047_u64 {
        let bits = exponent << 52;
        doubles.extend([bits.saturating_sub(1), bits, bits + 1, bits + 2].map(f64::from_bits));
    }
    for exponent in 0..255_u32 {
        let bits = exponent << 23;
        floats.extend([bits.saturating_sub(1), bits, bits + 1, bits + 2].map(f32::from_bits));
    }
    for _ in 0..20_000 {
        doubles.push(f64::from_bits(random(&mut state)));
        floats.push(f32::from_bits(random(&mut state) as u32));
        // Whole numbers beyond the mantissa lie on midpoints of few digits.
        let shift = random(&mut state) % 64;
        doubles.push((random(&mut state) >> shift) as f64);
        floats.push((random(&mut state) >> shift) as f32);
        // Few binary digits behind the point: their midpoints are short decimals as well.
        let divisor = 2_f64.powi((random(&mut state) % 40) as i32);
        doubles.push((random(&mut state) >> 20) as f64 / divisor);
        floats.push(((random(&mut state) >> 44) as f64 / divisor) as f32);
        // Short decimals of every magnitude.
        let short = (random(&mut state) % 100_000) as f64;
        let power = (random(&mut state) % 60) as i32 - 30;
        doubles.push(short * 10_f64.powi(power));
        floats.push((short * 10_f64.powi(power)) as f32);
    }
    let sql = "SELECT v FROM unnest($1::float8[]) v";
    check(&client, &ValueType::Float8, sql, &[&doubles]).await;
    check(&client, &ValueType::Float4, "SELECT v FROM unnest($1::float4[]) v", &[&floats]).await;
}

#[tokio::test]
async fn figures_print_as_the_server_prints_them() {
    let (_cluster, client) = client().await;
    client.batch_execute("CREATE EXTENSION cube").await.unwrap();
    let number = "(CASE WHEN random() < 0.5 THEN (random() * 10)::int ELSE (random() - 0.5) * 10 ^ (random() * 40 - 20) END)";
    let point = format!("point({number}, {number})");
    let points =
        format!("(SELECT string_agg(({point})::text, ',') FROM generate_series(1, 1 + g % 5))");
    let cases = [
        (ValueType::Point, point.clone()),
        (ValueType::Box, format!("box({point}, {point})")),
        (ValueType::LineSegment, format!("lseg({point}, {point})")),
        (ValueType::Line, format!("line(point(g, {number}), point(-1, {number}))")),
        (ValueType::Circle, format!("circle({point}, abs({number}))")),
        (ValueType::Path, format!("('(' || {points} || ')')::path")),
        (ValueType::Path, format!("('[' || {points} || ']')::path")),
        (ValueType::Polygon, format!("('(' || {points} || ')')::polygon")),
        (ValueType::Cube, format!("cube(ARRAY[{number}, {number}], ARRAY[{number}, 2])")),
        (ValueType::Cube, format!("cube(ARRAY[{number}, {number}, 1])")),
        (ValueType::Cube, "'()'::cube".to_owned()),
    ];
    for (value, expression) in cases {
        let sql = format!("SELECT {expression} AS v FROM generate_series(1, 2000) g");
        check(&client, &value, &sql, &[]).await;
    }
    let boxes = ValueType::Array { element: Box::new(ValueType::Box), delimiter: b';' };
    let sql =
        "SELECT ARRAY[box(point(1, 2), point(3, 4)), NULL, box(point(0, 0), point(0, 0))] AS v";
    check(&client, &boxes, sql, &[]).await;
}

/// A composite type whose fields hold these.
async fn composite<const N: usize>(
    client: &Client,
    name: &str,
    values: [ValueType; N],
) -> ValueType {
    let sql = format!(
        "SELECT attname::text, atttypid FROM pg_attribute WHERE attnum > 0 AND attrelid = \
         '{name}'::regclass ORDER BY attnum"
    );
    let rows = client.query(&sql, &[]).await.expect("the fields");
    let field = |(row, value): (&tokio_postgres::Row, ValueType)| CompositeField {
        name: row.get(0),
        oid: row.get(1),
        value,
    };
    ValueType::Composite(rows.iter().zip(values).map(field).collect())
}

/// Strings of what must be quoted somewhere.
fn nasty(state: &mut u64) -> String {
    const PIECES: [&str; 20] = [
        "a", "NULL", "null", "\"", "\\", "{", "}", "(", ")", "[", "]", ",", " ", "\t", "\n", "é",
        "'", "", ":*", "x y",
    ];
    let count = random(state) % 4;
    (0..count).map(|_| PIECES[random(state) as usize % PIECES.len()]).collect()
}

#[tokio::test]
async fn nested_values_print_with_the_servers_quotes() {
    let (_cluster, client) = client().await;
    client
        .batch_execute(
            "CREATE EXTENSION hstore; CREATE TYPE textrange AS RANGE (subtype = text, collation = \"C\");
             CREATE TYPE inner_row AS (a int, b text, c text[]); CREATE TYPE outer_row AS (r inner_row, t textrange);",
        )
        .await
        .unwrap();
    let mut state = SEED;
    let texts: Vec<String> = (0..6000).map(|_| nasty(&mut state)).collect();
    let inner =
        composite(&client, "inner_row", [ValueType::Int4, ValueType::Text, array(ValueType::Text)])
            .await;
    let range = ValueType::Range(Box::new(ValueType::Text));
    let outer = composite(&client, "outer_row", [inner.clone(), range.clone()]).await;
    let of = |inner: ValueType| ValueType::Range(Box::new(inner));
    let many = |inner: ValueType| ValueType::Multirange(Box::new(inner));
    let row = "ROW(g::int, t, ARRAY[u, NULL, t])::inner_row";
    let bounds = "textrange(least(t COLLATE \"C\", u), greatest(t COLLATE \"C\", u), '[)')";
    let cases = [
        (array(ValueType::Text), "ARRAY[t, NULL, u]".to_owned()),
        (array(ValueType::Text), "ARRAY[ARRAY[t, u], ARRAY[u, NULL]]".to_owned()),
        (array(ValueType::Text), "('[0:1]={' || g || ',x}')::text[]".to_owned()),
        (array(ValueType::Text), "('[-1:0][5:6]={{' || g || ',x},{y,z}}')::text[]".to_owned()),
        (
            array(ValueType::Int4),
            "ARRAY[[[g::int, 2], [3, 4]], [[5, 6], [7, NULL]], [[9, 10], [11, 12]]]".to_owned(),
        ),
        (array(ValueType::Text), "'{}'::text[]".to_owned()),
        (array(ValueType::Bool), "ARRAY[true, NULL, false]".to_owned()),
        (array(ValueType::Timestamp), "ARRAY[now()::timestamp, 'infinity']".to_owned()),
        (inner.clone(), row.to_owned()),
        (inner.clone(), "ROW(NULL, NULL, '{}')::inner_row".to_owned()),
        (inner.clone(), "ROW(NULL, '', NULL)::inner_row".to_owned()),
        (outer.clone(), format!("ROW({row}, {bounds})::outer_row")),
        (array(outer), format!("ARRAY[ROW({row}, {bounds})::outer_row, NULL]")),
        (range, bounds.to_owned()),
        (many(ValueType::Text), format!("textmultirange({bounds}, {bounds})")),
        (of(ValueType::Int4), "int4range(g::int, g::int + 5, '[]')".to_owned()),
        (of(ValueType::Numeric), "numrange(NULL, g)".to_owned()),
        (of(ValueType::Timestamp), "tsrange('2024-01-01', 'infinity', '(]')".to_owned()),
        (of(ValueType::TimestampTz), "tstzrange('2024-01-01', NULL)".to_owned()),
        (of(ValueType::Date), "daterange('2024-01-01', '2024-01-01')".to_owned()),
        (
            array(of(ValueType::TimestampTz)),
            "ARRAY[tstzrange('2024-01-01', NULL), 'empty']".to_owned(),
        ),
        (
            many(ValueType::Int8),
            "int8multirange(int8range(g, g + 2), int8range(g + 9, NULL))".to_owned(),
        ),
        (many(ValueType::Date), "'{}'::datemultirange".to_owned()),
        (ValueType::Hstore, "hstore(ARRAY[t, u, 'n'], ARRAY[u, t, NULL])".to_owned()),
        (ValueType::Hstore, "''::hstore".to_owned()),
        (array(ValueType::Hstore), "ARRAY[hstore(t, u)]".to_owned()),
    ];
    let (first, second) = texts.split_at(3000);
    for (value, expression) in cases {
        let sql = format!(
            "SELECT {expression} AS v FROM unnest($1::text[], $2::text[]) \
             WITH ORDINALITY AS pair (t, u, g)"
        );
        check(&client, &value, &sql, &[&first, &second]).await;
    }
}

/// What was written before a type was altered stays in the log.
#[tokio::test]
async fn a_row_of_an_altered_type_prints_by_the_types_that_it_names() {
    let (_cluster, client) = client().await;
    client.batch_execute("CREATE TYPE pair AS (a int8, b text, c float8)").await.unwrap();
    let before =
        composite(&client, "pair", [ValueType::Int8, ValueType::Text, ValueType::Float8]).await;
    let alter = "ALTER TYPE pair DROP ATTRIBUTE a; ALTER TYPE pair ADD ATTRIBUTE d float8, ADD ATTRIBUTE e date";
    client.batch_execute(alter).await.unwrap();
    let sql = "SELECT ROW('x y', 1.5, 2.5, '2024-02-29')::pair AS v";
    check(&client, &before, sql, &[]).await;
}

/// A query of random operators.
fn query(state: &mut u64, depth: u64) -> String {
    let kind = random(state) % if depth == 0 { 2 } else { 7 };
    let mut inner = || query(state, depth - 1);
    match kind {
        0 => ["fat", "'it''s'", "cat:*", "'a\\\\b'"][random(state) as usize % 4].to_owned(),
        1 => ["rat:AB", "bat:*D", "hat", "mat:C"][random(state) as usize % 4].to_owned(),
        2 => format!("!({})", inner()),
        3 => format!("({}) & ({})", inner(), inner()),
        4 => format!("({}) | ({})", inner(), inner()),
        5 => format!("({}) <-> ({})", inner(), inner()),
        _ => format!("({}) <3> ({})", inner(), inner()),
    }
}

#[tokio::test]
async fn search_types_print_as_the_server_prints_them() {
    let (_cluster, client) = client().await;
    let mut state = SEED;
    let mut queries: Vec<String> = (0..3000).map(|_| query(&mut state, 4)).collect();
    queries.push((0..3000).map(|n| format!("w{n}")).collect::<Vec<_>>().join(" & "));
    queries.push("fat | ".to_owned() + &"!( rat & ".repeat(300) + "cat" + &")".repeat(300));
    let sql = "SELECT t::tsquery AS v FROM unnest($1::text[]) t";
    check(&client, &ValueType::TsQuery, sql, &[&queries]).await;
    check(&client, &ValueType::TsQuery, "SELECT ''::tsquery AS v", &[]).await;
    let vectors = ["a fat cat", "'it''s':1A,3 b:2,4C,16383", "x:1A,2B,3C,4D", "'a\\\\b' 'é'", ""];
    let vectors = vectors.to_vec();
    let sql = "SELECT t::tsvector AS v FROM unnest($1::text[]) t";
    check(&client, &ValueType::TsVector, sql, &[&vectors]).await;
    client.batch_execute("CREATE EXTENSION ltree").await.unwrap();
    let sql = "SELECT 'Top.Science'::ltree AS v";
    check(&client, &ValueType::of_extension("ltree", "ltree").unwrap(), sql, &[]).await;
    let sql = "SELECT 'Top.*{1,2}.a|b'::lquery AS v";
    check(&client, &ValueType::of_extension("ltree", "lquery").unwrap(), sql, &[]).await;
}
