//! Every order of a book: in a slab, in a queue at its price, and in a table by its id.

use crate::ids::{Id, Table};
use crate::levels::Level;
use crate::number::{NO_TEXT, Number, places_needed};
use crate::prices::Prices;

/// No order.
pub const NONE: u32 = u32::MAX;

/// One order: 64 bytes, a cache line.
#[derive(Debug, Default)]
struct Order {
    id: Id,
    size: i128,
    queue: u32,
    before: u32,
    after: u32,
    price_places: u8,
    size_places: u8,
}

/// The orders of one price, and their sum with the most decimal places that one of them is written with.
#[derive(Debug)]
struct Queue {
    price: i128,
    sum: i128,
    first: u32,
    last: u32,
    orders: u32,
    longest: u32,
    places: u8,
    is_bid: bool,
}

/// Both sides of a book, order by order.
#[derive(Debug)]
pub struct Queues {
    bids: Prices,
    asks: Prices,
    queues: Vec<Queue>,
    free_queues: Vec<u32>,
    orders: Vec<Order>,
    free_orders: Vec<u32>,
    table: Table,
}

impl Default for Queues {
    fn default() -> Self {
        Queues {
            bids: Prices::new(true),
            asks: Prices::new(false),
            queues: Vec::new(),
            free_queues: Vec::new(),
            orders: Vec::new(),
            free_orders: Vec::new(),
            table: Table::default(),
        }
    }
}

/// Written places of a number; where it was written with an exponent, those that it needs.
#[inline]
pub fn shown(number: Number) -> u8 {
    if number.places == NO_TEXT { places_needed(number.units) as u8 } else { number.places }
}

impl Queues {
    /// The order with this id.
    #[inline]
    pub fn find(&self, id: &Id, hash: u32) -> Option<u32> {
        self.table.find(hash, |slot| self.orders[slot as usize].id == *id)
    }

    /// (is a bid, price, size) of an order.
    #[inline]
    pub fn order(&self, slot: u32) -> (bool, Number, Number) {
        let order = &self.orders[slot as usize];
        let queue = &self.queues[order.queue as usize];
        let price = Number { units: queue.price, places: order.price_places };
        (queue.is_bid, price, Number { units: order.size, places: order.size_places })
    }

    /// Add an order at the end of its queue; the rank of its price.
    #[inline]
    pub fn put(&mut self, is_bid: bool, id: Id, hash: u32, price: Number, size: Number) -> usize {
        let (at, rank) = self.queue(is_bid, price.units);
        let slot = self.free_orders.pop().unwrap_or(self.orders.len() as u32);
        let queue = &mut self.queues[at as usize];
        let order = Order {
            id,
            size: size.units,
            queue: at,
            before: queue.last,
            after: NONE,
            price_places: price.places,
            size_places: size.places,
        };
        match queue.last {
            NONE => queue.first = slot,
            last => self.orders[last as usize].after = slot,
        }
        queue.last = slot;
        queue.orders += 1;
        queue.count_in(size);
        if slot as usize == self.orders.len() {
            self.orders.push(order);
        } else {
            self.orders[slot as usize] = order;
        }
        self.table.insert(hash, slot);
        rank
    }

    #[inline]
    fn queue(&mut self, is_bid: bool, price: i128) -> (u32, usize) {
        let prices = if is_bid { &mut self.bids } else { &mut self.asks };
        match prices.seek(price) {
            Ok(at) => (prices.slot(at), prices.rank(at)),
            Err(at) => {
                let queue = Queue { price, sum: 0, first: NONE, last: NONE, orders: 0, longest: 0, places: 0, is_bid };
                let slot = self.free_queues.pop().unwrap_or(self.queues.len() as u32);
                if slot as usize == self.queues.len() {
                    self.queues.push(queue);
                } else {
                    self.queues[slot as usize] = queue;
                }
                (slot, prices.insert(at, price, slot))
            }
        }
    }

    /// Remove an order; its price goes with the last one.
    #[inline]
    pub fn take(&mut self, slot: u32, hash: u32) {
        let order = std::mem::take(&mut self.orders[slot as usize]);
        let at = order.queue as usize;
        self.unlink(&order);
        self.table.remove(hash, slot);
        self.free_orders.push(slot);
        let queue = &mut self.queues[at];
        queue.orders -= 1;
        if queue.orders == 0 {
            let prices = if queue.is_bid { &mut self.bids } else { &mut self.asks };
            if let Ok(place) = prices.find(queue.price) {
                prices.remove(place);
            }
            self.free_queues.push(at as u32);
        } else {
            self.count_out(at, Number { units: order.size, places: order.size_places });
        }
    }

    #[inline]
    fn unlink(&mut self, order: &Order) {
        let queue = &mut self.queues[order.queue as usize];
        match order.before {
            NONE => queue.first = order.after,
            before => self.orders[before as usize].after = order.after,
        }
        match order.after {
            NONE => queue.last = order.before,
            after => self.orders[after as usize].before = order.before,
        }
    }

    /// Write an order anew with a size that lets it keep its place.
    #[inline]
    pub fn resize(&mut self, slot: u32, price_places: u8, size: Number) {
        let order = &mut self.orders[slot as usize];
        let (at, old) = (order.queue as usize, Number { units: order.size, places: order.size_places });
        (order.size, order.size_places, order.price_places) = (size.units, size.places, price_places);
        self.queues[at].count_in(size);
        self.count_out(at, old);
    }

    #[inline]
    fn count_out(&mut self, at: usize, size: Number) {
        let queue = &mut self.queues[at];
        queue.sum -= size.units;
        if shown(size) == queue.places {
            queue.longest -= 1;
            if queue.longest == 0 {
                self.measure(at);
            }
        }
    }

    /// The one order with the most places left: look through the others.
    #[cold]
    fn measure(&mut self, at: usize) {
        let places = || self.sizes(at).map(shown);
        let most = places().max().unwrap_or(0);
        let longest = places().filter(|written| *written == most).count() as u32;
        (self.queues[at].places, self.queues[at].longest) = (most, longest);
    }

    fn sizes(&self, at: usize) -> impl Iterator<Item = Number> + '_ {
        self.walk(self.queues[at].first).map(|slot| {
            let order = &self.orders[slot as usize];
            Number { units: order.size, places: order.size_places }
        })
    }

    fn walk(&self, first: u32) -> impl Iterator<Item = u32> + '_ {
        let some = |slot: u32| (slot != NONE).then_some(slot);
        std::iter::successors(some(first), move |slot| some(self.orders[*slot as usize].after))
    }

    /// Keep the best `depth` prices of each side and drop the orders of the others.
    pub fn trim(&mut self, depth: usize) {
        let mut dropped = Vec::new();
        self.bids.trim(depth, &mut dropped);
        self.asks.trim(depth, &mut dropped);
        for at in dropped {
            let slots: Vec<u32> = self.walk(self.queues[at as usize].first).collect();
            for slot in slots {
                let order = std::mem::take(&mut self.orders[slot as usize]);
                self.table.remove(order.id.spread(), slot);
                self.free_orders.push(slot);
            }
            self.free_queues.push(at);
        }
    }

    /// Prices with orders of one side.
    #[inline]
    pub fn prices(&self, is_bid: bool) -> &Prices {
        if is_bid { &self.bids } else { &self.asks }
    }

    /// The rank of an order's price.
    pub fn rank(&self, slot: u32) -> usize {
        let queue = &self.queues[self.orders[slot as usize].queue as usize];
        let prices = self.prices(queue.is_bid);
        prices.find(queue.price).map_or(usize::MAX, |at| prices.rank(at))
    }

    /// The sum of the orders of the price of this rank, 0 the best.
    #[inline]
    pub fn level(&self, is_bid: bool, rank: usize) -> Option<Level> {
        let (price, at) = self.prices(is_bid).get(rank)?;
        Some(self.sum(price, at))
    }

    #[inline]
    fn sum(&self, price: i128, at: u32) -> Level {
        let queue = &self.queues[at as usize];
        let places = self.orders[queue.first as usize].price_places;
        let size = Number { units: queue.sum, places: queue.places };
        Level { price: Number { units: price, places }, size }
    }

    /// Units displayed at a price, 0 if there is none.
    pub fn size_at(&self, is_bid: bool, price: i128) -> i128 {
        let prices = self.prices(is_bid);
        prices.find(price).map_or(0, |at| self.queues[prices.slot(at) as usize].sum)
    }

    /// The orders of the price of this rank, in the order in which they execute.
    pub fn orders(&self, is_bid: bool, rank: usize) -> impl Iterator<Item = (&Id, Number, Number)> + '_ {
        let first = self.prices(is_bid).get(rank).map_or(NONE, |(_, at)| self.queues[at as usize].first);
        self.walk(first).map(|slot| {
            let (_, price, size) = self.order(slot);
            (&self.orders[slot as usize].id, price, size)
        })
    }

    /// How many orders execute before this one at its price, and the sum of their sizes.
    pub fn ahead(&self, slot: u32) -> (usize, Number) {
        let (mut count, mut size) = (0, Number::default());
        let mut at = self.orders[slot as usize].before;
        while at != NONE {
            let order = &self.orders[at as usize];
            let written = shown(Number { units: order.size, places: order.size_places });
            size = Number { units: size.units + order.size, places: size.places.max(written) };
            count += 1;
            at = order.before;
        }
        (count, size)
    }
}

impl Queue {
    #[inline]
    fn count_in(&mut self, size: Number) {
        self.sum += size.units;
        let places = shown(size);
        if places > self.places || self.longest == 0 {
            (self.places, self.longest) = (places, 1);
        } else if places == self.places {
            self.longest += 1;
        }
    }
}
