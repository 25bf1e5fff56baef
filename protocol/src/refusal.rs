//! Refusals: the answers of the ledger to a person who asked for what may not be.
//!
//! Each has a stable code and a number in the journal. They are checked in the order of the
//! variants of one command.

use minicbor::{Decode, Encode};

use crate::{catalogue::CompanyPoints, date::BusinessDate, id::EntryIndex, points::Points};

macro_rules! refusals {
    ($($(#[$doc:meta])* $number:literal $name:ident $({ $($n:literal $field:ident: $type:ty),* $(,)? })? $remembered:ident $code:literal,)*) => {
        /// Why the ledger refused. It carries what the screen needs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
        #[expect(missing_docs, reason = "the fields are named for what the screen shows")]
        pub enum Refusal {
            $($(#[$doc])* #[n($number)] $name $({ $(#[n($n)] $field: $type),* })?,)*
        }

        impl Refusal {
            /// The stable code.
            #[must_use]
            pub const fn code(&self) -> &'static str {
                match self { $(Self::$name $({ $($field: _),* })? => $code,)* }
            }

            /// The number in the journal.
            #[must_use]
            pub const fn number(&self) -> u16 {
                match self { $(Self::$name $({ $($field: _),* })? => $number,)* }
            }

            /// Whether the refusal depends on the state and so is journalled and final for its
            /// key; what was never a command of a known caller is not (architecture, Idempotency).
            #[must_use]
            pub const fn remembered(&self) -> bool {
                match self { $(Self::$name $({ $($field: _),* })? => refusals!(@ $remembered),)* }
            }

            /// Every code, with its number.
            pub const CODES: &'static [(&'static str, u16)] = &[$(($code, $number)),*];
        }
    };
    (@ final) => { true };
    (@ retry) => { false };
}

refusals! {
    /// The key was used before with another content.
    0 SameKeyOtherContent { 0 first: EntryIndex } retry "same_key_other_content",
    /// The key's time lies behind the window: ask for its answer first.
    1 TooOldAskFirst retry "too_old_ask_first",
    /// The key's time lies ahead of the node's.
    2 KeyAhead retry "key_ahead_of_time",
    /// The statement is meant for another town.
    3 NotThisTown retry "not_this_town",
    /// No such terminal, or its key is another one.
    4 UnknownTerminal retry "unknown_terminal",
    /// The terminal was taken out of use.
    5 TerminalRevoked retry "terminal_revoked",
    /// No such merchant.
    6 UnknownMerchant retry "unknown_merchant",
    /// The merchant takes no points now.
    7 MerchantSuspended final "merchant_suspended",
    /// No such account.
    8 UnknownAccount retry "unknown_account",
    /// The account is frozen: incoming only.
    9 AccountFrozen final "account_frozen",
    /// The account is closed.
    10 AccountClosed final "account_closed",
    /// The holder is deceased: returns only.
    11 AccountDeceased final "account_deceased",
    /// Nothing to move.
    12 NoPoints retry "no_points",
    /// Above what one payment may be, by this way of showing who one is.
    13 OverPaymentLimit { 0 limit: Points } final "over_payment_limit",
    /// Above what a day may be.
    14 OverDayLimit { 0 left: Points } final "over_day_limit",
    /// The account holds too few points that can be spent.
    15 ShortOfPoints { 0 held: Points, 1 asked: Points } final "short_of_points",
    /// This payment was voided, also before it arrived.
    16 AlreadyVoided final "already_voided",
    /// No such payment.
    17 UnknownPayment retry "unknown_payment",
    /// Another shop's payment.
    18 NotYourPayment retry "not_your_payment",
    /// The day of the payment is over: refund it.
    19 DayClosed final "day_closed",
    /// A payment of which a part was refunded is not voided.
    20 PartlyRefunded final "partly_refunded",
    /// More than what is left of the payment.
    21 OverRefunded { 0 left: Points } final "over_refunded",
    /// The town's window for refunds is over.
    22 RefundWindowOver { 0 last: BusinessDate } final "refund_window_over",
    /// No such programme.
    23 UnknownProgramme retry "unknown_programme",
    /// Outside the programme's period.
    24 ProgrammeNotRunning final "programme_not_running",
    /// The programme is for residents.
    25 ResidentsOnly final "residents_only",
    /// Granted before: programme, recipient, activity and kind are the same.
    26 AlreadyGranted { 0 first: EntryIndex } final "already_granted",
    /// Above what is left of the person's cap in this fiscal year.
    27 OverCap { 0 left: Points } final "over_cap",
    /// Above what is left of the programme's budget.
    28 BudgetExhausted { 0 left: Points } final "budget_exhausted",
    /// A second officer has to approve.
    29 SecondOfficerNeeded { 0 above: Points } final "second_officer_needed",
    /// Nobody approves their own.
    30 SameOfficer retry "same_officer",
    /// No such proposal, or it was decided before.
    31 UnknownProposal retry "unknown_proposal",
    /// The account would hold too many lots.
    32 TooManyLots final "too_many_lots",
    /// The sum would be larger than any account may hold.
    33 TooManyPoints final "too_many_points",
    /// No such company in the catalogue.
    34 UnknownCompany retry "unknown_company",
    /// The catalogue's version was not valid on the signed date.
    35 CatalogueNotValid final "catalogue_not_valid",
    /// Signed too long ago, or on a day to come.
    36 StatementDate final "statement_date",
    /// The points are not what the catalogue makes of the amount.
    37 WrongRate { 0 right: Points } final "wrong_rate",
    /// Not a whole number of units.
    38 NotWholeUnits { 0 unit: CompanyPoints } final "not_whole_units",
    /// Below the company's minimum.
    39 BelowMinimum { 0 minimum: CompanyPoints } final "below_minimum",
    /// Above the company's limit for a day.
    40 OverDailyConversion { 0 left: CompanyPoints } final "over_daily_conversion",
    /// Above the company's limit for a month.
    41 OverMonthlyConversion { 0 left: CompanyPoints } final "over_monthly_conversion",
    /// The company's link names no account here.
    42 UnknownLink final "unknown_link",
    /// The holder has not yet chosen the town that points go to by themselves.
    43 PresetTownNeeded final "preset_town_needed",
    /// No such conversion that waits, or it was decided before.
    44 UnknownConversion retry "unknown_conversion",
    /// No agreement with this town, or not on this day.
    45 NoAgreement final "no_agreement",
    /// More than the two towns allow each other.
    46 OverTownCap { 0 left: Points } final "over_town_cap",
    /// These points may not move by the agreement.
    47 NotMovable { 0 movable: Points } final "not_movable",
    /// No such transfer.
    48 UnknownTransfer retry "unknown_transfer",
    /// The transfer is settled or returned.
    49 TransferClosed final "transfer_closed",
    /// The channel to this town is frozen: an officer has to look.
    50 ChannelFrozen retry "channel_frozen",
    /// A version of this document or fact that is not newer than what is in force.
    51 NotNewer retry "not_newer",
    /// A town, key or signature that the directory does not name.
    52 NotInDirectory retry "not_in_directory",
    /// The statement's parts do not belong together.
    53 NotWellFormed retry "not_well_formed",
    /// There is one already.
    54 Exists retry "exists",
    /// Nothing is due.
    55 NothingDue retry "nothing_due",
    /// Too much for one entry of the journal: in smaller parts.
    56 TooLargeForAnEntry retry "too_large_for_an_entry",
    /// The link is another holder's.
    57 LinkTaken final "link_taken",
    // Programmes and grants: 60 to 79.
    /// Not known, or not for this day: birth date, residence or enrolment.
    60 AttributesUnknown retry "attributes_unknown",
    /// The age that the programme demands is not reached by the end of this day.
    61 TooYoung { 0 on: BusinessDate } final "too_young",
    /// Not in the resident register on this day.
    62 NotResident final "not_resident",
    /// Not on the programme's list on this day.
    63 NotEnrolled final "not_enrolled",
    /// What was measured is not what the programme's rule asks for.
    64 WrongRule final "wrong_rule",
    /// The programme's exchange is in another month.
    65 OutOfSeason { 0 month: u32 } final "out_of_season",
    /// Nothing is left of what a person gets in a month.
    66 OverMonth final "over_month",
    /// The points are not what the programme's rule gives.
    67 NotByRule { 0 right: Points } final "not_by_rule",
    /// The account may be another one's holder's: an officer has to decide first.
    68 DoubleOpen final "double_open",
    /// The two are one person already.
    69 SamePerson retry "same_person",
    /// No such grant code.
    70 UnknownCode retry "unknown_code",
    /// The code's last day is over.
    71 CodeOver { 0 last: BusinessDate } final "code_over",
    /// The holder used this code before.
    72 CodeUsed { 0 first: EntryIndex } final "code_used",
    /// The code was used as often as it may be.
    73 CodeFull final "code_full",

    // Bulk grants, claim slips, group applications: 80 to 99.
    /// No such file.
    80 UnknownBulk retry "unknown_bulk",
    /// The file was committed or cancelled.
    81 BulkClosed final "bulk_closed",
    /// The file is granted in another way.
    82 WrongBulkMode retry "wrong_bulk_mode",
    /// These lines are not the next ones of the file.
    83 BulkOutOfOrder { 0 next: u32 } retry "bulk_out_of_order",
    /// More than the file was opened with.
    84 OverBulk { 0 left: Points } final "over_bulk",
    /// A line was refused, for the reason of this number; with it the whole of what was sent.
    85 LineRefused { 0 line: u32, 1 number: u16 } final "line_refused",
    /// The file has fewer lines or points than it was opened with.
    86 BulkIncomplete { 0 lines: u32, 1 count: u32 } final "bulk_incomplete",
    /// Slips can be claimed until the programme's last day at the latest.
    87 SlipEndDate { 0 last: BusinessDate } final "slip_end_date",
    /// No slip has this code.
    88 UnknownSlip retry "unknown_slip",
    /// The slip was issued again; this code is good no more.
    89 SlipReissued final "slip_reissued",
    /// The slip was claimed.
    90 SlipClaimed { 0 first: EntryIndex } final "slip_claimed",
    /// The last day to claim the slip is over.
    91 SlipOver { 0 last: BusinessDate } final "slip_over",
    /// The slip's file is not committed.
    92 SlipNotIssued final "slip_not_issued",
    /// Who sent an application does not check or approve it, and two officers are two.
    93 OwnApplication retry "own_application",

    // Conversions, payments, life of an account: 100 to 119.
    /// What the account holds is not what its holder gives up.
    100 BalanceNotDecided { 0 held: Points } final "balance_not_decided",
    /// Points of the account are unassigned, on their way or reserved.
    101 PointsWait { 0 points: Points } final "points_wait",
    /// No company issued such a code.
    102 UnknownExchangeCode retry "unknown_exchange_code",
    /// The code was used.
    103 ExchangeCodeUsed final "exchange_code_used",
    /// The code's last day is over.
    104 ExchangeCodeExpired { 0 last: BusinessDate } final "exchange_code_expired",
    /// A code of this hash was issued before.
    105 ExchangeCodeTaken final "exchange_code_taken",
    /// More points than the goods cost.
    106 OverTotal { 0 total: Points } retry "over_total",
    /// The town gives a deceased person's points to nobody.
    107 HeirsNotAllowed final "heirs_not_allowed",
    /// The account is not a deceased person's.
    108 NotDeceased final "not_deceased",
    /// The account does not hold the lots that are named.
    109 LotsNotHeld final "lots_not_held",
    /// The data are kept for a court or an authority.
    110 UnderLegalHold final "under_legal_hold",
    /// Only the data behind an ended account are erased.
    111 AccountNotEnded final "account_not_ended",
    /// The data behind the account were erased.
    112 AccountErased final "account_erased",
    /// The town still keeps the data.
    113 RetentionRuns { 0 until: BusinessDate } final "retention_runs",
    /// The company's points come by another way: by linked ID, or by code.
    114 OtherWay retry "other_way",

    // Street cards: 120 to 139.
    /// No such scheme.
    120 UnknownScheme retry "unknown_scheme",
    /// Outside the scheme's period.
    121 SchemeNotRunning final "scheme_not_running",
    /// The desk does not hand this out.
    122 UnknownDesk retry "unknown_desk",
    /// The desk has no card left.
    123 NoCardLeft final "no_card_left",
    /// No such card of a street.
    124 UnknownStreetCard retry "unknown_street_card",
    /// The street's card is blocked.
    125 StreetCardBlocked final "street_card_blocked",
    /// The street's card is another holder's.
    126 StreetCardTaken final "street_card_taken",
    /// Nothing is charged onto this street's card.
    127 NoCharges final "no_charges",
    /// Below what one charge is at least.
    128 BelowCharge { 0 least: Points } final "below_charge",
    /// Above what one charge may be.
    129 OverCharge { 0 limit: Points } final "over_charge",
    /// Above what is left of the day's charges.
    130 OverDayCharge { 0 left: Points } final "over_day_charge",
    /// The account holds too few points that may be charged.
    131 NotChargeable { 0 chargeable: Points } final "not_chargeable",
    /// No such charge.
    132 UnknownCharge retry "unknown_charge",
    /// The card system has taken the charge.
    133 ChargeConfirmed final "charge_confirmed",
    /// The charge came back, also before it arrived.
    134 ChargeFailed final "charge_failed",
    /// Purchases at this shop earn nothing now.
    135 NoRewards final "no_rewards",
    /// This street's rewards need an account.
    136 AccountNeeded final "account_needed",
    /// The cash does not reach what earns a point.
    137 NothingEarned final "nothing_earned",
    /// No such purchase that earned.
    138 UnknownReward retry "unknown_reward",
    /// The reward was taken back, also before it arrived.
    139 RewardReturned final "reward_returned",

    // Vouchers: 140 to 159.
    /// No such kind of voucher.
    140 UnknownVoucherKind retry "unknown_voucher_kind",
    /// Not handed out on this day, or not for this.
    141 VoucherNotSold final "voucher_not_sold",
    /// The desk has too few left.
    142 VoucherStockShort { 0 left: u32 } final "voucher_stock_short",
    /// Above the units that one person may have.
    143 OverVoucherLimit { 0 left: u32 } final "over_voucher_limit",
    /// Some of these numbers came before.
    144 SerialsTaken final "serials_taken",
    /// No such voucher was issued.
    145 UnknownVoucher { 0 number: u32 } retry "unknown_voucher",
    /// The voucher is not taken at this shop.
    146 VoucherNotTakenHere final "voucher_not_taken_here",
    /// The voucher was redeemed before.
    147 VoucherRedeemed { 0 number: u32, 1 first: EntryIndex } final "voucher_redeemed",
    /// The voucher was voided.
    148 VoucherVoided { 0 number: u32 } final "voucher_voided",
    /// The voucher was lost, and another one stands for it.
    149 VoucherLost { 0 number: u32 } final "voucher_lost",
    /// The voucher expired.
    150 VoucherExpired { 0 number: u32, 1 last: BusinessDate } final "voucher_expired",
    /// No such issue of vouchers.
    151 UnknownVoucherIssue retry "unknown_voucher_issue",
    /// The issue was voided, also before it arrived.
    152 VoucherIssueVoided final "voucher_issue_voided",
    /// Premium vouchers that were bought with cash are not voided.
    153 CashPremium final "cash_premium",
    /// A lost voucher is issued anew once only.
    154 VoucherReissued { 0 number: u32 } final "voucher_reissued",
    /// No such redemption.
    155 UnknownRedemption retry "unknown_redemption",
    /// The redemption was voided, also before it arrived.
    156 RedemptionVoided final "redemption_voided",
    /// Another shop's redemption.
    157 NotYourRedemption retry "not_your_redemption",

    // Printed tickets: 160 to 179.
    /// The town issues no tickets, or not on this day.
    160 TicketsNotIssued final "tickets_not_issued",
    /// Not what a ticket of this town may be worth.
    161 NotATicketUnit final "not_a_ticket_unit",
    /// The desk has too few numbered papers left.
    162 TicketStockShort { 0 left: u32 } final "ticket_stock_short",
    /// Another paper is the next one.
    163 TicketPaperNotNext { 0 next: u32 } final "ticket_paper_not_next",
    /// A number that a desk has received before.
    164 TicketStockOverlaps final "ticket_stock_overlaps",
    /// Too many tickets in one go.
    165 TooManyTickets retry "too_many_tickets",
    /// Another town's ticket.
    166 TicketOfAnotherTown retry "ticket_of_another_town",
    /// The town never signed this ticket, or it was changed.
    167 TicketNotGenuine retry "ticket_not_genuine",
    /// No such ticket.
    168 UnknownTicket retry "unknown_ticket",
    /// This shop is none of those that may take it.
    169 TicketNotUsableHere final "ticket_not_usable_here",
    /// Its points went back to the holder.
    170 TicketVoided final "ticket_voided",
    /// Behind the last day on which a shop could hand it in.
    171 TicketLapsed final "ticket_lapsed",
    /// Behind its last day of use.
    172 TicketExpired { 0 last: BusinessDate } final "ticket_expired",
    /// A shop took it before.
    173 TicketUsed final "ticket_used",
    /// A double of this ticket waits for an officer already.
    174 TicketDoubleWaits final "ticket_double_waits",
    /// The bundle is not what its cover sheet says.
    175 TicketBundleDiffers { 0 count: u32, 1 points: Points } final "ticket_bundle_differs",
    /// No such double.
    176 UnknownTicketDouble retry "unknown_ticket_double",
    /// The double was decided before.
    177 TicketDoubleDecided final "ticket_double_decided",
    /// By the town's rule no double is paid.
    178 TicketDoublesRefused final "ticket_doubles_refused",

    // Orders and pledges: 180 to 199.
    /// No such site, or its key is another one.
    180 UnknownSite retry "unknown_site",
    /// The site takes no points now.
    181 SiteSuspended final "site_suspended",
    /// The holder has not linked the site, or no longer.
    182 SiteNotLinked final "site_not_linked",
    /// Above what the link allows without confirmation: the holder has to confirm.
    183 OverStandingLimit { 0 limit: Points } retry "over_standing_limit",
    /// The last day of the hold lies behind, or further off than the town allows the site.
    184 HoldDate { 0 last: BusinessDate } final "hold_date",
    /// No such hold.
    185 UnknownHold retry "unknown_hold",
    /// Another site's hold.
    186 NotYourHold retry "not_your_hold",
    /// The hold was captured.
    187 HoldCaptured final "hold_captured",
    /// The hold was released, also before it arrived.
    188 HoldReleased final "hold_released",
    /// The hold's last day is over: the points went back.
    189 HoldOver { 0 last: BusinessDate } final "hold_over",
    /// More than is on hold.
    190 OverHold { 0 held: Points } final "over_hold",
    /// The campaign has not ended: pledges are captured when it has reached its goal.
    191 CampaignOpen final "campaign_open",
    /// The campaign has ended.
    192 CampaignClosed final "campaign_closed",
    /// The campaign failed: its pledges go back.
    193 CampaignFailed final "campaign_failed",
    /// The hold is not captured: release it.
    194 NotCaptured final "not_captured",

    // Payout: 200 to 219.
    /// The days off of this year are not entered yet.
    200 DaysOffMissing { 0 year: u32 } final "days_off_missing",
    /// The next run ends on another day: runs are closed in order, cut by the cycle.
    201 NotTheNextRun { 0 last: BusinessDate } final "not_the_next_run",
    /// A shop's day close of the period's last day is not over.
    202 PeriodNotOver { 0 last: BusinessDate } final "period_not_over",
    /// A run is being closed or marked as paid, shop by shop.
    203 RunAtWork retry "run_at_work",
    /// No such run.
    204 UnknownRun retry "unknown_run",
    /// The run is in another state than this step begins from.
    205 WrongRunState final "wrong_run_state",
    /// The run has no statement of this shop.
    206 UnknownStatement retry "unknown_statement",
    /// The statement is in another state than this step begins from.
    207 WrongStatementState final "wrong_statement_state",

    // Moving in: 220 to 229.
    /// No such import.
    220 UnknownImport retry "unknown_import",
    /// The import has ended.
    221 ImportClosed retry "import_closed",
    /// Another import is not finished.
    222 ImportOpen retry "import_open",
    /// The same balances were taken before.
    223 AlreadyImported { 0 first: EntryIndex } final "already_imported",
    /// These are not the next lines.
    224 ImportPlace { 0 next: u32 } retry "import_place",
    /// More than was declared.
    225 OverDeclared { 0 count: u32, 1 points: Points } retry "over_declared",
    /// Count, sum or content are not as declared.
    226 ImportTotals { 0 count: u32, 1 points: Points } retry "import_totals",
    /// The points have lapsed, or were earned on a day to come.
    227 ImportDate retry "import_date",

    // Between towns: 230 to 249.
    /// No such request to another town.
    230 UnknownRequest retry "unknown_request",
    /// The shop has the points: what is given back is a refund.
    231 RequestTaken final "request_taken",
    /// The request was answered, or taken back.
    232 RequestClosed final "request_closed",
    /// Points of another town's holder are given back by a refund, not by a void.
    233 RefundInstead final "refund_instead",
    /// The payment that is refunded is still on its way.
    234 OriginalUnderWay retry "original_under_way",
    /// The agreement with the holder's town is for other shops.
    235 ShopNotAgreed final "shop_not_agreed",
    /// The agreement with this town is not for points that move in this way.
    236 MovementNotAgreed final "movement_not_agreed",
    /// No such month with this town.
    240 UnknownPeriod retry "unknown_period",
    /// The month is not stated by both towns in equal words.
    241 PeriodNotClosed final "period_not_closed",
    /// The statements of this month do not differ.
    242 PeriodAgreed final "period_agreed",

    // Library cards: 250 to 259.
    /// No such link to a library's card.
    250 UnknownLibraryLink retry "unknown_library_link",
    /// The holder has linked a card of this library already.
    251 LibraryLinked final "library_linked",
    /// The link was refused or has ended.
    252 LibraryLinkEnded final "library_link_ended",

    // Agreements: 260 to 269.
    /// No proposal of these terms waits for an answer of this town.
    260 UnknownAgreementProposal retry "unknown_agreement_proposal",
    /// The last day of the terms lies behind.
    261 AgreementOver { 0 until: BusinessDate } final "agreement_over",

    /// The key of a channel is being changed: the message that changes it comes first.
    264 KeyChanging retry "key_changing",
    /// This town, or the one that is asked, has closed.
    265 TownClosed retry "town_closed",
    /// The town cannot close while transfers or requests of its own wait for other towns.
    266 ClosingWaits { 0 transfers: u32, 1 requests: u32 } retry "closing_waits",

    // Restore: 270 to 274.
    /// The town begins anew from a backup: nothing moves until what the peers have is taken back.
    270 Recovering retry "recovering",
}
