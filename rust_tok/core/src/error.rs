//! Everything that can go wrong, each kind once, with what was expected, what was found, what to do.

use thiserror::Error;

/// The result of this crate's fallible functions.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of this crate. Each kind maps to one Python exception class.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// A file that is not what its format asks for.
    #[error("{what}: {problem}")]
    Format {
        /// the format, such as `tokenizer.json`
        what: &'static str,
        /// what was expected, what was found, what to do
        problem: String,
    },
    /// A set of tokens or merges that makes no tokenizer.
    #[error("{0}")]
    Vocabulary(String),
    /// An id or a token that the vocabulary does not hold.
    #[error("{0}")]
    UnknownToken(String),
    /// A split pattern that cannot be used.
    #[error("{0}")]
    Pattern(String),
    /// Text that this tokenizer cannot take.
    #[error("{0}")]
    Text(String),
    /// An argument outside its range.
    #[error("{0}")]
    Argument(String),
    /// The system refused to read a file.
    #[error("{path}: {message}")]
    Io {
        /// the file
        path: String,
        /// the system's error number, where it gave one
        code: Option<i32>,
        /// the system's words
        message: String,
    },
    /// The caller asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// A format error of `what`.
    pub fn format(what: &'static str, problem: impl Into<String>) -> Self {
        Self::Format { what, problem: problem.into() }
    }

    /// A failed read of `path`.
    pub fn io(path: &str, error: &std::io::Error) -> Self {
        let message = error.to_string();
        Self::Io { path: path.to_owned(), code: error.raw_os_error(), message }
    }
}
