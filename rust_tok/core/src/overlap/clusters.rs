//! A split that does not leak: documents that share a long run, or are near duplicates, stay on one side.
//!
//! Runs are found by winnowing (Schleimer, Wilkerson & Aiken 2003): of every 11 windows of 40 characters next to
//! each other one is chosen by its hash, so that two documents that share 50 characters share a chosen window.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::minhash::Signature;
use super::reading::{Words, slices};
use super::units::{read_characters, scramble};
use super::windows::{Beginnings, power};
use crate::control::Control;
use crate::parallel::share_out;
use crate::{Error, Result};

/// Characters of a window that is a fingerprint.
const WINDOW: usize = 40;
/// Windows next to each other of which one is chosen.
const CHOICE: usize = 11;
/// Characters that two documents share, if anything of theirs is on both sides, only where it is common.
pub const SHARED: usize = WINDOW + CHOICE - 1;

/// Documents, and what brings them together. Memory: some 5 bytes a character.
#[derive(Default)]
pub struct Clusters {
    digests: Vec<u128>,
    lengths: Vec<usize>,
    /// (hash of a window, document)
    prints: Vec<(u64, u32)>,
    signatures: Vec<(u32, Signature)>,
}

/// Which document goes where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Division {
    /// of each document whether it validates
    pub validates: Vec<bool>,
    /// documents that stay together, counted once
    pub num_clusters: usize,
    /// documents of the largest cluster
    pub largest_cluster: usize,
    /// chosen windows in more documents than was usual, which hold nothing together
    pub common: u64,
}

struct Finder {
    units: Vec<u32>,
    beginnings: Beginnings,
    words: Words,
    prints: Vec<(u64, u32)>,
    signatures: Vec<(u32, Signature)>,
    digests: Vec<(u32, u128)>,
}

impl Clusters {
    /// Take the next documents in.
    ///
    /// # Errors
    /// [`Error::Argument`] for no threads, [`Error::Text`] for more than 2^32 documents, [`Error::Interrupted`].
    pub fn feed(&mut self, documents: &[&[u8]], threads: usize, control: &Control) -> Result<()> {
        if threads == 0 {
            return Err(Error::Argument("threads: expected at least 1, found 0".to_owned()));
        }
        let first = self.digests.len();
        if u32::try_from(first + documents.len()).is_err() {
            return Err(Error::Text("expected fewer than 2^32 documents: join some".to_owned()));
        }
        let units = slices(documents);
        let fresh = |_| Finder {
            units: Vec::new(),
            beginnings: Beginnings::default(),
            words: Words::default(),
            prints: Vec::new(),
            signatures: Vec::new(),
            digests: Vec::new(),
        };
        let finders = (0..threads.min(units.len().max(1))).map(fresh).collect();
        let power = power(WINDOW);
        let finders = share_out(finders, units.len(), |finder: &mut Finder, number| {
            for slice in &units[number] {
                control.check()?;
                let bytes = documents[slice.document];
                let document = (first + slice.document) as u32;
                // a slice chooses from all windows that begin in it or just behind
                let more = WINDOW + CHOICE - 2;
                read_characters(bytes, slice.range.clone(), more, &mut finder.units);
                finder.beginnings.read(&finder.units);
                choose(&finder.beginnings, finder.units.len(), power, |hash| {
                    finder.prints.push((hash, document));
                });
                finder.words.read(bytes, &slice.range, super::SHINGLE - 1, |_, _| {});
                let traits = finder.words.traits(bytes, &slice.range);
                finder.signatures.extend(traits.signature.map(|signature| (document, signature)));
                finder.digests.extend(traits.document.map(|digest| (document, digest)));
            }
            Ok(())
        })?;
        let mut digests = vec![0; documents.len()];
        let mut signatures = Vec::new();
        for mut finder in finders {
            self.prints.append(&mut finder.prints);
            signatures.append(&mut finder.signatures);
            for (document, digest) in finder.digests {
                digests[document as usize - first] = digest;
            }
        }
        signatures.sort_by_key(|&(document, _)| document);
        for (document, signature) in signatures {
            match self.signatures.last_mut() {
                Some((last, whole)) if *last == document => whole.join(&signature),
                _ => self.signatures.push((document, signature)),
            }
        }
        self.digests.append(&mut digests);
        self.lengths.extend(documents.iter().map(|bytes| bytes.len()));
        Ok(())
    }

    /// Divide: about `fraction` of the clusters validate, chosen by a hash of what stands in them.
    ///
    /// A window in more than `usual` documents is common and holds nothing together; near duplicates are of at
    /// least that `likeness`.
    ///
    /// # Errors
    /// [`Error::Argument`] for a fraction that is not between 0 and 1 or a likeness that is not from 0 to 1;
    /// [`Error::Interrupted`].
    pub fn divide(
        &mut self,
        fraction: f64,
        usual: u32,
        likeness: f64,
        control: &Control,
    ) -> Result<Division> {
        let is_right = fraction > 0.0 && fraction < 1.0 && (0.0..=1.0).contains(&likeness);
        if !is_right {
            return Err(Error::Argument(format!(
                "expected a fraction between 0 and 1 and a likeness from 0 to 1, found {fraction} and {likeness}"
            )));
        }
        let mut groups = Groups::new(self.digests.len());
        let mut same: HashMap<u128, u32, FixedState> = HashMap::default();
        for (document, &digest) in (0_u32..).zip(&self.digests) {
            groups.join(*same.entry(digest).or_insert(document), document);
        }
        control.check()?;
        self.prints.sort_unstable();
        self.prints.dedup();
        control.check()?;
        let mut common = 0;
        for run in self.prints.chunk_by(|one, other| one.0 == other.0) {
            if run.len() > usual as usize {
                common += 1;
                continue;
            }
            run.windows(2).for_each(|pair| groups.join(pair[0].1, pair[1].1));
        }
        let mut bands: Vec<(u64, usize)> = Vec::new();
        for (number, (_, signature)) in self.signatures.iter().enumerate() {
            control.check()?;
            bands.extend(signature.bands().map(|band| (band, number)));
        }
        bands.sort_unstable();
        for run in bands.chunk_by(|one, other| one.0 == other.0) {
            // each with the first and with the one before: all pairs would be a square
            for pair in run.windows(2) {
                let other = &self.signatures[pair[1].1];
                for number in [run[0].1, pair[0].1] {
                    let one = &self.signatures[number];
                    if one.1.likeness(&other.1) >= likeness {
                        groups.join(one.0, other.0);
                    }
                }
            }
        }
        Ok(groups.divide(&self.digests, fraction, common))
    }
}

/// Of every `CHOICE` windows next to each other the one of the least hash, the last of equals; of a text with
/// fewer the least of all.
fn choose(beginnings: &Beginnings, num_units: usize, power: u64, mut take: impl FnMut(u64)) {
    let Some(windows) = (num_units + 1).checked_sub(WINDOW).filter(|&windows| windows > 0) else {
        return;
    };
    let hash = |at| beginnings.window(at, WINDOW, power);
    let mut best = (u64::MAX, 0);
    let mut taken = None;
    for at in 0..windows {
        let start = (at + 1).saturating_sub(CHOICE);
        if best.1 < start {
            // the best one has been left behind
            best = (u64::MAX, start);
            for inside in start..at {
                let hash = hash(inside);
                if hash <= best.0 {
                    best = (hash, inside);
                }
            }
        }
        let hash = hash(at);
        if hash <= best.0 {
            best = (hash, at);
        }
        if (at + 1 >= CHOICE || at + 1 == windows) && taken != Some(best.1) {
            taken = Some(best.1);
            take(best.0);
        }
    }
}

/// Documents that belong together, as trees (Tarjan 1975).
struct Groups(Vec<u32>);

impl Groups {
    fn new(num: usize) -> Self {
        Self((0_u32..).take(num).collect())
    }

    fn root(&mut self, document: u32) -> u32 {
        let mut at = document;
        while self.0[at as usize] != at {
            let above = self.0[self.0[at as usize] as usize];
            self.0[at as usize] = above;
            at = above;
        }
        at
    }

    fn join(&mut self, one: u32, other: u32) {
        let (one, other) = (self.root(one), self.root(other));
        self.0[one.max(other) as usize] = one.min(other);
    }

    fn divide(mut self, digests: &[u128], fraction: f64, common: u64) -> Division {
        let roots: Vec<u32> =
            (0_u32..).take(digests.len()).map(|document| self.root(document)).collect();
        let mut least = vec![u128::MAX; digests.len()];
        let mut sizes = vec![0_usize; digests.len()];
        for (&root, &digest) in roots.iter().zip(digests) {
            let root = root as usize;
            least[root] = least[root].min(digest);
            sizes[root] += 1;
        }
        let share = |digest: u128| scramble((digest >> 64) as u64) as f64 / 2.0_f64.powi(64);
        Division {
            validates: roots.iter().map(|&root| share(least[root as usize]) < fraction).collect(),
            num_clusters: sizes.iter().filter(|&&size| size > 0).count(),
            largest_cluster: sizes.iter().copied().max().unwrap_or(0),
            common,
        }
    }
}
