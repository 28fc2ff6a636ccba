//! Every way in which a frame can be refused.

/// Why a frame was refused; texts are those of the reference core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The text is no JSON array of levels of the given form; its first 80 bytes.
    NotLevels(Vec<u8>),
    /// The text is no JSON array of orders of the given form; its first 80 bytes.
    NotOrders(Vec<u8>),
    /// A price or size is no plain number at or above zero; the JSON token as written.
    NotANumber(Vec<u8>),
    /// The venue's frame breaks its documentation in another way.
    Protocol(String),
    /// A number cannot be kept exactly, or has no text where a checksum needs one.
    Precision(String),
    /// The book does not have the checksum that came with the frame.
    Checksum {
        /// What the venue sent.
        expected: i64,
        /// What the book has.
        computed: u32,
    },
    /// Best bid at or above best ask.
    Crossed(String),
}
