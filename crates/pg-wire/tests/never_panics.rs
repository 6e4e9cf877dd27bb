//! Every type's printer on bytes that no server has sent: cut, mutated, random.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use tailwater_pg_wire::value::{CompositeField, ValueType};

fn boxed(value: ValueType) -> Box<ValueType> {
    Box::new(value)
}

/// Every shape, with a value of it.
fn samples() -> Vec<(ValueType, Vec<u8>)> {
    let word = |n: u32| n.to_be_bytes().to_vec();
    let words = |list: &[u32]| list.iter().flat_map(|n| n.to_be_bytes()).collect::<Vec<u8>>();
    let range = [&[6][..], &words(&[4, 1, 4, 9])].concat();
    let field = |oid, value| CompositeField { name: "f".to_owned(), oid, value };
    let int_array = ValueType::Array { element: boxed(ValueType::Int4), delimiter: b',' };
    let composite =
        ValueType::Composite(vec![field(23, ValueType::Int4), field(25, ValueType::Text)]);
    let mut samples = vec![
        (ValueType::Numeric, vec![0, 2, 0, 1, 0x40, 0, 0, 3, 0, 9, 0, 9]),
        (ValueType::Geometry, vec![1, 2]),
        (ValueType::Hstore, [word(1), word(1), b"k".to_vec(), word(1), b"v".to_vec()].concat()),
        (ValueType::Cube, [word(1), vec![1; 16]].concat()),
        (ValueType::Path, [&[1][..], &word(1), &[1; 16]].concat()),
        (ValueType::Polygon, [word(2), vec![1; 32]].concat()),
        (ValueType::Vector, vec![0, 1, 0, 0, 1, 2, 3, 4]),
        (ValueType::HalfVector, vec![0, 2, 0, 0, 1, 2, 3, 4]),
        (ValueType::SparseVector, words(&[5, 1, 0, 0, 0x3fc0_0000])),
        (ValueType::TsVector, [&word(1)[..], b"a\0\0\x01\x40\x02"].concat()),
        (ValueType::TsQuery, [&word(3)[..], b"\x02\x04\0\x01\x01\0\0a\0\x01\x02\x01b\0"].concat()),
        (ValueType::Bits, [word(9), vec![1, 128]].concat()),
        (ValueType::Inet, [&[3, 64, 0, 16][..], &[0; 16]].concat()),
        (ValueType::Snapshot, [word(1), vec![0; 24]].concat()),
        (ValueType::Spaced(boxed(ValueType::Int4)), words(&[1, 0, 23, 1, 0, 4, 7])),
        (int_array, words(&[2, 1, 23, 1, 1, 2, 0, 4, 7, u32::MAX])),
        (ValueType::Range(boxed(ValueType::Int4)), range.clone()),
        (ValueType::Multirange(boxed(ValueType::Int4)), [word(1), word(17), range].concat()),
        (composite, words(&[2, 23, 4, 7, 25, u32::MAX])),
    ];
    let fixed = [16, 17, 18, 19, 20, 21, 23, 26, 27, 600, 601, 603, 628, 700, 701, 718, 774, 790];
    for oid in fixed.into_iter().chain([829, 1082, 1114, 1184, 1186, 2950, 3220, 3802, 5069]) {
        let value = ValueType::built_in(oid).expect("a built-in type");
        let lengths = [1, 2, 4, 6, 8, 16, 24, 32];
        let ones = |length: &usize| vec![1; *length];
        let is_read = |bytes: &Vec<u8>| value.append_text(bytes, &mut Vec::new()).is_some();
        let bytes = lengths.iter().map(ones).find(is_read).expect("a value of ones");
        samples.push((value, bytes));
    }
    let noon = 43_200_000_000_u64.to_be_bytes();
    samples.push((ValueType::Time, noon.to_vec()));
    samples.push((ValueType::TimeTz, [&noon[..], &[0, 0, 1, 1]].concat()));
    samples
}

#[test]
fn every_sample_is_read_and_none_that_is_cut_panics() {
    for (value, bytes) in samples() {
        let mut out = Vec::new();
        assert_eq!(value.append_text(&bytes, &mut out), Some(()), "{value:?}");
        assert!(std::str::from_utf8(&out).is_ok());
        for end in 0..bytes.len() {
            let _ = value.append_text(&bytes[..end], &mut out);
        }
    }
}

fn config() -> ProptestConfig {
    const SEED: u64 = 0x2545_F491_4F6C_DD1D;
    println!("seed {SEED:#x}");
    ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(SEED),
        ..ProptestConfig::with_cases(4000)
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn mutated_values_never_panic(
        pick in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let samples = samples();
        let (value, mut bytes) = samples[pick.index(samples.len())].clone();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = value.append_text(&bytes, &mut Vec::new());
        bytes.truncate(cut.index(bytes.len() + 1));
        let _ = value.append_text(&bytes, &mut Vec::new());
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        for (value, _) in samples() {
            let _ = value.append_text(&bytes, &mut Vec::new());
        }
    }
}
