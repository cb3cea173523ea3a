//! A JSON object that keeps its order and refuses a repeated key.

use std::fmt;
use std::hash::BuildHasher;
use std::marker::PhantomData;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

/// The members of an object, in the order of the file.
#[derive(Debug, Default)]
pub(super) struct StrictMap<V>(pub(super) Vec<(String, V)>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for StrictMap<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members(PhantomData))
    }
}

struct Members<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for Members<V> {
    type Value = StrictMap<V>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object without repeated keys")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut members: Vec<(String, V)> = Vec::new();
        // places among the members, by their keys
        let (mut seen, state) = (HashTable::new(), FixedState::default());
        while let Some((key, value)) = map.next_entry::<String, V>()? {
            let hash = state.hash_one(&key);
            if seen.find(hash, |&at: &usize| members[at].0 == key).is_some() {
                return Err(M::Error::custom(format!("the key {key:?} is repeated")));
            }
            seen.insert_unique(hash, members.len(), |&at| state.hash_one(&members[at].0));
            members.push((key, value));
        }
        Ok(StrictMap(members))
    }
}
