//! Windows: every run of a fixed number of units of one text, looked for in others.
//!
//! A window is found by the hash of a polynomial modulo 2^61 - 1 (Karp & Rabin 1987) and then compared unit by
//! unit, so nothing is reported that is not there.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use hashbrown::HashTable;

use super::units::scramble;
use crate::control::Control;
use crate::{Error, Result};

const PRIME: u64 = (1 << 61) - 1;
/// Any large number will do: the hash only sorts out what is compared.
const BASE: u64 = 0x0b4b_8f2e_6d9c_5a37;
/// Bits of the filter for each window of the index: 1 in 16 of all other windows gets through.
const FILTER_BITS: usize = 16;
/// A count stays there, so that threads that add to it at once cannot turn it over.
const MOST_PLACES: u32 = 1 << 30;
/// No window begins here.
const NONE: u32 = u32::MAX;

/// Hashes of all beginnings of a run of units, from which that of any window follows.
#[derive(Default)]
pub(super) struct Beginnings(Vec<u64>);

impl Beginnings {
    pub(super) fn read(&mut self, units: &[u32]) {
        self.0.clear();
        let mut hash = 0;
        self.0.push(hash);
        for &unit in units {
            hash = modulo(times(hash, BASE) + u64::from(unit) + 1);
            self.0.push(hash);
        }
    }

    /// The hash of the window at `at`, given `BASE` to the power of its size.
    pub(super) fn window(&self, at: usize, size: usize, power: u64) -> u64 {
        scramble(modulo(self.0[at + size] + PRIME - times(self.0[at], power)))
    }
}

/// `BASE` to some power.
pub(super) fn power(exponent: usize) -> u64 {
    (0..exponent).fold(1, |product, _| times(product, BASE))
}

fn times(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    modulo((product as u64 & PRIME) + (product >> 61) as u64)
}

fn modulo(value: u64) -> u64 {
    if value >= PRIME { value - PRIME } else { value }
}

/// All windows of the documents of one text, of several sizes, each with where else it stands.
pub(super) struct Windows {
    units: Vec<u32>,
    /// first unit of each document, and the end
    documents: Vec<usize>,
    tables: Vec<Table>,
}

struct Table {
    size: usize,
    power: u64,
    /// of every place its window, or [`NONE`]
    windows: Vec<u32>,
    entries: Vec<Entry>,
    numbers: HashTable<u32>,
    filter: Vec<u64>,
}

struct Entry {
    hash: u64,
    /// where it stands first
    place: u32,
    /// places in the other text
    count: AtomicU32,
    /// the first document of the other text that has it
    source: AtomicU32,
}

/// What was found of the windows of one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// units of a window
    pub size: usize,
    /// windows of the text
    pub windows: u64,
    /// those of them that stand in the other text
    pub seen: u64,
    /// those that stand there in more places than is usual for a copy
    pub common: u64,
    /// units of the longest stretch whose windows are all seen
    pub longest: u64,
    /// stretches whose windows are all seen, in order; as units of all documents in a row
    pub stretches: Vec<Stretch>,
}

/// Units next to each other whose windows are all seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// the document
    pub document: usize,
    /// the units, counted over all documents
    pub units: Range<usize>,
    /// places in the other text of the window that has the fewest
    pub places: u32,
    /// the first document of the other text that has its first window
    pub source: u32,
    /// whether every window is common
    pub is_common: bool,
}

impl Windows {
    /// Index the windows of a text, given as units and the first unit of each document.
    ///
    /// `sizes` ascend. Memory: some 30 bytes for each unit and size.
    pub(super) fn new(
        units: Vec<u32>,
        documents: Vec<usize>,
        sizes: &[usize],
        control: &Control,
    ) -> Result<Self> {
        if units.len() >= NONE as usize {
            return Err(Error::Text(format!(
                "the validation text is too long: expected fewer than {NONE} characters, found {}",
                units.len()
            )));
        }
        let mut beginnings = Beginnings::default();
        beginnings.read(&units);
        let tables = sizes
            .iter()
            .map(|&size| Table::new(size, &units, &documents, &beginnings, control))
            .collect::<Result<_>>()?;
        Ok(Self { units, documents, tables })
    }

    /// The largest size.
    pub(super) fn largest(&self) -> usize {
        self.tables.last().map_or(0, |table| table.size)
    }

    /// Note the windows that begin among the first `own` of these units of document `source`.
    pub(super) fn note(&self, units: &[u32], own: usize, source: u32, scratch: &mut Beginnings) {
        scratch.read(units);
        for at in 0..own {
            for table in &self.tables {
                // a window is only there where its beginning is
                if !table.note(&self.units, units, at, source, scratch) {
                    break;
                }
            }
        }
    }

    /// What has been noted, by size; windows in more than `usual` places are common.
    pub(super) fn found(&self, usual: u32) -> Vec<Found> {
        self.tables.iter().map(|table| table.found(&self.documents, usual)).collect()
    }
}

impl Table {
    fn new(
        size: usize,
        units: &[u32],
        documents: &[usize],
        beginnings: &Beginnings,
        control: &Control,
    ) -> Result<Self> {
        let words = (units.len().max(4) * FILTER_BITS).next_power_of_two() / 64;
        let mut table = Self {
            size,
            power: power(size),
            windows: vec![NONE; units.len()],
            entries: Vec::new(),
            numbers: HashTable::new(),
            filter: vec![0; words],
        };
        for bounds in documents.windows(2) {
            control.check()?;
            for at in bounds[0]..(bounds[1] + 1).saturating_sub(size).max(bounds[0]) {
                let hash = beginnings.window(at, size, table.power);
                let known = &units[at..at + size];
                let number = table.number(units, hash, known).unwrap_or_else(|| {
                    let number = table.entries.len() as u32;
                    table.entries.push(Entry {
                        hash,
                        place: at as u32,
                        count: AtomicU32::new(0),
                        source: AtomicU32::new(NONE),
                    });
                    let entries = &table.entries;
                    table
                        .numbers
                        .insert_unique(hash, number, |&other| entries[other as usize].hash);
                    let (word, bit) = table.bit(hash);
                    table.filter[word] |= bit;
                    number
                });
                table.windows[at] = number;
            }
        }
        Ok(table)
    }

    fn bit(&self, hash: u64) -> (usize, u64) {
        ((hash >> 6) as usize & (self.filter.len() - 1), 1 << (hash & 63))
    }

    fn number(&self, own: &[u32], hash: u64, wanted: &[u32]) -> Option<u32> {
        let is_it = |&number: &u32| {
            let entry = &self.entries[number as usize];
            let place = entry.place as usize;
            entry.hash == hash && own[place..place + self.size] == *wanted
        };
        self.numbers.find(hash, is_it).copied()
    }

    /// Whether the window at `at` is one of ours.
    fn note(
        &self,
        own: &[u32],
        units: &[u32],
        at: usize,
        source: u32,
        hashes: &Beginnings,
    ) -> bool {
        if at + self.size > units.len() {
            return false;
        }
        let hash = hashes.window(at, self.size, self.power);
        let (word, bit) = self.bit(hash);
        if self.filter[word] & bit == 0 {
            return false;
        }
        let Some(number) = self.number(own, hash, &units[at..at + self.size]) else {
            return false;
        };
        let entry = &self.entries[number as usize];
        if entry.count.load(Relaxed) < MOST_PLACES {
            entry.count.fetch_add(1, Relaxed);
        }
        if source < entry.source.load(Relaxed) {
            entry.source.fetch_min(source, Relaxed);
        }
        true
    }

    fn found(&self, documents: &[usize], usual: u32) -> Found {
        let mut found = Found {
            size: self.size,
            windows: 0,
            seen: 0,
            common: 0,
            longest: 0,
            stretches: Vec::new(),
        };
        for (document, bounds) in documents.windows(2).enumerate() {
            let mut open: Option<Stretch> = None;
            for at in bounds[0]..bounds[1] {
                let number = self.windows[at];
                let entry = self.entries.get(number as usize);
                found.windows += u64::from(entry.is_some());
                let places = entry.map_or(0, |entry| entry.count.load(Relaxed).min(MOST_PLACES));
                if places == 0 {
                    found.stretches.extend(open.take());
                    continue;
                }
                let is_common = places > usual;
                found.seen += 1;
                found.common += u64::from(is_common);
                let source = entry.map_or(NONE, |entry| entry.source.load(Relaxed));
                let stretch = open.get_or_insert(Stretch {
                    document,
                    units: at..at,
                    places,
                    source,
                    is_common: true,
                });
                stretch.units.end = at + self.size;
                stretch.places = stretch.places.min(places);
                stretch.is_common &= is_common;
                found.longest = found.longest.max(stretch.units.len() as u64);
            }
            found.stretches.extend(open);
        }
        found
    }
}
