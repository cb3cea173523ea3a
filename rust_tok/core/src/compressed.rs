//! Reading gzip and zstd files as a stream of bytes, with bounds on memory.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::error::{Error, Result};

/// The compressed formats that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952, several members allowed
    Gzip,
    /// RFC 8878, several frames allowed; a window of at most 128 MiB
    Zstd,
}

/// How far a file may expand: text never comes near it, a bomb goes beyond it.
const MAX_RATIO: u64 = 200;

/// Any file may expand to this much, whatever its ratio.
const FREE_BYTES: u64 = 64 << 20;

/// A compressed file, read from its beginning to its end.
pub struct Decompressor {
    path: String,
    source: Source,
    max_bytes: u64,
    read_bytes: u64,
}

enum Source {
    Gzip(Box<MultiGzDecoder<BufReader<File>>>),
    Zstd(Box<Frames>),
}

/// The frames of a zstd file, one after the other.
struct Frames {
    file: BufReader<File>,
    decoder: FrameDecoder,
    in_frame: bool,
}

impl Decompressor {
    /// Open `path`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn open(path: &Path, compression: Compression) -> Result<Self> {
        let name = path.display().to_string();
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (len, file) = opened.map_err(|error| Error::io(&name, &error))?;
        let file = BufReader::new(file);
        let source = match compression {
            Compression::Gzip => Source::Gzip(Box::new(MultiGzDecoder::new(file))),
            Compression::Zstd => Source::Zstd(Box::new(Frames {
                file,
                decoder: FrameDecoder::new(),
                in_frame: false,
            })),
        };
        let max_bytes = len.saturating_mul(MAX_RATIO).max(FREE_BYTES);
        Ok(Self { path: name, source, max_bytes, read_bytes: 0 })
    }

    /// Read at most `size` bytes; none at the end of the file.
    ///
    /// # Errors
    /// [`Error::Format`] for damaged or truncated data, and for a file that expands beyond all
    /// proportion; [`Error::Io`].
    pub fn read(&mut self, size: usize) -> Result<Vec<u8>> {
        let mut buffer = vec![0; size];
        let mut filled = 0;
        while filled < size {
            let read = match &mut self.source {
                Source::Gzip(decoder) => decoder.read(&mut buffer[filled..]).map_err(|error| {
                    match error.raw_os_error() {
                        Some(_) => Error::io(&self.path, &error),
                        None => damaged("gzip", &self.path, &error.to_string()),
                    }
                })?,
                Source::Zstd(frames) => frames
                    .read(&mut buffer[filled..])
                    .map_err(|problem| damaged("zstd", &self.path, &problem))?,
            };
            if read == 0 {
                break;
            }
            filled += read;
        }
        buffer.truncate(filled);
        self.read_bytes += filled as u64;
        if self.read_bytes > self.max_bytes {
            return Err(Error::format(
                "compressed file",
                format!(
                    "{} expands more than {MAX_RATIO}-fold, which no text does; if it is what you \
                     want, decompress it first and give the plain file",
                    self.path
                ),
            ));
        }
        Ok(buffer)
    }
}

fn damaged(what: &'static str, path: &str, problem: &str) -> Error {
    let advice = "the file is damaged or cut short; copy or compress it again";
    Error::format(what, format!("{path}: {problem}; {advice}"))
}

impl Frames {
    fn read(&mut self, buffer: &mut [u8]) -> std::result::Result<usize, String> {
        loop {
            if !self.in_frame && !self.begin_frame()? {
                return Ok(0);
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                self.decoder
                    .decode_blocks(&mut self.file, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(|error| told(&error))?;
            }
            let read = self.decoder.read(buffer).map_err(|error| error.to_string())?;
            if read > 0 {
                return Ok(read);
            }
            self.in_frame = false;
            let stored = self.decoder.get_checksum_from_data();
            if stored.is_some() && stored != self.decoder.get_calculated_checksum() {
                return Err("the checksum of a frame does not match its content".to_owned());
            }
        }
    }

    /// Begin the next frame that holds data; `false` at the end of the file.
    fn begin_frame(&mut self) -> std::result::Result<bool, String> {
        loop {
            if self.file.fill_buf().map_err(|error| error.to_string())?.is_empty() {
                return Ok(false);
            }
            match self.decoder.reset(&mut self.file) {
                Ok(()) => {
                    self.in_frame = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut skipped = (&mut self.file).take(u64::from(length));
                    std::io::copy(&mut skipped, &mut std::io::sink())
                        .map_err(|error| error.to_string())?;
                }
                Err(error) => return Err(told(&error)),
            }
        }
    }
}

/// What is wrong with zstd data, without the names that the decoder has for its parts.
fn told(error: &FrameDecoderError) -> String {
    match error {
        FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::BadMagicNumber(_)) => {
            return "found something else than zstd data".to_owned();
        }
        FrameDecoderError::WindowSizeTooBig { requested, max } => {
            return format!("needs a window of {requested} bytes, and {max} are the most");
        }
        _ => {}
    }
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = cause {
        match inner.downcast_ref::<std::io::Error>() {
            Some(io) if io.kind() == ErrorKind::UnexpectedEof => {
                return "ends in the middle".to_owned();
            }
            Some(io) => return io.to_string(),
            None => cause = inner.source(),
        }
    }
    "holds a block that cannot be decoded".to_owned()
}
