//! The window of tops and its columns as numpy arrays.

use std::ops::Range;
use std::os::raw::c_int;
use std::sync::Arc;

use cryptopipe_core as core;
use pyo3::exceptions::PyKeyError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyTuple};

use crate::book::TopOfBook;
use crate::buffer::fill;
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

/// The tops of the last `span` nanoseconds, in columns. A price of 0 means that side was empty.
#[pyclass(module = "cryptopipe.core._rust")]
pub struct Window(pub core::Window);

#[pymethods]
impl Window {
    #[new]
    fn new(span: i64) -> Self {
        Window(core::Window::new(span))
    }

    /// Names of the columns.
    #[classattr]
    #[allow(non_snake_case)]
    fn COLUMNS(py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
        PyTuple::new(py, core::window::COLUMNS)
    }

    /// Append a top and evict what is older than the span.
    fn push(&mut self, top: &Bound<'_, TopOfBook>) {
        self.0.push(&top.get().0);
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// (values, places) of the rows with since <= received_at < until; a view where no value needs more than 64 bits.
    fn column<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        since: &Bound<'py, PyInt>,
        until: &Bound<'py, PyInt>,
    ) -> PyResult<(Bound<'py, PyAny>, u32)> {
        let column = self.0.column(name, clamped(since)?, clamped(until)?);
        let (column, places) = column.ok_or_else(|| PyKeyError::new_err(name.to_owned()))?;
        let numpy = py.import("numpy")?;
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
}

/// A bound beyond 64 bits is as good as none.
fn clamped(bound: &Bound<'_, PyInt>) -> PyResult<i64> {
    match bound.extract::<i64>() {
        Ok(value) => Ok(value),
        Err(_) => Ok(if bound.lt(0)? { i64::MIN } else { i64::MAX }),
    }
}
