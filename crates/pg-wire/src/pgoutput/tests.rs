use bytes::BytesMut;

use super::*;
use crate::{backend, copy_binary, replication, value};

fn samples() -> Vec<Vec<u8>> {
    let mut begin = vec![b'B'];
    begin.extend([0, 0, 0, 1, 0, 0, 0, 2]);
    begin.extend([0; 8]);
    begin.extend([0, 0, 3, 0]);
    let mut relation = vec![b'R', 0, 0, 64, 1];
    relation.extend(b"public\0orders\0f\0\x02");
    relation.extend(b"\x01id\0\0\0\0\x17\xff\xff\xff\xff");
    relation.extend(b"\0note\0\0\0\0\x19\xff\xff\xff\xff");
    let row = b"\0\x02b\0\0\0\x04\0\0\0\x07t\0\0\0\x02hi";
    let mut insert = vec![b'I', 0, 0, 64, 1, b'N'];
    insert.extend(row);
    let mut update = vec![b'U', 0, 0, 64, 1, b'O'];
    update.extend(row);
    update.extend(b"N\0\x02b\0\0\0\x04\0\0\0\x07u");
    let mut delete = vec![b'D', 0, 0, 64, 1, b'K'];
    delete.extend(b"\0\x02b\0\0\0\x04\0\0\0\x07n");
    let truncate = b"T\0\0\0\x02\x03\0\0\0\x01\0\0\0\x02".to_vec();
    let message = b"M\x01\0\0\0\0\0\0\0\x09pre\0\0\0\0\x02ab".to_vec();
    let kind = b"Y\0\0\x01\0public\0mood\0".to_vec();
    let origin = b"O\0\0\0\0\0\0\0\x01far\0".to_vec();
    let commit = [&[b'C'][..], &[0; 25]].concat();
    vec![begin, relation, insert, update, delete, truncate, message, kind, origin, commit]
}

#[test]
fn every_message_is_read() {
    let samples = samples();
    let parsed: Vec<_> = samples.iter().map(|s| parse(s).unwrap()).collect();
    let PgOutput::Begin(begin) = &parsed[0] else { panic!("no begin") };
    assert_eq!((begin.final_lsn.to_string().as_str(), begin.xid), ("1/2", 768));
    let PgOutput::Relation(relation) = &parsed[1] else { panic!("no relation") };
    assert_eq!((relation.name.as_str(), relation.columns.len()), ("orders", 2));
    assert!(relation.columns[0].is_key && !relation.columns[1].is_key);
    let PgOutput::Update { old: Some(OldTuple::Full(old)), new, .. } = &parsed[3] else {
        panic!("no update")
    };
    assert_eq!(old.cells(), [Cell::Binary(&[0, 0, 0, 7]), Cell::Text(b"hi")]);
    assert_eq!(new.cells()[1], Cell::UnchangedToast);
    let PgOutput::Delete { old, .. } = &parsed[4] else { panic!("no delete") };
    assert_eq!(old.tuple().cells()[1], Cell::Null);
    let PgOutput::Truncate(truncate) = &parsed[5] else { panic!("no truncate") };
    assert!(truncate.relations().eq([1, 2]) && truncate.cascade);
}

#[test]
fn no_truncated_message_is_read_as_a_whole_one() {
    for sample in samples() {
        for end in 0..sample.len() {
            assert!(parse(&sample[..end]).is_err(), "{sample:?} cut at {end}");
        }
    }
}

/// A small generator with a fixed seed: the same bytes in every run.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn mutated_bytes_never_panic() {
    let mut state = 0x9E37_79B9_7F4A_7C15;
    let samples = samples();
    for _ in 0..20_000 {
        let at = random(&mut state) as usize % samples.len();
        let mut bytes = samples[at].clone();
        for _ in 0..1 + random(&mut state) % 3 {
            let at = random(&mut state) as usize % bytes.len();
            bytes[at] = random(&mut state) as u8;
        }
        if let Ok(PgOutput::Insert { new, .. } | PgOutput::Update { new, .. }) = parse(&bytes) {
            assert_eq!(new.cells().len(), new.len());
        }
        read_as_anything(&bytes);
    }
}

fn read_as_anything(bytes: &[u8]) {
    for tag in *b"RSKTDCEWdcNZI?" {
        if let Ok(message) = (backend::Frame { tag, body: bytes }).parse() {
            let mut collector = crate::query::QueryCollector::default();
            let _ = collector.take(&message);
            if let backend::BackendMessage::Authentication(question) = message {
                let mut auth = crate::auth::Authenticator::new("a", Some("b".to_owned()));
                let _ = auth.answer(question, &mut BytesMut::new());
            }
        }
    }
    let _ = backend::first_frame(bytes);
    let _ = replication::parse(bytes);
    let _ = copy_binary::header_length(bytes);
    if let Ok(Some(row)) = copy_binary::row(bytes) {
        assert!(row.count() <= usize::from(u16::MAX));
    }
    let _ = value::array::text(bytes);
    let _ = value::array::binary(bytes).map(Iterator::count);
    let _ = value::text::timestamp(bytes);
    let _ = value::text::decimal(bytes, 3);
    let _ = value::binary::timetz(bytes);
    if let Some(number) = value::numeric::parse(bytes) {
        let _ = number.to_unscaled(38);
        number.append_text(&mut Vec::new());
    }
}
