//! The best closed walks of a graph: no node and no book twice, at most so many edges, exactly as enumeration finds them.
//!
//! Enters: a graph, the edges that changed. Leaves: the cycles of greatest gain. Never: a relaxation that a profitable
//! cycle elsewhere keeps going: every value is that of a walk of a bounded number of edges.
//!
//! A search meets in the middle. Back from the end it takes, step by step, the best that a walk can still gain, whether or
//! not that walk repeats a node; this bounds what any continuation is worth. Forward from the start it enumerates, and
//! leaves a branch as soon as gain and bound together are below what is sought. Two steps from the start have no bound yet.

use crate::graph::{Arc, Fault, Graph, NEVER, NO_BOOK, Outcome, STEP_BITS};

const SHORTEST: u32 = 2;
const LONGEST: u32 = 8;
const MOST_CYCLES: usize = 1000;
/// No sum of sixteen weights is below it.
const LOWEST: i64 = -(1 << 52);

/// What is sought.
#[derive(Clone, Copy, Debug)]
pub struct Sought {
    /// Most edges of a cycle, 2 to 8; the way through a hub is one.
    pub edges: u32,
    /// Gains have to be above it.
    pub above: i64,
    /// Most cycles, from 1.
    pub count: usize,
}

impl Sought {
    fn checked(self) -> Outcome<Self> {
        if !(SHORTEST..=LONGEST).contains(&self.edges) {
            return Err(Fault::Length(self.edges));
        }
        if !(1..=MOST_CYCLES).contains(&self.count) {
            return Err(Fault::Count(self.count));
        }
        Ok(self)
    }
}

/// A closed walk. Of its rotations this is the one that begins with the least edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    value: i64,
    /// Numbers of its edges, each beginning where the one before ends.
    pub edges: Vec<u32>,
}

impl Cycle {
    /// The sum of its weights.
    pub fn gain(&self) -> i64 {
        (self.value + self.edges.len() as i64) >> STEP_BITS
    }

    /// Better ones first: greater gain, then fewer edges, then the least numbers of edges.
    fn before(&self, value: i64, edges: &[u32]) -> bool {
        (self.value, edges) > (value, &self.edges[..])
    }
}

/// What a search needs of memory, kept from one to the next.
#[derive(Debug, Default)]
pub struct Search {
    reach: Vec<Vec<i64>>, // by steps left and node: the most that a walk to the end can gain
    frontier: Vec<u32>,
    next: Vec<u32>,
    blocked: Vec<bool>, // on the path, or done with
    path: Vec<u32>,
    books: Vec<u32>,
    bound: u32, // steps up to which `reach` is known
    end: u32,
    bar: i64, // the least value that is worth following
    count: usize,
    found: Vec<Cycle>,
}

impl Search {
    /// Memory that grows with the first search.
    pub fn new() -> Self {
        Search::default()
    }

    /// The best cycles that have at least one of these edges.
    pub fn through(&mut self, graph: &Graph, edges: &[u32], sought: Sought) -> Outcome<&[Cycle]> {
        let sought = sought.checked()?;
        edges.iter().try_for_each(|edge| graph.edge(*edge).map(drop))?;
        self.begin(graph, sought);
        for &number in edges {
            let edge = graph.edge(number)?;
            let Some(weight) = edge.weight() else { continue };
            let left = sought.edges - step(graph, edge.tail);
            (self.end, self.bound) = (edge.tail, left.saturating_sub(2).max(1));
            self.blocked[edge.tail as usize] = true;
            self.blocked[edge.head as usize] = true;
            self.look_back(graph, edge.book);
            self.path.push(number);
            self.books.push(edge.book);
            self.go(graph, edge.head, left, (weight << STEP_BITS) - 1);
            self.path.clear();
            self.books.clear();
            self.blocked[edge.tail as usize] = false;
            self.blocked[edge.head as usize] = false;
        }
        Ok(&self.found)
    }

    /// The best cycles of the whole graph.
    pub fn whole(&mut self, graph: &Graph, sought: Sought) -> Outcome<&[Cycle]> {
        let sought = sought.checked()?;
        self.begin(graph, sought);
        // Each cycle has a node that is no hub; it is found at the first of them, after which that node is out of the way.
        let mut starts: Vec<u32> = (0..graph.nodes() as u32).filter(|node| !graph.node(*node).hub).collect();
        starts.sort_by_key(|node| std::cmp::Reverse(graph.node(*node).out.len()));
        for start in starts {
            (self.end, self.bound) = (start, sought.edges.saturating_sub(2).max(1));
            self.blocked[start as usize] = true;
            self.look_back(graph, NO_BOOK);
            self.go(graph, start, sought.edges, 0);
        }
        Ok(&self.found)
    }

    fn begin(&mut self, graph: &Graph, sought: Sought) {
        self.found.clear();
        self.count = sought.count;
        self.bar = (sought.above.clamp(LOWEST, -LOWEST) << STEP_BITS) + 1;
        self.blocked.clear();
        self.blocked.resize(graph.nodes(), false);
        self.reach.resize_with(LONGEST as usize + 1, Vec::new);
    }

    /// Fill `reach` for the end, over edges of other books and nodes that are not blocked.
    fn look_back(&mut self, graph: &Graph, book: u32) {
        self.frontier.clear();
        self.frontier.push(self.end);
        self.reach[0].clear();
        self.reach[0].resize(graph.nodes(), NEVER);
        self.reach[0][self.end as usize] = 0;
        for steps in 0..=self.bound as usize {
            self.enter_hubs(graph, steps, book);
            if steps == self.bound as usize {
                break;
            }
            let (done, ahead) = self.reach.split_at_mut(steps + 1);
            let (now, then) = (&done[steps], &mut ahead[0]);
            then.clone_from(now);
            self.next.clear();
            for &node in &self.frontier {
                let gain = now[node as usize];
                for arc in usable(&graph.node(node).from_nodes, book) {
                    let tail = arc.node as usize;
                    if gain + arc.value > then[tail] && !self.blocked[tail] {
                        if then[tail] == now[tail] {
                            self.next.push(arc.node);
                        }
                        then[tail] = gain + arc.value;
                    }
                }
            }
            std::mem::swap(&mut self.frontier, &mut self.next);
        }
    }

    /// From hubs it takes no step to the nodes behind them.
    fn enter_hubs(&mut self, graph: &Graph, steps: usize, book: u32) {
        let reach = &mut self.reach[steps];
        for at in 0..self.frontier.len() {
            let node = self.frontier[at];
            for arc in usable(&graph.node(node).from_hubs, book) {
                let (hub, gain) = (arc.node as usize, reach[node as usize] + arc.value);
                if gain > reach[hub] && !self.blocked[hub] {
                    reach[hub] = gain;
                    self.frontier.push(arc.node);
                }
            }
        }
    }

    /// Every continuation of the path that may be worth it.
    fn go(&mut self, graph: &Graph, node: u32, left: u32, value: i64) {
        let Some(left) = left.checked_sub(step(graph, node)) else { return };
        for arc in &graph.node(node).out {
            let sum = value + arc.value;
            let ahead = match arc.node == self.end {
                true => 0,
                false if left <= self.bound => self.reach[left as usize][arc.node as usize],
                false => 0.max(self.bar - sum), // not known yet, so enough
            };
            if arc.value == NEVER || sum + ahead < self.bar || self.is_taken(arc.book) {
                continue;
            }
            if arc.node == self.end {
                self.keep(sum, arc.edge);
            } else if !self.blocked[arc.node as usize] {
                self.blocked[arc.node as usize] = true;
                self.path.push(arc.edge);
                self.books.push(arc.book);
                self.go(graph, arc.node, left, sum);
                self.books.pop();
                self.path.pop();
                self.blocked[arc.node as usize] = false;
            }
        }
    }

    #[inline]
    fn is_taken(&self, book: u32) -> bool {
        book != NO_BOOK && self.books.contains(&book)
    }

    #[cold]
    fn keep(&mut self, value: i64, last: u32) {
        let mut edges = Vec::with_capacity(self.path.len() + 1);
        edges.extend(&self.path);
        edges.push(last);
        let least = (0..edges.len()).min_by_key(|at| edges[*at]).unwrap_or(0);
        edges.rotate_left(least);
        let place = self.found.partition_point(|cycle| cycle.before(value, &edges));
        if self.found.get(place).is_some_and(|cycle| cycle.edges == edges) {
            return;
        }
        self.found.insert(place, Cycle { value, edges });
        self.found.truncate(self.count);
        if self.found.len() == self.count {
            self.bar = self.found[self.count - 1].value;
        }
    }
}

/// What leaving a node costs of the edges that a cycle may have: nothing at a hub, which was paid for on entering.
#[inline]
fn step(graph: &Graph, node: u32) -> u32 {
    !graph.node(node).hub as u32
}

#[inline]
fn usable(arcs: &[Arc], book: u32) -> impl Iterator<Item = &Arc> {
    arcs.iter().filter(move |arc| arc.value != NEVER && (book == NO_BOOK || arc.book != book))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Sought = Sought { edges: 5, above: 0, count: 1 };

    fn of(edges: &[(u32, u32, i64, u32)], hubs: &[u32]) -> Graph {
        let mut graph = Graph::new();
        let nodes = edges.iter().map(|(tail, head, ..)| 1 + tail.max(head)).max().unwrap_or(0);
        for node in 0..nodes {
            graph.add_node(hubs.contains(&node));
        }
        for &(tail, head, weight, book) in edges {
            while book != NO_BOOK && graph.book(book).is_err() {
                graph.add_book();
            }
            graph.add_edge(tail, head, Some(weight), book).unwrap();
        }
        graph
    }

    fn told(cycles: &[Cycle]) -> Vec<(i64, Vec<u32>)> {
        cycles.iter().map(|cycle| (cycle.gain(), cycle.edges.clone())).collect()
    }

    #[test]
    fn a_book_is_no_cycle_with_itself_and_two_are() {
        let graph = of(&[(0, 1, 3, 0), (1, 0, 4, 0), (1, 0, 2, 1)], &[]);
        let mut search = Search::new();
        assert_eq!(told(search.through(&graph, &[0], ALL).unwrap()), [(5, vec![0, 2])]);
        assert_eq!(told(search.through(&graph, &[1], ALL).unwrap()), []);
        assert_eq!(told(search.whole(&graph, ALL).unwrap()), [(5, vec![0, 2])]);
    }

    #[test]
    fn a_profitable_cycle_elsewhere_neither_misleads_nor_holds_up() {
        // 2 and 3 gain a lot between them, through 0 one gains 1 and comes by 2 once
        let graph = of(&[(0, 1, 0, 9), (1, 2, 0, 9), (1, 2, 0, 8), (2, 3, 99, 7), (3, 2, 99, 6), (2, 0, 1, 5)], &[]);
        let mut search = Search::new();
        assert_eq!(told(search.through(&graph, &[0], ALL).unwrap()), [(1, vec![0, 2, 5])]);
        assert_eq!(told(search.whole(&graph, ALL).unwrap()), [(198, vec![3, 4])]);
    }

    #[test]
    fn the_way_through_a_hub_is_one_edge() {
        let graph = of(&[(0, 3, 1, NO_BOOK), (3, 1, 1, NO_BOOK), (1, 2, 1, NO_BOOK), (2, 0, 1, NO_BOOK)], &[3]);
        let mut search = Search::new();
        for edge in 0..4 {
            let three = Sought { edges: 3, ..ALL };
            assert_eq!(told(search.through(&graph, &[edge], three).unwrap()), [(4, vec![0, 1, 2, 3])]);
            assert_eq!(told(search.through(&graph, &[edge], Sought { edges: 2, ..ALL }).unwrap()), []);
        }
        assert_eq!(search.whole(&graph, Sought { edges: 3, ..ALL }).unwrap().len(), 1);
        assert_eq!(search.whole(&graph, Sought { edges: 2, ..ALL }).unwrap().len(), 0);
    }

    #[test]
    fn equal_gains_are_ordered_by_length_and_numbers() {
        let rows = [(0, 1, 2, NO_BOOK), (1, 2, 0, NO_BOOK), (2, 0, 0, NO_BOOK), (1, 0, 0, NO_BOOK), (1, 0, 0, NO_BOOK)];
        let graph = of(&rows, &[]);
        let mut search = Search::new();
        let all = Sought { count: 9, ..ALL };
        let wanted = [(2, vec![0, 3]), (2, vec![0, 4]), (2, vec![0, 1, 2])];
        assert_eq!(told(search.through(&graph, &[4, 3, 2, 1, 0], all).unwrap()), wanted);
        assert_eq!(told(search.whole(&graph, all).unwrap()), wanted);
        assert_eq!(told(search.through(&graph, &[0], ALL).unwrap()), wanted[..1]);
        assert_eq!(told(search.through(&graph, &[0], Sought { above: 2, ..all }).unwrap()), []);
    }

    #[test]
    fn a_search_has_bounds() {
        let graph = of(&[(0, 1, 0, NO_BOOK)], &[]);
        let mut search = Search::new();
        assert_eq!(search.whole(&graph, Sought { edges: 1, ..ALL }), Err(Fault::Length(1)));
        assert_eq!(search.whole(&graph, Sought { edges: 9, ..ALL }), Err(Fault::Length(9)));
        assert_eq!(search.through(&graph, &[0], Sought { count: 0, ..ALL }), Err(Fault::Count(0)));
        assert_eq!(search.through(&graph, &[1], ALL), Err(Fault::Edge(1)));
    }
}
