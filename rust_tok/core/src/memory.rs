//! What the processor and the system are told about memory. Telling changes no result.

mod block;

pub(crate) use block::Block;

/// Have the cache line of `value` brought near, on processors where that is known to help.
#[inline]
pub(crate) fn prefetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch reads nothing that a program could see and never faults; SSE is part of
        // every x86-64 processor.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

/// `len` default values, on large pages.
pub(crate) fn on_large_pages<T: Clone + Default>(len: usize) -> Vec<T> {
    let mut values = room_on_large_pages(len);
    values.resize(len, T::default());
    values
}

/// Room for `len` values, on large pages where the system has them to give: looked up at random, a
/// table on small ones misses the processor's page tables too.
pub(crate) fn room_on_large_pages<T>(len: usize) -> Vec<T> {
    let mut values: Vec<T> = Vec::with_capacity(len);
    #[cfg(target_os = "linux")]
    {
        let spare = values.spare_capacity_mut();
        let begin = spare.as_mut_ptr().addr().next_multiple_of(LARGE_PAGE);
        let end = (spare.as_mut_ptr().addr() + size_of_val(spare)) / LARGE_PAGE * LARGE_PAGE;
        if begin < end {
            // SAFETY: the range lies in memory that the vector owns, and the advice neither reads nor
            // changes what is there; it comes before the first touch, when it still helps. Where it is
            // refused, nothing is lost.
            unsafe {
                libc::madvise(
                    std::ptr::with_exposed_provenance_mut(begin),
                    end - begin,
                    libc::MADV_HUGEPAGE,
                );
            }
        }
    }
    values
}

/// Values that fill one large page where the system has one to give.
#[derive(Debug)]
#[repr(align(2097152))]
pub(crate) struct LargePage<T, const N: usize>(pub(crate) [T; N]);

/// One large page of `N` copies of `value`.
pub(crate) fn large_page_of<T: Copy, const N: usize>(value: T) -> Vec<LargePage<T, N>> {
    let mut pages: Vec<LargePage<T, N>> = room_on_large_pages(1);
    let first: *mut T = pages.spare_capacity_mut()[0].as_mut_ptr().cast();
    // SAFETY: a page is `N` values, of which the first is where the page is, in memory that the vector
    // owns; all are written before the vector says that it has them. A page is too large for the stack,
    // so it cannot be made there and moved.
    unsafe {
        (0..N).for_each(|at| first.add(at).write(value));
        pages.set_len(1);
    }
    pages
}

/// Have all threads share one arena of the allocator from now on: each one of its own reserves 64 MiB of
/// address space or more, which is dear where that is limited.
pub fn share_one_arena() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: a parameter of the allocator is set under its own lock; what is allocated stays where it is.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Have what was freed go back to the system: the allocator may keep many megabytes for later.
pub(crate) fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: only memory that nobody holds is touched, under the allocator's own locks.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Bytes of a large page.
#[cfg(target_os = "linux")]
const LARGE_PAGE: usize = 2 << 20;
