//! The book and its tops as Python classes.

use cryptopipe_core as core;
use cryptopipe_core::book::{Settings, Stamp};
use cryptopipe_core::checksum::Rule;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::buffer::with_bytes;
use crate::errors::{not_a_number, raise};
use crate::levels::{Levels, exact, form_of, int};
use crate::window::{SPAN, Window};

/// Best prices and their sizes; decimals print as the venue wrote them, None for an empty side.
#[pyclass(frozen, module = "cryptopipe.core._rust")]
pub struct TopOfBook(pub core::Top);

type Optional<'py> = PyResult<Option<Bound<'py, PyAny>>>;

#[pymethods]
impl TopOfBook {
    #[getter]
    fn bid<'py>(&self, py: Python<'py>) -> Optional<'py> {
        self.0.bid.map(|level| exact(py, level.price)).transpose()
    }

    #[getter]
    fn bid_size<'py>(&self, py: Python<'py>) -> Optional<'py> {
        self.0.bid.map(|level| exact(py, level.size)).transpose()
    }

    #[getter]
    fn ask<'py>(&self, py: Python<'py>) -> Optional<'py> {
        self.0.ask.map(|level| exact(py, level.price)).transpose()
    }

    #[getter]
    fn ask_size<'py>(&self, py: Python<'py>) -> Optional<'py> {
        self.0.ask.map(|level| exact(py, level.size)).transpose()
    }

    #[getter]
    fn bid_units<'py>(&self, py: Python<'py>) -> Optional<'py> {
        self.0.bid.map(|level| int(py, level.price.units)).transpose()
    }

    #[getter]
    fn bid_size_units<'py>(&self, py: Python<'py>) -> Optional<'py> {
        self.0.bid.map(|level| int(py, level.size.units)).transpose()
    }

    #[getter]
    fn ask_units<'py>(&self, py: Python<'py>) -> Optional<'py> {
        self.0.ask.map(|level| int(py, level.price.units)).transpose()
    }

    #[getter]
    fn ask_size_units<'py>(&self, py: Python<'py>) -> Optional<'py> {
        self.0.ask.map(|level| int(py, level.size.units)).transpose()
    }

    #[getter]
    fn version(&self) -> i64 {
        self.0.version
    }

    #[getter]
    fn event_time(&self) -> i64 {
        self.0.event_time
    }

    #[getter]
    fn received_at(&self) -> i64 {
        self.0.received_at
    }
}

/// One instrument's L2 book, the faster top channel beside it, and the window of its tops.
#[pyclass(module = "cryptopipe.core._rust")]
pub struct Book {
    core: core::Book,
    window: Py<Window>,
    top: Option<Py<TopOfBook>>,
}

/// What a frame gives back.
pub type Changed = PyResult<Option<Py<TopOfBook>>>;
type Outcome = Result<Option<core::Top>, core::Error>;

#[pymethods]
impl Book {
    #[new]
    #[pyo3(signature = (form, depth=0, checksum="", checksum_levels=10, span=SPAN, max_bytes=None))]
    fn new(
        form: &Bound<'_, PyAny>,
        depth: usize,
        checksum: &str,
        checksum_levels: usize,
        span: i64,
        max_bytes: Option<i64>,
    ) -> PyResult<Self> {
        let py = form.py();
        let rule = Rule::of_levels(checksum);
        if rule.is_none() && !checksum.is_empty() {
            return Err(unknown_checksum(py, checksum));
        }
        let settings = Settings { form: form_of(form)?, depth, checksum: rule, covered: checksum_levels };
        let window = Py::new(py, Window::of_book(span, max_bytes)?)?;
        Ok(Book { core: core::Book::new(settings), window, top: None })
    }

    /// The last top; None before the first snapshot and after `clear`.
    #[getter]
    fn top(&self, py: Python<'_>) -> Option<Py<TopOfBook>> {
        self.top.as_ref().map(|top| top.clone_ref(py))
    }

    /// The tops of the last nanoseconds.
    #[getter]
    fn window(&self, py: Python<'_>) -> Py<Window> {
        self.window.clone_ref(py)
    }

    /// Forget the depth; until `load` there is no top and nothing to take.
    fn clear(&mut self) {
        self.core.clear();
        self.top = None;
    }

    /// Replace the depth by a snapshot; the new top if it differs from the last.
    #[pyo3(signature = (bids, asks, version, event_time, received_at, checksum=None))]
    #[allow(clippy::too_many_arguments)]
    fn load(
        &mut self,
        bids: &Bound<'_, PyAny>,
        asks: Option<&Bound<'_, PyAny>>,
        version: i64,
        event_time: i64,
        received_at: i64,
        checksum: Option<i64>,
    ) -> Changed {
        let stamp = Stamp { version, event_time, received_at, checksum };
        let outcome = self.frame(bids, asks, |core, bids, asks| core.load(bids, asks, stamp))?;
        self.changed(bids.py(), outcome)
    }

    /// Change levels (size zero removes); the new top if it changed.
    #[pyo3(signature = (bids, asks, version, event_time, received_at, checksum=None))]
    #[allow(clippy::too_many_arguments)]
    fn apply(
        &mut self,
        bids: &Bound<'_, PyAny>,
        asks: Option<&Bound<'_, PyAny>>,
        version: i64,
        event_time: i64,
        received_at: i64,
        checksum: Option<i64>,
    ) -> Changed {
        let stamp = Stamp { version, event_time, received_at, checksum };
        let outcome = self.frame(bids, asks, |core, bids, asks| core.apply(bids, asks, stamp))?;
        self.changed(bids.py(), outcome)
    }

    /// A top from a faster channel; the new top if it changed. An older one than the last quote is ignored.
    #[allow(clippy::too_many_arguments)]
    fn quote(
        &mut self,
        bid: &Bound<'_, PyAny>,
        bid_size: &Bound<'_, PyAny>,
        ask: &Bound<'_, PyAny>,
        ask_size: &Bound<'_, PyAny>,
        version: i64,
        event_time: i64,
        received_at: i64,
    ) -> Changed {
        let written = [bid, bid_size, ask, ask_size];
        let texts = written.map(|object| {
            let text = object.cast::<PyString>().ok().and_then(|text| text.to_str().ok());
            text.unwrap_or_default().as_bytes()
        });
        match self.core.quote(texts, Stamp { version, event_time, received_at, checksum: None }) {
            Ok(top) => self.changed(bid.py(), top),
            Err((which, core::Error::NotANumber(_))) => Err(not_a_number(written[which])),
            Err((_, error)) => Err(raise(bid.py(), error)),
        }
    }

    /// The depth of one side, best first, as the venue's depth channel has it.
    #[pyo3(signature = (bids, limit=0))]
    fn levels(&self, bids: bool, limit: usize) -> Levels {
        Levels(self.core.levels(bids, limit))
    }

    /// What may be taken: the depth behind the newest top.
    #[pyo3(signature = (bids, limit=0))]
    fn ladder(&self, bids: bool, limit: usize) -> Levels {
        Levels(self.core.ladder(bids, limit))
    }

    /// Units displayed in the ladder at a price, 0 if none.
    fn size_at<'py>(&self, py: Python<'py>, bids: bool, price_units: i128) -> PyResult<Bound<'py, PyAny>> {
        int(py, self.core.size_at(bids, price_units))
    }

    /// The version of the last snapshot or change, 0 before the first.
    #[getter]
    fn version(&self) -> i64 {
        self.core.version()
    }

    /// Levels of the depth: (bids, asks).
    fn counts(&self) -> (usize, usize) {
        self.core.counts()
    }
}

/// The error of a checksum's name that no rule has.
#[cold]
pub fn unknown_checksum(py: Python<'_>, name: &str) -> PyErr {
    match PyString::new(py, name).repr() {
        Ok(shown) => PyValueError::new_err(format!("unknown checksum: {}", shown.to_string_lossy())),
        Err(error) => error,
    }
}

impl Book {
    /// The core's book and window, for a measurement without a crossing a frame.
    pub fn parts(&mut self) -> (&mut core::Book, &Py<Window>) {
        (&mut self.core, &self.window)
    }

    /// The book, if changes follow one another in it.
    #[inline]
    pub fn joined(&mut self) -> Option<&core::Book> {
        self.core.is_joined().then_some(&self.core)
    }

    /// Change levels that were read already.
    #[inline]
    pub fn change(&mut self, py: Python<'_>, bids: &[core::Level], asks: &[core::Level], stamp: Stamp) -> Changed {
        let outcome = self.core.change(bids, asks, stamp).map_err(|error| raise(py, error))?;
        self.changed(py, outcome)
    }

    #[inline]
    fn frame(
        &mut self,
        bids: &Bound<'_, PyAny>,
        asks: Option<&Bound<'_, PyAny>>,
        change: impl FnOnce(&mut core::Book, &[u8], Option<&[u8]>) -> Outcome,
    ) -> PyResult<Option<core::Top>> {
        let core = &mut self.core;
        let outcome = match asks {
            None => with_bytes(bids, |bids| change(core, bids, None))?,
            Some(asks) => with_bytes(asks, |asks| with_bytes(bids, |bids| change(core, bids, Some(asks))))??,
        };
        outcome.map_err(|error| raise(bids.py(), error))
    }

    #[inline]
    fn changed(&mut self, py: Python<'_>, top: Option<core::Top>) -> Changed {
        let Some(top) = top else { return Ok(None) };
        self.window.bind(py).borrow_mut().0.push(&top);
        let top = Py::new(py, TopOfBook(top))?;
        self.top = Some(top.clone_ref(py));
        Ok(Some(top))
    }
}
