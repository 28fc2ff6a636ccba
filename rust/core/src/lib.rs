//! Price levels, L2 and L3 books and the window of their tops, exactly as `cryptopipe/core/reference*.py` specify them.
//!
//! Enters: JSON text of level arrays, version numbers, stamps. Leaves: tops of book, ladders, window columns. Never: a
//! socket, a clock, a rounded number, or a book half changed by a frame that cannot be read.
#![forbid(unsafe_code)]

pub mod block;
pub mod book;
pub mod checksum;
pub mod crc;
pub mod error;
pub mod graph;
pub mod ids;
pub mod instant;
pub mod json;
pub mod levels;
pub mod logarithm;
pub mod number;
pub mod orders;
pub mod pack;
pub mod pairs;
pub mod prices;
pub mod queues;
pub mod search;
pub mod selection;
pub mod shape;
pub mod side;
pub mod window;

pub use book::{Book, Top};
pub use error::Error;
pub use levels::{Form, Level, Place};
pub use number::Number;
pub use orders::OrderBook;
pub use selection::{Column, Selection};
pub use shape::{Reading, Shape};
pub use window::Window;
