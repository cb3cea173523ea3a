//! Symbols that no network can tell apart: equal, opposite or silent atoms.

use std::collections::HashMap;

use super::settings::Settings;

/// How two atoms relate that collide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relation {
    /// The two rows are equal: swapping the symbols changes nothing.
    Identical,
    /// One row is the other's negative: side by side they cancel.
    Negated,
    /// The row (of both members, which are one) is zero everywhere.
    Silent,
}

impl Relation {
    /// The relation's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Identical => "identical",
            Self::Negated => "negated",
            Self::Silent => "silent",
        }
    }
}

/// Two symbols whose atoms are equal but for the sign, the smaller one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Collision {
    /// the earlier symbol
    pub first: u32,
    /// the later symbol; the same one where an atom is silent
    pub second: u32,
    /// how they relate
    pub relation: Relation,
}

/// Every pair, sorted: of tones by arithmetic on frequencies, of other atoms by their rows.
pub(super) fn find(settings: &Settings, frequencies: &[u32], rows: &[i32]) -> Vec<Collision> {
    let length = settings.num_samples;
    if !settings.is_tone() {
        let of_row = |symbol: usize| {
            let row = &rows[symbol * length..][..length];
            let sign = row.iter().find(|value| **value != 0).map_or(0, |value| value.signum());
            let upright: Vec<i32> = row.iter().map(|value| value.wrapping_mul(sign)).collect();
            (upright, sign)
        };
        return pairs(settings.num_symbols, of_row);
    }
    let period = settings.period();
    pairs(settings.num_symbols, |symbol| {
        let rest = frequencies[symbol] as usize % period;
        let class = rest.min(period - rest);
        // at 0 and at half the period all samples of a sine are zero
        let is_silent = class == 0 || 2 * class == period;
        (
            class,
            if is_silent {
                0
            } else if rest == class {
                1
            } else {
                -1
            },
        )
    })
}

fn pairs<K: std::hash::Hash + Eq>(
    num_symbols: usize,
    key_and_sign: impl Fn(usize) -> (K, i32),
) -> Vec<Collision> {
    let mut groups: HashMap<K, Vec<(u32, i32)>> = HashMap::new();
    let mut found = Vec::new();
    for symbol in 0..num_symbols {
        let (key, sign) = key_and_sign(symbol);
        let second = symbol as u32;
        if sign == 0 {
            found.push(Collision { first: second, second, relation: Relation::Silent });
            continue;
        }
        let earlier = groups.entry(key).or_default();
        found.extend(earlier.iter().map(|(first, other)| Collision {
            first: *first,
            second,
            relation: if *other == sign { Relation::Identical } else { Relation::Negated },
        }));
        earlier.push((second, sign));
    }
    found.sort_unstable();
    found
}
