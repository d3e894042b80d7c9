//! The values that travel through the channels.
//!
//! Every word is written, so that a large value costs its copy on every contestant alike.

/// A value with a number that the receiver can check.
pub trait Payload: Send + Sync + Unpin + 'static {
    /// The value with this number.
    fn numbered(number: u64) -> Self;

    /// The number it was made with.
    fn number(&self) -> u64;
}

impl<const WORDS: usize> Payload for [u64; WORDS] {
    #[inline]
    fn numbered(number: u64) -> Self {
        [number; WORDS]
    }

    #[inline]
    fn number(&self) -> u64 {
        // The last word: a receiver that got half a value would see it here.
        self[WORDS - 1]
    }
}
