//! Frames played into a book inside the core, for `cryptopipe bench book`: no Python between them, and no clock.

use cryptopipe_core as core;
use cryptopipe_core::book::Stamp;
use cryptopipe_core::orders::{Change, Event};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::book::Book;
use crate::errors::raise;
use crate::orders::OrderBook;

struct Told {
    is_bid: bool,
    change: Change,
    id: String,
    price: String,
    size: String,
}

/// Frames of one order event each, as (is a bid, change, id, price, size).
#[pyclass(frozen, module = "cryptopipe.core._rust")]
pub struct OrderTape(Vec<Told>);

#[pymethods]
impl OrderTape {
    #[new]
    fn new(events: Vec<(bool, String, String, String, String)>) -> PyResult<Self> {
        let told = events.into_iter().map(|(is_bid, change, id, price, size)| {
            let change = match change.as_str() {
                "add" => Change::Add,
                "set" => Change::Set,
                "reduce" => Change::Reduce,
                "remove" => Change::Remove,
                other => return Err(PyValueError::new_err(format!("not an order change: {other}"))),
            };
            Ok(Told { is_bid, change, id, price, size })
        });
        told.collect::<PyResult<_>>().map(OrderTape)
    }

    /// Apply every frame; how many tops there were. The book's `top` is not told.
    fn play(&self, py: Python<'_>, book: &mut OrderBook) -> PyResult<usize> {
        let (book, window) = book.parts();
        let window = &mut window.bind(py).borrow_mut().0;
        let mut tops = 0;
        for (told, version) in self.0.iter().zip(1..) {
            let Told { is_bid, change, id, price, size } = told;
            let (price, size) = (price.as_bytes(), size.as_bytes());
            let event = Event { is_bid: *is_bid, change: *change, id, price, size };
            if let Some(top) = frame(book, event, version).map_err(|error| raise(py, error))? {
                window.push(&top);
                tops += 1;
            }
        }
        Ok(tops)
    }
}

/// Frames of raw levels, as (bids, asks).
#[pyclass(frozen, module = "cryptopipe.core._rust")]
pub struct LevelTape(Vec<(Vec<u8>, Vec<u8>)>);

#[pymethods]
impl LevelTape {
    #[new]
    fn new(frames: Vec<(Vec<u8>, Vec<u8>)>) -> Self {
        LevelTape(frames)
    }

    /// Apply every frame; how many tops there were. The book's `top` is not told.
    fn play(&self, py: Python<'_>, book: &mut Book) -> PyResult<usize> {
        let (book, window) = book.parts();
        let window = &mut window.bind(py).borrow_mut().0;
        let mut tops = 0;
        for ((bids, asks), version) in self.0.iter().zip(1..) {
            if let Some(top) = book.apply(bids, Some(asks), stamp(version)).map_err(|error| raise(py, error))? {
                window.push(&top);
                tops += 1;
            }
        }
        Ok(tops)
    }
}

#[inline]
fn frame(book: &mut core::OrderBook, event: Event<'_>, version: i64) -> Result<Option<core::Top>, core::Error> {
    book.begin()?;
    book.tell(event).map_err(|(_, error)| error)?;
    book.finish(stamp(version))
}

fn stamp(version: i64) -> Stamp {
    Stamp { version, event_time: version, received_at: version, checksum: None }
}
