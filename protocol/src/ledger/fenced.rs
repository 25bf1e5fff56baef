//! Fences: what a town lists of another one's older generations, and what a restored town has to
//! do once it has the list of a peer.

use alloc::vec::Vec;

use super::{Ledger, Plan, restore::Stage};
use crate::{
    channel::Channel,
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
