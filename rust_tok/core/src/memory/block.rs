//! Memory of its own for large arrays: an allocator may keep what is freed, many megabytes of it.

use std::ops::{Deref, DerefMut};
#[cfg(target_os = "linux")]
use std::{
    alloc::{Layout, alloc, dealloc, handle_alloc_error},
    ptr::NonNull,
};

/// Values in pages of their own, which go back to the system with them, at once.
#[derive(Debug)]
pub(crate) struct Block<T> {
    #[cfg(target_os = "linux")]
    start: NonNull<T>,
    #[cfg(target_os = "linux")]
    len: usize,
    #[cfg(not(target_os = "linux"))]
    values: Vec<T>,
}

/// Less than this the allocator may keep for the next one: what is small comes and goes often.
#[cfg(target_os = "linux")]
const LEAST_BYTES: usize = 128 << 10;

impl<T: Copy> Block<T> {
    /// `len` copies of `value`.
    pub(crate) fn filled(len: usize, value: T) -> Self {
        #[cfg(not(target_os = "linux"))]
        return Self { values: vec![value; len] };
        #[cfg(target_os = "linux")]
        {
            let start = room(len);
            // SAFETY: this is room for `len` values, aligned, that nobody else has.
            unsafe { (0..len).for_each(|at| start.add(at).write(value)) };
            Self { start, len }
        }
    }
}

/// Room for some values. In pages of its own it is there already: that is quicker than a fault for each.
#[cfg(target_os = "linux")]
fn room<T>(len: usize) -> NonNull<T> {
    const { assert!(align_of::<T>() <= 4096 && size_of::<T>() > 0) };
    let Ok(layout) = Layout::array::<T>(len) else { handle_alloc_error(Layout::new::<T>()) };
    let start = match layout.size() {
        0 => return NonNull::dangling(),
        // SAFETY: the size is not 0.
        1..LEAST_BYTES => unsafe { alloc(layout).cast() },
        // SAFETY: a new private mapping wherever the system likes takes nothing from anybody.
        size => unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE;
            let access = libc::PROT_READ | libc::PROT_WRITE;
            libc::mmap(std::ptr::null_mut(), size, access, flags, -1, 0)
        },
    };
    match NonNull::new(start) {
        Some(start) if start.as_ptr() != libc::MAP_FAILED => start.cast(),
        _ => handle_alloc_error(layout),
    }
}

#[cfg(target_os = "linux")]
impl<T> Drop for Block<T> {
    fn drop(&mut self) {
        let layout = Layout::for_value::<[T]>(self);
        let start = self.start.as_ptr();
        match layout.size() {
            0 => {}
            // SAFETY: `room` got this of just this layout, and it ends with its only owner.
            1..LEAST_BYTES => unsafe { dealloc(start.cast(), layout) },
            // SAFETY: `room` made this mapping of just this size, and it ends with its only owner.
            size => unsafe {
                libc::munmap(start.cast(), size);
            },
        }
    }
}

// SAFETY: a block owns its values, as a vector does.
#[cfg(target_os = "linux")]
unsafe impl<T: Send> Send for Block<T> {}
// SAFETY: as above.
#[cfg(target_os = "linux")]
unsafe impl<T: Sync> Sync for Block<T> {}

impl<T> Deref for Block<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        #[cfg(not(target_os = "linux"))]
        return &self.values;
        #[cfg(target_os = "linux")]
        // SAFETY: `len` values were written at `start`, or there are none.
        unsafe {
            std::slice::from_raw_parts(self.start.as_ptr(), self.len)
        }
    }
}

impl<T> DerefMut for Block<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        #[cfg(not(target_os = "linux"))]
        return &mut self.values;
        #[cfg(target_os = "linux")]
        // SAFETY: as above, and the values are borrowed with their only owner.
        unsafe {
            std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_its_values() {
        for len in [0, 1, 4096, 100_000] {
            let mut block = Block::filled(len, 7_u64);
            assert!(block.iter().eq(vec![7; len].iter()));
            if let Some(last) = block.last_mut() {
                *last = 1;
            }
            assert_eq!(block.iter().sum::<u64>(), (7 * len as u64).saturating_sub(6));
        }
    }
}
