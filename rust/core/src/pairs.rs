//! Two venues: of markets of one base and quote, which one pays more than another asks, after both fees.
//!
//! Enters: groups of markets, their best prices. Leaves: the best partner of a changed market, on either side. Never: a
//! market as its own partner, or one of whose price or fee something is unknown.

use crate::graph::{Fault, Outcome, price, sized};

const NONE: i64 = i64::MIN / 4;

/// A market to trade with, and the logarithm of units out per unit in of buying at one and selling at the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partner {
    /// The gain.
    pub gain: i64,
    /// The partner's number.
    pub market: u32,
}

#[derive(Debug)]
struct Market {
    group: u32,
    place: u32,
    bid: i128,
    ask: i128,
    price: [Option<i64>; 2],
    kept: [Option<i64>; 2],
}

#[derive(Debug, Default)]
struct Group {
    markets: Vec<u32>,
    received: Vec<i64>, // for a unit of the base, after the fee; NONE if unknown
    paid: Vec<i64>,     // less what a unit of the base costs with the fee; NONE if unknown
}

/// Markets in groups of equal base and quote.
#[derive(Debug, Default)]
pub struct Pairs {
    groups: Vec<Group>,
    markets: Vec<Market>,
}

impl Pairs {
    /// No groups.
    pub fn new() -> Self {
        Pairs::default()
    }

    /// Another group; its number.
    pub fn add_group(&mut self) -> u32 {
        self.groups.push(Group::default());
        self.groups.len() as u32 - 1
    }

    /// Another market of a group, of which so much is kept on buying and on selling (None: unknown); its number.
    pub fn add_market(&mut self, group: u32, buy_kept: Option<i64>, sell_kept: Option<i64>) -> Outcome<u32> {
        let kept = [buy_kept.map(sized).transpose()?, sell_kept.map(sized).transpose()?];
        let number = self.markets.len() as u32;
        let found = self.groups.get_mut(group as usize).ok_or(Fault::Group(group))?;
        let place = found.markets.len() as u32;
        found.markets.push(number);
        found.received.push(NONE);
        found.paid.push(NONE);
        self.markets.push(Market { group, place, bid: 0, ask: 0, price: [None; 2], kept });
        Ok(number)
    }

    /// Other fees of a market; None is unknown.
    pub fn set_kept(&mut self, market: u32, buy_kept: Option<i64>, sell_kept: Option<i64>) -> Outcome<()> {
        let kept = [buy_kept.map(sized).transpose()?, sell_kept.map(sized).transpose()?];
        self.markets.get_mut(market as usize).ok_or(Fault::Market(market))?.kept = kept;
        self.settle(market);
        Ok(())
    }

    /// A market's best prices in units of 10⁻¹², one that is not above zero is none. Where the best partner gains more than
    /// `above`: [to sell at what is bought here, to buy at what is sold here].
    #[inline]
    pub fn change(&mut self, market: u32, bid: i128, ask: i128, above: i64) -> Outcome<[Option<Partner>; 2]> {
        let known = self.markets.get_mut(market as usize).ok_or(Fault::Market(market))?;
        if (known.bid, known.ask) != (bid, ask) {
            if known.ask != ask {
                (known.ask, known.price[0]) = (ask, price(ask).map(|ask| -ask));
            }
            if known.bid != bid {
                (known.bid, known.price[1]) = (bid, price(bid));
            }
            self.settle(market);
        }
        Ok(self.partners(market, above))
    }

    #[inline]
    fn partners(&self, market: u32, above: i64) -> [Option<Partner>; 2] {
        let Market { group, place, .. } = self.markets[market as usize];
        let (group, place) = (&self.groups[group as usize], place as usize);
        let best = |own: i64, others: &[i64]| {
            if own == NONE {
                return None;
            }
            let (mut gain, mut at) = (above.max(NONE / 2), None);
            for (i, other) in others.iter().enumerate() {
                if own + other > gain && i != place {
                    (gain, at) = (own + other, Some(i));
                }
            }
            at.map(|at| Partner { gain, market: group.markets[at] })
        };
        [best(group.paid[place], &group.received), best(group.received[place], &group.paid)]
    }

    #[inline]
    fn settle(&mut self, market: u32) {
        let Market { group, place, price, kept, .. } = self.markets[market as usize];
        let side = |at: usize| price[at].zip(kept[at]).map_or(NONE, |(price, kept)| price + kept);
        let group = &mut self.groups[group as usize];
        group.paid[place as usize] = side(0);
        group.received[place as usize] = side(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::ONE;

    #[test]
    fn the_best_partner_is_found_on_either_side() {
        let mut pairs = Pairs::new();
        let (group, other) = (pairs.add_group(), pairs.add_group());
        let markets: Vec<u32> = (0..4).map(|_| pairs.add_market(group, Some(-10), Some(-20)).unwrap()).collect();
        let stranger = pairs.add_market(other, Some(0), Some(0)).unwrap();
        pairs.change(stranger, 99 * ONE, ONE, 0).unwrap();
        assert_eq!(pairs.change(markets[0], 4 * ONE, 5 * ONE, 0), Ok([None; 2]));
        assert_eq!(pairs.change(markets[1], 4 * ONE, 5 * ONE, 0), Ok([None; 2]));
        let ln = |whole: i128| price(whole * ONE).unwrap();
        let told = |gain, market| Some(Partner { gain, market });
        let found = pairs.change(markets[2], 8 * ONE, 9 * ONE, 0).unwrap();
        assert_eq!(found, [None, told(ln(8) - ln(5) - 30, markets[0])]);
        let found = pairs.change(markets[3], ONE, 2 * ONE, 0).unwrap();
        assert_eq!(found, [told(ln(8) - ln(2) - 30, markets[2]), None]);
        let gain = ln(8) - ln(2) - 30;
        assert_eq!(pairs.change(markets[3], ONE, 2 * ONE, gain), Ok([None; 2]));
        assert_eq!(pairs.change(markets[3], ONE, 2 * ONE, gain - 1), Ok([told(gain, markets[2]), None]));
        pairs.set_kept(markets[2], Some(0), None).unwrap();
        assert_eq!(pairs.change(markets[3], ONE, 2 * ONE, 0).unwrap()[0], told(ln(4) - ln(2) - 30, markets[0]));
        assert_eq!(pairs.change(markets[3], ONE, 0, i64::MIN).unwrap()[0], None);
        assert_eq!(pairs.change(9, 1, 1, 0), Err(Fault::Market(9)));
        assert_eq!(pairs.add_market(9, None, None), Err(Fault::Group(9)));
    }
}
