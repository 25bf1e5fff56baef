//! Links of library cards: between two towns, within one, and what comes late, twice or never.

use alloc::vec;

use super::{desk::*, pair::*};
use crate::{
    account::HolderState,
    command::*,
    entry::{Entry, Outcome},
    envelope::Envelope,
    id::*,
    ledger::{Ledger, LibraryWork},
    library::*,
    points::Points,
    refusal::Refusal,
};

const BEGIN: &str = "2027-03-20";

pub(super) fn link(number: u8) -> LibraryLinkId {
    LibraryLinkId([number; 16])
}

/// The command by which a holder links a card.
pub(super) fn linking(account: AccountId, institution: TownId, number: u8) -> LibraryLinking {
    LibraryLinking {
        account,
        institution,
        link: link(number),
        handle: Handle([number; 16]),
        card: word("the number with its salt"),
        consent: day(BEGIN),
        actor: Actor::Holder,
    }
}

pub(super) fn verdict(town: TownId, number: u8, refusal: Option<LinkRefusal>) -> Command {
    Command::AnswerLibraryLink(Nothing {}, LibraryVerdict { town, link: link(number), refusal })
}

pub(super) fn erased(side: LibrarySide, town: TownId, number: u8) -> Command {
    Command::ConfirmLibraryErasure(Nothing {}, LibraryErasure { side, town, link: link(number) })
}

pub(super) fn unlinking(account: AccountId, number: u8) -> Command {
    let unlinking = LibraryUnlinking { account, link: link(number), actor: Actor::Holder };
    Command::UnlinkLibraryCard(Nothing {}, unlinking)
}

pub(super) fn ending(town: TownId, number: u8) -> Command {
    let reason = EndReason::Relinked;
    Command::EndLibraryLink(Nothing {}, LibraryEnding { town, link: link(number), reason })
}

/// Two towns of one directory that have no agreement, and so no channel.
fn strangers() -> (Desk, Desk, AccountId) {
    let (mut base, mut library) = (Desk::new("102016", BEGIN), Desk::new("141500", BEGIN));
    let part = directory(1, &[&base, &library]);
    base.fact(Command::TakeDirectory(part.clone(), Nothing {}));
    library.fact(Command::TakeDirectory(part, Nothing {}));
    let holder = base.resident();
    assert!(base.ledger.channel(&library.town).is_none());
    (base, library, holder)
}

fn ask(desk: &mut Desk, linking: LibraryLinking) -> Result<Envelope, Refusal> {
    let command = Command::LinkLibraryCard(Nothing {}, linking);
    desk.submit(command).map(|entry| sent(&entry).unwrap())
}

/// The message that a command sends.
fn says(desk: &mut Desk, command: Command) -> Envelope {
    sent(&desk.submit(command).unwrap()).unwrap()
}

fn holder_stage(ledger: &Ledger, number: u8) -> HolderStage {
    ledger.library_link(&link(number)).unwrap().stage
}

fn card_stage(ledger: &Ledger, town: TownId, number: u8) -> CardStage {
    ledger.card_link(town, link(number)).unwrap().stage
}

fn work(ledger: &Ledger) -> vec::Vec<LibraryWork> {
    ledger.library_work().copied().collect()
}

/// Links a card between the two.
fn linked(base: &mut Desk, library: &mut Desk, holder: AccountId, number: u8) {
    let asked = ask(base, linking(holder, library.town, number)).unwrap();
    assert_eq!(library.receive(&asked).unwrap(), None);
    let answer = says(library, verdict(base.town, number, None));
    assert_eq!(base.receive(&answer).unwrap(), None);
    assert_eq!(holder_stage(&base.ledger, number), HolderStage::Linked(day(BEGIN)));
}

fn replays(desks: &[&Desk]) {
    for desk in desks {
        desk.replays();
        let back = Ledger::from_snapshot(&desk.ledger.snapshot()).unwrap();
        assert!(back == desk.ledger, "what is derived from a snapshot differs");
    }
}

#[test]
fn a_card_is_linked_without_an_agreement_and_found_by_its_handle() {
    let (mut base, mut library, holder) = strangers();
    let asked = ask(&mut base, linking(holder, library.town, 1)).unwrap();
    assert_eq!(asked.header().purpose, crate::envelope::Purpose::Library);
    library.receive(&asked).unwrap();
    assert_eq!(work(&library.ledger), [LibraryWork::Check(base.town, link(1))]);
    assert!(library.ledger.card_by_handle(base.town, Handle([1; 16])).is_none());
    let answer = says(&mut library, verdict(base.town, 1, None));
    base.receive(&answer).unwrap();
    let found = library.ledger.card_by_handle(base.town, Handle([1; 16])).unwrap();
    assert_eq!((found.town, found.link), (base.town, link(1)));
    assert!(library.ledger.card_by_handle(library.town, Handle([1; 16])).is_none());
    assert!(work(&library.ledger).is_empty());
    // Everything again, and in the other order: nothing new.
    assert!(library.receive(&asked).is_err() && base.receive(&answer).is_err());
    replays(&[&base, &library]);
}

#[test]
fn an_unlinked_card_is_erased_on_both_sides_and_both_know_it() {
    let (mut base, mut library, holder) = strangers();
    linked(&mut base, &mut library, holder, 1);
    let unlink = says(&mut base, unlinking(holder, 1));
    assert_eq!(holder_stage(&base.ledger, 1), HolderStage::Unlinking);
    assert_eq!(library.receive(&unlink).unwrap(), None);
    assert!(library.ledger.card_by_handle(base.town, Handle([1; 16])).is_none());
    let side = LibrarySide::Institution;
    assert_eq!(work(&library.ledger), [LibraryWork::Erase(side, base.town, link(1))]);
    let confirmed = says(&mut library, erased(side, base.town, 1));
    assert_eq!(card_stage(&library.ledger, base.town, 1), CardStage::Erased);
    base.receive(&confirmed).unwrap();
    assert_eq!(holder_stage(&base.ledger, 1), HolderStage::Erased);
    assert_eq!(base.ledger.library_links_of(&holder).count(), 0);
    // The same card can be linked anew.
    linked(&mut base, &mut library, holder, 2);
    replays(&[&base, &library]);
}

#[test]
fn a_card_that_the_library_does_not_take_is_refused_for_good() {
    let (mut base, mut library, holder) = strangers();
    let asked = ask(&mut base, linking(holder, library.town, 1)).unwrap();
    library.receive(&asked).unwrap();
    let refusal = LinkRefusal::NotValid;
    let answer = says(&mut library, verdict(base.town, 1, Some(refusal)));
    base.receive(&answer).unwrap();
    assert_eq!(holder_stage(&base.ledger, 1), HolderStage::Refused(refusal));
    let again = library.submit(verdict(base.town, 1, None));
    assert_eq!(again.unwrap_err(), Refusal::LibraryLinkEnded);
    assert_eq!(base.submit(unlinking(holder, 1)).unwrap_err(), Refusal::LibraryLinkEnded);
    // A new link takes the place of what was refused.
    linked(&mut base, &mut library, holder, 2);
    assert_eq!(base.ledger.library_links_of(&holder).count(), 1);
    replays(&[&base, &library]);
}

#[test]
fn an_unlink_that_overtakes_its_link_leaves_a_tombstone() {
    let (mut base, mut library, holder) = strangers();
    let asked = ask(&mut base, linking(holder, library.town, 1)).unwrap();
    let unlink = says(&mut base, unlinking(holder, 1));
    let confirmed = library.receive(&unlink).unwrap().unwrap();
    assert_eq!(library.receive(&asked).unwrap(), None);
    assert_eq!(card_stage(&library.ledger, base.town, 1), CardStage::Erased);
    assert!(work(&library.ledger).is_empty(), "the late link is not looked at");
    base.receive(&confirmed).unwrap();
    assert_eq!(holder_stage(&base.ledger, 1), HolderStage::Erased);
    replays(&[&base, &library]);
}

#[test]
fn an_answer_that_comes_behind_the_unlink_changes_nothing() {
    let (mut base, mut library, holder) = strangers();
    let asked = ask(&mut base, linking(holder, library.town, 1)).unwrap();
    library.receive(&asked).unwrap();
    let answer = says(&mut library, verdict(base.town, 1, None));
    let unlink = says(&mut base, unlinking(holder, 1));
    base.receive(&answer).unwrap();
    assert_eq!(holder_stage(&base.ledger, 1), HolderStage::Unlinking);
    library.receive(&unlink).unwrap();
    let confirmed = says(&mut library, erased(LibrarySide::Institution, base.town, 1));
    base.receive(&confirmed).unwrap();
    assert_eq!(holder_stage(&base.ledger, 1), HolderStage::Erased);
    replays(&[&base, &library]);
}

#[test]
fn what_the_institution_ends_is_erased_in_the_base_town_too() {
    let (mut base, mut library, holder) = strangers();
    linked(&mut base, &mut library, holder, 1);
    let ended = says(&mut library, ending(base.town, 1));
    assert_eq!(card_stage(&library.ledger, base.town, 1), CardStage::Ending);
    base.receive(&ended).unwrap();
    assert_eq!(holder_stage(&base.ledger, 1), HolderStage::Ending(EndReason::Relinked));
    let side = LibrarySide::BaseTown;
    assert_eq!(work(&base.ledger), [LibraryWork::Erase(side, library.town, link(1))]);
    let confirmed = says(&mut base, erased(side, library.town, 1));
    library.receive(&confirmed).unwrap();
    assert_eq!(card_stage(&library.ledger, base.town, 1), CardStage::Erased);
    replays(&[&base, &library]);
}

#[test]
fn both_ends_may_end_a_link_at_once() {
    let (mut base, mut library, holder) = strangers();
    linked(&mut base, &mut library, holder, 1);
    let ended = says(&mut library, ending(base.town, 1));
    let unlink = says(&mut base, unlinking(holder, 1));
    assert_eq!(base.receive(&ended).unwrap(), None);
    assert_eq!(library.receive(&unlink).unwrap(), None);
    let confirmed = says(&mut library, erased(LibrarySide::Institution, base.town, 1));
    base.receive(&confirmed).unwrap();
    assert_eq!(holder_stage(&base.ledger, 1), HolderStage::Erased);
    assert_eq!(card_stage(&library.ledger, base.town, 1), CardStage::Erased);
    replays(&[&base, &library]);
}

#[test]
fn what_a_base_town_does_not_know_is_unlinked_at_once() {
    let (mut base, mut library, holder) = strangers();
    let asked = ask(&mut base, linking(holder, library.town, 1)).unwrap();
    library.receive(&asked).unwrap();
    let answer = says(&mut library, verdict(base.town, 1, None));
    // A base town that lost its journal behind the directory.
    let mut empty = Desk::new("102016", BEGIN);
    let part = directory(1, &[&empty, &library]);
    empty.fact(Command::TakeDirectory(part, Nothing {}));
    let unlink = empty.receive(&answer).unwrap().unwrap();
    assert_eq!(
        LibraryMessage::of(&unlink),
        Some(LibraryMessage::Unlink(UnlinkBody { link: link(1) }))
    );
    empty.replays();
}

#[test]
fn within_one_town_nothing_is_sent() {
    let mut town = Desk::new("102016", BEGIN);
    let (me, holder) = (town.town, town.resident());
    let quiet = |entry: Entry| matches!(&entry.outcome, Outcome::Done(done) if done.sent.is_none());
    let command = Command::LinkLibraryCard(Nothing {}, linking(holder, me, 1));
    assert!(quiet(town.submit(command).unwrap()));
    assert_eq!(work(&town.ledger), [LibraryWork::Check(me, link(1))]);
    assert!(quiet(town.submit(verdict(me, 1, None)).unwrap()));
    assert_eq!(holder_stage(&town.ledger, 1), HolderStage::Linked(day(BEGIN)));
    assert!(town.ledger.card_by_handle(me, Handle([1; 16])).is_some());
    assert!(quiet(town.submit(unlinking(holder, 1)).unwrap()));
    assert!(quiet(town.submit(erased(LibrarySide::Institution, me, 1)).unwrap()));
    assert_eq!(holder_stage(&town.ledger, 1), HolderStage::Erased);
    assert_eq!(card_stage(&town.ledger, me, 1), CardStage::Erased);
    replays(&[&town]);
}

#[test]
fn a_closed_account_has_its_links_ended() {
    let (mut base, mut library, holder) = strangers();
    linked(&mut base, &mut library, holder, 1);
    let by_node = |link| {
        let unlinking = LibraryUnlinking { account: holder, link, actor: Actor::Node };
        Command::UnlinkLibraryCard(Nothing {}, unlinking)
    };
    assert_eq!(base.submit(by_node(link(1))).unwrap_err(), Refusal::NotWellFormed);
    let closing = AccountClosing { account: holder, forfeit: Points::ZERO, actor: Actor::Holder };
    base.submit(Command::CloseAccount(Nothing {}, closing)).unwrap();
    assert_eq!(work(&base.ledger), [LibraryWork::Unlink(holder, link(1))]);
    replays(&[&base]);
    base.submit(by_node(link(1))).unwrap();
    assert!(work(&base.ledger).is_empty());
    replays(&[&base, &library]);
}

/// What a link is refused for, in the order in which it is checked; then what the other commands
/// are.
pub(super) fn refused() -> vec::Vec<Refusal> {
    let (mut base, mut library, holder) = strangers();
    let (here, there) = (base.town, library.town);
    let mut refused = vec![];
    let stranger: TownId = "160008".parse().unwrap();
    let nobody = AccountId([99; 16]);
    let set = |base: &mut Desk, state| {
        let change = AccountStateChange { account: holder, state, actor: Actor::Officer(OFFICER) };
        base.submit(Command::SetAccountState(Nothing {}, change)).unwrap();
    };
    let mut ask_for = |base: &mut Desk, linking| refused.push(ask(base, linking).unwrap_err());
    ask_for(&mut base, linking(nobody, stranger, 1));
    set(&mut base, HolderState::Frozen);
    ask_for(&mut base, linking(holder, stranger, 1));
    set(&mut base, HolderState::Open);
    ask(&mut base, linking(holder, there, 1)).unwrap();
    ask_for(&mut base, linking(holder, there, 1));
    let by_node = |linking| LibraryLinking { actor: Actor::Node, ..linking };
    ask_for(&mut base, by_node(linking(holder, there, 2)));
    ask_for(&mut base, by_node(linking(holder, stranger, 2)));
    ask_for(&mut base, linking(holder, stranger, 2));
    let mut rest = vec![
        base.submit(unlinking(nobody, 1)).unwrap_err(),
        base.submit(verdict(there, 1, None)).unwrap_err(),
        base.submit(ending(there, 1)).unwrap_err(),
        base.submit(erased(LibrarySide::BaseTown, there, 1)).unwrap_err(),
    ];
    base.submit(unlinking(holder, 1)).unwrap();
    rest.push(base.submit(unlinking(holder, 1)).unwrap_err());
    let asked = ask(&mut base, linking(holder, there, 3)).unwrap();
    library.receive(&asked).unwrap();
    rest.push(library.submit(ending(here, 3)).unwrap_err());
    refused.extend(rest);
    refused
}
