//! Links of library cards: asked and ended by the base town, checked and answered by the body of
//! the library. Nothing here moves points. Where both are one town, nothing is sent.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use super::{Broken, Ledger, Plan, check::may_spend};
use crate::{
    account::HolderState,
    channel::Channel,
    codec,
    command::{
        Actor, LibraryEnding, LibraryErasure, LibraryLinking, LibraryUnlinking, LibraryVerdict,
    },
    digest::Digest,
    entry::Effect,
    envelope::{Envelope, Purpose},
    id::{AccountId, EntryIndex, Handle, LibraryLinkId, TownId},
    library::{
        CardLink, CardStage, EndedBody, ErasedBody, HolderLink, HolderStage, LibraryMessage,
        LibrarySide, LinkAnswer, LinkAnswerBody, LinkBody, LinkedBy, UnlinkBody,
    },
    posting::Postings,
    refusal::Refusal,
};

/// Where an institution keeps a link: each base town gives its own ids.
#[must_use]
pub fn card_link_key(town: TownId, link: LibraryLinkId) -> Digest {
    Digest::of(&[b"jichi/library-link/v1", &[0], town.as_str().as_bytes(), &link.0])
}

/// What a node has to do about links, besides sending what was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LibraryWork {
    /// The library's system has to be asked about a card that came.
    Check(TownId, LibraryLinkId),
    /// The number has to be erased here, and that confirmed to the other end.
    Erase(LibrarySide, TownId, LibraryLinkId),
    /// The account has ended, its link not yet.
    Unlink(AccountId, LibraryLinkId),
}

/// What is derived from the links.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct LibraryIndex {
    /// The links of an account that have not ended.
    of: BTreeMap<AccountId, BTreeSet<LibraryLinkId>>,
    /// Where the link of a handle is kept, if its card is linked.
    handles: BTreeMap<(TownId, Handle), Digest>,
    work: BTreeSet<LibraryWork>,
}

impl LibraryIndex {
    fn work(&mut self, work: LibraryWork, due: bool) {
        if due {
            self.work.insert(work);
        } else {
            self.work.remove(&work);
        }
    }
}

impl Ledger {
    pub(super) fn plan_library_link(&self, linking: &LibraryLinking) -> Result<Plan, Refusal> {
        let holder = self.holders.get(&linking.account).ok_or(Refusal::UnknownAccount)?;
        may_spend(holder.state)?;
        if self.library_links.contains(&linking.link) {
            return Err(Refusal::Exists);
        }
        let living = |(_, link): &(LibraryLinkId, &HolderLink)| {
            link.institution == linking.institution && link.stage.lives()
        };
        if self.library_links_of(&linking.account).any(|link| living(&link)) {
            return Err(Refusal::LibraryLinked);
        }
        let body = linking.body().ok_or(Refusal::NotWellFormed)?;
        self.plan_library_word(linking.institution, &LibraryMessage::Link(body))
    }

    pub(super) fn apply_library_link(
        &mut self,
        index: EntryIndex,
        linking: &LibraryLinking,
        effect: &Effect,
    ) -> Result<(), Broken> {
        let LibraryLinking { account, institution, .. } = *linking;
        let body = linking.body().ok_or(Broken::Unknown)?;
        // What was refused before is forgotten: its number is erased, and the holder was told.
        let refused = self.library_links_of(&account).filter(|(_, link)| {
            link.institution == institution && matches!(link.stage, HolderStage::Refused(_))
        });
        let refused: Vec<_> = refused.map(|(id, link)| (id, *link)).collect();
        for (id, link) in refused {
            self.set_holder_link(id, HolderLink { stage: HolderStage::Erased, ..link });
        }
        let link = HolderLink { account, institution, body, stage: HolderStage::Asked };
        self.set_holder_link(linking.link, link);
        self.apply_library_word(index, institution, &LibraryMessage::Link(body), effect)
    }

    pub(super) fn plan_library_unlink(
        &self,
        unlinking: &LibraryUnlinking,
    ) -> Result<Plan, Refusal> {
        let link = self.library_links.get(&unlinking.link);
        let link = link.filter(|link| link.account == unlinking.account);
        let link = link.ok_or(Refusal::UnknownLibraryLink)?;
        if !link.stage.lives() {
            return Err(Refusal::LibraryLinkEnded);
        }
        match unlinking.actor {
            Actor::Holder | Actor::Officer(_) => {}
            Actor::Node if self.has_ended(&link.account) => {}
            Actor::Node => return Err(Refusal::NotWellFormed),
        }
        let word = LibraryMessage::Unlink(UnlinkBody { link: unlinking.link });
        self.plan_library_word(link.institution, &word)
    }

    pub(super) fn apply_library_unlink(
        &mut self,
        index: EntryIndex,
        unlinking: &LibraryUnlinking,
        effect: &Effect,
    ) -> Result<(), Broken> {
        let link = *self.library_links.get(&unlinking.link).ok_or(Broken::Unknown)?;
        let stage = HolderStage::Unlinking;
        self.set_holder_link(unlinking.link, HolderLink { stage, ..link });
        let word = LibraryMessage::Unlink(UnlinkBody { link: unlinking.link });
        self.apply_library_word(index, link.institution, &word, effect)
    }

    pub(super) fn plan_library_verdict(&self, verdict: &LibraryVerdict) -> Result<Plan, Refusal> {
        match self.card_link(verdict.town, verdict.link).map(|known| known.stage) {
            Some(CardStage::Asked(_)) => {}
            Some(_) => return Err(Refusal::LibraryLinkEnded),
            None => return Err(Refusal::UnknownLibraryLink),
        }
        self.plan_library_word(verdict.town, &self.library_answer(verdict))
    }

    /// The answer that a verdict is, on this day.
    const fn library_answer(&self, verdict: &LibraryVerdict) -> LibraryMessage {
        let answer = match verdict.refusal {
            Some(refusal) => LinkAnswer::Refused(refusal),
            None => LinkAnswer::Linked(self.meta.day),
        };
        LibraryMessage::Answer(LinkAnswerBody { link: verdict.link, answer })
    }

    pub(super) fn apply_library_verdict(
        &mut self,
        index: EntryIndex,
        verdict: &LibraryVerdict,
        effect: &Effect,
    ) -> Result<(), Broken> {
        let known = *self.card_link(verdict.town, verdict.link).ok_or(Broken::Unknown)?;
        let stage = match (known.stage, verdict.refusal) {
            (CardStage::Asked(_), Some(refusal)) => CardStage::Refused(refusal),
            (CardStage::Asked(body), None) => CardStage::Linked(body),
            (
                CardStage::Linked(_)
                | CardStage::Refused(_)
                | CardStage::Ending
                | CardStage::Erasing
                | CardStage::Erased,
                _,
            ) => return Err(Broken::Unknown),
        };
        self.set_card_link(CardLink { stage, ..known });
        let word = self.library_answer(verdict);
        self.apply_library_word(index, verdict.town, &word, effect)
    }

    pub(super) fn plan_library_end(&self, ending: &LibraryEnding) -> Result<Plan, Refusal> {
        let known = self.card_link(ending.town, ending.link).map(|known| known.stage);
        match known {
            Some(CardStage::Linked(_)) => {}
            Some(_) => return Err(Refusal::LibraryLinkEnded),
            None => return Err(Refusal::UnknownLibraryLink),
        }
        let body = EndedBody { link: ending.link, reason: ending.reason };
        self.plan_library_word(ending.town, &LibraryMessage::Ended(body))
    }

    pub(super) fn apply_library_end(
        &mut self,
        index: EntryIndex,
        ending: &LibraryEnding,
        effect: &Effect,
    ) -> Result<(), Broken> {
        let known = *self.card_link(ending.town, ending.link).ok_or(Broken::Unknown)?;
        self.set_card_link(CardLink { stage: CardStage::Ending, ..known });
        let body = EndedBody { link: ending.link, reason: ending.reason };
        self.apply_library_word(index, ending.town, &LibraryMessage::Ended(body), effect)
    }

    pub(super) fn plan_library_erasure(&self, erasure: &LibraryErasure) -> Result<Plan, Refusal> {
        let LibraryErasure { side, town, link } = *erasure;
        if !self.library.work.contains(&LibraryWork::Erase(side, town, link)) {
            return Err(Refusal::UnknownLibraryLink);
        }
        self.plan_library_word(town, &LibraryMessage::Erased(ErasedBody { link, side }))
    }

    pub(super) fn apply_library_erasure(
        &mut self,
        index: EntryIndex,
        erasure: &LibraryErasure,
        effect: &Effect,
    ) -> Result<(), Broken> {
        let LibraryErasure { side, town, link } = *erasure;
        match side {
            LibrarySide::BaseTown => {
                let known = *self.library_links.get(&link).ok_or(Broken::Unknown)?;
                self.set_holder_link(link, HolderLink { stage: HolderStage::Erased, ..known });
            }
            LibrarySide::Institution => {
                let known = *self.card_link(town, link).ok_or(Broken::Unknown)?;
                self.set_card_link(CardLink { stage: CardStage::Erased, ..known });
            }
        }
        let word = LibraryMessage::Erased(ErasedBody { link, side });
        self.apply_library_word(index, town, &word, effect)
    }

    /// A message of another town about a card: it is noted, and what it speaks of and is not known
    /// here is answered so that neither side keeps a number for nothing.
    pub(super) fn plan_library(&self, envelope: &Envelope, channel: &Channel) -> Plan {
        let town = envelope.header().sender;
        let Some(message) = LibraryMessage::of(envelope) else { return Plan::FACT };
        if self.recovering(&town).is_some() {
            return Plan::FACT;
        }
        let link = message.link();
        let erased = |side| LibraryMessage::Erased(ErasedBody { link, side });
        let word = match message {
            LibraryMessage::Unlink(_) if self.card_link(town, link).is_none() => {
                Some(erased(LibrarySide::Institution))
            }
            LibraryMessage::Ended(_) if self.holder_link(town, link).is_none() => {
                Some(erased(LibrarySide::BaseTown))
            }
            LibraryMessage::Answer(LinkAnswerBody { answer: LinkAnswer::Linked(_), .. })
                if self.holder_link(town, link).is_none() =>
            {
                Some(LibraryMessage::Unlink(UnlinkBody { link }))
            }
            LibraryMessage::Link(_)
            | LibraryMessage::Answer(_)
            | LibraryMessage::Unlink(_)
            | LibraryMessage::Ended(_)
            | LibraryMessage::Erased(_) => None,
        };
        let draft = |word| self.draft_library(channel, town, &word);
        Plan { postings: Postings::NONE, message: word.map(draft) }
    }

    /// What the other end said; what is not new changes nothing.
    pub(super) fn library_heard(&mut self, town: TownId, message: &LibraryMessage) {
        match message {
            LibraryMessage::Link(body) => {
                if self.card_link(town, body.link).is_none() {
                    let stage = CardStage::Asked(*body);
                    self.set_card_link(CardLink { town, link: body.link, stage });
                }
            }
            LibraryMessage::Answer(body) => {
                let Some(link) = self.holder_link(town, body.link).copied() else { return };
                if link.stage == HolderStage::Asked {
                    let stage = match body.answer {
                        LinkAnswer::Linked(date) => HolderStage::Linked(date),
                        LinkAnswer::Refused(refusal) => HolderStage::Refused(refusal),
                    };
                    self.set_holder_link(body.link, HolderLink { stage, ..link });
                }
            }
            LibraryMessage::Unlink(UnlinkBody { link }) => {
                let stage = match self.card_link(town, *link).map(|known| known.stage) {
                    // A tombstone: the link that comes late is not taken.
                    None | Some(CardStage::Erased) => CardStage::Erased,
                    Some(
                        CardStage::Asked(_)
                        | CardStage::Linked(_)
                        | CardStage::Refused(_)
                        | CardStage::Ending
                        | CardStage::Erasing,
                    ) => CardStage::Erasing,
                };
                self.set_card_link(CardLink { town, link: *link, stage });
            }
            LibraryMessage::Ended(body) => {
                let Some(link) = self.holder_link(town, body.link).copied() else { return };
                if link.stage.lives() {
                    let stage = HolderStage::Ending(body.reason);
                    self.set_holder_link(body.link, HolderLink { stage, ..link });
                }
            }
            LibraryMessage::Erased(body) => self.library_erased(town, *body),
        }
    }

    fn library_erased(&mut self, town: TownId, body: ErasedBody) {
        match body.side {
            LibrarySide::Institution => {
                let Some(link) = self.holder_link(town, body.link).copied() else { return };
                if link.stage == HolderStage::Unlinking {
                    let stage = HolderStage::Erased;
                    self.set_holder_link(body.link, HolderLink { stage, ..link });
                }
            }
            LibrarySide::BaseTown => {
                let Some(known) = self.card_link(town, body.link).copied() else { return };
                if known.stage == CardStage::Ending {
                    self.set_card_link(CardLink { stage: CardStage::Erased, ..known });
                }
            }
        }
    }

    /// A message about a card, numbered and chained; none where the other end is this town.
    fn plan_library_word(&self, town: TownId, word: &LibraryMessage) -> Result<Plan, Refusal> {
        if town == self.meta.town {
            return Ok(Plan::FACT);
        }
        self.plan_word(town, Purpose::Library, codec::encode(word))
    }

    fn draft_library(
        &self,
        channel: &Channel,
        town: TownId,
        word: &LibraryMessage,
    ) -> crate::envelope::Unsigned {
        channel.draft(self.meta.town, town, Purpose::Library, codec::encode(word))
    }

    fn apply_library_word(
        &mut self,
        index: EntryIndex,
        town: TownId,
        word: &LibraryMessage,
        effect: &Effect,
    ) -> Result<(), Broken> {
        match &effect.sent {
            Some(_) => self.note_word(index, town, effect),
            None => {
                self.library_heard(town, word);
                Ok(())
            }
        }
    }

    fn has_ended(&self, account: &AccountId) -> bool {
        self.holders.get(account).is_none_or(|holder| holder.state == HolderState::Closed)
    }

    fn set_holder_link(&mut self, id: LibraryLinkId, link: HolderLink) {
        self.library_links.insert(id, link);
        self.note_holder_link(id, &link);
    }

    fn note_holder_link(&mut self, id: LibraryLinkId, link: &HolderLink) {
        let of = self.library.of.entry(link.account).or_default();
        match link.stage {
            HolderStage::Erased => of.remove(&id),
            HolderStage::Asked
            | HolderStage::Linked(_)
            | HolderStage::Refused(_)
            | HolderStage::Unlinking
            | HolderStage::Ending(_) => of.insert(id),
        };
        if of.is_empty() {
            self.library.of.remove(&link.account);
        }
        let erase = LibraryWork::Erase(LibrarySide::BaseTown, link.institution, id);
        self.library.work(erase, matches!(link.stage, HolderStage::Ending(_)));
        let due = link.stage.lives() && self.has_ended(&link.account);
        self.library.work(LibraryWork::Unlink(link.account, id), due);
    }

    fn set_card_link(&mut self, link: CardLink) {
        let key = card_link_key(link.town, link.link);
        if let Some(CardLink { stage: CardStage::Linked(body), .. }) = self.library_cards.get(&key)
        {
            self.library.handles.remove(&(link.town, body.handle));
        }
        self.library_cards.insert(key, link);
        self.note_card_link(key, &link);
    }

    fn note_card_link(&mut self, key: Digest, card: &CardLink) {
        let CardLink { town, link, stage } = *card;
        if let CardStage::Linked(body) = stage {
            self.library.handles.insert((town, body.handle), key);
        }
        let check = LibraryWork::Check(town, link);
        self.library.work(check, matches!(stage, CardStage::Asked(_)));
        let erase = LibraryWork::Erase(LibrarySide::Institution, town, link);
        self.library.work(erase, stage == CardStage::Erasing);
    }

    /// An account ended: its links do, too.
    pub(super) fn library_account_ended(&mut self, account: AccountId) {
        let links: Vec<_> = self.library_links_of(&account).map(|(id, link)| (id, *link)).collect();
        for (id, link) in links {
            self.note_holder_link(id, &link);
        }
    }

    pub(super) fn derive_library(&mut self) {
        self.library = LibraryIndex::default();
        let links: Vec<_> = self.library_links.iter().map(|(id, link)| (*id, *link)).collect();
        for (id, link) in links {
            self.note_holder_link(id, &link);
        }
        let cards: Vec<_> = self.library_cards.iter().map(|(key, card)| (*key, *card)).collect();
        for (key, card) in cards {
            self.note_card_link(key, &card);
        }
    }

    /// The links of an account that have not ended, in order.
    pub fn library_links_of(
        &self,
        account: &AccountId,
    ) -> impl Iterator<Item = (LibraryLinkId, &HolderLink)> {
        let ids = self.library.of.get(account).into_iter().flatten();
        ids.filter_map(|id| self.library_links.get(id).map(|link| (*id, link)))
    }

    /// A link of a holder of this town.
    #[must_use]
    pub fn library_link(&self, link: &LibraryLinkId) -> Option<&HolderLink> {
        self.library_links.get(link)
    }

    fn holder_link(&self, institution: TownId, link: LibraryLinkId) -> Option<&HolderLink> {
        self.library_links.get(&link).filter(|known| known.institution == institution)
    }

    /// A link to this body's library, of a holder of a base town.
    #[must_use]
    pub fn card_link(&self, town: TownId, link: LibraryLinkId) -> Option<&CardLink> {
        self.library_cards.get(&card_link_key(town, link))
    }

    /// The linked card of this body's library that a base town calls by a handle.
    #[must_use]
    pub fn card_by_handle(&self, town: TownId, handle: Handle) -> Option<&CardLink> {
        self.library_cards.get(self.library.handles.get(&(town, handle))?)
    }

    /// What is to be done about links now.
    pub fn library_work(&self) -> impl Iterator<Item = &LibraryWork> {
        self.library.work.iter()
    }
}

impl LibraryLinking {
    /// What is said to the institution; none if nobody who may asked.
    fn body(&self) -> Option<LinkBody> {
        let by = match self.actor {
            Actor::Holder => LinkedBy::Holder,
            Actor::Officer(_) => LinkedBy::Staff,
            Actor::Node => return None,
        };
        let Self { link, handle, card, consent, .. } = *self;
        Some(LinkBody { link, handle, card, by, consent })
    }
}
