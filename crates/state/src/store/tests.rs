use std::collections::HashMap;

use super::*;

fn options(directory: &std::path::Path, budget_bytes: usize) -> StateOptions {
    StateOptions { directory: Some(directory.to_owned()), budget_bytes }
}

fn put(store: &mut StateStore, key: u32, value: &[u8]) {
    let entry = store.entry(&key.to_le_bytes()).unwrap();
    entry.clear();
    entry.extend_from_slice(value);
}

#[test]
fn a_reopened_store_is_exactly_its_last_checkpoint() {
    for budget in [usize::MAX, 60_000] {
        let directory = tempfile::tempdir().unwrap();
        let options = options(directory.path(), budget);
        let mut store = StateStore::open(&options, &[], 1).unwrap();
        let mut model: HashMap<u32, Vec<u8>> = HashMap::new();
        let mut sealed = None;
        let mut at_cut = HashMap::new();
        for round in 1..=8_u32 {
            for i in 0..3_000_u32 {
                let key = i.wrapping_mul(7919 * round) % 5_000;
                if i % 5 == 0 {
                    put(&mut store, key, b"");
                    model.remove(&key);
                } else {
                    let value = format!("{round}-{i}-{}", "x".repeat(i as usize % 50));
                    put(&mut store, key, value.as_bytes());
                    model.insert(key, value.into_bytes());
                }
            }
            assert_eq!(store.freeze().unwrap(), u64::from(round));
            at_cut = model.clone();
            // Changes behind the cut must not reach the checkpoint.
            for key in 0..500 {
                put(&mut store, key, b"later");
                model.insert(key, b"later".to_vec());
            }
            sealed = store.finish_checkpoint().unwrap();
            store.committed();
        }
        for (key, value) in &model {
            assert_eq!(store.get(&key.to_le_bytes()).unwrap(), value.as_slice());
        }
        drop(store);
        let sealed = sealed.unwrap();
        assert!(sealed.new_bytes <= sealed.total_bytes);
        let mut store = StateStore::open(&options, &sealed.runs, 9).unwrap();
        for key in 0..5_000_u32 {
            let expected = at_cut.get(&key).map_or(&[][..], Vec::as_slice);
            assert_eq!(store.get(&key.to_le_bytes()).unwrap(), expected, "key {key}");
        }
    }
}

#[test]
fn one_flipped_bit_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let options = options(directory.path(), usize::MAX);
    let mut store = StateStore::open(&options, &[], 1).unwrap();
    for key in 0..200 {
        put(&mut store, key, b"value");
    }
    store.freeze().unwrap();
    let sealed = store.finish_checkpoint().unwrap().unwrap();
    drop(store);
    let path = directory.path().join(sealed.runs[0].file_name());
    let whole = std::fs::read(&path).unwrap();
    for at in [10, whole.len() / 2, whole.len() - 30, whole.len() - 10, whole.len() - 2] {
        let mut damaged = whole.clone();
        damaged[at] ^= 4;
        std::fs::write(&path, &damaged).unwrap();
        let opened = StateStore::open(&options, &sealed.runs, 2);
        assert!(opened.is_err(), "flipped a bit of byte {at}");
    }
    std::fs::remove_file(&path).unwrap();
    assert!(StateStore::open(&options, &sealed.runs, 2).is_err());
}
