//! What samples have copied from the text that a model was trained on: the longest run that stands there too.
//!
//! A suffix automaton of the training text (Blumer et al. 1985, The smallest automaton recognizing the subwords
//! of a text) reads every sample once.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::{Sentences, require};
use crate::Result;
use crate::control::Control;

/// Stands between two sentences, so that no run goes over their border.
const BORDER: u32 = u32::MAX;

/// What is copied, sample by sample and over all.
#[derive(Debug, Clone, PartialEq)]
pub struct Copies {
    /// tokens of the longest run of each sample that stands in the training text
    pub longest: Vec<u32>,
    /// share of samples that are no sentence of the training text
    pub novel: f64,
}

/// Compare samples with the text that a model was trained on. Memory: some 100 bytes a training token.
///
/// # Errors
/// [`Error::Argument`](crate::Error::Argument) for no samples or no training text;
/// [`Error::Interrupted`](crate::Error::Interrupted).
pub fn copies(samples: &Sentences, training: &Sentences, control: &Control) -> Result<Copies> {
    require(samples, 1, "samples")?;
    require(training, 1, "training")?;
    let mut automaton = Automaton::new();
    let mut known = hashbrown::HashSet::with_hasher(FixedState::default());
    for sentence in training.iter() {
        known.insert(sentence);
        for &token in sentence {
            control.check()?;
            automaton.append(token);
        }
        automaton.append(BORDER);
    }
    let longest = |sentence| control.check().map(|()| automaton.longest_run(sentence));
    let longest = samples.iter().map(longest).collect::<Result<_>>()?;
    let novel = samples.iter().filter(|sentence| !known.contains(sentence)).count();
    Ok(Copies { longest, novel: novel as f64 / samples.len() as f64 })
}

/// States are classes of runs that end at the same places; edges lengthen them by a token.
struct Automaton {
    edges: HashMap<(u32, u32), u32, FixedState>,
    states: Vec<State>,
    last: u32,
}

struct State {
    /// length of the longest run of the class
    length: u32,
    /// the class of its longest ending that ends elsewhere too; none of the empty run
    link: Option<u32>,
    /// tokens that leave it
    tokens: Vec<u32>,
}

const EMPTY: u32 = 0;

impl Automaton {
    fn new() -> Self {
        let empty = State { length: 0, link: None, tokens: Vec::new() };
        Self { edges: HashMap::default(), states: vec![empty], last: EMPTY }
    }

    fn append(&mut self, token: u32) {
        let new = self.add(State {
            length: self.length(self.last) + 1,
            link: Some(EMPTY),
            tokens: Vec::new(),
        });
        let mut from = Some(std::mem::replace(&mut self.last, new));
        while let Some(state) = from.filter(|&state| !self.edges.contains_key(&(state, token))) {
            self.connect(state, token, new);
            from = self.link(state);
        }
        let Some(state) = from else { return };
        let Some(&target) = self.edges.get(&(state, token)) else { return };
        let link = if self.length(target) == self.length(state) + 1 {
            target
        } else {
            self.divide(state, token, target)
        };
        self.set_link(new, link);
    }

    /// The shorter runs of `target`, those that `state` lengthens, become a class of their own.
    fn divide(&mut self, state: u32, token: u32, target: u32) -> u32 {
        let tokens =
            self.states.get(target as usize).map(|old| old.tokens.clone()).unwrap_or_default();
        let part =
            State { length: self.length(state) + 1, link: self.link(target), tokens: Vec::new() };
        let part = self.add(part);
        for next in tokens {
            if let Some(&to) = self.edges.get(&(target, next)) {
                self.connect(part, next, to);
            }
        }
        let mut from = Some(state);
        while let Some(state) =
            from.filter(|&state| self.edges.get(&(state, token)) == Some(&target))
        {
            self.edges.insert((state, token), part);
            from = self.link(state);
        }
        self.set_link(target, part);
        part
    }

    /// Tokens of the longest run of this sentence that was appended.
    fn longest_run(&self, sentence: &[u32]) -> u32 {
        let (mut state, mut length, mut longest) = (EMPTY, 0, 0);
        for &token in sentence {
            loop {
                if let Some(&next) = self.edges.get(&(state, token)) {
                    (state, length) = (next, length + 1);
                    break;
                }
                let Some(shorter) = self.link(state) else { break };
                (state, length) = (shorter, self.length(shorter));
            }
            longest = longest.max(length);
        }
        longest
    }

    fn add(&mut self, state: State) -> u32 {
        self.states.push(state);
        self.states.len() as u32 - 1
    }

    fn connect(&mut self, from: u32, token: u32, to: u32) {
        self.edges.insert((from, token), to);
        if let Some(state) = self.states.get_mut(from as usize) {
            state.tokens.push(token);
        }
    }

    fn length(&self, state: u32) -> u32 {
        self.states.get(state as usize).map_or(0, |found| found.length)
    }

    fn link(&self, state: u32) -> Option<u32> {
        self.states.get(state as usize).and_then(|found| found.link)
    }

    fn set_link(&mut self, state: u32, link: u32) {
        if let Some(found) = self.states.get_mut(state as usize) {
            found.link = Some(link);
        }
    }
}
