//! Points that leave for another town, and the wish to have them back.

use alloc::vec::Vec;

use super::{Broken, Conversion, Ledger, Plan, check::may_spend, payment::lots_taken};
use crate::{
    account::Account,
    agreement::{Agreement, Movement},
    channel::Channel,
    codec,
    command::{Actor, OfferPrivate, OfferShared, Source, WithdrawShared},
    date::BusinessDate,
    entry::{Effect, Entry},
    envelope::{Purpose, Unsigned},
    id::{EntryIndex, TownId, TransferId},
    lot::{LOTS_MAX, Lot},
    points::Points,
    posting::Postings,
    refusal::Refusal,
    transfer::{Message, OfferBody, Outgoing, OutgoingStage, Recipient, Way, WithdrawBody},
};

impl Ledger {
    pub(super) fn plan_offer(
        &self,
        shared: &OfferShared,
        private: &OfferPrivate,
    ) -> Result<Plan, Refusal> {
        let today = self.meta.day;
        let holder = self.holders.get(&private.account).ok_or(Refusal::UnknownAccount)?;
        if self.has_left(&shared.transfer) {
            return Err(Refusal::Exists);
        }
        let agreement = self.agreement_for(&shared.town, Movement::Exchange)?;
        if shared.points.is_zero() {
            return Err(Refusal::NoPoints);
        }
        let channel = self.open_channel(&shared.town)?;
        let (lots, left) = match private.source {
            Source::Balance => {
                may_spend(holder.state)?;
                (self.movable_lots(shared, private, agreement)?, today)
            }
            Source::Unassigned(id) => {
                let conversion = self.waiting(&id)?;
                let fits =
                    conversion.account == private.account && conversion.lot.points == shared.points;
                if !fits {
                    return Err(Refusal::UnknownConversion);
                }
                self.may_leave(conversion, private.actor)?;
                // It left when it was converted (money-rules, Conversion).
                (alloc::vec![conversion.lot], conversion.lot.terms.earned)
            }
        };
        if lots.len() > LOTS_MAX {
            // The other town's entry would hold them twice, with longer origins.
            return Err(Refusal::TooLargeForAnEntry);
        }
        self.within_town_cap(&shared.town, agreement, shared.points)?;
        let body = OfferBody {
            transfer: shared.transfer,
            recipient: Recipient::Account(private.recipient),
            lots: lots.clone(),
            agreement: agreement.number,
            left,
        };
        let message = self.draft(channel, shared.town, &Message::Offer(body));
        let transit = Account::Transit(shared.town);
        let postings = match private.source {
            Source::Balance => Postings::out_of(private.account, lots, transit),
            Source::Unassigned(id) => {
                let from = Account::Unassigned(self.waiting(&id)?.company);
                Postings::between(from, transit, shared.points)
            }
        };
        let postings = postings.ok_or(Refusal::TooManyPoints)?;
        Ok(Plan { postings, message: Some(message) })
    }

    /// Whether unassigned points may go to another town: by the holder's choice if the holder may
    /// spend, and by the preset in time unless the account is frozen.
    fn may_leave(&self, conversion: &Conversion, actor: Actor) -> Result<(), Refusal> {
        match actor {
            Actor::Holder | Actor::Officer(_) => self.may_choose(conversion),
            Actor::Node if self.waits(conversion) => Err(Refusal::AccountFrozen),
            Actor::Node => Ok(()),
        }
    }

    /// What a holder's balance gives to a transfer, first to expire first.
    fn movable_lots(
        &self,
        shared: &OfferShared,
        private: &OfferPrivate,
        agreement: &Agreement,
    ) -> Result<Vec<Lot>, Refusal> {
        let today = self.meta.day;
        let holder = self.holders.get(&private.account).ok_or(Refusal::UnknownAccount)?;
        let held = holder.lots.spendable(today);
        if held < shared.points {
            return Err(Refusal::ShortOfPoints { held, asked: shared.points });
        }
        let movable = self.movable_by(&private.account, agreement);
        let taken = holder
            .lots
            .take(shared.points, today, |terms| agreement.movable.allows(&terms.origin.birth()));
        taken.ok_or(Refusal::NotMovable { movable })
    }

    pub(super) fn movable_by(
        &self,
        account: &crate::id::AccountId,
        agreement: &Agreement,
    ) -> Points {
        let today = self.meta.day;
        let lots = self.holders.get(account).map(|holder| holder.lots.iter());
        let movable = lots.into_iter().flatten().filter(|lot| {
            lot.terms.spendable_on(today) && agreement.movable.allows(&lot.terms.origin.birth())
        });
        Points::sum(movable.map(|lot| lot.points)).unwrap_or(Points::MAX)
    }

    /// The agreement with a town that is in force on a day.
    pub(super) fn agreement_on(
        &self,
        town: &TownId,
        day: BusinessDate,
    ) -> Result<&Agreement, Refusal> {
        let signed = self.agreements.get(town).ok_or(Refusal::NoAgreement)?;
        let agreement = &signed.agreement;
        if day < agreement.from || day > agreement.until {
            return Err(Refusal::NoAgreement);
        }
        Ok(agreement)
    }

    /// The agreement with a town by which points may move in this way today.
    pub(super) fn agreement_for(
        &self,
        town: &TownId,
        movement: Movement,
    ) -> Result<&Agreement, Refusal> {
        let agreement = self.agreement_on(town, self.meta.day)?;
        if agreement.lets(movement) { Ok(agreement) } else { Err(Refusal::MovementNotAgreed) }
    }

    /// The channel to a town of the directory, unless a fork froze it.
    pub(super) fn open_channel(&self, town: &TownId) -> Result<&Channel, Refusal> {
        if !self.members.contains(town) {
            return Err(Refusal::NotInDirectory);
        }
        if self.closed_peer(town).is_some() {
            return Err(Refusal::TownClosed);
        }
        let channel = self.channels.get(town).ok_or(Refusal::NoAgreement)?;
        if self.recovering(town).is_some() {
            return Err(Refusal::Recovering);
        }
        if channel.is_frozen() { Err(Refusal::ChannelFrozen) } else { Ok(channel) }
    }

    pub(super) fn within_town_cap(
        &self,
        town: &TownId,
        agreement: &Agreement,
        points: Points,
    ) -> Result<(), Refusal> {
        let under_way = self.balance(&Account::Transit(*town));
        let owed = self.balance(&Account::OwedTo(*town));
        let used = under_way.plus(owed).unwrap_or(Points::MAX);
        let left = agreement.cap.minus(used).unwrap_or(Points::ZERO);
        if points > left { Err(Refusal::OverTownCap { left }) } else { Ok(()) }
    }

    /// A message about money, numbered and chained, not yet signed.
    pub(super) fn draft(&self, channel: &Channel, town: TownId, message: &Message) -> Unsigned {
        channel.draft(self.meta.town, town, Purpose::Money, codec::encode(message))
    }

    pub(super) fn apply_offer(
        &mut self,
        entry: &Entry,
        shared: &OfferShared,
        private: &OfferPrivate,
        effect: &Effect,
    ) -> Result<(), Broken> {
        let envelope = effect.sent.as_ref().ok_or(Broken::Unknown)?;
        let (lots, conversion) = match private.source {
            Source::Balance => (lots_taken(effect), None),
            Source::Unassigned(id) => {
                let lot = self.waiting(&id).map_err(|_| Broken::Unknown)?.lot;
                self.apply_assigned(id)?;
                (alloc::vec![lot], Some(id))
            }
        };
        let outgoing = Outgoing {
            town: shared.town,
            way: Way::Given { account: private.account, conversion },
            points: shared.points,
            offered: entry.index,
            number: envelope.header().number,
            offer: envelope.hash(),
            stage: OutgoingStage::Waiting { lots, withdraw: None },
        };
        let channel = self.channels.get_mut(&shared.town).ok_or(Broken::Unknown)?;
        channel.sent(envelope, entry.index);
        self.outgoing.insert(shared.transfer, outgoing);
        Ok(())
    }

    pub(super) fn plan_withdraw(&self, transfer: TransferId) -> Result<Plan, Refusal> {
        let outgoing = self.outgoing.get(&transfer).ok_or(Refusal::UnknownTransfer)?;
        match &outgoing.stage {
            OutgoingStage::Waiting { withdraw: None, .. } => {
                let channel = self.open_channel(&outgoing.town)?;
                let body = WithdrawBody { transfer, offer: outgoing.number };
                let message = self.draft(channel, outgoing.town, &Message::Withdraw(body));
                Ok(Plan { postings: Postings::NONE, message: Some(message) })
            }
            OutgoingStage::Waiting { withdraw: Some(_), .. } => Err(Refusal::Exists),
            OutgoingStage::Settled { .. } | OutgoingStage::Returned { .. } => {
                Err(Refusal::TransferClosed)
            }
        }
    }

    pub(super) fn apply_withdraw(
        &mut self,
        index: EntryIndex,
        shared: &WithdrawShared,
        effect: &Effect,
    ) -> Result<(), Broken> {
        let envelope = effect.sent.as_ref().ok_or(Broken::Unknown)?;
        let outgoing = self.outgoing.get_mut(&shared.transfer).ok_or(Broken::Unknown)?;
        match &mut outgoing.stage {
            OutgoingStage::Waiting { withdraw, .. } => *withdraw = Some(index),
            OutgoingStage::Settled { .. } | OutgoingStage::Returned { .. } => {
                return Err(Broken::Unknown);
            }
        }
        let town = outgoing.town;
        let channel = self.channels.get_mut(&town).ok_or(Broken::Unknown)?;
        channel.sent(envelope, index);
        Ok(())
    }
}
