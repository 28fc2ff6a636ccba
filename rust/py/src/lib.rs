//! The Python face of `cryptopipe-core`: argument conversion, exceptions, buffers. No rule of its own.

mod book;
mod buffer;
mod errors;
mod graph;
mod lane;
mod levels;
mod orders;
mod pairs;
mod tape;
mod window;

use pyo3::prelude::*;
use pyo3::types::PyString;

/// The native core of Cryptopipe; `reference.py` beside it specifies every name.
#[pymodule(gil_used = true)]
mod _rust {
    use super::*;

    #[pymodule_export]
    use super::book::{Book, TopOfBook};
    #[pymodule_export]
    use super::graph::{Graph, logarithm};
    #[pymodule_export]
    use super::lane::{Count, Lane};
    #[pymodule_export]
    use super::levels::Levels;
    #[pymodule_export]
    use super::orders::OrderBook;
    #[pymodule_export]
    use super::pairs::{Pairs, PriceTape};
    #[pymodule_export]
    use super::tape::{LevelTape, OrderTape};
    #[pymodule_export]
    use super::window::{Column, TopTape, Window};

    #[pymodule_export]
    const NAME: &str = "native";
    #[pymodule_export]
    const SCALE: u32 = cryptopipe_core::number::SCALE;

    /// Version of the crate, binary interface, build profile.
    #[pyfunction]
    fn build_info() -> String {
        let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
        format!("cryptopipe-core {}, abi3 from Python 3.11, {profile}", env!("CARGO_PKG_VERSION"))
    }

    /// Nanoseconds of an RFC 3339 instant in UTC; see `cryptopipe/core/instant.py`.
    #[pyfunction]
    fn parse_instant(text: &Bound<'_, PyString>) -> PyResult<i64> {
        match cryptopipe_core::instant::parse(text.to_str()?.as_bytes()) {
            Some(nanos) => Ok(nanos),
            None => Err(errors::not_an_instant(text)),
        }
    }

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        errors::import(module.py())
    }
}
