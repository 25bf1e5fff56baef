//! The ledger's refusals as problems: status, words, and what to do next.

mod words;

use jichi_protocol::refusal::Refusal;

use super::problem::{CatalogueLine, Problem};
use words::WORDS;

/// The line of a refusal in the catalogue.
#[must_use]
pub fn line(code: &str) -> Option<CatalogueLine> {
    let words = WORDS.iter().copied().flatten().find(|(known, ..)| *known == code)?;
    let (code, status, ja, en, next_ja, next_en) = *words;
    Some(CatalogueLine { code, status, ja, en, next_ja, next_en })
}

/// Every line of the ledger's refusals, in the order of their numbers.
pub fn catalogue() -> impl Iterator<Item = CatalogueLine> {
    Refusal::CODES.iter().filter_map(|(code, _)| line(code))
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        // A test compares the catalogue with the codes, so that none is missing.
        let missing = super::problem::edge::EdgeProblem::Internal;
        let problem = line(refusal.code()).map_or_else(|| Self::from(missing), Self::new);
        match figure(&refusal) {
            Some((ja, en)) => {
                let (was_ja, was_en) = line(refusal.code()).map_or(("", ""), |l| (l.ja, l.en));
                problem.with_detail(format!("{was_ja}({ja})"), format!("{was_en} ({en})"))
            }
            None => problem,
        }
    }
}

/// The figure that the person at the screen needs.
#[expect(clippy::too_many_lines, reason = "one match that names every refusal")]
fn figure(refusal: &Refusal) -> Option<(String, String)> {
    let both = |ja: String, en: String| Some((ja, en));
    let left = |left: u64| both(format!("残り{left}"), format!("left: {left}"));
    match refusal {
        Refusal::ShortOfPoints { held, asked } => {
            both(format!("残高{held}、支払{asked}"), format!("held {held}, asked {asked}"))
        }
        Refusal::OverPaymentLimit { limit } => {
            both(format!("上限{limit}"), format!("limit {limit}"))
        }
        Refusal::OverDayLimit { left: points }
        | Refusal::OverRefunded { left: points }
        | Refusal::OverCap { left: points }
        | Refusal::BudgetExhausted { left: points }
        | Refusal::OverTownCap { left: points }
        | Refusal::NotMovable { movable: points } => left(points.get()),
        Refusal::OverDailyConversion { left: points }
        | Refusal::OverMonthlyConversion { left: points } => left(points.0),
        Refusal::RefundWindowOver { last } => both(format!("{last}まで"), format!("until {last}")),
        Refusal::SecondOfficerNeeded { above } => {
            both(format!("{above}を超える額"), format!("above {above}"))
        }
        Refusal::WrongRate { right } => both(format!("正しくは{right}"), format!("right: {right}")),
        Refusal::NotWholeUnits { unit } => {
            both(format!("単位{}", unit.0), format!("unit {}", unit.0))
        }
        Refusal::BelowMinimum { minimum } => {
            both(format!("最低{}", minimum.0), format!("minimum {}", minimum.0))
        }
        Refusal::AlreadyGranted { first } | Refusal::SameKeyOtherContent { first } => {
            both(format!("記録番号{first}"), format!("entry {first}"))
        }
        Refusal::TooOldAskFirst
        | Refusal::KeyAhead
        | Refusal::NotThisTown
        | Refusal::UnknownTerminal
        | Refusal::TerminalRevoked
        | Refusal::UnknownMerchant
        | Refusal::MerchantSuspended
        | Refusal::UnknownAccount
        | Refusal::AccountFrozen
        | Refusal::AccountClosed
        | Refusal::AccountDeceased
        | Refusal::NoPoints
        | Refusal::AlreadyVoided
        | Refusal::UnknownPayment
        | Refusal::NotYourPayment
        | Refusal::DayClosed
        | Refusal::PartlyRefunded
        | Refusal::UnknownProgramme
        | Refusal::ProgrammeNotRunning
        | Refusal::ResidentsOnly
        | Refusal::SameOfficer
        | Refusal::UnknownProposal
        | Refusal::TooManyLots
        | Refusal::TooManyPoints
        | Refusal::UnknownCompany
        | Refusal::CatalogueNotValid
        | Refusal::StatementDate
        | Refusal::UnknownLink
        | Refusal::PresetTownNeeded
        | Refusal::UnknownConversion
        | Refusal::NoAgreement
        | Refusal::UnknownTransfer
        | Refusal::TransferClosed
        | Refusal::ChannelFrozen
        | Refusal::NotNewer
        | Refusal::NotInDirectory
        | Refusal::NotWellFormed
        | Refusal::Exists
        | Refusal::NothingDue
        | Refusal::UnknownRequest
        | Refusal::RequestTaken
        | Refusal::RequestClosed
        | Refusal::RefundInstead
        | Refusal::OriginalUnderWay
        | Refusal::ShopNotAgreed
        | Refusal::MovementNotAgreed
        | Refusal::UnknownAgreementProposal
        | Refusal::KeyChanging
        | Refusal::TownClosed
        | Refusal::UnknownPeriod
        | Refusal::PeriodNotClosed
        | Refusal::PeriodAgreed
        | Refusal::TooLargeForAnEntry
        | Refusal::LinkTaken => None,
        // Programmes and grants.
        Refusal::TooYoung { on } => both(format!("基準日{on}"), format!("by the end of {on}")),
        Refusal::OutOfSeason { month } => both(format!("{month}月"), format!("month {month}")),
        Refusal::NotByRule { right } => both(format!("正しくは{right}"), format!("right: {right}")),
        Refusal::ClosingWaits { transfers, requests } => both(
            format!("移行{transfers}件、支払依頼{requests}件"),
            format!("{transfers} transfers, {requests} requests"),
        ),
        Refusal::AgreementOver { until } => both(format!("{until}まで"), format!("until {until}")),
        Refusal::CodeOver { last } => both(format!("{last}まで"), format!("until {last}")),
        Refusal::CodeUsed { first } => both(format!("記録番号{first}"), format!("entry {first}")),
        Refusal::AttributesUnknown
        | Refusal::NotResident
        | Refusal::NotEnrolled
        | Refusal::WrongRule
        | Refusal::OverMonth
        | Refusal::DoubleOpen
        | Refusal::SamePerson
        | Refusal::UnknownCode
        | Refusal::CodeFull => None,
        // Bulk grants, claim slips, group applications.
        Refusal::LineRefused { line, number } => {
            let why = Refusal::CODES.iter().find(|(_, known)| known == number);
            let why = why.and_then(|(code, _)| self::line(code));
            let (ja, en) = why.map_or(("", ""), |why| (why.ja, why.en));
            both(format!("{line}行目: {ja}"), format!("line {line}: {en}"))
        }
        Refusal::BulkOutOfOrder { next } => {
            both(format!("次は{next}件の後"), format!("next: behind {next} lines"))
        }
        Refusal::OverBulk { left: points } => left(points.get()),
        Refusal::BulkIncomplete { lines, count } => {
            both(format!("{count}件中{lines}件"), format!("{lines} of {count} lines"))
        }
        Refusal::SlipEndDate { last } | Refusal::SlipOver { last } => {
            both(format!("{last}まで"), format!("until {last}"))
        }
        Refusal::SlipClaimed { first } => {
            both(format!("記録番号{first}"), format!("entry {first}"))
        }
        Refusal::UnknownBulk
        | Refusal::BulkClosed
        | Refusal::WrongBulkMode
        | Refusal::UnknownSlip
        | Refusal::SlipReissued
        | Refusal::SlipNotIssued
        | Refusal::OwnApplication => None,
        // Conversions, payments, life of an account.
        Refusal::BalanceNotDecided { held: points } | Refusal::PointsWait { points } => {
            both(format!("{points}ポイント"), format!("{points} points"))
        }
        Refusal::OverTotal { total } => both(format!("代金{total}円"), format!("price {total}")),
        Refusal::ExchangeCodeExpired { last: date } | Refusal::RetentionRuns { until: date } => {
            both(format!("{date}まで"), format!("until {date}"))
        }
        Refusal::UnknownExchangeCode
        | Refusal::ExchangeCodeUsed
        | Refusal::ExchangeCodeTaken
        | Refusal::HeirsNotAllowed
        | Refusal::NotDeceased
        | Refusal::LotsNotHeld
        | Refusal::UnderLegalHold
        | Refusal::AccountNotEnded
        | Refusal::AccountErased
        | Refusal::OtherWay => None,

        // Street cards.
        Refusal::BelowCharge { least } => both(format!("最低{least}"), format!("least {least}")),
        Refusal::OverCharge { limit } => both(format!("上限{limit}"), format!("limit {limit}")),
        Refusal::OverDayCharge { left: points } => left(points.get()),
        Refusal::NotChargeable { chargeable } => {
            both(format!("チャージできるのは{chargeable}"), format!("chargeable: {chargeable}"))
        }
        Refusal::UnknownScheme
        | Refusal::SchemeNotRunning
        | Refusal::UnknownDesk
        | Refusal::NoCardLeft
        | Refusal::UnknownStreetCard
        | Refusal::StreetCardBlocked
        | Refusal::StreetCardTaken
        | Refusal::NoCharges
        | Refusal::UnknownCharge
        | Refusal::ChargeConfirmed
        | Refusal::ChargeFailed
        | Refusal::NoRewards
        | Refusal::AccountNeeded
        | Refusal::NothingEarned
        | Refusal::UnknownReward
        | Refusal::RewardReturned => None,

        // Vouchers.
        Refusal::VoucherStockShort { left: count } | Refusal::OverVoucherLimit { left: count } => {
            left(u64::from(*count))
        }
        Refusal::VoucherRedeemed { number, first } => both(
            format!("番号{number}、記録番号{first}"),
            format!("number {number}, entry {first}"),
        ),
        Refusal::VoucherExpired { number, last } => {
            both(format!("番号{number}、{last}まで"), format!("number {number}, until {last}"))
        }
        Refusal::UnknownVoucher { number }
        | Refusal::VoucherVoided { number }
        | Refusal::VoucherLost { number }
        | Refusal::VoucherReissued { number } => {
            both(format!("番号{number}"), format!("number {number}"))
        }
        Refusal::UnknownVoucherKind
        | Refusal::VoucherNotSold
        | Refusal::SerialsTaken
        | Refusal::VoucherNotTakenHere
        | Refusal::UnknownVoucherIssue
        | Refusal::VoucherIssueVoided
        | Refusal::CashPremium
        | Refusal::UnknownRedemption
        | Refusal::RedemptionVoided
        | Refusal::NotYourRedemption => None,
        // Printed tickets.
        Refusal::TicketStockShort { left: papers } => left(u64::from(*papers)),
        Refusal::TicketPaperNotNext { next } => {
            both(format!("次は{next:07}"), format!("next: {next:07}"))
        }
        Refusal::TicketExpired { last } => both(format!("{last}まで"), format!("until {last}")),
        Refusal::TicketBundleDiffers { count, points } => both(
            format!("券は{count}枚、{points}ポイント"),
            format!("there are {count} tickets of {points} points"),
        ),
        Refusal::TicketsNotIssued
        | Refusal::NotATicketUnit
        | Refusal::TicketStockOverlaps
        | Refusal::TooManyTickets
        | Refusal::TicketOfAnotherTown
        | Refusal::TicketNotGenuine
        | Refusal::UnknownTicket
        | Refusal::TicketNotUsableHere
        | Refusal::TicketVoided
        | Refusal::TicketLapsed
        | Refusal::TicketUsed
        | Refusal::TicketDoubleWaits
        | Refusal::UnknownTicketDouble
        | Refusal::TicketDoubleDecided
        | Refusal::TicketDoublesRefused => None,
        // Orders and pledges.
        Refusal::OverStandingLimit { limit } => {
            both(format!("上限{limit}"), format!("limit {limit}"))
        }
        Refusal::HoldDate { last } => both(format!("{last}まで"), format!("until {last}")),
        Refusal::HoldOver { last } => both(format!("期限{last}"), format!("last day {last}")),
        Refusal::OverHold { held } => both(format!("確保{held}"), format!("on hold: {held}")),
        Refusal::UnknownSite
        | Refusal::SiteSuspended
        | Refusal::SiteNotLinked
        | Refusal::UnknownHold
        | Refusal::NotYourHold
        | Refusal::HoldCaptured
        | Refusal::HoldReleased
        | Refusal::CampaignOpen
        | Refusal::CampaignClosed
        | Refusal::CampaignFailed
        | Refusal::NotCaptured => None,
        // Payout.
        Refusal::DaysOffMissing { year } => both(format!("{year}年"), format!("{year}")),
        Refusal::NotTheNextRun { last } => {
            both(format!("次の期間の末日は{last}"), format!("the next one ends on {last}"))
        }
        Refusal::PeriodNotOver { last } => both(format!("末日{last}"), format!("ends on {last}")),
        Refusal::RunAtWork
        | Refusal::UnknownRun
        | Refusal::WrongRunState
        | Refusal::UnknownStatement
        | Refusal::WrongStatementState => None,
        // Moving in.
        Refusal::AlreadyImported { first } => {
            both(format!("記録番号{first}"), format!("entry {first}"))
        }
        Refusal::ImportPlace { next } => {
            both(format!("取込済み{next}件"), format!("{next} lines are in"))
        }
        Refusal::OverDeclared { count, points } | Refusal::ImportTotals { count, points } => {
            both(format!("{count}件、{points}ポイント"), format!("{count} lines, {points} points"))
        }
        Refusal::UnknownImport
        | Refusal::ImportClosed
        | Refusal::ImportOpen
        | Refusal::ImportDate => None,
        // Library cards.
        Refusal::UnknownLibraryLink | Refusal::LibraryLinked | Refusal::LibraryLinkEnded => None,
        // Restore.
        Refusal::Recovering => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_of_the_ledger_has_its_words() {
        let codes: Vec<&str> = Refusal::CODES.iter().map(|(code, _)| *code).collect();
        let worded: Vec<&str> = WORDS.iter().copied().flatten().map(|(code, ..)| *code).collect();
        assert_eq!(codes, worded);
        assert!(catalogue().all(|line| (400..600).contains(&line.status)));
    }
}
