//! Every refusal is reached, and those of one command in their order: each ladder begins with a
//! command in which everything is wrong and repairs one thing a step.

mod between;
mod life;
mod bulk;
mod street;
mod grants;
mod payout;
mod import;
mod orders;
mod till;
mod voucher;

use alloc::{collections::BTreeSet, vec, vec::Vec};

use super::{desk::*, pair::*};
use till::{payment, void_and_refund};

use crate::{
    account::{HolderClass, HolderState},
    agreement::Movable,
    catalogue::{CatalogueVersion, CompanyPoints},
    command::*,
    entry::Entry,
    id::*,
    key::OperationKey,
    points::Points,
    refusal::Refusal,
    terms::TownTerms,
};

const BEGIN: &str = "2026-11-24";

/// What one command was refused for, step by step.
#[derive(Default)]
struct Ladder(Vec<Refusal>);

impl Ladder {
    fn step(&mut self, result: Result<Entry, Refusal>) {
        self.0.push(result.expect_err("something is still wrong"));
    }

    fn codes(&self) -> Vec<&'static str> {
        self.0.iter().map(Refusal::code).collect()
    }
}

fn set_state(desk: &mut Desk, account: AccountId, state: HolderState) {
    let change = AccountStateChange { account, state, actor: Actor::Officer(OFFICER) };
    desk.submit(Command::SetAccountState(Nothing {}, change)).unwrap();
}

fn grant() -> Ladder {
    let mut ladder = Ladder::default();
    let mut desk = Desk::new("102016", BEGIN);
    let (resident, closed) = (desk.resident(), desk.resident());
    let visitor = desk.account(HolderClass::Visitor);
    set_state(&mut desk, closed, HolderState::Closed);
    let give = |desk: &mut Desk, account, points: Points, activity| {
        let programme = if activity == "?" { ProgrammeId(9) } else { PROGRAMME };
        let private = GrantPrivate::plain(account, word(activity), OFFICER);
        desk.submit(Command::Grant(GrantShared { programme, points }, private))
    };
    ladder.step(give(&mut desk, AccountId([9; 16]), p(0), "?"));
    ladder.step(give(&mut desk, closed, p(0), "?"));
    set_state(&mut desk, visitor, HolderState::Deceased);
    ladder.step(give(&mut desk, visitor, p(0), "?"));
    set_state(&mut desk, visitor, HolderState::Open);
    ladder.step(give(&mut desk, visitor, p(0), "?"));
    ladder.step(give(&mut desk, visitor, p(700), "?"));
    give(&mut desk, resident, p(400), "a").unwrap();
    let set = |desk: &mut Desk, until: &str, cap: Points, ceiling: Points| {
        desk.programme(|programme| {
            (programme.until, programme.cap) = (day(until), Some(cap));
            (programme.ceiling, programme.two_officers_above) = (ceiling, p(100));
        });
    };
    set(&mut desk, "2026-11-23", p(1_000), p(1_000));
    ladder.step(give(&mut desk, visitor, p(700), "a"));
    set(&mut desk, "2030-12-31", p(1_000), p(1_000));
    ladder.step(give(&mut desk, visitor, p(700), "a"));
    ladder.step(give(&mut desk, resident, p(700), "a"));
    ladder.step(give(&mut desk, resident, p(700), "b"));
    set(&mut desk, "2030-12-31", Points::MAX, p(1_000));
    ladder.step(give(&mut desk, resident, p(700), "b"));
    set(&mut desk, "2030-12-31", Points::MAX, Points::MAX);
    let full = desk.resident();
    for number in 0..u32::try_from(crate::lot::LOTS_MAX).unwrap() {
        desk.programme(|programme| {
            let last = day("2027-05-01").plus_days(number);
            programme.expiry = crate::programme::ExpiryRule::On(last);
        });
        desk.grant(full, 1, &alloc::format!("{number}")).unwrap();
    }
    let all = p(1_000_000).times(9_000_000_000).unwrap();
    desk.programme(|programme| {
        (programme.id, programme.ceiling) = (ProgrammeId(2), Points::MAX);
        programme.two_officers_above = Points::MAX;
    });
    let private = GrantPrivate::plain(resident, word("z"), OFFICER);
    let shared = GrantShared { programme: ProgrammeId(2), points: all };
    desk.submit(Command::Grant(shared, private)).unwrap();
    set(&mut desk, "2030-12-31", Points::MAX, Points::MAX);
    let too_many = p(1_000_000).times(8_000_000).unwrap().times(1_000).unwrap();
    ladder.step(give(&mut desk, full, too_many, "b"));
    ladder.step(give(&mut desk, resident, too_many, "b"));
    ladder.step(give(&mut desk, resident, p(101), "b"));
    give(&mut desk, resident, p(100), "b").unwrap();
    ladder
}

fn proposal() -> Ladder {
    let mut ladder = Ladder::default();
    let mut desk = Desk::new("102016", BEGIN);
    let account = desk.resident();
    let private = GrantPrivate::plain(account, word("a"), OFFICER);
    let shared = GrantShared { programme: PROGRAMME, points: p(20_000) };
    let key = desk.key();
    desk.keyed(Some(OperationKey::Client(key)), Command::ProposeGrant(shared, private)).unwrap();
    let decide = |desk: &mut Desk, proposal| {
        let verdict = Verdict::Approve;
        let decision = ProposalDecision { proposal, verdict, approver: OFFICER };
        desk.submit(Command::DecideProposal(Nothing {}, decision))
    };
    ladder.step(decide(&mut desk, ProposalId([1; 16])));
    ladder.step(decide(&mut desk, ProposalId(*key.bytes())));
    ladder
}

fn conversion() -> Ladder {
    let mut ladder = Ladder::default();
    let mut desk = Desk::new("102016", BEGIN);
    let (resident, ended) = (desk.resident(), desk.resident());
    let link = LinkId([3; 16]);
    let send = |desk: &mut Desk, company: &str, change: &dyn Fn(&mut _)| {
        let mut statement = desk.statement(link, 250);
        statement.company = company.parse().unwrap();
        statement.town = "141500".parse().unwrap();
        statement.signed = day("2025-12-31");
        change(&mut statement);
        desk.send_conversion(statement).map(|_| Entry::parse(desk.journal.last().unwrap()).unwrap())
    };
    ladder.step(send(&mut desk, "nobody", &|_| {}));
    ladder.step(send(&mut desk, "jal", &|_| {}));
    let town = desk.town;
    ladder.step(send(&mut desk, "jal", &|s| s.town = town));
    let linked = |desk: &mut Desk, account, link| {
        desk.submit(Command::LinkCompany(Nothing {}, CompanyLink { account, company: jal(), link }))
    };
    linked(&mut desk, ended, LinkId([4; 16])).unwrap();
    linked(&mut desk, resident, link).unwrap();
    set_state(&mut desk, ended, HolderState::Closed);
    ladder.step(send(&mut desk, "jal", &|s| (s.town, s.link) = (town, LinkId([4; 16]))));
    ladder.step(send(&mut desk, "jal", &|s| s.town = town));
    type S = crate::intent::ConversionStatement;
    let old = |s: &mut S| (s.town, s.signed) = (town, day("2026-11-16"));
    ladder.step(send(&mut desk, "jal", &old));
    let dated = |s: &mut S| (s.town, s.signed) = (town, day(BEGIN));
    ladder.step(send(&mut desk, "jal", &dated));
    let sized = |amount: u64, points: u32| {
        move |s: &mut S| {
            (s.town, s.signed) = (town, day(BEGIN));
            (s.amount, s.points) = (CompanyPoints(amount), p(points));
        }
    };
    ladder.step(send(&mut desk, "jal", &sized(100, 9)));
    ladder.step(send(&mut desk, "jal", &sized(200, 9)));
    ladder.step(send(&mut desk, "jal", &sized(4_200, 2_100)));
    let preset = PresetSetting { account: resident, preset: Preset::Here };
    desk.submit(Command::SetPreset(Nothing {}, preset)).unwrap();
    ladder.step(send(&mut desk, "jal", &sized(4_200, 2_100)));
    send(&mut desk, "jal", &sized(4_000, 2_000)).unwrap();
    desk.on("2026-11-25");
    let next = |s: &mut S| {
        sized(2_200, 1_100)(s);
        s.signed = day("2026-11-25");
    };
    ladder.step(send(&mut desk, "jal", &next));
    ladder
}

fn choice() -> Ladder {
    let mut ladder = Ladder::default();
    let mut desk = Desk::new("102016", BEGIN);
    let resident = desk.resident();
    let link = desk.link(resident);
    let statement = desk.statement(link, 1_000);
    let conversion = desk.send_conversion(statement).unwrap();
    set_state(&mut desk, resident, HolderState::Frozen);
    ladder.step(desk.pick(AccountId([1; 16]), conversion));
    ladder.step(desk.pick(resident, conversion));
    let date = desk.ledger.day();
    let sweep = |conversion| Command::SweepUnassigned(DayTurn { date }, Sweep { conversion });
    ladder.step(desk.keyed(None, sweep(ConversionId([1; 16]))));
    ladder.step(desk.keyed(None, sweep(conversion)));
    ladder
}

fn offer() -> [Ladder; 2] {
    let mut ladder = Ladder::default();
    let mut pair = Pair::new(BEGIN, |agreement| {
        (agreement.movable, agreement.cap) = (Movable::Converted, p(500));
    });
    let (resident, to_b) = (pair.at_a, pair.to_b);
    pair.a.converted(resident, 1_000);
    pair.a.grant(resident, 300, "a").unwrap();
    let town = pair.b.town;
    let stranger: TownId = "102024".parse().unwrap();
    let first = pair.offer(1, 100).unwrap();
    let offer = |desk: &mut Desk, transfer, town, account, points| {
        let ids = (account, to_b);
        desk.submit(Desk::offer_command(transfer, town, ids, points, Source::Balance))
    };
    ladder.step(offer(&mut pair.a, 1, stranger, AccountId([1; 16]), 0));
    ladder.step(offer(&mut pair.a, 1, stranger, resident, 0));
    ladder.step(offer(&mut pair.a, 2, stranger, resident, 0));
    set_state(&mut pair.a, resident, HolderState::Frozen);
    ladder.step(offer(&mut pair.a, 2, town, resident, 0));
    // The directory no longer names the other town.
    let alone = directory(2, &[&pair.a]);
    let both = directory(3, &[&pair.a, &pair.b]);
    pair.a.fact(Command::TakeDirectory(alone, Nothing {}));
    ladder.step(offer(&mut pair.a, 2, town, resident, 1_301));
    pair.a.fact(Command::TakeDirectory(both, Nothing {}));
    ladder.step(offer(&mut pair.a, 2, town, resident, 1_301));
    set_state(&mut pair.a, resident, HolderState::Open);
    ladder.step(offer(&mut pair.a, 2, town, resident, 1_301));
    ladder.step(offer(&mut pair.a, 2, town, resident, 901));
    ladder.step(offer(&mut pair.a, 2, town, resident, 900));

    let mut withdraws = Ladder::default();
    let ask = |desk: &mut Desk, transfer: u8| {
        let shared = WithdrawShared { transfer: TransferId([transfer; 16]) };
        desk.submit(Command::Withdraw(shared, ByActor { actor: Actor::Holder }))
    };
    withdraws.step(ask(&mut pair.a, 9));
    let waiting = pair.offer(3, 100).unwrap();
    let lost = pair.offer(4, 100).unwrap();
    ask(&mut pair.a, 3).unwrap();
    withdraws.step(ask(&mut pair.a, 3));
    let accept = pair.b.receive(&first).unwrap().unwrap();
    pair.a.receive(&accept).unwrap();
    withdraws.step(ask(&mut pair.a, 1));
    // Another message at the same place of the other town's chain: a fork.
    let channel = crate::channel::Channel::new(Generation(1), Generation(1));
    let purpose = crate::envelope::Purpose::Money;
    let other = channel.draft(town, pair.a.town, purpose, vec![0]).sign(&pair.b.channel_key);
    pair.a.receive(&other).unwrap();
    withdraws.step(ask(&mut pair.a, 4));
    ladder.step(offer(&mut pair.a, 5, town, resident, 1_301));
    let _ = (waiting, lost);
    [ladder, withdraws]
}

fn largest_offer() -> Ladder {
    let mut ladder = Ladder::default();
    let mut pair = Pair::new(BEGIN, |agreement| agreement.movable = Movable::Everything);
    let resident = pair.at_a;
    super::transfers::fill(&mut pair.a, resident, "2027-05-01");
    let payment = pair.a.pay(resident, 128).unwrap();
    super::transfers::fill(&mut pair.a, resident, "2028-05-01");
    pair.a.refund(payment, 128).unwrap();
    ladder.0.push(pair.offer(1, 129).unwrap_err());
    ladder
}

fn fact() -> Ladder {
    let mut ladder = Ladder::default();
    let mut desk = Desk::new("102016", BEGIN);
    let (resident, other) = (desk.resident(), desk.resident());
    let setting = TerminalSetting {
        terminal: TILL,
        merchant: MerchantId(9),
        key: desk.terminal_key.public(),
        state: InUse::Active,
    };
    let moved = TerminalSetting { merchant: OTHER_SHOP, ..setting.clone() };
    ladder.step(desk.keyed(None, Command::SetTerminal(setting, by_officer())));
    ladder.step(desk.keyed(None, Command::SetTerminal(moved, by_officer())));
    let link = desk.link(resident);
    let taken = CompanyLink { account: other, company: jal(), link };
    ladder.step(desk.submit(Command::LinkCompany(Nothing {}, taken)));
    let version = CatalogueVersion(1);
    let same = crate::catalogue::Catalogue { version, valid_from: day(BEGIN), companies: vec![] };
    ladder.step(desk.keyed(None, Command::TakeCatalogue(same, by_officer())));
    let terms = TownTerms { refund_days: 401, ..TownTerms::DEFAULT };
    ladder.step(desk.keyed(None, Command::SetTerms(terms, by_officer())));
    let issue =
        HandleIssue { account: resident, town: "141500".parse().unwrap(), handle: Handle([1; 16]) };
    ladder.step(desk.submit(Command::IssueHandle(Nothing {}, issue)));
    let (low, high) = (Desk::new("102024", BEGIN), Desk::new("141500", BEGIN));
    let strangers = agreement(&low, &high, |_| {});
    ladder.step(desk.keyed(None, Command::TakeAgreement(strangers.clone(), by_officer())));
    let mut named = directory(1, &[&desk, &low, &high]);
    desk.fact(Command::TakeDirectory(named.clone(), Nothing {}));
    ladder.step(desk.keyed(None, Command::TakeAgreement(strangers, by_officer())));
    ladder.step(desk.keyed(None, Command::TakeDirectory(named.clone(), Nothing {})));
    named.statement = directory(2, &[&desk]).statement;
    ladder.step(desk.keyed(None, Command::TakeDirectory(named, Nothing {})));
    ladder
}

/// The ladder that reaches a refusal. A new refusal does not build until it is named here.
#[expect(clippy::too_many_lines, reason = "one match over all refusals")]
const fn ladder_of(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::SameKeyOtherContent { .. }
        | Refusal::TooOldAskFirst
        | Refusal::KeyAhead
        | Refusal::NotThisTown
        | Refusal::UnknownTerminal
        | Refusal::TerminalRevoked
        | Refusal::MerchantSuspended
        | Refusal::UnknownAccount
        | Refusal::AccountFrozen
        | Refusal::AccountClosed
        | Refusal::AccountDeceased
        | Refusal::NoPoints
        | Refusal::OverPaymentLimit { .. }
        | Refusal::OverDayLimit { .. }
        | Refusal::ShortOfPoints { .. }
        | Refusal::AlreadyVoided => "payment",
        Refusal::UnknownPayment
        | Refusal::NotYourPayment
        | Refusal::DayClosed
        | Refusal::PartlyRefunded => "void",
        Refusal::OverRefunded { .. } | Refusal::RefundWindowOver { .. } => "refund",
        Refusal::UnknownProgramme
        | Refusal::ProgrammeNotRunning
        | Refusal::ResidentsOnly
        | Refusal::AlreadyGranted { .. }
        | Refusal::OverCap { .. }
        | Refusal::BudgetExhausted { .. }
        | Refusal::SecondOfficerNeeded { .. }
        | Refusal::TooManyLots
        | Refusal::TooManyPoints => "grant",
        Refusal::SameOfficer | Refusal::UnknownProposal => "proposal",
        Refusal::UnknownCompany
        | Refusal::CatalogueNotValid
        | Refusal::StatementDate
        | Refusal::WrongRate { .. }
        | Refusal::NotWholeUnits { .. }
        | Refusal::BelowMinimum { .. }
        | Refusal::OverDailyConversion { .. }
        | Refusal::OverMonthlyConversion { .. }
        | Refusal::UnknownLink
        | Refusal::PresetTownNeeded => "conversion",
        Refusal::UnknownConversion | Refusal::NothingDue => "choice",
        Refusal::NoAgreement
        | Refusal::OverTownCap { .. }
        | Refusal::NotMovable { .. }
        | Refusal::ChannelFrozen => "offer",
        Refusal::UnknownTransfer | Refusal::TransferClosed => "withdraw",
        Refusal::UnknownSite
        | Refusal::SiteSuspended
        | Refusal::SiteNotLinked
        | Refusal::OverStandingLimit { .. }
        | Refusal::HoldDate { .. }
        | Refusal::HoldReleased => "hold",
        Refusal::UnknownHold
        | Refusal::NotYourHold
        | Refusal::HoldCaptured
        | Refusal::HoldOver { .. }
        | Refusal::OverHold { .. }
        | Refusal::CampaignOpen
        | Refusal::CampaignClosed
        | Refusal::CampaignFailed
        | Refusal::NotCaptured => "capture",
        Refusal::UnknownImport
        | Refusal::ImportClosed
        | Refusal::ImportOpen
        | Refusal::AlreadyImported { .. }
        | Refusal::ImportPlace { .. }
        | Refusal::OverDeclared { .. }
        | Refusal::ImportTotals { .. }
        | Refusal::ImportDate => "import",
        Refusal::UnknownRequest
        | Refusal::RequestTaken
        | Refusal::RequestClosed
        | Refusal::RefundInstead
        | Refusal::OriginalUnderWay
        | Refusal::ShopNotAgreed => "roaming",
        Refusal::UnknownPeriod | Refusal::PeriodNotClosed | Refusal::PeriodAgreed => "settlement",
        Refusal::UnknownAgreementProposal
        | Refusal::AgreementOver { .. }
        | Refusal::MovementNotAgreed => "agreement",
        Refusal::KeyChanging => "keys",
        Refusal::TownClosed | Refusal::ClosingWaits { .. } => "closing",
        Refusal::Recovering => "restore",
        Refusal::TooLargeForAnEntry => "largest offer",
        Refusal::UnknownMerchant
        | Refusal::NotNewer
        | Refusal::NotInDirectory
        | Refusal::NotWellFormed
        | Refusal::Exists
        | Refusal::LinkTaken => "fact",
        // Conversions, payments, life of an account.
        Refusal::UnknownExchangeCode
        | Refusal::ExchangeCodeUsed
        | Refusal::ExchangeCodeExpired { .. }
        | Refusal::ExchangeCodeTaken
        | Refusal::OtherWay => "exchange code",
        Refusal::OverTotal { .. }
        | Refusal::BalanceNotDecided { .. }
        | Refusal::PointsWait { .. }
        | Refusal::HeirsNotAllowed
        | Refusal::NotDeceased
        | Refusal::LotsNotHeld
        | Refusal::UnderLegalHold
        | Refusal::AccountNotEnded
        | Refusal::AccountErased
        | Refusal::RetentionRuns { .. } => "life",
        Refusal::SlipEndDate { .. } => "open bulk",
        Refusal::UnknownBulk
        | Refusal::BulkClosed
        | Refusal::WrongBulkMode
        | Refusal::BulkOutOfOrder { .. }
        | Refusal::OverBulk { .. }
        | Refusal::LineRefused { .. }
        | Refusal::BulkIncomplete { .. } => "bulk lines",
        Refusal::UnknownSlip
        | Refusal::SlipReissued
        | Refusal::SlipClaimed { .. }
        | Refusal::SlipOver { .. }
        | Refusal::SlipNotIssued => "slip",
        Refusal::OwnApplication => "group",
        // Street cards.
        Refusal::UnknownScheme
        | Refusal::UnknownDesk
        | Refusal::NoCardLeft
        | Refusal::StreetCardTaken => "street card",
        Refusal::SchemeNotRunning
        | Refusal::UnknownStreetCard
        | Refusal::StreetCardBlocked
        | Refusal::NoCharges
        | Refusal::BelowCharge { .. }
        | Refusal::OverCharge { .. }
        | Refusal::OverDayCharge { .. }
        | Refusal::NotChargeable { .. }
        | Refusal::ChargeFailed => "charge",
        Refusal::UnknownCharge | Refusal::ChargeConfirmed => "charge answer",
        Refusal::NoRewards | Refusal::AccountNeeded | Refusal::NothingEarned => "reward",
        Refusal::UnknownReward | Refusal::RewardReturned => "reward return",
        // Vouchers.
        Refusal::UnknownVoucherKind
        | Refusal::VoucherNotSold
        | Refusal::VoucherStockShort { .. }
        | Refusal::OverVoucherLimit { .. }
        | Refusal::VoucherIssueVoided => "vouchers",
        Refusal::SerialsTaken => "voucher stock",
        Refusal::UnknownVoucher { .. }
        | Refusal::VoucherNotTakenHere
        | Refusal::VoucherRedeemed { .. }
        | Refusal::VoucherVoided { .. }
        | Refusal::VoucherLost { .. }
        | Refusal::VoucherExpired { .. } => "redemption",
        Refusal::UnknownVoucherIssue | Refusal::CashPremium => "voucher void",
        Refusal::VoucherReissued { .. } => "reissue",
        Refusal::UnknownRedemption | Refusal::RedemptionVoided | Refusal::NotYourRedemption => {
            "redemption void"
        }
        // Programmes and grants.
        Refusal::AttributesUnknown
        | Refusal::TooYoung { .. }
        | Refusal::NotResident
        | Refusal::NotEnrolled
        | Refusal::WrongRule
        | Refusal::OutOfSeason { .. }
        | Refusal::OverMonth
        | Refusal::NotByRule { .. }
        | Refusal::DoubleOpen => "grant by rule",
        Refusal::SamePerson => "double",
        Refusal::UnknownCode
        | Refusal::CodeOver { .. }
        | Refusal::CodeUsed { .. }
        | Refusal::CodeFull => "code",
        // Printed tickets.
        Refusal::TicketsNotIssued
        | Refusal::NotATicketUnit
        | Refusal::TicketStockShort { .. }
        | Refusal::TicketPaperNotNext { .. }
        | Refusal::TicketStockOverlaps
        | Refusal::TooManyTickets
        | Refusal::TicketOfAnotherTown
        | Refusal::TicketNotGenuine
        | Refusal::UnknownTicket
        | Refusal::TicketNotUsableHere
        | Refusal::TicketVoided
        | Refusal::TicketLapsed
        | Refusal::TicketExpired { .. }
        | Refusal::TicketUsed
        | Refusal::TicketDoubleWaits
        | Refusal::TicketBundleDiffers { .. }
        | Refusal::UnknownTicketDouble
        | Refusal::TicketDoubleDecided
        | Refusal::TicketDoublesRefused => "ticket",
        Refusal::DaysOffMissing { .. }
        | Refusal::NotTheNextRun { .. }
        | Refusal::PeriodNotOver { .. }
        | Refusal::RunAtWork
        | Refusal::UnknownRun
        | Refusal::WrongRunState => "payout run",
        Refusal::UnknownStatement | Refusal::WrongStatementState => "payout statement",
        Refusal::UnknownLibraryLink | Refusal::LibraryLinked | Refusal::LibraryLinkEnded => {
            "library card"
        }
    }
}

/// Every ladder, with the codes in the order in which its command is checked.
#[expect(clippy::too_many_lines, reason = "one list of all ladders")]
fn ladders() -> Vec<(&'static str, Ladder, &'static str)> {
    let ([voids, refunds], [offers, withdraws]) = (void_and_refund(), offer());
    vec![
        (
            "payment",
            payment(),
            "same_key_other_content too_old_ask_first key_ahead_of_time unknown_terminal \
             terminal_revoked not_this_town unknown_terminal merchant_suspended \
             unknown_account account_frozen account_deceased no_points account_closed \
             over_payment_limit over_day_limit already_voided short_of_points",
        ),
        (
            "void",
            voids,
            "unknown_terminal not_this_town unknown_terminal unknown_payment not_your_payment \
             already_voided partly_refunded partly_refunded day_closed",
        ),
        (
            "refund",
            refunds,
            "unknown_terminal not_this_town unknown_terminal unknown_payment not_your_payment \
             already_voided no_points refund_window_over over_refunded",
        ),
        (
            "grant",
            grant(),
            "unknown_account account_closed account_deceased no_points unknown_programme \
             programme_not_running residents_only already_granted over_cap budget_exhausted \
             too_many_lots too_many_points second_officer_needed",
        ),
        ("proposal", proposal(), "unknown_proposal same_officer"),
        (
            "grant by rule",
            grants::by_rule(),
            "attributes_unknown too_young not_resident not_enrolled wrong_rule out_of_season \
             not_by_rule not_by_rule over_month double_open",
        ),
        (
            "double",
            grants::double(),
            "unknown_account same_person exists same_person not_well_formed exists",
        ),
        (
            "grant code",
            grants::grant_code(),
            "no_points unknown_programme wrong_rule second_officer_needed not_well_formed \
             not_well_formed",
        ),
        ("code", grants::code(), "unknown_code code_over code_used code_full attributes_unknown"),
        (
            "conversion",
            conversion(),
            "unknown_company not_this_town unknown_link account_closed catalogue_not_valid \
             statement_date not_whole_units below_minimum wrong_rate preset_town_needed \
             over_daily_conversion over_monthly_conversion",
        ),
        ("choice", choice(), "unknown_conversion account_frozen unknown_conversion nothing_due"),
        (
            "offer",
            offers,
            "unknown_account exists no_agreement no_points not_in_directory account_frozen \
             short_of_points not_movable over_town_cap channel_frozen",
        ),
        ("withdraw", withdraws, "unknown_transfer exists transfer_closed channel_frozen"),
        (
            "hold",
            orders::hold(),
            "unknown_site not_this_town site_suspended merchant_suspended site_not_linked \
             account_frozen no_points not_well_formed hold_date over_standing_limit \
             over_payment_limit over_day_limit hold_released short_of_points",
        ),
        (
            "capture",
            orders::capture(),
            "unknown_hold not_your_hold no_points not_captured campaign_open hold_over hold_over \
             campaign_closed campaign_failed over_hold hold_captured",
        ),
        (
            "import",
            import::import(),
            "no_points unknown_import import_open already_imported import_place over_declared \
             import_date import_totals import_closed",
        ),
        (
            "roaming",
            between::roaming(),
            "unknown_request request_closed request_taken refund_instead original_under_way \
             shop_not_agreed",
        ),
        ("settlement", between::settlement(), "unknown_period period_not_closed period_agreed"),
        (
            "agreement",
            Ladder(super::agreement::refused()),
            "not_this_town not_well_formed agreement_over unknown_agreement_proposal not_newer \
             unknown_agreement_proposal unknown_agreement_proposal unknown_agreement_proposal \
             movement_not_agreed",
        ),
        (
            "keys",
            Ladder(super::keys::refused()),
            "same_officer not_well_formed not_in_directory key_changing nothing_due",
        ),
        (
            "closing",
            Ladder(super::closing::refused()),
            "not_in_directory closing_waits nothing_due nothing_due town_closed",
        ),
        ("restore", Ladder(vec![super::restore::refused()]), "recovering"),
        (
            "library card",
            Ladder(super::library::refused()),
            "unknown_account account_frozen exists library_linked not_well_formed \
             not_in_directory unknown_library_link unknown_library_link unknown_library_link \
             unknown_library_link library_link_ended library_link_ended",
        ),
        ("largest offer", largest_offer(), "too_large_for_an_entry"),
        (
            "fact",
            fact(),
            "unknown_merchant exists link_taken not_newer not_well_formed not_in_directory \
             not_in_directory not_this_town not_newer not_well_formed",
        ),
        // Conversions, payments, life of an account.
        (
            "exchange code",
            life::code(),
            "other_way wrong_rate exchange_code_expired exchange_code_taken unknown_account unknown_exchange_code \
             preset_town_needed exchange_code_used",
        ),
        (
            "life",
            life::life(),
            "over_total points_wait balance_not_decided not_deceased heirs_not_allowed \
             lots_not_held account_not_ended under_legal_hold retention_runs account_erased",
        ),
        (
            "open bulk",
            bulk::open_bulk(),
            "unknown_programme exists no_points programme_not_running slip_end_date \
             budget_exhausted second_officer_needed",
        ),
        (
            "bulk lines",
            bulk::bulk_lines(),
            "unknown_bulk bulk_closed bulk_out_of_order not_well_formed too_large_for_an_entry \
             over_bulk wrong_bulk_mode line_refused unknown_bulk bulk_closed bulk_incomplete \
             nothing_due",
        ),
        (
            "slip",
            bulk::slip(),
            "unknown_slip bulk_out_of_order slip_not_issued unknown_slip exists slip_reissued \
             unknown_account slip_claimed slip_claimed slip_over slip_over",
        ),
        (
            "group",
            bulk::group_application(),
            "unknown_programme own_application wrong_rule wrong_rule not_well_formed \
             second_officer_needed line_refused budget_exhausted exists",
        ),
        // Printed tickets.
        (
            "ticket",
            Ladder(super::tickets::refused()),
            "too_many_tickets tickets_not_issued not_a_ticket_unit ticket_stock_short \
             ticket_paper_not_next ticket_stock_overlaps ticket_of_another_town \
             ticket_not_genuine unknown_ticket ticket_not_usable_here ticket_voided \
             ticket_double_waits ticket_used ticket_bundle_differs unknown_ticket_double \
             ticket_doubles_refused ticket_double_decided ticket_expired ticket_lapsed",
        ),
        (
            "payout run",
            payout::runs(),
            "nothing_due not_the_next_run period_not_over days_off_missing run_at_work \
             unknown_run not_well_formed wrong_run_state same_officer nothing_due",
        ),
        (
            "payout statement",
            payout::statements(),
            "unknown_run unknown_statement wrong_statement_state wrong_statement_state \
             not_well_formed",
        ),
    ]
    .into_iter()
    .chain(street::ladders())
    .chain(voucher::ladders())
    .collect()
}

#[test]
fn every_refusal_is_reached() {
    let mut reached = BTreeSet::new();
    for (name, ladder, _) in &ladders() {
        let own = ladder.0.iter().filter(|refusal| ladder_of(refusal) == *name);
        reached.extend(own.map(Refusal::code));
    }
    let all: BTreeSet<_> = Refusal::CODES.iter().map(|(code, _)| *code).collect();
    let missing: Vec<_> = all.difference(&reached).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_command_in_which_everything_is_wrong_is_refused_in_order() {
    for (name, ladder, order) in ladders() {
        let order: Vec<_> = order.split_whitespace().collect();
        assert_eq!(ladder.codes(), order, "{name}");
    }
}
