//! Integers where vectors read and write them best: on lines of the cache, rows not under each other.

/// Samples of a line of the cache, which is also the widest vector.
pub(super) const LINE: usize = 16;

/// From one row to the next: an odd number of lines. Rows whose distance is a power of two would
/// share a few places of the cache: with 4,096 bytes eleven rows did not fit there at once.
pub(super) fn padded(row_length: usize) -> usize {
    (row_length.div_ceil(LINE) | 1) * LINE
}

/// Rows of one length; sample `aligned_at` of each begins a line.
pub(super) struct AlignedRows {
    memory: Vec<i32>,
    start: usize,
    row_length: usize,
}

impl AlignedRows {
    /// Rows of zeros.
    pub(super) fn new(rows: usize, row_length: usize, aligned_at: usize) -> Self {
        let memory = vec![0; rows * padded(row_length) + 2 * LINE];
        // a vector's memory stays where it is
        let to_line = memory.as_ptr().align_offset(size_of::<[i32; LINE]>()) % LINE;
        let start = to_line + (LINE - aligned_at % LINE) % LINE;
        Self { memory, start, row_length }
    }

    #[inline]
    pub(super) fn row(&self, number: usize) -> &[i32] {
        &self.memory[self.start + number * padded(self.row_length)..][..self.row_length]
    }

    #[inline]
    pub(super) fn row_mut(&mut self, number: usize) -> &mut [i32] {
        &mut self.memory[self.start + number * padded(self.row_length)..][..self.row_length]
    }
}
