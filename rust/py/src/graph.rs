//! The rate graph and its search as one Python class, and logarithms of whole numbers.

use cryptopipe_core::graph::{self, Fault, NO_BOOK};
use cryptopipe_core::logarithm::ln;
use cryptopipe_core::search::{Cycle, Search, Sought};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::book::TopOfBook;

/// The exception of a change that was refused.
#[cold]
pub fn refuse(fault: Fault) -> PyErr {
    PyValueError::new_err(fault.to_string())
}

/// (bid, ask) of a top in units, 0 for none.
#[inline]
pub fn prices_of(top: Option<&Bound<'_, TopOfBook>>) -> (i128, i128) {
    top.map_or((0, 0), |top| {
        let core = &top.get().0;
        (core.bid.map_or(0, |bid| bid.price.units), core.ask.map_or(0, |ask| ask.price.units))
    })
}

/// A price in units, 0 for none; most fit 64 bits.
#[inline]
pub fn units(price: Option<&Bound<'_, PyAny>>) -> PyResult<i128> {
    price.map_or(Ok(0), |price| price.extract::<i64>().map(i128::from).or_else(|_| price.extract()))
}

type Told<'py> = (i64, Bound<'py, PyTuple>);

fn told<'py>(py: Python<'py>, cycle: &Cycle) -> PyResult<Told<'py>> {
    Ok((cycle.gain(), PyTuple::new(py, &cycle.edges)?))
}

/// Logarithm of numerator/denominator, whole numbers from 1 to 2¹²⁷ - 1, in units of 2⁻⁴⁰.
#[pyfunction]
#[pyo3(signature = (numerator, denominator=None))]
pub fn logarithm(numerator: &Bound<'_, PyAny>, denominator: Option<&Bound<'_, PyAny>>) -> PyResult<i64> {
    let of = |number: &Bound<'_, PyAny>| match number.extract::<i128>() {
        Ok(value) if value > 0 => Ok(ln(value as u128)),
        _ => Err(PyValueError::new_err(format!("not a number from 1 to 2^127 - 1: {}", number.str()?))),
    };
    Ok(of(numerator)? - denominator.map_or(Ok(0), of)?)
}

/// Rates between nodes in fixed-point logarithms, and the search for closed walks that gain.
#[pyclass(module = "cryptopipe.core._rust")]
pub struct Graph {
    core: graph::Graph,
    search: Search,
}

#[pymethods]
impl Graph {
    #[new]
    fn new() -> Self {
        Graph { core: graph::Graph::new(), search: Search::new() }
    }

    /// How many (nodes, edges) there are.
    fn counts(&self) -> (usize, usize) {
        (self.core.nodes(), self.core.edges())
    }

    /// Another node; its number.
    #[pyo3(signature = (hub=false))]
    fn add_node(&mut self, hub: bool) -> u32 {
        self.core.add_node(hub)
    }

    /// Another book; its number.
    fn add_book(&mut self) -> u32 {
        self.core.add_book()
    }

    /// Another edge; its number.
    #[pyo3(signature = (tail, head, weight=None, book=None))]
    fn add_edge(&mut self, tail: u32, head: u32, weight: Option<i64>, book: Option<u32>) -> PyResult<u32> {
        self.core.add_edge(tail, head, weight, book.unwrap_or(NO_BOOK)).map_err(refuse)
    }

    /// The edges (buy, sell) of a market whose prices are those of a book.
    fn add_market(
        &mut self,
        book: u32,
        base: u32,
        quote: u32,
        buy_kept: Option<i64>,
        sell_kept: Option<i64>,
    ) -> PyResult<(u32, u32)> {
        self.core.add_market(book, base, quote, buy_kept, sell_kept).map(Into::into).map_err(refuse)
    }

    /// Another weight of an edge that has no book's price; None: unusable.
    fn set_weight(&mut self, edge: u32, weight: Option<i64>) -> PyResult<()> {
        self.core.set_weight(edge, weight).map_err(refuse)
    }

    /// Another fee of a market's edge; None: unknown.
    fn set_kept(&mut self, edge: u32, kept: Option<i64>) -> PyResult<()> {
        self.core.set_kept(edge, kept).map_err(refuse)
    }

    /// Shut or open an edge.
    fn set_usable(&mut self, edge: u32, usable: bool) -> PyResult<()> {
        self.core.set_usable(edge, usable).map_err(refuse)
    }

    /// The top of a book has changed.
    #[inline]
    fn set_top(&mut self, book: u32, top: Option<&Bound<'_, TopOfBook>>) -> PyResult<()> {
        let (bid, ask) = prices_of(top);
        self.core.set_prices(book, bid, ask).map_err(refuse)
    }

    /// The same by its prices in units.
    fn set_prices(
        &mut self,
        book: u32,
        bid_units: Option<&Bound<'_, PyAny>>,
        ask_units: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        self.core.set_prices(book, units(bid_units)?, units(ask_units)?).map_err(refuse)
    }

    /// The weight of an edge; None if it cannot be used.
    fn weight(&self, edge: u32) -> PyResult<Option<i64>> {
        self.core.edge(edge).map(|edge| edge.weight()).map_err(refuse)
    }

    /// (tail, head, book) of an edge.
    fn edge(&self, edge: u32) -> PyResult<(u32, u32, Option<u32>)> {
        let edge = self.core.edge(edge).map_err(refuse)?;
        Ok((edge.tail, edge.head, (edge.book != NO_BOOK).then_some(edge.book)))
    }

    /// The best cycle that has one of these edges.
    #[pyo3(signature = (edges, max_edges=5, above=0))]
    fn best_through<'py>(
        &mut self,
        py: Python<'py>,
        edges: Vec<u32>,
        max_edges: u32,
        above: i64,
    ) -> PyResult<Option<Told<'py>>> {
        let sought = Sought { edges: max_edges, above, count: 1 };
        let found = self.search.through(&self.core, &edges, sought).map_err(refuse)?;
        found.first().map(|cycle| told(py, cycle)).transpose()
    }

    /// The best cycle of all.
    #[pyo3(signature = (max_edges=5, above=0))]
    fn best<'py>(&mut self, py: Python<'py>, max_edges: u32, above: i64) -> PyResult<Option<Told<'py>>> {
        Ok(self.cycles(py, 1, None, max_edges, above)?.pop())
    }

    /// The best cycles, best first: of those that have one of these edges, else of all.
    #[pyo3(signature = (count, edges=None, max_edges=5, above=0))]
    fn cycles<'py>(
        &mut self,
        py: Python<'py>,
        count: usize,
        edges: Option<Vec<u32>>,
        max_edges: u32,
        above: i64,
    ) -> PyResult<Vec<Told<'py>>> {
        let sought = Sought { edges: max_edges, above, count };
        let Graph { core, search } = self;
        let found = py.detach(|| match edges {
            Some(edges) => search.through(core, &edges, sought),
            None => search.whole(core, sought),
        });
        found.map_err(refuse)?.iter().map(|cycle| told(py, cycle)).collect()
    }
}

impl Graph {
    /// The core's graph and search, for a measurement without a crossing a top.
    pub fn parts(&mut self) -> (&mut graph::Graph, &mut Search) {
        (&mut self.core, &mut self.search)
    }
}
