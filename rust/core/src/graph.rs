//! The rate graph: what a unit of one asset at one venue becomes as another, on every edge, in fixed-point logarithms.
//!
//! Enters: nodes, edges, best prices of books. Leaves: edges whose values follow the books, for `search` to walk. Never: a
//! float, an edge that counts although something of it is unknown, or an allocation when a top changes.

use std::fmt;

use crate::logarithm::ln;
use crate::number::ONE;

/// The book of an edge that has none.
pub const NO_BOOK: u32 = u32::MAX;
/// Weights and fees are less than this in size, e⁸⁸ and its inverse included.
pub const LIMIT: i64 = 1 << 47;
/// Where a weight begins in a value: below it one is taken for each edge, so that of two equal gains the shorter is more.
pub const STEP_BITS: u32 = 5;
/// The value of what cannot be used: sixteen real edges do not make up for one.
pub const NEVER: i64 = -(1 << 60);

/// Why a change of the graph was refused; the texts are those of the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There is no node of this number.
    Node(u32),
    /// There is no edge of this number.
    Edge(u32),
    /// There is no book of this number.
    Book(u32),
    /// There is no group of this number.
    Group(u32),
    /// There is no market of this number.
    Market(u32),
    /// An edge from a node to itself.
    Loop(u32),
    /// An edge from a hub to a hub.
    Hubs(u32, u32),
    /// The edge's weight comes from a book.
    Priced(u32),
    /// The edge's weight comes from no book, so no fee is added to it.
    Plain(u32),
    /// A weight or fee of this size.
    Size(i64),
    /// A number of edges that is not searched.
    Length(u32),
    /// A number of cycles that is not kept.
    Count(usize),
}

impl fmt::Display for Fault {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Node(node) => write!(to, "there is no node {node}"),
            Fault::Edge(edge) => write!(to, "there is no edge {edge}"),
            Fault::Book(book) => write!(to, "there is no book {book}"),
            Fault::Group(group) => write!(to, "there is no group {group}"),
            Fault::Market(market) => write!(to, "there is no market {market}"),
            Fault::Loop(node) => write!(to, "an edge from node {node} to itself"),
            Fault::Hubs(tail, head) => write!(to, "an edge from hub {tail} to hub {head}"),
            Fault::Priced(edge) => write!(to, "edge {edge} has the weight of its book"),
            Fault::Plain(edge) => write!(to, "edge {edge} has no price to which a fee belongs"),
            Fault::Size(weight) => write!(to, "a logarithm of 2^47 units or more: {weight}"),
            Fault::Length(edges) => write!(to, "a search goes from 2 to 8 edges: {edges}"),
            Fault::Count(cycles) => write!(to, "a search keeps from 1 to 1000 cycles: {cycles}"),
        }
    }
}

/// What adding or changing something gives back.
pub type Outcome<T> = Result<T, Fault>;

/// One edge as seen from one of its ends.
#[derive(Clone, Copy, Debug)]
pub struct Arc {
    /// The weight above `STEP_BITS` bits, less one; `NEVER` if the edge cannot be used.
    pub value: i64,
    /// The node at the other end.
    pub node: u32,
    /// Number of the edge.
    pub edge: u32,
    /// Its book, or `NO_BOOK`.
    pub book: u32,
}

/// A node's arcs. Those that come from hubs lie apart: they take no step.
#[derive(Debug, Default)]
pub struct Node {
    /// Whether value only passes through it, from node to node.
    pub hub: bool,
    /// Edges that leave it.
    pub out: Vec<Arc>,
    /// Edges from nodes that are no hubs.
    pub from_nodes: Vec<Arc>,
    /// Edges from hubs.
    pub from_hubs: Vec<Arc>,
}

/// What is known of one edge.
#[derive(Clone, Copy, Debug)]
pub struct Edge {
    /// Where it leaves.
    pub tail: u32,
    /// Where it arrives.
    pub head: u32,
    /// Its book, or `NO_BOOK`.
    pub book: u32,
    market: bool,
    usable: bool,
    gross: Option<i64>,
    kept: Option<i64>,
    out_at: u32,
    in_at: u32,
}

impl Edge {
    /// The logarithm of units out per unit in, None if the edge cannot be used.
    #[inline]
    pub fn weight(&self) -> Option<i64> {
        if self.usable { Some(self.gross? + self.kept?) } else { None }
    }
}

#[derive(Debug, Default)]
struct Book {
    bid: i128,
    ask: i128,
    edges: Vec<u32>,
    markets: Vec<[u32; 2]>,
}

/// Nodes and directed edges. What was added stays; an edge that is gone is one that cannot be used.
#[derive(Debug, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    books: Vec<Book>,
}

impl Graph {
    /// An empty graph.
    pub fn new() -> Self {
        Graph::default()
    }

    /// How many nodes there are, hubs included.
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// How many edges there are, those that cannot be used included.
    pub fn edges(&self) -> usize {
        self.edges.len()
    }

    /// A node that is there.
    #[inline]
    pub fn node(&self, node: u32) -> &Node {
        &self.nodes[node as usize]
    }

    /// An edge.
    pub fn edge(&self, edge: u32) -> Outcome<&Edge> {
        self.edges.get(edge as usize).ok_or(Fault::Edge(edge))
    }

    /// The edges of one book.
    pub fn book(&self, book: u32) -> Outcome<&[u32]> {
        self.books.get(book as usize).map(|book| &book.edges[..]).ok_or(Fault::Book(book))
    }

    /// Another node; its number.
    pub fn add_node(&mut self, hub: bool) -> u32 {
        self.nodes.push(Node { hub, ..Node::default() });
        self.nodes.len() as u32 - 1
    }

    /// Another book, without an edge; its number.
    pub fn add_book(&mut self) -> u32 {
        self.books.push(Book::default());
        self.books.len() as u32 - 1
    }

    /// Another edge with a weight of its own; its number.
    pub fn add_edge(&mut self, tail: u32, head: u32, weight: Option<i64>, book: u32) -> Outcome<u32> {
        let weight = weight.map(sized).transpose()?;
        self.join(tail, head, book, false, weight, Some(0))
    }

    /// The two edges of a book: from `quote` to `base` at its ask, back at its bid; of each side's outcome so much is kept.
    pub fn add_market(
        &mut self,
        book: u32,
        base: u32,
        quote: u32,
        buy_kept: Option<i64>,
        sell_kept: Option<i64>,
    ) -> Outcome<[u32; 2]> {
        self.book(book)?;
        let (buy_kept, sell_kept) = (buy_kept.map(sized).transpose()?, sell_kept.map(sized).transpose()?);
        let Book { bid, ask, .. } = self.books[book as usize];
        let buy = self.join(quote, base, book, true, price(ask).map(|ask| -ask), buy_kept)?;
        let sell = self.join(base, quote, book, true, price(bid), sell_kept)?;
        self.books[book as usize].markets.push([buy, sell]);
        Ok([buy, sell])
    }

    fn join(
        &mut self,
        tail: u32,
        head: u32,
        book: u32,
        market: bool,
        gross: Option<i64>,
        kept: Option<i64>,
    ) -> Outcome<u32> {
        let hub = |node: u32| self.nodes.get(node as usize).map(|node| node.hub).ok_or(Fault::Node(node));
        let (from_hub, to_hub) = (hub(tail)?, hub(head)?);
        if tail == head {
            return Err(Fault::Loop(tail));
        }
        if from_hub && to_hub {
            return Err(Fault::Hubs(tail, head));
        }
        let edge = self.edges.len() as u32;
        if book != NO_BOOK {
            self.books.get_mut(book as usize).ok_or(Fault::Book(book))?.edges.push(edge);
        }
        let out = &mut self.nodes[tail as usize].out;
        let out_at = out.len() as u32;
        out.push(Arc { value: NEVER, node: head, edge, book });
        let into = self.nodes[head as usize].from(from_hub);
        let in_at = into.len() as u32;
        into.push(Arc { value: NEVER, node: tail, edge, book });
        self.edges.push(Edge { tail, head, book, market, usable: true, gross, kept, out_at, in_at });
        self.settle(edge);
        Ok(edge)
    }

    /// Give an edge without a price another weight; None makes it unusable.
    pub fn set_weight(&mut self, edge: u32, weight: Option<i64>) -> Outcome<()> {
        let weight = weight.map(sized).transpose()?;
        if self.edge(edge)?.market {
            return Err(Fault::Priced(edge));
        }
        self.edges[edge as usize].gross = weight;
        self.settle(edge);
        Ok(())
    }

    /// Give a market's edge another fee; None, an unknown one, makes it unusable.
    pub fn set_kept(&mut self, edge: u32, kept: Option<i64>) -> Outcome<()> {
        let kept = kept.map(sized).transpose()?;
        if !self.edge(edge)?.market {
            return Err(Fault::Plain(edge));
        }
        self.edges[edge as usize].kept = kept;
        self.settle(edge);
        Ok(())
    }

    /// Shut an edge, or open it again with what is known of it then.
    pub fn set_usable(&mut self, edge: u32, usable: bool) -> Outcome<()> {
        self.edge(edge)?;
        self.edges[edge as usize].usable = usable;
        self.settle(edge);
        Ok(())
    }

    /// The best prices of a book, in units of 10⁻¹²; one that is not above zero is none.
    #[inline]
    pub fn set_prices(&mut self, book: u32, bid: i128, ask: i128) -> Outcome<()> {
        let known = self.books.get_mut(book as usize).ok_or(Fault::Book(book))?;
        if known.ask != ask {
            known.ask = ask;
            self.reprice(book, 0, price(ask).map(|ask| -ask));
        }
        let known = &mut self.books[book as usize];
        if known.bid != bid {
            known.bid = bid;
            self.reprice(book, 1, price(bid));
        }
        Ok(())
    }

    #[inline]
    fn reprice(&mut self, book: u32, side: usize, gross: Option<i64>) {
        for at in 0..self.books[book as usize].markets.len() {
            let edge = self.books[book as usize].markets[at][side];
            self.edges[edge as usize].gross = gross;
            self.settle(edge);
        }
    }

    /// Bring an edge's value to both of its ends.
    #[inline]
    fn settle(&mut self, number: u32) {
        let edge = &self.edges[number as usize];
        let value = edge.weight().map_or(NEVER, |weight| (weight << STEP_BITS) - 1);
        let from_hub = self.nodes[edge.tail as usize].hub;
        self.nodes[edge.tail as usize].out[edge.out_at as usize].value = value;
        self.nodes[edge.head as usize].from(from_hub)[edge.in_at as usize].value = value;
    }
}

impl Node {
    #[inline]
    fn from(&mut self, hub: bool) -> &mut Vec<Arc> {
        if hub { &mut self.from_hubs } else { &mut self.from_nodes }
    }
}

/// The logarithm of a price in units of 10⁻¹², None if it is not above zero.
#[inline]
pub fn price(units: i128) -> Option<i64> {
    const ONE_LN: i64 = 30_380_629_004_288; // of 10¹²
    debug_assert_eq!(ONE_LN, ln(ONE as u128));
    (units > 0).then(|| ln(units as u128) - ONE_LN)
}

/// A weight or fee, if it is of a size that sums bear.
pub fn sized(weight: i64) -> Outcome<i64> {
    if -LIMIT < weight && weight < LIMIT { Ok(weight) } else { Err(Fault::Size(weight)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_top_sets_both_edges_of_all_markets_of_its_book() {
        let mut graph = Graph::new();
        let [base, dollar, coin] = [false, false, false].map(|hub| graph.add_node(hub));
        let book = graph.add_book();
        let [buy, sell] = graph.add_market(book, base, dollar, Some(-3), Some(-5)).unwrap();
        let [other_buy, other_sell] = graph.add_market(book, base, coin, Some(0), None).unwrap();
        assert_eq!(graph.edge(buy).unwrap().weight(), None);
        graph.set_prices(book, 2 * ONE, 4 * ONE).unwrap();
        let (two, four) = (price(2 * ONE).unwrap(), price(4 * ONE).unwrap());
        assert!((two - ln(2)).abs() <= 1 && (four - ln(4)).abs() <= 1);
        let weights = |graph: &Graph| [buy, sell, other_buy, other_sell].map(|e| graph.edge(e).unwrap().weight());
        assert_eq!(weights(&graph), [Some(-four - 3), Some(two - 5), Some(-four), None]);
        graph.set_kept(other_sell, Some(7)).unwrap();
        graph.set_usable(buy, false).unwrap();
        assert_eq!(weights(&graph), [None, Some(two - 5), Some(-four), Some(two + 7)]);
        graph.set_prices(book, 0, ONE).unwrap();
        graph.set_usable(buy, true).unwrap();
        assert_eq!(weights(&graph), [Some(-3), None, Some(0), None]);
        let values = |arcs: &[Arc]| arcs.iter().map(|arc| (arc.edge, arc.value)).collect::<Vec<_>>();
        assert_eq!(values(&graph.node(base).out), [(sell, NEVER), (other_sell, NEVER)]);
        assert_eq!(values(&graph.node(base).from_nodes), [(buy, -97), (other_buy, -1)]);
        let [late, _] = graph.add_market(book, dollar, coin, Some(9), None).unwrap();
        assert_eq!(graph.edge(late).unwrap().weight(), Some(9));
        assert_eq!(graph.book(book).unwrap(), [buy, sell, other_buy, other_sell, late, late + 1]);
    }

    #[test]
    fn what_makes_no_sense_is_refused_and_changes_nothing() {
        let mut graph = Graph::new();
        let (node, hub, other) = (graph.add_node(false), graph.add_node(true), graph.add_node(true));
        let book = graph.add_book();
        assert_eq!(graph.add_edge(node, node, None, NO_BOOK), Err(Fault::Loop(node)));
        assert_eq!(graph.add_edge(hub, other, None, NO_BOOK), Err(Fault::Hubs(hub, other)));
        assert_eq!(graph.add_edge(node, 9, None, NO_BOOK), Err(Fault::Node(9)));
        assert_eq!(graph.add_edge(node, hub, Some(LIMIT), NO_BOOK), Err(Fault::Size(LIMIT)));
        assert_eq!(graph.add_edge(node, hub, None, 7), Err(Fault::Book(7)));
        assert_eq!(graph.set_prices(1, 1, 1), Err(Fault::Book(1)));
        assert_eq!((graph.edges(), graph.nodes(), graph.book(book)), (0, 3, Ok(&[][..])));
        let edge = graph.add_edge(node, hub, Some(1 - LIMIT), book).unwrap();
        let [buy, _] = graph.add_market(book, node, hub, None, None).unwrap();
        assert_eq!(graph.set_kept(edge, None), Err(Fault::Plain(edge)));
        assert_eq!(graph.set_weight(buy, None), Err(Fault::Priced(buy)));
        assert_eq!(graph.set_usable(9, true), Err(Fault::Edge(9)));
        assert_eq!(graph.edge(edge).unwrap().weight(), Some(1 - LIMIT));
        assert_eq!(Fault::Hubs(1, 2).to_string(), "an edge from hub 1 to hub 2");
    }
}
