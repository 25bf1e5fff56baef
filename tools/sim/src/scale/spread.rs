//! How long a version of the directory is on its way: every node asks others in rounds as the
//! node's own loop does, one after the other, and takes over what is newer.

use std::{cmp::Reverse, collections::BinaryHeap};

use jichi_node::peer::HANDSHAKE_TIME_MAX;

use super::{Assumed, about, bytes::Sizes, round_ms};

/// Asks after which a version that still does not get everywhere is given up.
const ASKS_MAX: u64 = 60_000_000;

/// What came of it. Times are from the moment at which the first node has the version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spread {
    /// How many others a node asks in a round.
    pub(crate) asked: u64,
    /// How long a round takes on average, its pause included.
    pub(crate) round_ms: u64,
    /// Nodes that answer.
    pub(crate) reached: u64,
    /// Until half of them have the version.
    pub(crate) half_ms: u64,
    /// Until 99 of 100 have it.
    pub(crate) most_ms: u64,
    /// Until all of them have it: none lets a removed member in any more.
    pub(crate) all_ms: u64,
}

pub(super) fn simulated(assumed: &Assumed, sizes: &Sizes) -> Spread {
    let count = usize::try_from(assumed.towns).expect("a small number");
    let others = assumed.towns - 1;
    let asked = if assumed.asked == 0 { others } else { assumed.asked.min(others) };
    let round = round_ms(assumed, asked);
    let handshake = u64::try_from(HANDSHAKE_TIME_MAX.as_millis()).expect("seconds");
    let pause = round_ms(assumed, 0);
    // By lot, so that dark nodes are not neighbours in the list. The first one always answers.
    let mut chance = about(assumed, &[4]);
    let dark: Vec<bool> =
        (0..count).map(|node| chance.percent(assumed.dark_percent) && node != 0).collect();
    let reached = dark.iter().filter(|dark| !**dark).count();
    // Since when each has it.
    let mut has = vec![u64::MAX; count];
    has[0] = 0;
    let mut came = vec![0_u64];
    // Each node's next question: when, who, and how many of its round are left.
    let mut due = BinaryHeap::new();
    for node in (1..count).filter(|node| !dark[*node]) {
        due.push(Reverse((chance.below(round), node, asked)));
    }
    let all_others = asked == others;
    for _ in 0..ASKS_MAX {
        let Some(Reverse((now, node, left))) = due.pop() else { break };
        if left == 0 {
            due.push(Reverse((now + pause, node, asked)));
            continue;
        }
        let other = if all_others {
            // In the directory's order, without the node itself.
            let place = usize::try_from(asked - left).expect("small");
            place + usize::from(place >= node)
        } else {
            let drawn = usize::try_from(chance.below(others)).expect("small");
            drawn + usize::from(drawn >= node)
        };
        if dark[other] {
            due.push(Reverse((now + handshake, node, left - 1)));
        } else if has[other] <= now {
            let then = now + assumed.reply_ms * (1 + sizes.bring_messages);
            has[node] = then;
            came.push(then);
        } else {
            due.push(Reverse((now + assumed.reply_ms, node, left - 1)));
        }
    }
    came.sort_unstable();
    let at = |percent: usize| {
        let place = (reached * percent).div_ceil(100).max(1) - 1;
        // Given up: said as such by the largest number.
        came.get(place).copied().unwrap_or(u64::MAX)
    };
    Spread {
        asked,
        round_ms: round,
        reached: u64::try_from(reached).expect("small"),
        half_ms: at(50),
        most_ms: at(99),
        all_ms: at(100),
    }
}
