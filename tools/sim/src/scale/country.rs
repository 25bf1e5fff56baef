//! The towns of the model: people, agreements and transfers, witnesses.

use std::collections::BTreeMap;

use jichi_protocol::id::TownId;

use super::{Assumed, about};

/// People of the town at a place of the order by size, in ten-thousandths: between two places the
/// number falls evenly. Made to Japan's size (a largest city of 3.7 million, half of all
/// municipalities above 23,000, 0.2 thousand in the smallest, about 125 million in all); it is no
/// census, and no town of it is a real one.
const BY_PLACE: [(u64, u64); 22] = [
    (0, 3_700_000),
    (6, 2_700_000),
    (12, 2_250_000),
    (29, 1_550_000),
    (58, 980_000),
    (115, 700_000),
    (230, 455_000),
    (480, 290_000),
    (800, 188_000),
    (1_200, 128_000),
    (1_800, 86_500),
    (2_500, 63_000),
    (3_300, 44_000),
    (4_100, 31_500),
    (5_000, 23_000),
    (6_000, 15_000),
    (7_000, 9_500),
    (8_000, 6_100),
    (9_000, 3_200),
    (9_600, 1_600),
    (9_900, 800),
    (10_000, 160),
];

/// A town.
#[derive(Debug, Clone)]
pub(super) struct Town {
    /// Its place in the list, which is that of the directory.
    pub(super) number: usize,
    pub(super) code: TownId,
    pub(super) people: u64,
    /// Who cosigns its checkpoints.
    pub(super) witnesses: Vec<usize>,
}

/// Two towns with an agreement, and the transfers of a month each way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Channel {
    pub(super) low: usize,
    pub(super) high: usize,
    pub(super) up: u64,
    pub(super) down: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Country {
    pub(super) towns: Vec<Town>,
    pub(super) channels: Vec<Channel>,
}

impl Country {
    pub(super) fn drawn(assumed: &Assumed) -> Self {
        let count = usize::try_from(assumed.towns).expect("a small number");
        let mut people: Vec<u64> =
            (0..assumed.towns).map(|place| people_at(place, assumed.towns)).collect();
        // The directory's order says nothing about size.
        let mut chance = about(assumed, &[1]);
        for last in (1..count).rev() {
            people.swap(last, below(&mut chance, last + 1));
        }
        let towns = people.into_iter().enumerate().map(|(number, people)| Town {
            number,
            code: code(number),
            people,
            witnesses: witnesses(assumed, number, count),
        });
        let towns: Vec<Town> = towns.collect();
        let channels = channels(assumed, &towns);
        Self { towns, channels }
    }

    /// For how many towns each one is a witness, and how many it has.
    pub(super) fn witnessing(&self) -> Vec<u64> {
        let mut all = vec![0; self.towns.len()];
        for town in &self.towns {
            for witness in &town.witnesses {
                all[*witness] += 1;
                all[town.number] += 1;
            }
        }
        all
    }
}

fn below(chance: &mut crate::chance::Chance, bound: usize) -> usize {
    let bound = u64::try_from(bound).expect("a small number");
    usize::try_from(chance.below(bound)).expect("below a small number")
}

/// People of the town at a place, of so many.
pub(super) fn people_at(place: u64, towns: u64) -> u64 {
    let at = place * 10_000 / (towns - 1).max(1);
    let pairs = BY_PLACE.iter().zip(&BY_PLACE[1..]);
    let found = pairs.into_iter().find(|(_, (end, _))| at <= *end);
    let ((begin, most), (end, least)) = found.expect("the last place is the last one's");
    most - (most - least) * (at - begin) / (end - begin)
}

/// A code with its check digit, as JIS X 0402 has it: 37 towns in each of 47 prefectures, and
/// further ones behind them.
fn code(number: usize) -> TownId {
    let five = 1_000 + (number % 47) * 1_000 + 100 + number / 47;
    let digits = [five / 10_000, five / 1_000, five / 100, five / 10, five].map(|d| d % 10);
    let weighed: usize =
        digits.iter().zip([6, 5, 4, 3, 2]).map(|(digit, weight)| digit * weight).sum();
    let check = (11 - weighed % 11) % 10;
    format!("{five:05}{check}").parse().expect("a town's code")
}

fn witnesses(assumed: &Assumed, town: usize, count: usize) -> Vec<usize> {
    let wanted = usize::try_from(assumed.witnesses).expect("few").min(count - 1);
    let mut chance = about(assumed, &[2, u64::try_from(town).expect("small")]);
    let mut drawn = Vec::new();
    while drawn.len() < wanted {
        let other = below(&mut chance, count);
        if other != town && !drawn.contains(&other) {
            drawn.push(other);
        }
    }
    drawn
}

/// Each town seeks so many agreements, with a town the likelier the more people it has, and shares
/// its transfers out by the partners' people.
fn channels(assumed: &Assumed, towns: &[Town]) -> Vec<Channel> {
    let mut ends: Vec<u64> = Vec::with_capacity(towns.len());
    for town in towns {
        ends.push(ends.last().copied().unwrap_or(0) + town.people);
    }
    let all = ends.last().copied().unwrap_or(0);
    let mut pairs: BTreeMap<(usize, usize), [u64; 2]> = BTreeMap::new();
    let mut partners: Vec<Vec<usize>> = vec![Vec::new(); towns.len()];
    for town in towns {
        let mut chance = about(assumed, &[3, u64::try_from(town.number).expect("small")]);
        let sought = usize::try_from(assumed.agreements).expect("few").min(towns.len() - 1);
        // A bounded number of draws: in a small federation the largest town is drawn again and again.
        for _ in 0..sought * 8 {
            if partners[town.number].len() >= sought {
                break;
            }
            let drawn = chance.below(all);
            let other = ends.partition_point(|end| *end <= drawn);
            let pair = (town.number.min(other), town.number.max(other));
            if other != town.number && pairs.insert(pair, [0, 0]).is_none() {
                partners[town.number].push(other);
                partners[other].push(town.number);
            }
        }
    }
    for town in towns {
        let accounts = town.people * assumed.accounts_percent / 100;
        let transfers = accounts * assumed.transfers_a_thousand / 1_000;
        let others = &partners[town.number];
        let weight: u64 = others.iter().map(|other| towns[*other].people).sum();
        let mut left = transfers;
        for (place, other) in others.iter().enumerate() {
            let share = transfers * towns[*other].people / weight.max(1);
            let share = if place + 1 == others.len() { left } else { share.min(left) };
            left -= share;
            let pair = (town.number.min(*other), town.number.max(*other));
            let ways = pairs.get_mut(&pair).expect("partners are a pair");
            ways[usize::from(pair.0 != town.number)] += share;
        }
    }
    pairs.into_iter().map(|((low, high), [up, down])| Channel { low, high, up, down }).collect()
}
