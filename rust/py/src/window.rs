//! The window of tops and its columns as numpy arrays.

use std::ops::Range;
use std::os::raw::c_int;
use std::sync::Arc;

use cryptopipe_core as core;
use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyTuple};

use crate::book::TopOfBook;
use crate::buffer::{fill, with_bytes};
use crate::levels::int;

/// Part of a column, as read-only memory that never changes.
#[pyclass(frozen, module = "cryptopipe.core._rust")]
pub struct Column {
    values: Arc<Vec<i64>>,
    rows: Range<usize>,
}

#[pymethods]
impl Column {
    fn __len__(&self) -> usize {
        self.rows.len()
    }

    /// # Safety
    /// Called by Python's buffer protocol only.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let column = slf.get();
        let values = &column.values[column.rows.clone()];
        // SAFETY: the class is frozen and holds the vector; the window copies a vector that is held before it changes it.
        unsafe { fill(slf.as_any(), values, view, flags) }
    }
}

/// A day, in nanoseconds: what a window keeps.
pub const SPAN: i64 = 86_400_000_000_000;
/// Six minutes: what it keeps flat.
const HOT: i64 = 360_000_000_000;

/// The tops of the last `span` nanoseconds, in columns. A price of 0 means that side was empty.
#[pyclass(module = "cryptopipe.core._rust")]
pub struct Window(pub core::Window);

type Extent<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>, u32);

#[pymethods]
impl Window {
    #[new]
    #[pyo3(signature = (span=SPAN, hot=HOT, max_bytes=None))]
    fn new(span: i64, hot: i64, max_bytes: Option<i64>) -> PyResult<Self> {
        let bound = |bytes: i64| {
            usize::try_from(bytes).map_err(|_| PyValueError::new_err(format!("max_bytes below zero: {bytes}")))
        };
        Ok(Window(core::Window::new(span, hot, max_bytes.map(bound).transpose()?)))
    }

    /// Names of the columns.
    #[classattr]
    #[allow(non_snake_case)]
    fn COLUMNS(py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
        PyTuple::new(py, core::window::COLUMNS)
    }

    #[getter]
    fn span(&self) -> i64 {
        self.0.span()
    }

    #[getter]
    fn hot(&self) -> i64 {
        self.0.hot()
    }

    #[getter]
    fn max_bytes(&self) -> Option<usize> {
        self.0.max_bytes()
    }

    #[getter]
    fn nbytes(&self) -> usize {
        self.0.size()
    }

    #[getter]
    fn sealed(&self) -> usize {
        self.0.sealed()
    }

    #[getter]
    fn oldest(&self) -> Option<i64> {
        self.0.oldest()
    }

    #[getter]
    fn shortened_to(&self) -> Option<i64> {
        self.0.shortened_to()
    }

    /// Append a top, and let leave what is older than the span or beyond the bound.
    fn push(&mut self, top: &Bound<'_, TopOfBook>) {
        self.0.push(&top.get().0);
    }

    /// Append rows as `push` would, from buffers of 8 (stamps) and 16 bytes (units of ten to the minus places) a value.
    #[allow(clippy::too_many_arguments)]
    fn extend(
        slf: &Bound<'_, Self>,
        received_at: &Bound<'_, PyAny>,
        event_time: &Bound<'_, PyAny>,
        bid: &Bound<'_, PyAny>,
        bid_size: &Bound<'_, PyAny>,
        ask: &Bound<'_, PyAny>,
        ask_size: &Bound<'_, PyAny>,
        places: [u32; 4],
    ) -> PyResult<()> {
        if let Some(places) = places.iter().find(|places| **places > core::number::SCALE) {
            return Err(PyValueError::new_err(format!("more than 12 decimal places: {places}")));
        }
        let times = [with_bytes(received_at, stamps)??, with_bytes(event_time, stamps)??];
        let units = |column, index: usize| with_bytes(column, |bytes| units(bytes, places[index]))?;
        let prices = [units(bid, 0)?, units(bid_size, 1)?, units(ask, 2)?, units(ask_size, 3)?];
        let rows = times[0].len();
        if times[1].len() != rows || prices.iter().any(|column| column.len() != rows) {
            return Err(PyValueError::new_err("columns of different lengths"));
        }
        let mut window = slf.borrow_mut();
        window.0.at_least(places);
        for row in 0..rows {
            let at = [times[0][row], times[1][row]];
            window.0.append(at, [prices[0][row], prices[1][row], prices[2][row], prices[3][row]]);
        }
        Ok(())
    }

    /// Seal every row now.
    fn seal(&mut self) {
        self.0.seal();
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// (values, places) of the rows with since <= received_at < until; a view where no row of them is sealed.
    fn column<'py>(
        slf: &Bound<'py, Self>,
        name: &str,
        since: &Bound<'py, PyInt>,
        until: &Bound<'py, PyInt>,
    ) -> PyResult<(Bound<'py, PyAny>, u32)> {
        values(slf.py(), select(slf, name, since, until)?)
    }

    /// The same of the rows from one position to another, counted from the first row kept.
    fn slice<'py>(slf: &Bound<'py, Self>, name: &str, begin: usize, end: usize) -> PyResult<(Bound<'py, PyAny>, u32)> {
        let selection = slf.borrow().0.slice(name, begin, end);
        values(slf.py(), selection.ok_or_else(|| PyKeyError::new_err(name.to_owned()))?)
    }

    /// (least, greatest, places) of the same rows as `column`, without those whose side is empty; None without any.
    fn scan<'py>(
        slf: &Bound<'py, Self>,
        name: &str,
        since: &Bound<'py, PyInt>,
        until: &Bound<'py, PyInt>,
    ) -> PyResult<Option<Extent<'py>>> {
        let (py, selection) = (slf.py(), select(slf, name, since, until)?);
        let extent = if selection.is_hot() { selection.extent() } else { py.detach(|| selection.extent()) };
        extent.map(|(low, high)| Ok((int(py, low)?, int(py, high)?, selection.places))).transpose()
    }
}

impl Window {
    /// The window of a book.
    pub fn of_book(span: i64, max_bytes: Option<i64>) -> PyResult<Self> {
        Window::new(span, HOT, max_bytes)
    }
}

/// What is read of a window is chosen under the interpreter lock and decoded without it, so the window may go on.
fn select(
    window: &Bound<'_, Window>,
    name: &str,
    since: &Bound<'_, PyInt>,
    until: &Bound<'_, PyInt>,
) -> PyResult<core::Selection> {
    let selection = window.borrow().0.select(name, clamped(since)?, clamped(until)?);
    selection.ok_or_else(|| PyKeyError::new_err(name.to_owned()))
}

fn values(py: Python<'_>, selection: core::Selection) -> PyResult<(Bound<'_, PyAny>, u32)> {
    let (numpy, places) = (py.import("numpy")?, selection.places);
    let column = if selection.is_hot() { selection.column() } else { py.detach(|| selection.column()) };
    let (values, rows) = match column {
        core::Column::Shared(values, rows) => (values, rows),
        core::Column::Picked(values) => {
            let rows = 0..values.len();
            (Arc::new(values), rows)
        }
        core::Column::Wide(values) => {
            let values: Vec<_> = values.into_iter().map(|value| int(py, value)).collect::<PyResult<_>>()?;
            return Ok((numpy.call_method1("array", (values, "object"))?, places));
        }
    };
    let array = if rows.is_empty() {
        numpy.call_method1("empty", (0, "int64"))?
    } else {
        numpy.call_method1("frombuffer", (Column { values, rows }, "int64"))?
    };
    Ok((array, places))
}

fn stamps(bytes: &[u8]) -> PyResult<Vec<i64>> {
    let values = bytes.chunks_exact(8);
    if !values.remainder().is_empty() {
        return Err(PyValueError::new_err("stamps of another width than 8 bytes"));
    }
    Ok(values.map(|value| i64::from_le_bytes(value.try_into().unwrap_or_default())).collect())
}

fn units(bytes: &[u8], places: u32) -> PyResult<Vec<i128>> {
    let (values, unit) = (bytes.chunks_exact(16), core::number::power(core::number::SCALE - places) as i128);
    if !values.remainder().is_empty() {
        return Err(PyValueError::new_err("numbers of another width than 16 bytes"));
    }
    let number = |value: &[u8]| {
        let value = i128::from_le_bytes(value.try_into().unwrap_or_default());
        let units = if value < 0 { None } else { value.checked_mul(unit) };
        units.ok_or_else(|| PyValueError::new_err(format!("a number out of range: {value} at {places} places")))
    };
    values.map(number).collect()
}

/// A bound beyond 64 bits is as good as none.
fn clamped(bound: &Bound<'_, PyInt>) -> PyResult<i64> {
    match bound.extract::<i64>() {
        Ok(value) => Ok(value),
        Err(_) => Ok(if bound.lt(0)? { i64::MIN } else { i64::MAX }),
    }
}

/// Tops that lie ready, for `cryptopipe bench window`: no Python between them, and no clock.
#[pyclass(frozen, module = "cryptopipe.core._rust")]
pub struct TopTape(Vec<core::Top>);

#[pymethods]
impl TopTape {
    #[new]
    fn new(tops: Vec<Bound<'_, TopOfBook>>) -> Self {
        TopTape(tops.iter().map(|top| top.get().0).collect())
    }

    /// Push every top into a window, received so many nanoseconds later; how many there were.
    fn play(&self, window: &Bound<'_, Window>, later: i64) -> usize {
        let window = &mut window.borrow_mut().0;
        for top in &self.0 {
            window.push(&core::Top { received_at: top.received_at + later, ..*top });
        }
        self.0.len()
    }
}
