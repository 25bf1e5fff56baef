//! What codes, payments in part and the ends of accounts are refused for.

use alloc::{vec, vec::Vec};

use super::{BEGIN, Ladder, set_state};
use crate::{
    account::HolderState,
    catalogue::{Shown, Standing, Trade, Way},
    command::*,
    id::*,
    ledger::tests::{
        desk::*,
        life::{a_code, correction, leg},
        pair::word,
    },
    lot::Lot,
    refusal::Refusal,
    terms::{Heirs, TownTerms},
};

/// What a code is refused for, when it is issued and when it is entered.
pub(super) fn code() -> Ladder {
    let mut ladder = Ladder::default();
    let mut desk = Desk::new("102016", BEGIN);
    let resident = desk.resident();
    let mut other_way = desk.ledger.catalogue_on(day(BEGIN)).unwrap().clone();
    other_way.version = crate::catalogue::CatalogueVersion(2);
    other_way.companies[0].shown = Some(Shown {
        trade: Trade::Airline,
        way: Way::LinkedId,
        url: "https://www.example.com/".parse().unwrap(),
        standing: Standing::Example,
    });
    desk.fact(Command::TakeCatalogue(other_way.clone(), by_officer()));
    let mut statement = desk.code_statement(&a_code(1), 1_000, "2026-11-23");
    statement.catalogue = other_way.version;
    ladder.step(desk.issue_code(statement.clone()));
    other_way.version = crate::catalogue::CatalogueVersion(3);
    other_way.companies[0].shown = None;
    desk.fact(Command::TakeCatalogue(other_way.clone(), by_officer()));
    (statement.catalogue, statement.points) = (other_way.version, p(499));
    ladder.step(desk.issue_code(statement.clone()));
    (statement.reference, statement.points) = ("code-2".parse().unwrap(), p(500));
    ladder.step(desk.issue_code(statement.clone()));
    (statement.reference, statement.last_day) = ("code-3".parse().unwrap(), day(BEGIN));
    desk.issue_code(statement.clone()).unwrap();
    statement.reference = "code-4".parse().unwrap();
    ladder.step(desk.issue_code(statement.clone()));
    ladder.step(desk.enters(AccountId([9; 16]), word("none")));
    ladder.step(desk.enters(resident, word("none")));
    ladder.step(desk.enters(resident, statement.code));
    desk.link(resident);
    desk.enters(resident, statement.code).unwrap();
    ladder.step(desk.enters(resident, statement.code));
    ladder
}

/// What the end of an account and what comes behind it are refused for.
pub(super) fn life() -> Ladder {
    let mut ladder = Ladder::default();
    let mut desk = Desk::new("102016", BEGIN);
    let (resident, heir) = (desk.resident(), desk.resident());
    desk.grant(resident, 300, "a").unwrap();
    let over = desk.intent(300, Some(p(299)), None);
    ladder.step(desk.send_payment(over, resident));
    let link = desk.link(resident);
    let statement = desk.statement(link, 1_000);
    let waits = desk.send_conversion(statement).unwrap();
    ladder.step(desk.give_up(resident, 0));
    desk.pick(resident, waits).unwrap();
    ladder.step(desk.give_up(resident, 0));
    let estate = |points| {
        let shares = vec![Share { heir, points: p(points) }];
        let estate = Estate { account: resident, shares, forfeit: p(0) };
        Command::SettleEstate(Nothing {}, estate)
    };
    ladder.step(desk.by_two(&estate(800)));
    set_state(&mut desk, resident, HolderState::Deceased);
    let nobody = TownTerms { heirs: Some(Heirs::None), ..TownTerms::DEFAULT };
    desk.fact(Command::SetTerms(nobody, by_officer()));
    ladder.step(desk.by_two(&estate(800)));
    let lots: Vec<Lot> = desk.lots_now(&resident);
    ladder.step(desk.by_two(&correction(vec![leg(heir, Direction::Out, lots)])));
    let erase = |reason| {
        let accounts = vec![heir];
        Command::Erase(Nothing {}, Erasure { accounts, reason })
    };
    ladder.step(desk.by_two(&erase(ErasureReason::RetentionOver)));
    desk.give_up(heir, 0).unwrap();
    let hold = |hold| {
        let change = LegalHoldChange { account: heir, hold, officer: OFFICER };
        Command::SetLegalHold(Nothing {}, change)
    };
    desk.submit(hold(LegalHold::Kept)).unwrap();
    ladder.step(desk.by_two(&erase(ErasureReason::RetentionOver)));
    desk.submit(hold(LegalHold::Over)).unwrap();
    ladder.step(desk.by_two(&erase(ErasureReason::RetentionOver)));
    desk.by_two(&erase(ErasureReason::Asked)).unwrap();
    ladder.step(desk.by_two(&erase(ErasureReason::Asked)));
    let _: &[Refusal] = &ladder.0;
    ladder
}
