//! `jichi-sim scale`: what a federation of every town of the country would send, keep open and
//! wait for. A model with assumptions that are options, on sizes that the real encodings have and
//! limits that the node has.

mod bytes;
mod country;
mod report;
mod spread;
#[cfg(test)]
mod tests;

use jichi_node::{
    federation::{SYNC_EVERY, SYNC_PEERS_MAX},
    peer::{CONNECTIONS_ALL_MAX, CONNECTIONS_PER_PEER_MAX, HANDSHAKE_TIME_MAX, IDLE_MAX},
};
use jichi_protocol::directory::MEMBERS_MAX;

use crate::chance::Chance;
use bytes::{Kind, Sizes};
use country::{Channel, Country, Town};
use report::Report;

/// Minutes of a month, of 30 days.
const MINUTES: u64 = 30 * 24 * 60;

/// What is assumed. Everything that is no option is measured, or is the node's own limit.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Assumed {
    /// Towns; populations are spread as over all of Japan's 1,741.
    #[arg(long, default_value_t = 1_741)]
    pub(crate) towns: u64,
    /// Draws the towns' order, partners, witnesses and moments.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Residents in a hundred who have an account.
    #[arg(long, default_value_t = 30)]
    pub(crate) accounts_percent: u64,
    /// Entries of a journal for each account and month: payments, grants, conversions.
    #[arg(long, default_value_t = 5)]
    pub(crate) entries_an_account: u64,
    /// Transfers to other towns for each thousand accounts and month.
    #[arg(long, default_value_t = 50)]
    pub(crate) transfers_a_thousand: u64,
    /// Transfers in a hundred that are withdrawn before the answer.
    #[arg(long, default_value_t = 2)]
    pub(crate) withdrawn_percent: u64,
    /// Lots of a transfer.
    #[arg(long, default_value_t = 2)]
    pub(crate) lots: usize,
    /// Agreements that each town seeks, with larger towns the likelier.
    #[arg(long, default_value_t = 20)]
    pub(crate) agreements: u64,
    /// Messages in a hundred that go out twice.
    #[arg(long, default_value_t = 3)]
    pub(crate) twice_percent: u64,
    /// Witnesses of each town.
    #[arg(long, default_value_t = 3)]
    pub(crate) witnesses: u64,
    /// Bytes beside a request with its reply: names, frames, Noise, Yamux, TCP and IP.
    #[arg(long, default_value_t = 420)]
    pub(crate) overhead: u64,
    /// Milliseconds from a request to its reply.
    #[arg(long, default_value_t = 30)]
    pub(crate) reply_ms: u64,
    /// Nodes in a hundred that answer nobody.
    #[arg(long, default_value_t = 2)]
    pub(crate) dark_percent: u64,
    /// How many others a node asks in a round for the directory; 0 for all of them.
    #[arg(long, default_value_t = SYNC_PEERS_MAX as u64)]
    pub(crate) asked: u64,
    /// Versions of the directory in a month.
    #[arg(long, default_value_t = 4)]
    pub(crate) versions: u64,
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    assumed: Assumed,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// What one node does in a month.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Load {
    /// People who live there.
    pub(crate) people: u64,
    /// Entries of its journal.
    pub(crate) entries: u64,
    /// Channels, which are agreements in force.
    pub(crate) channels: u64,
    /// Transfers that leave.
    pub(crate) transfers: u64,
    /// Envelopes that it sends, also those that go out twice.
    pub(crate) envelopes: u64,
    /// Of them about settlement.
    pub(crate) settlement: u64,
    /// Questions for the directory, and the messages that bring it over.
    pub(crate) directory: u64,
    /// Checkpoints that it takes to witnesses.
    pub(crate) submitted: u64,
    /// Checkpoints that it is asked to cosign.
    pub(crate) witnessed: u64,
    /// Proofs that it asks for since a message brought a checkpoint.
    pub(crate) proofs: u64,
    /// Bytes that it sends as requests, and receives as their replies.
    pub(crate) bytes: u64,
    /// Connections at once, at most.
    pub(crate) connections: u64,
}

impl Load {
    /// Requests that it sends.
    pub(crate) const fn requests(&self) -> u64 {
        self.envelopes + self.directory + self.submitted + self.proofs
    }
}

/// Runs the model and prints it; false if the assumptions are none.
pub(crate) fn run(arguments: &Arguments) -> bool {
    let Some(report) = modelled(&arguments.assumed) else {
        crate::out::line(&format!(
            "a federation has 2 to {} towns, and percentages are up to 100",
            MEMBERS_MAX - 1
        ));
        return false;
    };
    crate::out::line(&if arguments.json { report.json() } else { report.text() });
    true
}

/// The whole model; none for assumptions that make no federation.
pub(crate) fn modelled(assumed: &Assumed) -> Option<Report> {
    let largest = u64::try_from(MEMBERS_MAX - 1).expect("a small number");
    let percents = [
        assumed.accounts_percent,
        assumed.withdrawn_percent,
        assumed.twice_percent,
        assumed.dark_percent,
    ];
    if !(2..=largest).contains(&assumed.towns) || percents.iter().any(|percent| *percent > 100) {
        return None;
    }
    let country = Country::drawn(assumed);
    let sizes = Sizes::measured(&country, assumed);
    let spread = spread::simulated(assumed, &sizes);
    let loads = loads(&country, &sizes, assumed, &spread);
    Some(Report { assumed: assumed.clone(), loads, sizes, spread })
}

/// A part in a hundred, rounded to the nearest.
const fn percent_of(whole: u64, percent: u64) -> u64 {
    (whole * percent + 50) / 100
}

fn loads(
    country: &Country,
    sizes: &Sizes,
    assumed: &Assumed,
    spread: &spread::Spread,
) -> Vec<Load> {
    let mut loads: Vec<Load> = country.towns.iter().map(|town| first(town, assumed)).collect();
    for channel in &country.channels {
        of_channel(&mut loads, channel, sizes, assumed);
    }
    let seconds = MINUTES * 60;
    let asks = seconds * 1_000 / spread.round_ms * spread.asked;
    let (ask, bring) = (sizes.ask + assumed.overhead, sizes.bring + assumed.overhead);
    for (load, town) in loads.iter_mut().zip(&country.towns) {
        let brought = assumed.versions * sizes.bring_messages;
        load.directory = asks + brought;
        load.bytes += asks * ask + brought * bring;
        // A checkpoint is taken to witnesses each minute in which the log has grown.
        let grown = load.entries.min(MINUTES);
        load.submitted = grown * u64::try_from(town.witnesses.len()).expect("few");
        load.bytes += load.submitted * (sizes.submission(load.entries) + assumed.overhead);
    }
    for town in &country.towns {
        let grown = loads[town.number].entries.min(MINUTES);
        town.witnesses.iter().for_each(|witness| loads[*witness].witnessed += grown);
    }
    let witnessing = country.witnessing();
    for (load, witnessed) in loads.iter_mut().zip(witnessing) {
        load.connections = connections(assumed, spread, load.channels + witnessed);
    }
    loads
}

fn first(town: &Town, assumed: &Assumed) -> Load {
    let accounts = town.people * assumed.accounts_percent / 100;
    Load { people: town.people, entries: accounts * assumed.entries_an_account, ..Load::default() }
}

/// An offer and its answer for each transfer, and a withdraw for some: their answer is Refuse
/// instead of Accept. For a month in which anything was taken a statement and its answer.
fn of_channel(loads: &mut [Load], channel: &Channel, sizes: &Sizes, assumed: &Assumed) {
    let ends = [(channel.low, channel.high, channel.up), (channel.high, channel.low, channel.down)];
    for (from, to, transfers) in ends {
        let withdrawn = percent_of(transfers, assumed.withdrawn_percent);
        let stated = u64::from(transfers > withdrawn);
        for (sender, receiver, kind, count) in [
            (from, to, Kind::Offer, transfers),
            (from, to, Kind::Withdraw, withdrawn),
            (to, from, Kind::Answer, transfers),
            (to, from, Kind::PeriodEnd, stated),
            (from, to, Kind::PeriodAnswer, stated),
        ] {
            let sent = count + percent_of(count, assumed.twice_percent);
            let load = &mut loads[sender];
            load.envelopes += sent;
            load.entries += count;
            load.bytes += sent * (sizes.delivery(kind, load.entries) + assumed.overhead);
            if matches!(kind, Kind::PeriodEnd | Kind::PeriodAnswer) {
                load.settlement += sent;
            }
            // Who receives a message asks at most once for a proof about its checkpoint.
            let receiver = &mut loads[receiver];
            receiver.proofs += count;
            receiver.bytes += count * (sizes.proof(receiver.entries) + assumed.overhead);
        }
        loads[from].transfers += transfers;
        loads[from].channels += 1;
    }
}

/// Connections at once: with whom either side has asked for the directory within the time after
/// which an unused one is closed, with everybody on a channel, and with witnesses. The node holds
/// at most two with one peer, and so many in all.
fn connections(assumed: &Assumed, spread: &spread::Spread, steady: u64) -> u64 {
    let others = assumed.towns - 1;
    let idle_ms = u64::try_from(IDLE_MAX.as_millis()).expect("a minute");
    let asked = (idle_ms.div_ceil(spread.round_ms) * spread.asked).min(others);
    // As many ask this node as it asks itself; who is in both is counted twice, at most.
    let peers = (2 * asked + steady).min(others);
    (peers * u64::from(CONNECTIONS_PER_PEER_MAX)).min(u64::from(CONNECTIONS_ALL_MAX))
}

/// How long a round of so many questions takes on average: one after the other, then the pause.
fn round_ms(assumed: &Assumed, asked: u64) -> u64 {
    let handshake = u64::try_from(HANDSHAKE_TIME_MAX.as_millis()).expect("seconds");
    let pause = u64::try_from(SYNC_EVERY.as_millis()).expect("seconds");
    let of_hundred =
        (100 - assumed.dark_percent) * assumed.reply_ms + assumed.dark_percent * handshake;
    pause + asked * of_hundred / 100
}

/// Draws without order: a stream for each thing.
fn about(assumed: &Assumed, thing: &[u64]) -> Chance {
    Chance::about(assumed.seed, thing)
}
