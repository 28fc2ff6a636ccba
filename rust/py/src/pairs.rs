//! Two venues as a Python class, and tops played into it or into a graph inside the core for `cryptopipe bench detect`.

use cryptopipe_core::pairs::{self, Partner};
use cryptopipe_core::search::Sought;
use pyo3::prelude::*;

use crate::book::TopOfBook;
use crate::graph::{Graph, prices_of, refuse, units};

/// (gain, market).
type Told = Option<(i64, u32)>;

fn told(partners: [Option<Partner>; 2]) -> Option<(Told, Told)> {
    if let [None, None] = partners {
        return None;
    }
    let [sell_at, buy_at] = partners.map(|partner| partner.map(|Partner { gain, market }| (gain, market)));
    Some((sell_at, buy_at))
}

/// Markets of one base and quote, and the best partner of one that changed.
#[pyclass(module = "cryptopipe.core._rust")]
pub struct Pairs(pairs::Pairs);

#[pymethods]
impl Pairs {
    #[new]
    fn new() -> Self {
        Pairs(pairs::Pairs::new())
    }

    /// Another group; its number.
    fn add_group(&mut self) -> u32 {
        self.0.add_group()
    }

    /// Another market; its number.
    fn add_market(&mut self, group: u32, buy_kept: Option<i64>, sell_kept: Option<i64>) -> PyResult<u32> {
        self.0.add_market(group, buy_kept, sell_kept).map_err(refuse)
    }

    /// Other fees of a market; None: unknown.
    fn set_kept(&mut self, market: u32, buy_kept: Option<i64>, sell_kept: Option<i64>) -> PyResult<()> {
        self.0.set_kept(market, buy_kept, sell_kept).map_err(refuse)
    }

    /// The top of a market has changed; (where to sell what is bought here, where to buy what is sold here).
    #[pyo3(signature = (market, top, above=0))]
    fn set_top(
        &mut self,
        market: u32,
        top: Option<&Bound<'_, TopOfBook>>,
        above: i64,
    ) -> PyResult<Option<(Told, Told)>> {
        let (bid, ask) = prices_of(top);
        self.0.change(market, bid, ask, above).map(told).map_err(refuse)
    }

    /// The same by its prices in units.
    #[pyo3(signature = (market, bid_units, ask_units, above=0))]
    fn set_prices(
        &mut self,
        market: u32,
        bid_units: Option<&Bound<'_, PyAny>>,
        ask_units: Option<&Bound<'_, PyAny>>,
        above: i64,
    ) -> PyResult<Option<(Told, Told)>> {
        self.0.change(market, units(bid_units)?, units(ask_units)?, above).map(told).map_err(refuse)
    }
}

/// Changed tops as (book or market, bid, ask), prices in units.
#[pyclass(frozen, module = "cryptopipe.core._rust")]
pub struct PriceTape(Vec<(u32, i128, i128)>);

#[pymethods]
impl PriceTape {
    #[new]
    fn new(tops: Vec<(u32, i128, i128)>) -> Self {
        PriceTape(tops)
    }

    /// Tell a graph all tops.
    fn play(&self, graph: &mut Graph) -> PyResult<()> {
        let (graph, _) = graph.parts();
        self.0.iter().try_for_each(|(book, bid, ask)| graph.set_prices(*book, *bid, *ask)).map_err(refuse)
    }

    /// Tell a graph all tops, and search through the edges of each; how often a cycle was found.
    fn search(&self, graph: &mut Graph, max_edges: u32) -> PyResult<usize> {
        let (graph, search) = graph.parts();
        let sought = Sought { edges: max_edges, above: 0, count: 1 };
        let mut found = 0;
        for (book, bid, ask) in &self.0 {
            graph.set_prices(*book, *bid, *ask).map_err(refuse)?;
            let edges = graph.book(*book).map_err(refuse)?;
            found += search.through(graph, edges, sought).map_err(refuse)?.len();
        }
        Ok(found)
    }

    /// Tell pairs all tops; how often there was a partner.
    fn detect(&self, pairs: &mut Pairs) -> PyResult<usize> {
        let mut found = 0;
        for (market, bid, ask) in &self.0 {
            let partners = pairs.0.change(*market, *bid, *ask, 0).map_err(refuse)?;
            found += partners.iter().flatten().count();
        }
        Ok(found)
    }
}
