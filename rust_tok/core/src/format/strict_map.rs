//! A JSON object that keeps its order and refuses a repeated key.

use std::fmt;
use std::marker::PhantomData;

use foldhash::fast::FixedState;
use hashbrown::HashSet;
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
        let (mut members, mut seen) = (Vec::new(), HashSet::with_hasher(FixedState::default()));
        while let Some((key, value)) = map.next_entry::<String, V>()? {
            if !seen.insert(key.clone()) {
                return Err(M::Error::custom(format!("the key {key:?} is repeated")));
            }
            members.push((key, value));
        }
        Ok(StrictMap(members))
    }
}
