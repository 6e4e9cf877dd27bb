use std::collections::BTreeMap;

use super::*;

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

fn contents(map: &mut OrderedMap<'_, '_>) -> Vec<(Vec<u8>, u64)> {
    let mut seen = Vec::new();
    map.for_each(&mut |k, n| {
        seen.push((k.to_vec(), n));
        Ok::<_, StateError>(())
    })
    .unwrap();
    seen
}

#[test]
fn agrees_with_a_btree_map_under_random_changes() {
    for (seed, keys) in [(1, 20), (2, 3_000), (3, 100_000)] {
        let mut random = Random(seed * 0x9e37_79b9);
        let mut store = StateStore::in_memory();
        let mut key = b"group".to_vec();
        let mut map = OrderedMap::new(&mut store, &mut key);
        let mut model = BTreeMap::new();
        for step in 0..20_000_u64 {
            let length = 1 + random.below(30) as usize;
            let mut k = random.below(keys).to_be_bytes().to_vec();
            k.resize(8 + length % 3 * 10, 7);
            let removes = random.below(10) < if step < 12_000 { 3 } else { 8 };
            let f = |n: u64| if removes { 0 } else { n + 1 };
            let old = model.get(&k).copied().unwrap_or(0);
            assert_eq!(map.update(&k, f).unwrap(), (old, f(old)));
            if f(old) == 0 {
                model.remove(&k);
            } else {
                model.insert(k.clone(), f(old));
            }
            assert_eq!(map.get(&k).unwrap(), f(old));
        }
        let expected: Vec<_> = model.iter().map(|(k, n)| (k.clone(), *n)).collect();
        assert_eq!(contents(&mut map), expected);
        let (mut first, mut last) = (Vec::new(), Vec::new());
        assert_eq!(map.first(&mut first).unwrap(), !model.is_empty());
        map.last(&mut last).unwrap();
        assert_eq!(Some(&first), model.keys().next());
        assert_eq!(Some(&last), model.keys().next_back());
        for k in model.keys() {
            map.update(k, |_| 0).unwrap();
        }
        assert!(contents(&mut map).is_empty());
        drop(map);
        store.get(b"x").unwrap();
        assert_eq!(store.stats().entries, 0, "an emptied map leaves nothing behind");
    }
}

#[test]
fn numbers_of_a_large_map_can_be_changed_in_one_pass() {
    let mut store = StateStore::in_memory();
    let mut key = b"k".to_vec();
    let mut map = OrderedMap::new(&mut store, &mut key);
    for i in 0..1_000_u32 {
        map.update(&i.to_be_bytes(), |_| 1).unwrap();
    }
    map.update_each(&mut |_, n| Ok::<_, StateError>(n + 1)).unwrap();
    assert!(contents(&mut map).iter().all(|(_, n)| *n == 2));
}
