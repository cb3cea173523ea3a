//! The printable character that stands for each byte in GPT-2's files, and back.

/// The character of `byte`: itself where it is printable Latin-1, else the next one from U+0100.
pub fn character(byte: u8) -> char {
    let is_printable = |byte: u8| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    if is_printable(byte) {
        return char::from(byte);
    }
    let skipped = (0..byte).filter(|&lower| !is_printable(lower)).count();
    char::from_u32(0x100 + skipped as u32).unwrap_or_default()
}

/// The byte that `character` stands for.
pub fn byte(character: char) -> Option<u8> {
    (0..=255).find(|&byte| self::character(byte) == character)
}

/// All bytes, in the order of their characters: how Hugging Face numbers a byte-level alphabet.
pub fn alphabet() -> impl Iterator<Item = u8> {
    let mut bytes: Vec<u8> = (0..=255).collect();
    bytes.sort_unstable_by_key(|&byte| character(byte));
    bytes.into_iter()
}

/// Both directions as tables.
pub(crate) struct Table {
    characters: [char; 256],
    /// by the number of a character: the byte it stands for, `NO_BYTE` where it stands for none
    bytes: [u16; NUM_CHARACTERS],
}

/// One more than the number of the last character that stands for a byte.
const NUM_CHARACTERS: usize = 0x144;
const NO_BYTE: u16 = u16::MAX;

impl Table {
    pub(crate) fn new() -> Self {
        let mut table = Self { characters: ['\0'; 256], bytes: [NO_BYTE; NUM_CHARACTERS] };
        for byte in 0..=255_u8 {
            table.characters[byte as usize] = character(byte);
            table.bytes[character(byte) as usize] = u16::from(byte);
        }
        table
    }

    /// Bytes as a file spells them.
    pub(crate) fn spell(&self, bytes: &[u8]) -> String {
        bytes.iter().map(|&byte| self.characters[byte as usize]).collect()
    }

    /// The bytes that a file spells; `Err` with the first character that stands for none.
    pub(crate) fn read(&self, spelled: &str) -> Result<Vec<u8>, char> {
        let mut bytes = Vec::with_capacity(spelled.len());
        self.read_onto(spelled, &mut bytes)?;
        Ok(bytes)
    }

    /// Append the bytes that a file spells; `Err` with the first character that stands for none.
    pub(crate) fn read_onto(&self, spelled: &str, bytes: &mut Vec<u8>) -> Result<(), char> {
        for character in spelled.chars() {
            match self.bytes.get(character as usize) {
                Some(&byte) if byte != NO_BYTE => bytes.push(byte as u8),
                _ => return Err(character),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mapping_is_gpt2s() {
        assert_eq!(character(b' '), 'Ġ');
        assert_eq!(character(b'\n'), 'Ċ');
        assert_eq!(character(b'!'), '!');
        assert_eq!(character(0xad), 'Ń');
        assert!((0..=255).all(|b| byte(character(b)) == Some(b)));
        assert_eq!(alphabet().take(2).collect::<Vec<_>>(), [b'!', b'"']);
        assert_eq!(alphabet().last(), Some(0xad));
    }
}
