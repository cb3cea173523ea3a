//! Memory of its own for large arrays: an allocator may keep what is freed, many megabytes of it.

#[cfg(target_os = "linux")]
use super::LARGE_PAGE;
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

/// Every system's pages are a multiple of this, or this.
#[cfg(target_os = "linux")]
const PAGE: usize = 4096;

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

/// Room for some values.
#[cfg(target_os = "linux")]
fn room<T>(len: usize) -> NonNull<T> {
    const { assert!(align_of::<T>() <= PAGE && size_of::<T>() > 0) };
    let Ok(layout) = Layout::array::<T>(len) else { handle_alloc_error(Layout::new::<T>()) };
    let start = match layout.size() {
        0 => return NonNull::dangling(),
        // SAFETY: the size is not 0.
        1..LEAST_BYTES => unsafe { alloc(layout).cast() },
        // pages that are there already are quicker than a fault for each
        size @ LEAST_BYTES..LARGE_PAGE => map(size, libc::MAP_POPULATE),
        size => on_large_pages(size),
    };
    match NonNull::new(start) {
        Some(start) if start.as_ptr() != libc::MAP_FAILED => start.cast(),
        _ => handle_alloc_error(layout),
    }
}

/// A new mapping of at least `size` bytes, or `MAP_FAILED`.
#[cfg(target_os = "linux")]
fn map(size: usize, how: i32) -> *mut libc::c_void {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | how;
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a private mapping wherever the system likes takes nothing from anybody.
    unsafe { libc::mmap(std::ptr::null_mut(), size, access, flags, -1, 0) }
}

/// A new mapping of at least `size` bytes that begins as a large page does, or `MAP_FAILED`.
#[cfg(target_os = "linux")]
fn on_large_pages(size: usize) -> *mut libc::c_void {
    let size = size.next_multiple_of(PAGE);
    let mapped = map(size + LARGE_PAGE, 0);
    if mapped == libc::MAP_FAILED {
        return mapped;
    }
    let before = mapped.addr().next_multiple_of(LARGE_PAGE) - mapped.addr();
    // SAFETY: all of this lies in the new mapping, which nobody else knows; what is before and behind
    // the middle, whole pages and nothing where there is none, goes back. Advice reads and changes
    // nothing; where it is refused, the pages are small.
    unsafe {
        let start = mapped.byte_add(before);
        if before > 0 {
            libc::munmap(mapped, before);
        }
        if before < LARGE_PAGE {
            libc::munmap(start.byte_add(size), LARGE_PAGE - before);
        }
        libc::madvise(start, size, libc::MADV_HUGEPAGE);
        start
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
        for len in [0, 1, 4096, 100_000, 1 << 20] {
            let mut block = Block::filled(len, 7_u64);
            assert!(block.iter().eq(vec![7; len].iter()));
            if let Some(last) = block.last_mut() {
                *last = 1;
            }
            assert_eq!(block.iter().sum::<u64>(), (7 * len as u64).saturating_sub(6));
        }
    }
}
