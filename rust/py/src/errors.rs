//! The framework's exception classes, imported once, and the core's errors as instances of them.

use cryptopipe_core::Error;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyString, PyType};

struct Classes {
    protocol: Py<PyType>,
    precision: Py<PyType>,
    checksum: Py<PyType>,
    crossed: Py<PyType>,
    decimal: Py<PyType>,
}

static CLASSES: PyOnceLock<Classes> = PyOnceLock::new();

/// Look the classes up; called when the module is made.
pub fn import(py: Python<'_>) -> PyResult<()> {
    classes(py).map(drop)
}

fn classes(py: Python<'_>) -> PyResult<&Classes> {
    CLASSES.get_or_try_init(py, || {
        let errors = py.import("cryptopipe.errors")?;
        let class = |name: &str| Ok::<_, PyErr>(errors.getattr(name)?.cast_into::<PyType>()?.unbind());
        Ok(Classes {
            protocol: class("ProtocolError")?,
            precision: class("PrecisionError")?,
            checksum: class("ChecksumMismatch")?,
            crossed: class("CrossedBook")?,
            decimal: py.import("decimal")?.getattr("Decimal")?.cast_into::<PyType>()?.unbind(),
        })
    })
}

/// `decimal.Decimal` of a text.
pub fn decimal<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    classes(py)?.decimal.bind(py).call1((text,))
}

/// The exception of a core error.
#[cold]
pub fn raise(py: Python<'_>, error: Error) -> PyErr {
    match build(py, error) {
        Ok(error) | Err(error) => error,
    }
}

/// The exception of an argument that is no number.
#[cold]
pub fn not_a_number(written: &Bound<'_, PyAny>) -> PyErr {
    let py = written.py();
    let made = written.repr().and_then(|repr| {
        let message = format!("not a number at or above zero: {}", repr.to_string_lossy());
        Ok(PyErr::from_type(classes(py)?.protocol.bind(py).clone(), (message,)))
    });
    made.unwrap_or_else(|error| error)
}

/// The error of a text that is no instant.
#[cold]
pub fn not_an_instant(text: &Bound<'_, PyString>) -> PyErr {
    let shown = text.to_str().map(|text| text.chars().take(40).collect::<String>());
    match shown.and_then(|head| PyString::new(text.py(), &head).repr()?.extract::<String>()) {
        Ok(shown) => {
            let example = "not a UTC instant such as 2024-08-08T23:54:15.088Z, of 1970 to 2261";
            PyValueError::new_err(format!("{example}: {shown}"))
        }
        Err(error) => error,
    }
}

fn build(py: Python<'_>, error: Error) -> PyResult<PyErr> {
    let classes = classes(py)?;
    let (class, message) = match error {
        Error::NotLevels(head) => {
            let head = PyBytes::new(py, &head).repr()?;
            (&classes.protocol, format!("not an array of levels: {}", head.to_str()?))
        }
        Error::NotOrders(head) => {
            let head = PyBytes::new(py, &head).repr()?;
            (&classes.protocol, format!("not an array of orders: {}", head.to_str()?))
        }
        Error::NotANumber(token) => return Ok(not_a_number(&as_python_reads_it(py, &token)?)),
        Error::Protocol(message) => (&classes.protocol, message),
        Error::Precision(message) => (&classes.precision, message),
        Error::Checksum { expected, computed } => {
            (&classes.checksum, format!("expected {expected}, computed {computed}"))
        }
        Error::Crossed(message) => (&classes.crossed, message),
    };
    Ok(PyErr::from_type(class.bind(py).clone(), (message,)))
}

/// The value of a JSON token as the reference core sees it, so that both print the same message.
fn as_python_reads_it<'py>(py: Python<'py>, token: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let options = PyDict::new(py);
    for option in ["parse_float", "parse_int", "parse_constant"] {
        options.set_item(option, py.get_type::<PyString>())?;
    }
    py.import("json")?.call_method("loads", (String::from_utf8_lossy(token),), Some(&options))
}
