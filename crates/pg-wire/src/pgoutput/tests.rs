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
    let mut samples =
        vec![begin, relation, insert, update, delete, truncate, message, kind, origin, commit];
    samples.extend(later_samples());
    samples
}

/// The messages of versions 2 to 4.
fn later_samples() -> Vec<Vec<u8>> {
    let xid = [0, 0, 3, 1];
    let lsns_and_time = [[0, 0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 0, 2], [0; 8]].concat();
    let gid = [&xid[..], b"gid\0"].concat();
    let flagged = |tag, rest: &[&[u8]]| [&[tag, 0], &lsns_and_time[..], &rest.concat()].concat();
    vec![
        [&b"S"[..], &xid, &[1]].concat(),
        b"E".to_vec(),
        [&b"c"[..], &xid, &[0], &lsns_and_time].concat(),
        [&b"A"[..], &xid, &[0, 0, 3, 2], &[0, 0, 0, 0, 0, 0, 0, 9], &[0; 8]].concat(),
        [&b"b"[..], &lsns_and_time, &gid].concat(),
        flagged(b'P', &[&gid]),
        flagged(b'p', &[&gid]),
        flagged(b'K', &[&gid]),
        flagged(b'r', &[&[0; 8], &gid]),
    ]
}

/// The same message as it stands in a block.
fn in_stream(sample: &[u8]) -> Vec<u8> {
    let (tag, rest) = sample.split_at(1);
    if carries_xid(tag[0]) { [tag, &[0, 0, 3, 7], rest].concat() } else { sample.to_vec() }
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
fn streamed_and_prepared_transactions_are_read() {
    let samples = later_samples();
    let parsed: Vec<_> = samples.iter().map(|s| parse(s).unwrap()).collect();
    assert_eq!(parsed[0], PgOutput::StreamStart(StreamStart { xid: 769, is_first: true }));
    assert_eq!(parsed[1], PgOutput::StreamStop);
    let commit_micros = replication::POSTGRES_EPOCH_MICROS;
    let commit = Commit { commit_lsn: Lsn(1), end_lsn: Lsn(2), commit_micros };
    assert_eq!(parsed[2], PgOutput::StreamCommit(StreamCommit { xid: 769, commit }));
    let abort = |aborted_at| StreamAbort { xid: 769, subxid: 770, aborted_at };
    assert_eq!(parsed[3], PgOutput::StreamAbort(abort(Some((Lsn(9), commit_micros)))));
    assert_eq!(parse(&samples[3][..9]).unwrap(), PgOutput::StreamAbort(abort(None)));
    let prepare = Prepare {
        prepare_lsn: Lsn(1),
        end_lsn: Lsn(2),
        prepare_micros: commit_micros,
        xid: 769,
        gid: "gid",
    };
    assert_eq!(parsed[4], PgOutput::BeginPrepare(prepare));
    assert_eq!(parsed[5], PgOutput::Prepare(prepare));
    assert_eq!(parsed[6], PgOutput::StreamPrepare(prepare));
    let committed = CommitPrepared { commit, xid: 769, gid: "gid" };
    assert_eq!(parsed[7], PgOutput::CommitPrepared(committed));
    assert!(matches!(parsed[8], PgOutput::RollbackPrepared(r) if (r.xid, r.gid) == (769, "gid")));
}

#[test]
fn a_message_in_a_block_is_the_plain_one_with_its_transaction() {
    for sample in samples() {
        let streamed = in_stream(&sample);
        let (xid, message) = parse_in_stream(&streamed).unwrap();
        assert_eq!(message, parse(&sample).unwrap());
        assert_eq!(xid, carries_xid(sample[0]).then_some(775));
        let (plain, streamed) =
            (head(&sample, Block::None).unwrap(), head(&streamed, Block::Stream).unwrap());
        assert_eq!(streamed, Head { xid, ..plain });
        let relation = match message {
            PgOutput::Insert { relation, .. }
            | PgOutput::Update { relation, .. }
            | PgOutput::Delete { relation, .. } => Some(relation),
            PgOutput::Relation(relation) => Some(relation.oid),
            _ => None,
        };
        assert_eq!((plain.tag, plain.relation), (sample[0], relation));
    }
}

#[test]
fn no_truncated_message_is_read_as_a_whole_one() {
    for sample in samples() {
        for end in 0..sample.len() {
            // An abort of version 2 is the head of one of version 4.
            let is_whole = sample[0] == b'A' && end == 9;
            assert_eq!(parse(&sample[..end]).is_ok(), is_whole, "{sample:?} cut at {end}");
        }
        let streamed = in_stream(&sample);
        for end in 0..streamed.len() {
            let is_whole = streamed[0] == b'A' && end == 9;
            assert_eq!(parse_in_stream(&streamed[..end]).is_ok(), is_whole, "{streamed:?}");
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
    const SEED: u64 = 0x9E37_79B9_7F4A_7C15;
    println!("seed {SEED:#x}");
    let mut state = SEED;
    let mut samples = samples();
    samples.extend(samples.clone().iter().map(|sample| in_stream(sample)));
    for round in 0..30_000 {
        let at = random(&mut state) as usize % samples.len();
        let mut bytes = samples[at].clone();
        if round % 10 == 0 {
            bytes.truncate(1);
            let length = random(&mut state) % 60;
            bytes.extend((0..length).map(|_| random(&mut state) as u8));
        }
        for _ in 0..1 + random(&mut state) % 3 {
            let at = random(&mut state) as usize % bytes.len();
            bytes[at] = random(&mut state) as u8;
        }
        if round % 3 == 0 {
            bytes.truncate(random(&mut state) as usize % (bytes.len() + 1));
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
    let _ = parse_in_stream(bytes);
    let _ = head(bytes, Block::None);
    let _ = head(bytes, Block::Stream);
    let _ = backend::first_frame(bytes);
    let _ = replication::parse(bytes);
    let _ = copy_binary::header_length(bytes);
    if let Ok(Some(row)) = copy_binary::row(bytes) {
        let mut rest = row.clone();
        assert!(rest.by_ref().count() <= usize::from(u16::MAX) && rest.remaining() == 0);
        let _ = rest.rest();
    }
    let _ = value::array::text(bytes, b',');
    let _ = value::composite::text(bytes);
    let _ = value::composite::binary(bytes).map(Iterator::count);
    let _ = value::hstore::text(bytes);
    let _ = value::text::interval(bytes);
    let _ = value::text::money(bytes);
    let _ = value::text::bits(bytes).map(Iterator::count);
    let _ = value::array::binary(bytes).map(Iterator::count);
    let _ = value::text::date(bytes);
    let _ = value::text::time(bytes);
    let _ = value::text::timestamp(bytes);
    let _ = value::text::bytea(bytes, &mut Vec::new());
    let _ = value::binary::timestamp(bytes);
    let _ = value::binary::date(bytes);
    let _ = value::text::decimal(bytes, 3);
    let _ = value::binary::timetz(bytes);
    if let Some(number) = value::numeric::parse(bytes) {
        let _ = number.to_unscaled(38);
        number.append_text(&mut Vec::new());
    }
    let _ = value::hstore::binary(bytes).map(Iterator::count);
}
