//! Levels as a Python sequence, and the level format.

use cryptopipe_core::levels::parse;
use cryptopipe_core::{Form, Level, Number, Place};
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::buffer::with_bytes;
use crate::errors::{decimal, raise};

/// The core's form of a `LevelFormat`.
pub fn form_of(format: &Bound<'_, PyAny>) -> PyResult<Form> {
    let [price, size, side] = ["price", "size", "side"].map(|name| format.getattr(name));
    let (price, size, side) = (price?, size?, side?);
    let named = price.is_instance_of::<PyString>();
    let mixed =
        size.is_instance_of::<PyString>() != named || (!side.is_none() && side.is_instance_of::<PyString>() != named);
    if mixed {
        return Err(PyValueError::new_err("a level format has positions from 0 or keys, not both"));
    }
    let place = if named {
        Place::Object { price: price.extract()?, size: size.extract()?, side: side.extract()? }
    } else {
        Place::Array { price: price.extract()?, size: size.extract()?, side: side.extract()? }
    };
    Ok(Form { place, bid: format.getattr("bid")?.extract()?, ask: format.getattr("ask")?.extract()? })
}

/// A number in units as a Python int; most fit 64 bits.
pub fn int<'py>(py: Python<'py>, units: i128) -> PyResult<Bound<'py, PyAny>> {
    Ok(match i64::try_from(units) {
        Ok(small) => small.into_pyobject(py)?.into_any(),
        Err(_) => units.into_pyobject(py)?.into_any(),
    })
}

/// A number as a Python decimal that prints as written.
pub fn exact<'py>(py: Python<'py>, number: Number) -> PyResult<Bound<'py, PyAny>> {
    decimal(py, &number.text())
}

/// Levels as written, a sequence of (price, size) decimals.
#[pyclass(frozen, module = "cryptopipe.core._rust")]
pub struct Levels(pub Vec<Level>);

#[pymethods]
impl Levels {
    /// The levels of a raw array; of one side only if `bids` is given and the format tells sides.
    #[staticmethod]
    #[pyo3(signature = (raw, form, bids=None))]
    fn parse(raw: &Bound<'_, PyAny>, form: &Bound<'_, PyAny>, bids: Option<bool>) -> PyResult<Self> {
        let form = form_of(form)?;
        let (done, levels) = with_bytes(raw, |bytes| {
            let mut levels = Vec::new();
            let done = parse(bytes, &form, |level, side| {
                if bids.is_none() || side.is_none() || side == bids {
                    levels.push(level);
                }
            });
            (done, levels)
        })?;
        match done {
            Ok(()) => Ok(Levels(levels)),
            Err(error) => Err(raise(raw.py(), error)),
        }
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __iter__(slf: Bound<'_, Self>) -> LevelsIterator {
        LevelsIterator { levels: slf.unbind(), at: 0 }
    }

    fn __getitem__<'py>(&self, py: Python<'py>, index: isize) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let at = if index < 0 { index + self.0.len() as isize } else { index };
        let level = usize::try_from(at).ok().and_then(|at| self.0.get(at));
        let level = level.ok_or_else(|| PyIndexError::new_err("list index out of range"))?;
        Ok((exact(py, level.price)?, exact(py, level.size)?))
    }

    /// (price, size) in units of 10⁻¹².
    fn units<'py>(&self, py: Python<'py>) -> PyResult<Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
        self.0.iter().map(|level| Ok((int(py, level.price.units)?, int(py, level.size.units)?))).collect()
    }
}

/// The levels one after the other.
#[pyclass(module = "cryptopipe.core._rust")]
pub struct LevelsIterator {
    levels: Py<Levels>,
    at: usize,
}

#[pymethods]
impl LevelsIterator {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&mut self, py: Python<'py>) -> PyResult<Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
        let Some(level) = self.levels.get().0.get(self.at) else { return Ok(None) };
        self.at += 1;
        Ok(Some((exact(py, level.price)?, exact(py, level.size)?)))
    }
}
