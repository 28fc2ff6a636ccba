//! The book of single orders as a Python class.

use cryptopipe_core as core;
use cryptopipe_core::book::Stamp;
use cryptopipe_core::checksum::Rule;
use cryptopipe_core::orders::{Change, Event, Part, Settings};
use cryptopipe_core::{Error, Place};
use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PySequence, PyString, PyTuple};

use crate::book::{Changed, TopOfBook, unknown_checksum};
use crate::buffer::with_bytes;
use crate::errors::{decimal, not_a_number, raise};
use crate::levels::{Levels, exact, int};
use crate::window::{SPAN, Window};

static CHANGES: PyOnceLock<[Py<PyAny>; 4]> = PyOnceLock::new();
const KINDS: [Change; 4] = [Change::Add, Change::Set, Change::Reduce, Change::Remove];

/// Members of `OrderChange`, in the order of `KINDS`; a change is one of them by identity.
fn changes(py: Python<'_>) -> PyResult<&[Py<PyAny>; 4]> {
    CHANGES.get_or_try_init(py, || {
        let class = py.import("cryptopipe.model.events")?.getattr("OrderChange")?;
        let member = |name: &str| Ok::<_, PyErr>(class.getattr(name)?.unbind());
        Ok([member("ADD")?, member("SET")?, member("REDUCE")?, member("REMOVE")?])
    })
}

/// The core's form of an `OrderFormat`: the id stands where a level has its side.
fn place_of(format: &Bound<'_, PyAny>) -> PyResult<Place> {
    let (id, price, size) = (format.getattr("order_id")?, format.getattr("price")?, format.getattr("size")?);
    let named = price.is_instance_of::<PyString>();
    if [&id, &size].iter().any(|place| place.is_instance_of::<PyString>() != named) {
        return Err(PyValueError::new_err("an order format has positions from 0 or keys, not both"));
    }
    Ok(if named {
        Place::Object { price: price.extract()?, size: size.extract()?, side: Some(id.extract()?) }
    } else {
        Place::Array { price: price.extract()?, size: size.extract()?, side: Some(id.extract()?) }
    })
}

/// (id, price, size) of an order.
type Shown<'py> = (String, Bound<'py, PyAny>, Bound<'py, PyAny>);

/// One instrument's L3 book and the window of the tops of its aggregate.
#[pyclass(module = "cryptopipe.core._rust")]
pub struct OrderBook {
    core: core::OrderBook,
    window: Py<Window>,
    top: Option<Py<TopOfBook>>,
}

#[pymethods]
impl OrderBook {
    #[new]
    #[pyo3(signature = (
        form, depth=0, checksum="", checksum_levels=10, transient_cross=false, span=SPAN, max_bytes=None
    ))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        form: &Bound<'_, PyAny>,
        depth: usize,
        checksum: &str,
        checksum_levels: usize,
        transient_cross: bool,
        span: i64,
        max_bytes: Option<i64>,
    ) -> PyResult<Self> {
        let py = form.py();
        let rule = Rule::of_orders(checksum);
        if rule.is_none() && !checksum.is_empty() {
            return Err(unknown_checksum(py, checksum));
        }
        let place = place_of(form)?;
        let settings = Settings { place, depth, checksum: rule, covered: checksum_levels, transient_cross };
        let window = Py::new(py, Window::of_book(span, max_bytes)?)?;
        Ok(OrderBook { core: core::OrderBook::new(settings), window, top: None })
    }

    /// The last top; None before the first snapshot, after `clear` and while best bid and ask cross.
    #[getter]
    fn top(&self, py: Python<'_>) -> Option<Py<TopOfBook>> {
        self.top.as_ref().map(|top| top.clone_ref(py))
    }

    /// The tops of the last nanoseconds.
    #[getter]
    fn window(&self, py: Python<'_>) -> Py<Window> {
        self.window.clone_ref(py)
    }

    /// The version of the last snapshot or change, 0 before the first.
    #[getter]
    fn version(&self) -> i64 {
        self.core.version()
    }

    /// Forget all orders; until `load` there is no top and nothing to take.
    fn clear(&mut self) {
        self.core.clear();
        self.top = None;
    }

    /// Replace all orders by a snapshot; the new top if it differs from the last.
    #[pyo3(signature = (bids, asks, version, event_time, received_at, checksum=None))]
    #[allow(clippy::too_many_arguments)]
    fn load(
        &mut self,
        bids: &Bound<'_, PyAny>,
        asks: &Bound<'_, PyAny>,
        version: i64,
        event_time: i64,
        received_at: i64,
        checksum: Option<i64>,
    ) -> Changed {
        let stamp = Stamp { version, event_time, received_at, checksum };
        let core = &mut self.core;
        let outcome = with_bytes(asks, |asks| with_bytes(bids, |bids| core.load(bids, asks, stamp)))??;
        self.changed(bids.py(), outcome)
    }

    /// Change orders; the new top if it changed.
    #[pyo3(signature = (bids, asks, version, event_time, received_at, checksum=None))]
    #[allow(clippy::too_many_arguments)]
    fn apply(
        &mut self,
        bids: &Bound<'_, PyAny>,
        asks: &Bound<'_, PyAny>,
        version: i64,
        event_time: i64,
        received_at: i64,
        checksum: Option<i64>,
    ) -> Changed {
        let py = bids.py();
        let kinds = changes(py)?;
        self.core.begin().map_err(|error| raise(py, error))?;
        for (is_bid, events) in [(true, bids), (false, asks)] {
            if let Ok(events) = events.cast::<PyTuple>() {
                for event in events.iter() {
                    tell(&mut self.core, is_bid, &event, kinds)?;
                }
            } else {
                for event in events.cast::<PySequence>()?.try_iter()? {
                    tell(&mut self.core, is_bid, &event?, kinds)?;
                }
            }
        }
        let outcome = self.core.finish(Stamp { version, event_time, received_at, checksum });
        self.changed(py, outcome)
    }

    /// One side's orders added up by price, best first.
    #[pyo3(signature = (bids, limit=0))]
    fn levels(&self, bids: bool, limit: usize) -> Levels {
        Levels(self.core.levels(bids, limit))
    }

    /// What may be taken: the levels, none while there is no top.
    #[pyo3(signature = (bids, limit=0))]
    fn ladder(&self, bids: bool, limit: usize) -> Levels {
        Levels(self.core.ladder(bids, limit))
    }

    /// Units displayed in the ladder at a price, 0 if none.
    fn size_at<'py>(&self, py: Python<'py>, bids: bool, price_units: i128) -> PyResult<Bound<'py, PyAny>> {
        int(py, self.core.size_at(bids, price_units))
    }

    /// Prices with orders: (bids, asks).
    fn counts(&self) -> (usize, usize) {
        self.core.counts()
    }

    /// (id, price, size) of one side in the order in which they execute.
    #[pyo3(signature = (bids, limit=0))]
    fn orders<'py>(&self, py: Python<'py>, bids: bool, limit: usize) -> PyResult<Vec<Shown<'py>>> {
        let found = self.core.orders(bids, limit).into_iter();
        found.map(|(id, price, size)| Ok((id, exact(py, price)?, exact(py, size)?))).collect()
    }

    /// (orders, size) before an order in its queue. Raises `KeyError` for an order that is not in the book.
    fn ahead<'py>(&self, py: Python<'py>, order_id: &str) -> PyResult<(usize, Bound<'py, PyAny>)> {
        match self.core.ahead(order_id) {
            Some((count, size)) => Ok((count, decimal(py, &size.text())?)),
            None => Err(PyKeyError::new_err(order_id.to_owned())),
        }
    }
}

/// Check one event; its attributes are read where its change needs them.
#[inline]
fn tell(book: &mut core::OrderBook, is_bid: bool, event: &Bound<'_, PyAny>, kinds: &[Py<PyAny>; 4]) -> PyResult<()> {
    let py = event.py();
    let told = event.getattr(intern!(py, "change"))?;
    let Some(which) = kinds.iter().position(|kind| told.is(kind)) else {
        return Err(PyValueError::new_err(format!("not an order change: {}", told.repr()?.to_string_lossy())));
    };
    let change = KINDS[which];
    let id = event.getattr(intern!(py, "order_id"))?;
    let id = id.cast::<PyString>()?.to_str()?;
    let size = (change != Change::Remove).then(|| event.getattr(intern!(py, "size"))).transpose()?;
    let priced = matches!(change, Change::Add | Change::Set);
    let price = priced.then(|| event.getattr(intern!(py, "price"))).transpose()?;
    let event = Event { is_bid, change, id, price: text(&price), size: text(&size) };
    book.tell(event).map_err(|(part, error)| match (part, error, &price, &size) {
        (Part::Price, Error::NotANumber(_), Some(written), _) => not_a_number(written),
        (Part::Size, Error::NotANumber(_), _, Some(written)) => not_a_number(written),
        (_, error, _, _) => raise(py, error),
    })
}

/// The bytes of a text; none of what is not one, which is no number either.
#[inline]
fn text<'a>(object: &'a Option<Bound<'_, PyAny>>) -> &'a [u8] {
    let text = object.as_ref().and_then(|object| object.cast::<PyString>().ok());
    text.and_then(|text| text.to_str().ok()).unwrap_or_default().as_bytes()
}

impl OrderBook {
    /// The core's book and window, for a measurement without a crossing an event.
    pub fn parts(&mut self) -> (&mut core::OrderBook, &Py<Window>) {
        (&mut self.core, &self.window)
    }

    #[inline]
    fn changed(&mut self, py: Python<'_>, outcome: Result<Option<core::Top>, Error>) -> Changed {
        if self.core.top().is_none() {
            self.top = None;
        }
        let Some(top) = outcome.map_err(|error| raise(py, error))? else { return Ok(None) };
        self.window.bind(py).borrow_mut().0.push(&top);
        let top = Py::new(py, TopOfBook(top))?;
        self.top = Some(top.clone_ref(py));
        Ok(Some(top))
    }
}
