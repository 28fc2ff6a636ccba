//! The straight way of a connection's commonest frames: read by their shape and applied in one call.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use cryptopipe_core as core;
use cryptopipe_core::book::Stamp;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};

use crate::book::Book;
use crate::levels::form_of;

/// What a codec and its lane both count: the number that must come next, and the last frame's version.
#[pyclass(frozen, module = "cryptopipe.core._rust")]
pub struct Count {
    next: AtomicI64,
    version: AtomicI64,
}

#[pymethods]
impl Count {
    #[new]
    #[pyo3(signature = (next=-1))]
    fn new(next: i64) -> Self {
        Count { next: AtomicI64::new(next), version: AtomicI64::new(0) }
    }

    #[getter]
    fn next(&self) -> i64 {
        self.next.load(Relaxed)
    }

    #[setter]
    fn set_next(&self, next: i64) {
        self.next.store(next, Relaxed);
    }

    #[getter]
    fn version(&self) -> i64 {
        self.version.load(Relaxed)
    }

    #[setter]
    fn set_version(&self, version: i64) {
        self.version.store(version, Relaxed);
    }
}

/// When a change surely follows the book; any other is the codec's and the rule's to judge.
#[derive(Clone, Copy, PartialEq)]
enum Link {
    Always,
    Next,
    Previous,
    Covers,
    Newer,
    Heard,
}

const LINKS: [(&str, Link); 6] = [
    ("always", Link::Always),
    ("next", Link::Next),
    ("previous", Link::Previous),
    ("covers", Link::Covers),
    ("newer", Link::Newer),
    ("heard", Link::Heard),
];

struct Entry {
    symbol: Vec<u8>,
    told: Py<PyString>,
    book: Py<Book>,
    sync: Py<PyAny>,
    still: Py<PyTuple>,
    count: Option<Py<Count>>,
}

struct Pending {
    symbol: Vec<u8>,
    stamp: Stamp,
}

/// Reads frames of known shapes straight into the books that it was given. See `Lane` in `core/lane.py`.
#[pyclass(module = "cryptopipe.core._rust")]
pub struct Lane {
    shapes: Vec<core::Shape>,
    form: core::Form,
    link: Link,
    counted: bool,
    count: Option<Py<Count>>,
    entries: Vec<Entry>,
    index: HashMap<Vec<u8>, usize>,
    pending: Option<Pending>,
    shape: usize,
    last: usize,
    event_time: i64,
    version: i64,
    disproved: bool,
    bids: Vec<core::Level>,
    asks: Vec<core::Level>,
}

#[pymethods]
impl Lane {
    #[new]
    #[pyo3(signature = (form, shapes, link="always", counted=false))]
    fn new(form: &Bound<'_, PyAny>, shapes: Vec<String>, link: &str, counted: bool) -> PyResult<Self> {
        let shapes = shapes.iter().map(|text| core::Shape::new(text).map_err(PyValueError::new_err));
        let shapes = shapes.collect::<PyResult<Vec<_>>>()?;
        let found = LINKS.iter().find(|(name, _)| *name == link);
        let (_, link) = found.ok_or_else(|| PyValueError::new_err(format!("unknown link: {link}")))?;
        Ok(Lane {
            shapes,
            form: form_of(form)?,
            link: *link,
            counted,
            count: None,
            entries: Vec::new(),
            index: HashMap::new(),
            pending: None,
            shape: 0,
            last: 0,
            event_time: 0,
            version: 0,
            disproved: false,
            bids: Vec::new(),
            asks: Vec::new(),
        })
    }

    /// The count that the frame which the codec read last belongs to, where one is looked at.
    #[getter]
    fn count(&self, py: Python<'_>) -> Option<Py<Count>> {
        self.count.as_ref().map(|count| count.clone_ref(py))
    }

    #[setter]
    fn set_count(&mut self, count: Option<Py<Count>>) {
        self.count = count;
    }

    /// Whether a shape meant something else than its codec; nothing is taken any more then.
    #[getter]
    fn disproved(&self) -> bool {
        self.disproved
    }

    /// (symbol, version, event time) of the frame that was taken last.
    fn told(&self, py: Python<'_>) -> Option<(Py<PyString>, i64, i64)> {
        let entry = self.entries.get(self.last)?;
        Some((entry.told.clone_ref(py), self.version, self.event_time))
    }

    /// Take books no more, until they are given again.
    fn disarm(&mut self) {
        self.entries.clear();
        self.index.clear();
        self.pending = None;
    }

    /// Give it the book of the frame that it could not place, as the codec read that frame.
    fn arm(&mut self, py: Python<'_>, sync: Py<PyAny>, book: Py<Book>, event: &Bound<'_, PyAny>) -> PyResult<()> {
        let Some(Pending { symbol, stamp }) = self.pending.take() else { return Ok(()) };
        let number = |name: &Bound<'_, PyString>| event.getattr(name)?.extract::<i64>();
        let read = Stamp {
            version: number(intern!(py, "version"))?,
            event_time: number(intern!(py, "event_time"))?,
            received_at: stamp.received_at,
            checksum: event.getattr(intern!(py, "checksum"))?.extract()?,
        };
        if read != stamp {
            self.disproved = true;
            self.disarm();
            return Ok(());
        }
        let told = event.getattr(intern!(py, "symbol"))?.cast_into::<PyString>()?.unbind();
        let count = self.count.as_ref().map(|count| count.clone_ref(py));
        if count.is_none() && (self.counted || self.link == Link::Heard) {
            return Ok(());
        }
        let still = PyTuple::new(py, [&sync])?.unbind();
        self.index.insert(symbol.clone(), self.entries.len());
        self.entries.push(Entry { symbol, told, book, sync, still, count });
        Ok(())
    }

    /// Take a frame: its book's sync if the top changed, (sync,) if it did not, (sync, error) if the book refutes it;
    /// None if the frame is the codec's to read.
    fn take<'py>(&mut self, frame: &Bound<'py, PyAny>, at: i64) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = frame.py();
        let Ok(frame) = frame.cast::<PyBytes>() else { return Ok(None) };
        let bytes = frame.as_bytes();
        self.pending = None;
        let Some(reading) = self.read(bytes) else { return Ok(None) };
        let event_time = reading.event_time.unwrap_or(0);
        let version = reading.version.or(reading.count).or(reading.event_time).unwrap_or(at);
        let stamp = Stamp { version, event_time, received_at: at, checksum: reading.checksum };
        let symbol = &bytes[reading.symbol.clone()];
        let Some(place) = self.place(symbol) else {
            if !self.disproved {
                self.pending = Some(Pending { symbol: symbol.to_vec(), stamp });
            }
            return Ok(None);
        };
        let entry = &self.entries[place];
        let mut book = entry.book.bind(py).borrow_mut();
        let Some(joined) = book.joined() else { return Ok(None) };
        let count = entry.count.as_ref().map(|count| count.get());
        if !follows(self.link, joined.version(), version, &reading, count) {
            return Ok(None);
        }
        if let Some(count) = count {
            count.next.store(reading.count.unwrap_or(version).wrapping_add(1), Relaxed);
            count.version.store(version, Relaxed);
        }
        (self.last, self.event_time, self.version) = (place, event_time, version);
        match book.change(py, &self.bids, &self.asks, stamp) {
            Ok(None) => Ok(Some(entry.still.bind(py).clone().into_any())),
            Ok(Some(_)) => Ok(Some(entry.sync.bind(py).clone())),
            Err(error) => {
                let sync = entry.sync.bind(py).clone();
                Ok(Some(PyTuple::new(py, [sync, error.into_value(py).into_bound(py).into_any()])?.into_any()))
            }
        }
    }
}

impl Lane {
    #[inline]
    fn read(&mut self, frame: &[u8]) -> Option<core::Reading> {
        let count = self.shapes.len();
        for turn in 0..count {
            let shape = (self.shape + turn) % count;
            self.bids.clear();
            self.asks.clear();
            if let Some(reading) = self.shapes[shape].read(frame, &self.form, &mut self.bids, &mut self.asks) {
                self.shape = shape;
                return Some(reading);
            }
        }
        None
    }

    #[inline]
    fn place(&self, symbol: &[u8]) -> Option<usize> {
        match self.entries.get(self.last) {
            Some(entry) if entry.symbol == symbol => Some(self.last),
            _ => self.index.get(symbol).copied(),
        }
    }
}

#[inline]
fn follows(link: Link, last: i64, version: i64, reading: &core::Reading, count: Option<&Count>) -> bool {
    let next = count.map(Count::next);
    if reading.count.is_some() && reading.count != next {
        return false;
    }
    match link {
        Link::Always => true,
        Link::Next => reading.first <= last.saturating_add(1) && version > last,
        Link::Previous => reading.previous == last && version >= last,
        Link::Covers => reading.first <= last && version > last,
        Link::Newer => version > last,
        Link::Heard => next.is_some_and(|next| 1 < next && next <= last.saturating_add(1)) && version > last,
    }
}
