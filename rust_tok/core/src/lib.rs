pub mod control;
pub mod error;
pub mod split;
pub use error::{Error, Result};
