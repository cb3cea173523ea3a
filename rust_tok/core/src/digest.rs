//! Fingerprints: BLAKE3, cut to 16 bytes where it names a tokenizer, a corpus or a store.

/// Bytes hashed piece by piece.
#[derive(Debug, Clone, Default)]
pub struct Digest(blake3::Hasher);

impl Digest {
    /// Hash these bytes next.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Hash a field: its length, then its bytes, so that no two lists of fields read the same.
    pub fn field(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// All 32 bytes.
    pub fn bytes(&self) -> [u8; 32] {
        *self.0.finalize().as_bytes()
    }

    /// All 32 bytes as 64 hexadecimal digits.
    pub fn hex(&self) -> String {
        self.0.finalize().to_hex().to_string()
    }

    /// The first 16 bytes as 32 hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        self.0.finalize().to_hex()[..32].to_owned()
    }
}
