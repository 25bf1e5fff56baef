//! A holder moves house: the whole account goes to the new town, all or nothing, with all origins
//! (federation, Moving points from A to B). What comes back later goes after the holder.

use alloc::vec::Vec;

use super::{Broken, Ledger, Plan, check::may_spend};
use crate::{
    account::{Account, HolderState, Side},
    agreement::Movement,
    command::{Command, Forwarding, MovePrivate, MoveShared},
    entry::Effect,
    id::{AccountId, EntryIndex, Handle, TownId, TransferId},
    key::JobKind,
    lot::{Lot, points_of},
    points::Points,
    posting::{Posting, Postings},
    refusal::Refusal,
    roaming::MovedTo,
    transfer::{Message, OfferBody, Outgoing, OutgoingStage, Recipient, Way},
};

impl Ledger {
    pub(super) fn plan_move(
        &self,
        shared: &MoveShared,
        own: &MovePrivate,
    ) -> Result<Plan, Refusal> {
        let holder = self.holders.get(&own.account).ok_or(Refusal::UnknownAccount)?;
        may_spend(holder.state)?;
        if self.has_left(&shared.transfer) {
            return Err(Refusal::Exists);
        }
        let points = self.pending_of(&own.account);
        if !points.is_zero() {
            return Err(Refusal::PointsWait { points });
        }
        let today = self.meta.day;
        let lots: Vec<Lot> =
            holder.lots.iter().filter(|lot| lot.terms.spendable_on(today)).collect();
        self.whole_account(shared, (own.account, own.recipient), lots)
    }

    fn whole_account(
        &self,
        shared: &MoveShared,
        (account, recipient): (AccountId, Handle),
        lots: Vec<Lot>,
    ) -> Result<Plan, Refusal> {
        let points = points_of(&lots);
        if points.is_zero() {
            return Err(Refusal::NoPoints);
        }
        let agreement = self.agreement_for(&shared.town, Movement::House)?;
        self.within_town_cap(&shared.town, agreement, points)?;
        let channel = self.open_channel(&shared.town)?;
        let offer = OfferBody {
            transfer: shared.transfer,
            recipient: Recipient::Moved(recipient),
            lots: lots.clone(),
            agreement: agreement.number,
            left: self.meta.day,
        };
        let message = self.draft(channel, shared.town, &Message::Offer(offer));
        let postings = Postings::out_of(account, lots, Account::Transit(shared.town));
        let postings = postings.ok_or(Refusal::TooManyPoints)?;
        Ok(Plan { postings, message: Some(message) })
    }

    pub(super) fn apply_move(
        &mut self,
        index: EntryIndex,
        shared: &MoveShared,
        (account, to): (AccountId, Handle),
        effect: &Effect,
    ) -> Result<(), Broken> {
        let sent = effect.sent.as_ref().ok_or(Broken::Unknown)?;
        let lots = super::payment::lots_taken(effect);
        let outgoing = Outgoing {
            town: shared.town,
            way: Way::Moved { account, to },
            points: points_of(&lots),
            offered: index,
            number: sent.header().number,
            offer: sent.hash(),
            stage: OutgoingStage::Waiting { lots, withdraw: None },
        };
        self.outgoing.insert(shared.transfer, outgoing);
        self.note_sent(shared.town, index, effect)
    }

    /// The new town has the account: it ends here. What is left or comes follows.
    pub(super) fn note_moved(&mut self, outgoing: &Outgoing) -> Result<(), Broken> {
        let Way::Moved { account, to } = outgoing.way else { return Ok(()) };
        self.moved.insert(account, MovedTo { town: outgoing.town, handle: to });
        let holder = self.holders.get_mut(&account).ok_or(Broken::Unknown)?;
        if holder.state != HolderState::Closed {
            self.apply_account_end(account)?;
        }
        self.note_forward(&account);
        Ok(())
    }

    /// Where a holder went who moved house.
    #[must_use]
    pub fn moved(&self, account: &AccountId) -> Option<&MovedTo> {
        self.moved.get(account)
    }

    fn note_forward(&mut self, account: &AccountId) {
        let holds = self.holders.get(account).is_some_and(|holder| holder.lots.iter().count() > 0);
        if self.moved.contains(account) && holds {
            self.forwards.insert(*account);
        } else {
            self.forwards.remove(account);
        }
    }

    /// Notes what an entry brought to holders who moved house.
    pub(super) fn note_forwards(&mut self, effect: &Effect) {
        for posting in effect.postings.as_slice() {
            if let Posting::Lots { holder, side: Side::Credit, .. } = posting {
                self.note_forward(holder);
            }
        }
    }

    pub(super) fn derive_forwards(&mut self) {
        let accounts: Vec<AccountId> = self.moved.iter().map(|(account, _)| *account).collect();
        for account in accounts {
            self.note_forward(&account);
        }
    }

    /// What came late for a holder who moved house goes on, as it is: the new town gives grace.
    pub(super) fn forward_due(&self) -> Option<(JobKind, Command)> {
        if self.is_recovering() {
            return None;
        }
        let due = self.forwards.iter().find_map(|account| {
            let to = self.moved.get(account)?;
            let agreement = self.agreement_for(&to.town, Movement::House).ok()?;
            let points = points_of(&self.left_behind(account));
            self.within_town_cap(&to.town, agreement, points).ok()?;
            self.open_channel(&to.town).ok()?;
            (!points.is_zero()).then(|| self.forwarding(account, to.town))
        });
        due.map(|(shared, own)| (JobKind::Forward, Command::Forward(shared, own)))
    }

    fn forwarding(&self, account: &AccountId, town: TownId) -> (MoveShared, Forwarding) {
        let index = self.meta.next.0.to_be_bytes();
        let transfer =
            TransferId::derived("jichi/forward/v1", &[account.0.as_slice(), &index].concat());
        (MoveShared { transfer, town }, Forwarding { account: *account })
    }

    fn left_behind(&self, account: &AccountId) -> Vec<Lot> {
        let holder = self.holders.get(account);
        holder.map(|holder| holder.lots.iter().collect()).unwrap_or_default()
    }

    pub(super) fn plan_forward(
        &self,
        shared: &MoveShared,
        own: &Forwarding,
    ) -> Result<Plan, Refusal> {
        let to = self.moved.get(&own.account).ok_or(Refusal::NothingDue)?;
        if self.forwarding(&own.account, to.town) != (*shared, own.clone()) {
            return Err(Refusal::NotWellFormed);
        }
        let lots = self.left_behind(&own.account);
        self.whole_account(shared, (own.account, to.handle), lots)
    }

    pub(super) fn apply_forward(
        &mut self,
        index: EntryIndex,
        shared: &MoveShared,
        own: &Forwarding,
        effect: &Effect,
    ) -> Result<(), Broken> {
        let to = *self.moved.get(&own.account).ok_or(Broken::Unknown)?;
        self.apply_move(index, shared, (own.account, to.handle), effect)?;
        self.note_forward(&own.account);
        Ok(())
    }

    /// Points of a holder who moved house that are on their way after the holder.
    #[must_use]
    pub fn forwarding_points(&self, account: &AccountId) -> Points {
        points_of(&self.left_behind(account))
    }
}
