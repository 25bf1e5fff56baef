//! Which rare state a message or an entry is of.

use jichi_protocol::{
    account::HolderState,
    channel::Arrival,
    command::{Command, Step},
    entry::{Entry, Outcome, Submission},
    envelope::Envelope,
    id::{ChannelNumber, EntryIndex, TownId, TransferId},
    ledger::Ledger,
    lot::{Grace, Lot, Return},
    refusal::Refusal,
    roaming::AskState,
    transfer::{Answer, AnswerBody, Message, OfferBody, OutgoingStage, Recipient},
};

use crate::{
    mark::Marks,
    rule::{Memory, envelope_of},
    setup,
    town::town_of,
};

/// Notes which rare state a message meets.
pub(crate) fn note(
    memory: &mut Memory,
    ledger: &Ledger,
    submission: &Submission,
    marks: &mut Marks,
) {
    let Some(envelope) = envelope_of(submission) else { return };
    memory.note(&envelope);
    let header = envelope.header();
    let Some(channel) = ledger.channel(&header.sender) else { return };
    match channel.arrival(&envelope, ledger.meta().town) {
        Arrival::New | Arrival::NotLinked => {}
        Arrival::Duplicate | Arrival::Old => return marks.reach("a message came again"),
        Arrival::Fork(_)
        | Arrival::OtherGeneration
        | Arrival::TooFarAhead
        | Arrival::NotForUs
        | Arrival::Frozen => return,
    }
    if header.number > channel.heard().number.next() {
        marks.reach("a message over a gap");
        let acks = |(number, _): (&ChannelNumber, &EntryIndex)| *number <= header.acked.number;
        if channel.open().any(acks) {
            marks.reach("an acknowledgement over a gap");
        }
    }
    if channel.needs_link(header.number) {
        marks.reach("a message under a former key");
    }
    let mut after = channel.clone();
    if !after.received(&envelope, ledger.meta().town).is_empty() {
        marks.reach("an answer was pruned");
    }
    match Message::of(&envelope) {
        Some(Message::Offer(offer)) => note_offer(ledger, &offer, header.sender, marks),
        Some(Message::Answer(answer)) => note_answer(ledger, &answer, marks),
        Some(Message::Withdraw(withdraw)) => match ledger.incoming(&withdraw.transfer) {
            Some(_) => marks.reach("a cancel came after the answer"),
            None => marks.reach("a cancel came before its offer"),
        },
        Some(Message::Decline(_)) => marks.reach("a request was declined"),
        Some(Message::Refund(refund)) => note_refund(ledger, &refund.original, marks),
        Some(Message::PeriodEnd(_)) => {
            if header.number > channel.heard().number.next() {
                marks.reach("a month's statement over a gap");
            }
        }
        Some(
            Message::TakeBack(_)
            | Message::Fence(_)
            | Message::Request(_)
            | Message::PeriodAnswer(_),
        )
        | None => {}
    }
}

/// Notes which rare state an entry is of.
pub(crate) fn note_made(entry: &Entry, ledger: &Ledger, marks: &mut Marks) {
    if let Outcome::Refused(Refusal::OverTownCap { .. }) = &entry.outcome {
        marks.reach("an offer over the cap was refused");
    }
    match &entry.submission.command {
        Command::TakeBackOwn(_, received) => {
            let envelope = Envelope::decode(&received.envelope).ok();
            match envelope.and_then(|envelope| Message::of(&envelope)) {
                Some(Message::Offer(_)) => marks.reach("an offer was taken back"),
                Some(Message::Answer(_)) => marks.reach("an answer was taken back"),
                _ => {}
            }
        }
        Command::StepFence(step, _) => match step.step {
            Step::TakeOfferBack(_) => marks.reach("an offer was void behind a fence"),
            Step::AnswerAgain(_) => marks.reach("an answer was signed again"),
            Step::WithdrawAgain(_) => marks.reach("a withdrawal was signed again"),
            Step::Ask | Step::FenceAgain => {}
        },
        Command::DecideProposal(..) => {
            let closes = ledger.closed().is_some_and(|own| own.entry == entry.index);
            marks.reach(if closes { "a town closed" } else { "an unheard town was named" });
        }
        Command::AnnounceKey(..) => marks.reach("a town was told of a new key"),
        Command::ReturnUnanswered(..) => marks.reach("an offer came back from a closed town"),
        Command::Forward(..) => marks.reach("what came late followed a holder who moved"),
        Command::AnswerPeriod(..) => marks.reach("a month was closed by both towns"),
        _ => {}
    }
}

fn note_refund(ledger: &Ledger, original: &TransferId, marks: &mut Marks) {
    let Some(outgoing) = ledger.outgoing(original) else { return };
    if matches!(outgoing.stage, OutgoingStage::Waiting { .. }) {
        marks.reach("a refund before the acceptance");
    }
    if let Some(account) = outgoing.account()
        && ledger.moved(&account).is_some()
    {
        marks.reach("a refund for a holder who moved house");
    }
}

fn note_offer(ledger: &Ledger, offer: &OfferBody, sender: TownId, marks: &mut Marks) {
    let (town, user) = (town_of(&ledger.meta().town), town_of(&sender));
    let Some(agreement) = ledger.agreement(&sender) else { return };
    if let Recipient::Shop(_) = offer.recipient {
        let asking = ledger.asking(&offer.transfer).map(|asking| asking.state);
        return match asking {
            Some(AskState::Cancelled) => marks.reach("a cancel came before a late offer"),
            Some(AskState::Waiting(_)) => marks.reach("a shop was paid by another town's holder"),
            _ => {}
        };
    }
    if ledger.incoming(&offer.transfer).is_some() {
        return;
    }
    if ledger.day() > agreement.agreement.until {
        return marks.reach("no agreement any more");
    }
    let account = setup::recipient(town, user, offer.recipient);
    let holder = account.and_then(|account| ledger.holder(&account));
    if holder.is_some_and(|holder| holder.state == HolderState::Closed) {
        return marks.reach("a refusal for a closed account");
    }
    let grace = ledger.terms().grace_days;
    if offer.lots.iter().any(|lot| graced(lot, ledger, grace)) {
        marks.reach("an acceptance that gave grace");
    }
}

fn graced(lot: &Lot, ledger: &Ledger, days: u32) -> bool {
    matches!(lot.terms.on_return(ledger.day(), days), Return::As(terms) if terms != lot.terms)
}

fn note_answer(ledger: &Ledger, body: &AnswerBody, marks: &mut Marks) {
    let Some(outgoing) = ledger.outgoing(&body.transfer) else { return };
    let OutgoingStage::Waiting { lots, .. } = &outgoing.stage else { return };
    let Answer::Refuse { .. } = body.answer else { return };
    let days = ledger.terms().grace_days;
    if lots.iter().any(|lot| graced(lot, ledger, days)) {
        marks.reach("a refusal that gave grace");
    }
    let today = ledger.day();
    if lots.iter().any(|lot| lot.terms.grace != Grace::May && !lot.terms.spendable_on(today)) {
        marks.reach("a refusal when no grace was left");
    }
}
