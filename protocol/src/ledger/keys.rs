//! Changes of the keys that sign envelopes: of this town's own, told to every town that it has a
//! channel with before anything else is said, and of its peers' (federation, Keys).

use alloc::{collections::BTreeSet, vec::Vec};
use minicbor::{Decode, Encode};

use super::{Broken, Ledger, Plan, restore::Stage};
use crate::{
    channel::Channel,
    codec,
    command::{Announcement, ByTwo, Command, Nothing},
    control::{ControlMessage, KeyChange},
    directory::Member,
    entry::Effect,
    envelope::{Envelope, Purpose, Unsigned},
    id::{EntryIndex, TownId},
    key::JobKind,
    posting::Postings,
    refusal::Refusal,
    signature::PublicKey,
    transfer::Message,
};

/// What the journal says of this town's own channel keys, besides the one in force.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub struct OwnKeys {
    /// The key that the directory names for this town; none before it took a directory.
    #[n(0)]
    pub named: Option<PublicKey>,
    /// Keys that were in force before.
    #[n(1)]
    pub former: Vec<FormerKey>,
    /// The last change, and the towns that are not told yet.
    #[n(2)]
    pub telling: Option<Telling>,
}

/// A key that was in force before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct FormerKey {
    /// The key.
    #[n(0)]
    pub key: PublicKey,
    /// Whether somebody else may have it.
    #[n(1)]
    pub stolen: bool,
}

/// A change of key that not every town is told of.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Telling {
    /// The change.
    #[n(0)]
    pub change: KeyChange,
    /// Who is not told yet.
    #[n(1)]
    pub towns: BTreeSet<TownId>,
}

impl Ledger {
    /// The keys that sign, or signed, envelopes of this town, the one in force first.
    pub fn own_keys(&self) -> impl Iterator<Item = PublicKey> {
        core::iter::once(self.meta.channel_key).chain(self.former_keys().map(|former| former.key))
    }

    fn former_keys(&self) -> impl Iterator<Item = &FormerKey> {
        self.meta.keys.iter().flat_map(|keys| keys.former.iter())
    }

    /// The own keys that nobody else has, as far as is known, the one in force first: what they
    /// signed is still good.
    pub fn own_sound_keys(&self) -> impl Iterator<Item = PublicKey> {
        let former = self.former_keys().filter(|former| !former.stolen).map(|former| former.key);
        core::iter::once(self.meta.channel_key).chain(former)
    }

    /// Whether this town signed an envelope, by whichever of its keys.
    #[must_use]
    pub fn is_own(&self, envelope: &Envelope) -> bool {
        envelope.header().sender == self.meta.town
            && self.own_keys().any(|key| envelope.verify(key).is_ok())
    }

    pub(super) fn plan_key_change(&self, change: &KeyChange, by: &ByTwo) -> Result<Plan, Refusal> {
        if by.maker == by.approver {
            return Err(Refusal::SameOfficer);
        }
        let keys = self.meta.keys.as_ref();
        if keys.is_some_and(|keys| keys.telling.is_some()) {
            return Err(Refusal::KeyChanging);
        }
        let used = self.own_keys().any(|key| key == change.new);
        let signed = change.by_old.is_none() || change.is_signed(self.meta.town);
        if change.old != self.meta.channel_key || used || !signed {
            return Err(Refusal::NotWellFormed);
        }
        // Who has no channel with this town yet learns the key from there.
        if keys.and_then(|keys| keys.named) != Some(change.new) {
            return Err(Refusal::NotInDirectory);
        }
        Ok(Plan::FACT)
    }

    pub(super) fn apply_key_change(&mut self, change: &KeyChange) {
        // To whom nothing was said in a new generation, it begins under the new key.
        let towns = self.channels.iter().map(|(town, _)| *town);
        let towns: BTreeSet<TownId> = towns.filter(|town| !self.begins_with(town)).collect();
        let former = FormerKey { key: change.old, stolen: change.by_old.is_none() };
        self.meta.channel_key = change.new;
        let keys = self.meta.keys.get_or_insert_default();
        keys.former.push(former);
        keys.telling = (!towns.is_empty()).then_some(Telling { change: *change, towns });
    }

    /// Whether nothing was said to a town yet in a generation that has begun anew.
    fn begins_with(&self, town: &TownId) -> bool {
        self.recovering(town).is_some_and(|recovering| recovering.stage == Stage::ToAsk)
    }

    fn telling(&self) -> Option<&Telling> {
        self.meta.keys.as_ref()?.telling.as_ref()
    }

    /// Refuses to say anything to a town before it is asked for what it has, in a new generation, or
    /// told of the new key: it could not judge it.
    pub(super) fn is_told(&self, command: &Command, plan: &Plan) -> Result<(), Refusal> {
        let to = plan.message.as_ref().map(Unsigned::recipient);
        if to.is_some_and(|town| self.begins_with(&town))
            && !matches!(command, Command::StepFence(..))
        {
            return Err(Refusal::Recovering);
        }
        if matches!(command, Command::AnnounceKey(..)) {
            return Ok(());
        }
        let waits = |town: TownId| self.telling().is_some_and(|known| known.towns.contains(&town));
        match &plan.message {
            Some(message) if waits(message.recipient()) => Err(Refusal::KeyChanging),
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn announcement_due(&self) -> Option<(JobKind, Command)> {
        let town = *self.telling()?.towns.first()?;
        Some((JobKind::AnnounceKey, Command::AnnounceKey(Announcement { town }, Nothing {})))
    }

    pub(super) fn plan_announcement(&self, announced: &Announcement) -> Result<Plan, Refusal> {
        let telling = self.telling().ok_or(Refusal::NothingDue)?;
        if !telling.towns.contains(&announced.town) {
            return Err(Refusal::NothingDue);
        }
        let channel = self.channels.get(&announced.town).ok_or(Refusal::NoAgreement)?;
        let body = codec::encode(&ControlMessage::NewKey(telling.change));
        let message = channel.draft(self.meta.town, announced.town, Purpose::Control, body);
        Ok(Plan { postings: Postings::NONE, message: Some(message) })
    }

    pub(super) fn apply_announcement(
        &mut self,
        index: EntryIndex,
        announced: &Announcement,
        effect: &Effect,
    ) -> Result<(), Broken> {
        self.note_word(index, announced.town, effect)?;
        let keys = self.meta.keys.as_mut().ok_or(Broken::Unknown)?;
        let telling = keys.telling.as_mut().ok_or(Broken::Unknown)?;
        telling.towns.remove(&announced.town);
        if telling.towns.is_empty() {
            keys.telling = None;
        }
        Ok(())
    }

    /// A new generation is judged by the directory's key from its first message on.
    pub(super) fn told_by_restart(&mut self) {
        if let Some(keys) = &mut self.meta.keys {
            keys.telling = None;
        }
    }

    /// The key under which another town's envelope has to be right, by its number.
    pub(super) fn key_of_envelope(&self, envelope: &Envelope) -> Result<PublicKey, Refusal> {
        let header = envelope.header();
        let member = self.members.get(&header.sender).ok_or(Refusal::NotInDirectory)?;
        if let Some(ControlMessage::NewKey(change)) = ControlMessage::of(envelope) {
            return Ok(change.new);
        }
        let channel = self.channels.get(&header.sender);
        let channel = channel.filter(|channel| channel.peer_generation() == header.generation);
        let Some(channel) = channel else {
            return Ok(self.unsaid_key(envelope).unwrap_or(member.channel_key));
        };
        let Some(key) = channel.key_at(header.number) else { return Ok(member.channel_key) };
        if channel.needs_link(header.number) || key == member.channel_key {
            return Ok(key);
        }
        let of_the_next = envelope.verify(member.channel_key).is_ok();
        // The change of key may be what a restore lost: it is had again only behind the fence.
        if of_the_next
            && self.awaits_fence(&header.sender)
            && matches!(Message::of(envelope), Some(Message::Fence(_)))
        {
            return Ok(member.channel_key);
        }
        // Signed by the key to come, or by one that is revoked: its change has to come first.
        if member.has_revoked(&key) || of_the_next {
            return Err(Refusal::KeyChanging);
        }
        Ok(key)
    }

    /// The key under which a peer begins a generation, where the directory names one already that
    /// the peer has not changed to.
    pub(super) fn unsaid_key(&self, envelope: &Envelope) -> Option<PublicKey> {
        let sender = envelope.header().sender;
        let member = self.members.get(&sender)?;
        let known = self.channels.get(&sender)?.last_key()?;
        let unsaid = known != member.channel_key && !member.has_revoked(&known);
        (unsaid && envelope.verify(known).is_ok()).then_some(known)
    }

    /// Whether the directory revokes the key that was in force at a message's number.
    pub(super) fn is_revoked_at(&self, envelope: &Envelope, channel: &Channel) -> bool {
        let header = envelope.header();
        let member = self.members.get(&header.sender);
        let key = channel.key_at(header.number);
        key.is_none_or(|key| member.is_none_or(|member| member.has_revoked(&key)))
    }

    /// A peer's change of key, at its place in the chain.
    pub(super) fn plan_new_key(
        &self,
        envelope: &Envelope,
        change: &KeyChange,
        channel: &Channel,
    ) -> Result<Plan, Refusal> {
        let header = envelope.header();
        let member = self.members.get(&header.sender).ok_or(Refusal::NotInDirectory)?;
        let from_here = match channel.key_at(header.number) {
            Some(key) => key == change.old,
            None => member.channel_key == change.old || member.channel_key == change.new,
        };
        let vouched = match change.by_old {
            Some(_) if !member.has_revoked(&change.old) => change.is_signed(header.sender),
            None if !member.has_revoked(&change.old) => false,
            Some(_) | None => member.channel_key == change.new,
        };
        if change.old == change.new || !from_here || !vouched {
            return Err(Refusal::NotInDirectory);
        }
        Ok(Plan::FACT)
    }

    pub(super) fn key_changed(&mut self, envelope: &Envelope, change: &KeyChange) {
        let header = envelope.header();
        if let Some(channel) = self.channels.get_mut(&header.sender) {
            channel.change_key(header.number, change.old, change.new);
        }
    }

    /// A new directory: where it names another key for a town, the old one stays in force on the
    /// channel until the town's own message changes it.
    pub(super) fn keys_named(&mut self, members: &[Member]) {
        for member in members {
            let crate::directory::Party::Town(town) = member.who else { continue };
            if town == self.meta.town {
                self.meta.keys.get_or_insert_default().named = Some(member.channel_key);
                continue;
            }
            let Some(before) = self.members.get(&town).map(|known| known.channel_key) else {
                continue;
            };
            if before != member.channel_key
                && let Some(channel) = self.channels.get_mut(&town)
            {
                channel.pin_key(before);
            }
        }
    }
}
