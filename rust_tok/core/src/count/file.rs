//! Word counts as a file: sorted by word, in checked blocks, so that equal counts are equal bytes.
//!
//! `docs/formats.md` has the layout. Whatever is read is checked before it is believed: a file that
//! was cut or changed anywhere is an error that names it.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::count::overflow;
use crate::count::sorted::Sorted;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::split::{Scheme, Splitter, UNICODE_VERSION};

const MAGIC: &[u8; 16] = b"primetone counts";
const VERSION: u32 = 1;
const WHAT: &str = "counts file";

/// A block is closed when it holds this much.
const BLOCK_BYTES: usize = 64 << 10;

/// Bytes of a checksum: the beginning of a BLAKE3.
const SUM_BYTES: usize = 8;

/// What follows the summary: its length, its checksum, the checksum of the whole file.
const TAIL_BYTES: usize = 8 + SUM_BYTES + 32;

/// What words are pieces of. Counts may be added only where this is the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pieces {
    /// the name of the split scheme, or `custom`
    pub split: String,
    /// the pattern, if the scheme is `custom`
    pub pattern: Option<String>,
    /// the version of the Unicode tables that the text was split with
    pub unicode: String,
}

impl Pieces {
    /// What `splitter` makes.
    pub fn of(splitter: &Splitter) -> Self {
        let pattern = splitter.pattern_text().map(str::to_owned);
        Self {
            split: splitter.name().to_owned(),
            pattern: if splitter.name() == "custom" { pattern } else { None },
            unicode: UNICODE_VERSION.to_owned(),
        }
    }

    /// The splitter that makes such pieces.
    ///
    /// # Errors
    /// [`Error::Argument`] for pieces of another Unicode version, or of a scheme that is not known
    /// here; `name` says whose they are. [`Error::Pattern`].
    pub fn splitter(&self, name: &str) -> Result<Splitter> {
        if self.unicode != UNICODE_VERSION {
            return Err(Error::Argument(format!(
                "{name} was counted with Unicode {}, but this release splits with Unicode \
                 {UNICODE_VERSION}: count the texts again",
                self.unicode
            )));
        }
        match &self.pattern {
            Some(pattern) => Splitter::pattern(pattern),
            None => Scheme::of_name(&self.split).map(Splitter::scheme).ok_or_else(|| {
                Error::Argument(format!(
                    "{name} was counted with an unknown split, {:?}",
                    self.split
                ))
            }),
        }
    }

    /// Nothing, where both are the same.
    ///
    /// # Errors
    /// [`Error::Argument`] naming both sides.
    pub fn require_same(&self, other: &Self, name: &str, other_name: &str) -> Result<()> {
        if self == other {
            return Ok(());
        }
        Err(Error::Argument(format!(
            "counts of different pieces cannot be added: {name} has {}, {other_name} has {}; count \
             the texts of one of them again",
            self.words(),
            other.words()
        )))
    }

    fn words(&self) -> String {
        let Self { split, pattern, unicode } = self;
        match pattern {
            Some(pattern) => format!("the pattern {pattern:?} with Unicode {unicode}"),
            None => format!("split {split} with Unicode {unicode}"),
        }
    }
}

/// What a counts file says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// distinct words
    pub num_words: u64,
    /// pieces counted, repeats included
    pub num_pieces: u64,
    /// bytes of those pieces
    pub num_bytes: u64,
    /// 32 hexadecimal digits over words, counts, split and Unicode version; free of the shards
    pub fingerprint: String,
    /// ids of the shards that were added up, sorted, each once
    pub shards: Vec<String>,
}

/// Turns words in ascending order into the bytes of a file.
#[derive(Debug)]
pub(super) struct Encoder {
    block: Vec<u8>,
    last: Vec<u8>,
    /// over the header, the frames of the blocks and the summary
    whole: Digest,
    fingerprint: Digest,
    num_words: u64,
    num_pieces: u64,
    num_bytes: u64,
}

impl Encoder {
    /// Begin a file; bytes go to the end of `out`.
    pub(super) fn new(pieces: &Pieces, out: &mut Vec<u8>) -> Self {
        let header = json(pieces);
        let start = out.len();
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&(header.len() as u32).to_le_bytes());
        out.extend_from_slice(&header);
        let sum = checksum(&out[start..]);
        out.extend_from_slice(&sum);
        let (mut whole, mut fingerprint) = (Digest::default(), Digest::default());
        whole.update(&out[start..]);
        fingerprint.field(b"primetone counts 1");
        fingerprint.field(&header);
        Self {
            block: Vec::with_capacity(2 * BLOCK_BYTES),
            last: Vec::new(),
            whole,
            fingerprint,
            num_words: 0,
            num_pieces: 0,
            num_bytes: 0,
        }
    }

    /// Add a word, greater than the one before, that occurs `count` times.
    pub(super) fn push(&mut self, word: &[u8], count: u64, out: &mut Vec<u8>) -> Result<()> {
        let shared = if self.block.is_empty() { 0 } else { shared_prefix(&self.last, word) };
        write_number(shared as u64, &mut self.block);
        write_number((word.len() - shared) as u64, &mut self.block);
        self.block.extend_from_slice(&word[shared..]);
        write_number(count, &mut self.block);
        self.last.truncate(shared);
        self.last.extend_from_slice(&word[shared..]);
        self.num_words += 1;
        self.num_pieces = self.num_pieces.checked_add(count).ok_or_else(overflow)?;
        let bytes = count.checked_mul(word.len() as u64).ok_or_else(overflow)?;
        self.num_bytes = self.num_bytes.checked_add(bytes).ok_or_else(overflow)?;
        if self.block.len() >= BLOCK_BYTES {
            self.close_block(out);
        }
        Ok(())
    }

    fn close_block(&mut self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&(self.block.len() as u64).to_le_bytes());
        out.extend_from_slice(&checksum(&self.block));
        self.whole.update(&out[start..]);
        self.fingerprint.update(&out[start..]);
        out.extend_from_slice(&self.block);
        self.block.clear();
    }

    /// End the file. Without `shards` it is one shard, named by its own fingerprint.
    pub(super) fn finish(mut self, shards: Option<Vec<String>>, out: &mut Vec<u8>) -> Summary {
        if !self.block.is_empty() {
            self.close_block(out);
        }
        out.extend_from_slice(&0_u64.to_le_bytes());
        let fingerprint = self.fingerprint.fingerprint();
        let shards = shards.unwrap_or_else(|| vec![fingerprint.clone()]);
        let (num_words, num_pieces, num_bytes) = (self.num_words, self.num_pieces, self.num_bytes);
        let summary = Summary { num_words, num_pieces, num_bytes, fingerprint, shards };
        let footer = json(&summary);
        self.whole.update(&footer);
        out.extend_from_slice(&footer);
        out.extend_from_slice(&(footer.len() as u64).to_le_bytes());
        out.extend_from_slice(&checksum(&footer));
        out.extend_from_slice(&self.whole.bytes());
        summary
    }
}

/// A counts file, read word by word.
#[derive(Debug)]
pub struct Reader {
    path: String,
    file: BufReader<File>,
    pieces: Pieces,
    summary: Summary,
    /// bytes between here and the summary
    left: u64,
    block: Vec<u8>,
    at: usize,
    word: Vec<u8>,
    count: u64,
    is_first: bool,
    /// what remains of the totals that the summary states
    words_left: u64,
    pieces_left: u64,
    bytes_left: u64,
    whole: Digest,
    fingerprint: Digest,
    expected_whole: [u8; 32],
    footer: Vec<u8>,
}

impl Reader {
    /// Open a counts file; what it says of itself is checked now, its words as they are read.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Format`] for a damaged file or one of another version.
    pub fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let io = |error: std::io::Error| Error::io(&name, &error);
        let file = File::open(path).map_err(io)?;
        let len = file.metadata().map_err(io)?.len();
        let mut file = BufReader::new(file);
        let mut start = [0; 24];
        if len < 24 + (SUM_BYTES + 8 + TAIL_BYTES) as u64 {
            return Err(not_counts(&name, "it is too short"));
        }
        file.read_exact(&mut start).map_err(io)?;
        if &start[..16] != MAGIC {
            return Err(not_counts(&name, "it begins otherwise"));
        }
        let version = number_at(&start, 16, 4) as u32;
        if version != VERSION {
            return Err(Error::format(
                WHAT,
                format!(
                    "{name}: expected version {VERSION}, found {version}; a newer primetone may \
                     have written it"
                ),
            ));
        }
        let header_len = number_at(&start, 20, 4);
        if header_len > len - 24 - (SUM_BYTES + 8 + TAIL_BYTES) as u64 {
            return Err(damaged(&name, "its header is longer than the file"));
        }
        let mut header = start.to_vec();
        header.resize(24 + header_len as usize + SUM_BYTES, 0);
        file.read_exact(&mut header[24..]).map_err(io)?;
        let (content, sum) = header.split_at(header.len() - SUM_BYTES);
        if checksum(content) != sum {
            return Err(damaged(&name, "its header does not match its checksum"));
        }
        let pieces: Pieces = parse(&content[24..], &name)?;

        let blocks_start = header.len() as u64;
        let mut tail = [0; TAIL_BYTES];
        file.seek(SeekFrom::Start(len - TAIL_BYTES as u64)).map_err(io)?;
        file.read_exact(&mut tail).map_err(io)?;
        let footer_len = number_at(&tail, 0, 8);
        let room = len - TAIL_BYTES as u64 - blocks_start;
        if footer_len > room {
            return Err(damaged(&name, "its end is missing"));
        }
        let mut footer = vec![0; footer_len as usize];
        file.seek(SeekFrom::Start(blocks_start + room - footer_len)).map_err(io)?;
        file.read_exact(&mut footer).map_err(io)?;
        if checksum(&footer) != tail[8..8 + SUM_BYTES] {
            return Err(damaged(&name, "its end is missing"));
        }
        let summary: Summary = parse(&footer, &name)?;
        file.seek(SeekFrom::Start(blocks_start)).map_err(io)?;

        let (mut whole, mut fingerprint) = (Digest::default(), Digest::default());
        whole.update(&header);
        fingerprint.field(b"primetone counts 1");
        fingerprint.field(&content[24..]);
        let mut expected_whole = [0; 32];
        expected_whole.copy_from_slice(&tail[8 + SUM_BYTES..]);
        Ok(Self {
            path: name,
            file,
            left: room - footer_len,
            block: Vec::new(),
            at: 0,
            word: Vec::new(),
            count: 0,
            is_first: true,
            words_left: summary.num_words,
            pieces_left: summary.num_pieces,
            bytes_left: summary.num_bytes,
            pieces,
            summary,
            whole,
            fingerprint,
            expected_whole,
            footer,
        })
    }

    /// What the words are pieces of.
    pub fn pieces(&self) -> &Pieces {
        &self.pieces
    }

    /// What the file says of itself.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Read the next block; `false` after the last, when everything has been checked.
    fn next_block(&mut self) -> Result<bool> {
        let frame = self.take(8)?;
        let len = number_at(&frame, 0, 8);
        if len == 0 {
            return self.check_end().map(|()| false);
        }
        let sum = self.take(SUM_BYTES as u64)?;
        for part in [&frame, &sum] {
            self.whole.update(part);
            self.fingerprint.update(part);
        }
        self.block = self.take(len)?;
        self.at = 0;
        if checksum(&self.block) != sum[..] {
            return Err(damaged(&self.path, "a block does not match its checksum"));
        }
        Ok(true)
    }

    fn check_end(&mut self) -> Result<()> {
        self.whole.update(&self.footer);
        let matches = self.left == 0
            && (self.words_left, self.pieces_left, self.bytes_left) == (0, 0, 0)
            && self.whole.bytes() == self.expected_whole
            && self.fingerprint.fingerprint() == self.summary.fingerprint;
        if matches { Ok(()) } else { Err(damaged(&self.path, "it does not match its checksum")) }
    }

    /// The next `len` bytes before the summary; memory is taken only for what is there.
    fn take(&mut self, len: u64) -> Result<Vec<u8>> {
        self.left = self
            .left
            .checked_sub(len)
            .ok_or_else(|| damaged(&self.path, "a block is longer than the file"))?;
        let mut bytes = vec![0; len as usize];
        self.file.read_exact(&mut bytes).map_err(|error| Error::io(&self.path, &error))?;
        Ok(bytes)
    }

    /// Read the entry at `at`; `None` where it makes no sense.
    fn next_entry(&mut self) -> Option<()> {
        let is_block_start = self.at == 0;
        let shared = read_number(&self.block, &mut self.at)?;
        let len = read_number(&self.block, &mut self.at)?;
        let end = self.at.checked_add(usize::try_from(len).ok()?)?;
        let rest = self.block.get(self.at..end)?;
        self.at = end;
        let shared = usize::try_from(shared).ok()?;
        // ascending: past what is shared, the new word goes on with more
        let is_greater = match self.word.get(shared) {
            _ if is_block_start && shared == 0 => self.is_first || rest > &self.word[..],
            None => shared == self.word.len() && !is_block_start && !rest.is_empty(),
            Some(next) => !is_block_start && rest.first().is_some_and(|first| first > next),
        };
        self.word.truncate(shared);
        self.word.extend_from_slice(rest);
        self.count = read_number(&self.block, &mut self.at)?;
        self.is_first = false;
        self.words_left = self.words_left.checked_sub(1)?;
        self.pieces_left = self.pieces_left.checked_sub(self.count)?;
        let bytes = self.count.checked_mul(self.word.len() as u64)?;
        self.bytes_left = self.bytes_left.checked_sub(bytes)?;
        (is_greater && self.count > 0).then_some(())
    }
}

impl Sorted for Reader {
    fn advance(&mut self) -> Result<bool> {
        if self.at == self.block.len() && !self.next_block()? {
            return Ok(false);
        }
        match self.next_entry() {
            Some(()) => Ok(true),
            None => Err(damaged(&self.path, "a block holds no words in ascending order")),
        }
    }

    fn word(&self) -> &[u8] {
        &self.word
    }

    fn count(&self) -> u64 {
        self.count
    }
}

fn json(value: &impl Serialize) -> Vec<u8> {
    // strings and integers only: nothing in them can be refused
    serde_json::to_vec(value).unwrap_or_default()
}

fn parse<'d, T: Deserialize<'d>>(data: &'d [u8], path: &str) -> Result<T> {
    serde_json::from_slice(data).map_err(|error| damaged(path, &error.to_string()))
}

fn not_counts(path: &str, problem: &str) -> Error {
    let problem = format!("{path}: expected a file made by `primetone count`, but {problem}");
    Error::format(WHAT, problem)
}

fn damaged(path: &str, problem: &str) -> Error {
    let advice = "it is damaged or cut short: copy it or count its texts again";
    Error::format(WHAT, format!("{path}: {problem}; {advice}"))
}

fn checksum(bytes: &[u8]) -> [u8; SUM_BYTES] {
    let mut digest = Digest::default();
    digest.update(bytes);
    let mut sum = [0; SUM_BYTES];
    sum.copy_from_slice(&digest.bytes()[..SUM_BYTES]);
    sum
}

fn shared_prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(x, y)| x == y).count()
}

/// The little-endian number of `len` bytes at `at`.
fn number_at(bytes: &[u8], at: usize, len: usize) -> u64 {
    bytes[at..at + len].iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// LEB128: seven bits a byte, the lowest first.
fn write_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn read_number(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            return None;
        }
        number |= bits << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}
