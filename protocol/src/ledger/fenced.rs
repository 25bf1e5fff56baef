//! Fences: what a town lists of another one's older generations, and what a restored town has to
//! do once it has the list of a peer.

use alloc::vec::Vec;

use super::{Ledger, Plan, restore::Stage};
use crate::{
    channel::{Channel, fence::Listed},
    command::Step,
    envelope::{Acked, Envelope},
    id::{ChannelNumber, TownId, TransferId},
    posting::Postings,
    transfer::{FenceBody, Message, OutgoingStage},
};

impl Ledger {
    /// The list of what this town has of another's older generations.
    pub(super) fn plan_fence(&self, town: TownId, after: &Channel) -> Plan {
        let generation = after.peer_generation();
        let fence = FenceBody { generation, lists: after.fences().to_vec() };
        let message = self.draft(after, town, &Message::Fence(fence));
        Plan { postings: Postings::NONE, message: Some(message) }
    }

    /// A peer begins anew, with what this town has of it.
    pub(super) fn peer_begins_anew(&mut self, envelope: &Envelope) {
        let (header, key) = (envelope.header(), self.unsaid_key(envelope));
        let Some(channel) = self.channels.get_mut(&header.sender) else { return };
        let heard = channel.heard().number;
        channel.fenced(header.generation);
        if let Some(key) = key {
            channel.pin_key(key);
        }
        self.statements_of_older(&header.sender, heard);
    }

    /// The other town began anew as well, and may not have heard what this one has of it.
    fn fences_again(&self, town: &TownId, steps: &mut Vec<Step>) {
        let begun = self.channels.get(town).is_some_and(|channel| !channel.fences().is_empty());
        if begun && !steps.contains(&Step::FenceAgain) {
            steps.insert(0, Step::FenceAgain);
        }
    }

    pub(super) fn apply_fence(&mut self, envelope: &Envelope, fence: &FenceBody) {
        let header = envelope.header();
        let town = header.sender;
        let Some(recovering) = self.recovering(&town) else { return };
        if recovering.stage != Stage::Asked || fence.generation != self.meta.generation {
            return;
        }
        let last = recovering.last;
        let listed = |number: ChannelNumber| {
            number == ChannelNumber(0)
                || fence
                    .lists
                    .iter()
                    .any(|list| list.generation == last.generation && list.holds(number))
        };
        let mut steps = recovering.steps.clone();
        let carried = steps.clone();
        self.fences_again(&town, &mut steps);
        let mut held: Vec<TransferId> = Vec::new();
        for (transfer, incoming) in self.incoming.iter().filter(|(_, known)| known.town == town) {
            let again = Step::AnswerAgain(*transfer);
            if carried.contains(&again) {
                continue;
            }
            if listed(incoming.number) {
                held.push(*transfer);
            } else {
                steps.push(again);
            }
        }
        let mut offers: Vec<TransferId> = Vec::new();
        for (transfer, outgoing) in self.outgoing.iter().filter(|(_, known)| known.town == town) {
            let OutgoingStage::Waiting { withdraw, .. } = &outgoing.stage else { continue };
            let back = Step::TakeOfferBack(*transfer);
            if carried.contains(&back) {
                continue;
            }
            if !listed(outgoing.number) {
                steps.push(back);
                continue;
            }
            offers.push(*transfer);
            let again = Step::WithdrawAgain(*transfer);
            if withdraw.is_some() && !carried.contains(&again) {
                steps.push(again);
            }
        }
        self.asks_fenced(&town, listed);
        let in_order = |number: ChannelNumber| {
            let same = |list: &&Listed| list.generation == last.generation;
            number <= fence.lists.iter().find(same).map_or(ChannelNumber(0), |list| list.through)
        };
        self.statements_fenced(&town, in_order);
        // Their numbers are of a generation that has ended.
        for transfer in held {
            if let Some(incoming) = self.incoming.get_mut(&transfer) {
                incoming.number = ChannelNumber(0);
            }
        }
        for transfer in offers {
            if let Some(outgoing) = self.outgoing.get_mut(&transfer) {
                outgoing.number = ChannelNumber(0);
            }
        }
        let until = Acked { generation: header.generation, number: header.number };
        let lists = fence.lists.clone();
        if let Some(recovering) = self.recovering_mut(&town) {
            recovering.steps = steps;
            recovering.stage = Stage::Fenced { lists, taken: last, until };
        }
    }
}
