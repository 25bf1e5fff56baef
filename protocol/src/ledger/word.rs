//! Messages to another town that move no points: towns of one directory may say them without an
//! agreement, so their channel is made on demand.

use alloc::vec::Vec;

use super::{Broken, Ledger, Plan};
use crate::{
    channel::Channel,
    entry::Effect,
    envelope::Purpose,
    id::{EntryIndex, TownId},
    posting::Postings,
    refusal::Refusal,
};

impl Ledger {
    /// A message to another town, numbered and chained.
    pub(super) fn plan_word(
        &self,
        town: TownId,
        purpose: Purpose,
        body: Vec<u8>,
    ) -> Result<Plan, Refusal> {
        if self.closed_peer(&town).is_some() {
            return Err(Refusal::TownClosed);
        }
        let channel = self.channel_on_demand(&town)?;
        if self.recovering(&town).is_some() {
            return Err(Refusal::Recovering);
        }
        if channel.is_frozen() {
            return Err(Refusal::ChannelFrozen);
        }
        let message = channel.draft(self.meta.town, town, purpose, body);
        Ok(Plan { postings: Postings::NONE, message: Some(message) })
    }

    /// Notes a message that goes out with an entry.
    pub(super) fn note_word(
        &mut self,
        index: EntryIndex,
        town: TownId,
        effect: &Effect,
    ) -> Result<(), Broken> {
        let sent = effect.sent.as_ref().ok_or(Broken::Unknown)?;
        self.make_channel(&town).map_err(|_| Broken::Unknown)?;
        self.channels.get_mut(&town).ok_or(Broken::Unknown)?.sent(sent, index);
        Ok(())
    }

    /// The channel to a town of the directory.
    pub(super) fn channel_on_demand(&self, town: &TownId) -> Result<Channel, Refusal> {
        let member = self.members.get(town).ok_or(Refusal::NotInDirectory)?;
        let fresh = || Channel::new(self.meta.generation, member.generation);
        Ok(self.channels.get(town).cloned().unwrap_or_else(fresh))
    }

    /// Makes the channel to a town of the directory, if there is none.
    pub(super) fn make_channel(&mut self, town: &TownId) -> Result<(), Refusal> {
        if !self.channels.contains(town) {
            let channel = self.channel_on_demand(town)?;
            self.channels.insert(*town, channel);
        }
        Ok(())
    }
}
