//! The longest token at the beginning of a text, and the longest one that begins a token.

use crate::vocab::Vocab;

/// Of more bytes of tokens no tree is made: it takes about 13 times their room.
const MOST_BYTES: usize = 4 << 20;

const NONE: u32 = u32::MAX;

/// A node stands for a beginning that tokens share; its children lie side by side.
#[derive(Debug, Clone, Copy)]
struct Node {
    first_child: u32,
    num_children: u16,
    /// the token that is this beginning, or `NONE`
    token: u32,
}

/// A tree of the tokens by their bytes.
#[derive(Debug, Clone)]
pub(super) struct Prefixes {
    nodes: Vec<Node>,
    /// the last byte of each node's beginning
    labels: Vec<u8>,
    /// by the first two bytes: their node, or 0 where no token of more than a byte begins so
    by_two: Vec<u32>,
    byte_ids: [u32; 256],
    /// by id: the longest token that begins it and is shorter, `NONE` for single bytes
    shorter: Vec<u32>,
    /// by id: how many bytes it has
    lens: Vec<u32>,
}

impl Prefixes {
    /// The tree of all text tokens, of which every byte is one; `None` where they are too long together.
    pub(super) fn new(vocab: &Vocab, byte_ids: &[u32; 256]) -> Option<Self> {
        let mut tokens: Vec<(&[u8], u32)> =
            vocab.text_tokens().map(|(id, text)| (text, id)).collect();
        if tokens.iter().map(|(text, _)| text.len()).sum::<usize>() > MOST_BYTES {
            return None;
        }
        tokens.sort_unstable();
        let empty = Node { first_child: 0, num_children: 0, token: NONE };
        let mut tree = Self {
            nodes: vec![empty],
            labels: vec![0],
            by_two: vec![0; 1 << 16],
            byte_ids: *byte_ids,
            shorter: vec![NONE; vocab.len()],
            lens: vec![0; vocab.len()],
        };
        // (the tokens that begin as a node does, how many bytes it has, the longest token that begins it)
        let mut spans = vec![(0, tokens.len(), 0, NONE)];
        let mut at = 0;
        while at < spans.len() {
            let (mut first, last, depth, mut longest) = spans[at];
            if let Some(&(text, id)) = tokens.get(first).filter(|(text, _)| text.len() == depth) {
                tree.nodes[at].token = id;
                tree.shorter[id as usize] = longest;
                tree.lens[id as usize] = depth as u32;
                longest = id;
                first += 1;
                if let [one, two] = *text {
                    tree.by_two[usize::from(one) << 8 | usize::from(two)] = at as u32;
                }
            }
            if depth == 2 && first < last {
                let text = tokens[first].0;
                tree.by_two[usize::from(text[0]) << 8 | usize::from(text[1])] = at as u32;
            }
            tree.nodes[at].first_child = tree.nodes.len() as u32;
            while first < last {
                let byte = tokens[first].0[depth];
                let same = tokens[first..last].partition_point(|(text, _)| text[depth] == byte);
                tree.nodes.push(empty);
                tree.labels.push(byte);
                tree.nodes[at].num_children += 1;
                spans.push((first, first + same, depth + 1, longest));
                first += same;
            }
            at += 1;
        }
        Some(tree)
    }

    /// The longest token at the beginning of `text`, which is not empty.
    #[inline]
    pub(super) fn longest(&self, text: &[u8]) -> u32 {
        let mut longest = self.byte_ids[text[0] as usize];
        let Some(&second) = text.get(1) else { return longest };
        let mut at = self.by_two[usize::from(text[0]) << 8 | usize::from(second)] as usize;
        if at == 0 {
            return longest;
        }
        let mut rest = &text[2..];
        loop {
            let Node { first_child, num_children, token } = self.nodes[at];
            if token != NONE {
                longest = token;
            }
            let Some((byte, more)) = rest.split_first() else { return longest };
            let first = first_child as usize;
            let children = &self.labels[first..first + usize::from(num_children)];
            let Some(child) = place_of(children, *byte) else { return longest };
            (at, rest) = (first + child, more);
        }
    }

    /// The longest token that begins this one and is shorter.
    #[inline]
    pub(super) fn shorter(&self, id: u32) -> Option<u32> {
        Some(self.shorter[id as usize]).filter(|&id| id != NONE)
    }

    #[inline]
    pub(super) fn len(&self, id: u32) -> usize {
        self.lens[id as usize] as usize
    }
}

/// Where among `labels`, which ascend, a byte stands.
#[inline]
fn place_of(labels: &[u8], byte: u8) -> Option<usize> {
    if labels.len() <= 8 {
        labels.iter().position(|&label| label == byte)
    } else {
        memchr::memchr(byte, labels)
    }
}
