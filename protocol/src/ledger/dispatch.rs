//! Which rule decides a command, and which applies it: one line of each for every kind.

use alloc::boxed::Box;

use super::{Broken, Holder, Ledger, Plan, fact};
use crate::{
    command::Command,
    date::Time,
    entry::{Effect, Entry},
    refusal::Refusal,
};

impl Ledger {
    #[expect(clippy::too_many_lines, reason = "one match over all kinds")]
    pub(super) fn plan_command(&self, time: Time, command: &Command) -> Result<Plan, Refusal> {
        match command {
            Command::OpenTown(..) => Err(Refusal::Exists),
            Command::TakeDirectory(part, _) => self.plan_directory(time, part),
            Command::TakeCatalogue(catalogue, _) => self.plan_catalogue(catalogue),
            Command::SetProgramme(programme, _) => self.plan_programme(programme),
            Command::SetTerms(terms, _) => Self::plan_terms(terms),
            Command::TakeAgreement(signed, _) => self.plan_agreement(signed),
            Command::OpenAccount(_, opening) => self.plan_account(opening),
            Command::SetAccountState(_, change) => self.plan_account_state(change),
            Command::SetMerchant(setting, _) => Self::plan_merchant(setting),
            Command::SetTerminal(setting, _) => self.plan_terminal(setting),
            Command::LinkCompany(_, link) => self.plan_link(link),
            Command::SetPreset(_, setting) => self.plan_preset(setting),
            Command::IssueHandle(_, issue) => self.plan_handle(issue),
            Command::Grant(shared, private) => self.plan_grant(shared, private),
            Command::ProposeGrant(shared, private) => self.plan_proposal(shared, private),
            Command::DecideProposal(_, decision) => self.plan_decision(time, decision),
            Command::Pay(signed, payer) => self.plan_payment(&signed.intent, payer),
            Command::Void(signed, _) => self.plan_void(time, &signed.intent),
            Command::Refund(signed, _) => self.plan_refund(&signed.intent),
            Command::TurnDay(turn, _) => self.plan_day(time, turn.date),
            Command::Lapse(..) => self.plan_lapse(),
            Command::Convert(signed, _) => self.plan_conversion(&signed.statement),
            Command::PickTown(_, pick) => self.plan_pick(pick),
            Command::SweepUnassigned(_, sweep) => self.plan_sweep(sweep.conversion),
            Command::Offer(shared, private) => self.plan_offer(shared, private),
            Command::HandleEnvelope(_, received) => self.plan_envelope(&received.envelope),
            Command::Withdraw(shared, _) => self.plan_withdraw(shared.transfer),
            Command::HashState(state, _) => self.plan_hash(state.hash),
            Command::Propose(_, proposed) => self.plan_propose(time, proposed),
            Command::JudgeLog(judgement, _) => self.plan_log_judgement(judgement),
            // Programmes and grants.
            Command::NoteMatch(_, found) => self.plan_match(found),
            Command::JoinPerson(_, join) => self.plan_join(join),
            Command::PartPersons(_, part) => self.plan_part(part),
            Command::SetGrantCode(code, _) => self.plan_grant_code(code),
            Command::GrantByCode(shared, private) => self.plan_code(shared, private),
            // Bulk grants, claim slips, group applications.
            Command::OpenBulk(opening, _) => self.plan_open_bulk(opening),
            Command::AddBulkLines(slice, lines) => self.plan_bulk_lines(slice, lines),
            Command::CloseBulk(closing, _) => self.plan_close_bulk(closing),
            Command::SweepBulk(_, sweep) => self.plan_bulk_sweep(sweep),
            Command::AddSlips(slice, lines) => self.plan_slips(slice, lines),
            Command::ClaimSlip(_, claim) => self.plan_claim(claim),
            Command::ReissueSlip(_, reissue) => self.plan_slip_reissue(reissue),
            Command::ReturnSlips(_, sweep) => self.plan_slip_return(sweep),
            Command::GrantGroup(shared, private) => self.plan_group(shared, private),
            // Conversions, payments, life of an account.
            Command::IssueCode(signed, _) => self.plan_exchange_code(&signed.statement),
            Command::EnterCode(_, entered) => self.plan_exchange_code_entry(entered),
            Command::CloseAccount(_, closing) => self.plan_account_end(closing),
            Command::SettleEstate(_, estate) => self.plan_estate(estate),
            Command::Correct(_, correction) => self.plan_correction(correction),
            Command::SetAccountClass(_, change) => self.plan_class(change),
            Command::Erase(_, erasure) => self.plan_erasure(erasure),
            Command::SetLegalHold(_, change) => self.plan_legal_hold(change),
            Command::Reissue(_, reissue) => self.plan_sign_in_reissue(reissue),

            // Street cards.
            Command::SetScheme(scheme, _) => self.plan_scheme(scheme),
            Command::MoveCardStock(shared, _) => self.plan_card_stock(shared),
            Command::LinkStreetCard(_, link) => self.plan_card_link(link),
            Command::SetStreetCard(_, change) => self.plan_card_state(change),
            Command::Charge(shared, private) => self.plan_charge(shared, private),
            Command::ConfirmCharge(answer, _) => self.plan_confirm(answer),
            Command::FailCharge(answer, _) => self.plan_fail(time, answer),
            Command::Reward(signed, earner) => self.plan_reward(&signed.intent, earner),
            Command::ReturnReward(signed, _) => self.plan_reward_return(time, &signed.intent),

            // Vouchers.
            Command::SetVoucherKind(kind, _) => self.plan_voucher_kind(kind),
            Command::MoveVoucherStock(shared, _) => self.plan_voucher_stock(shared),
            Command::IssueVouchers(shared, buyer) => self.plan_issue(shared, buyer),
            Command::VoidVoucherIssue(void, _) => self.plan_issue_void(time, void),
            Command::ReissueVoucher(reissue, _) => self.plan_voucher_reissue(reissue),
            Command::RedeemVouchers(signed, _) => self.plan_redemption(&signed.intent),
            Command::VoidRedemption(signed, _) => self.plan_redemption_void(time, &signed.intent),
            Command::RedeemBundle(bundle, _) => self.plan_bundle(bundle),
            Command::LapseVouchers(..) => self.plan_voucher_lapse(),
            // Printed tickets.
            Command::SetTicketRules(rules, _) => self.plan_ticket_rules(rules),
            Command::ReceiveTicketStock(range, _) => self.plan_ticket_stock(range),
            Command::SpoilTicketStock(range, _) => self.plan_ticket_spoil(range),
            Command::IssueTickets(order, holder) => self.plan_ticket_issue(order, holder),
            Command::ScanTicket(signed, _) => self.plan_ticket_scan(&signed.intent),
            Command::TakeTicketBundle(bundle, _) => self.plan_ticket_bundle(bundle),
            Command::DecideTicketDouble(decision, _) => self.plan_ticket_decision(decision),
            Command::VoidTickets(void, _) => self.plan_ticket_void(void),
            Command::LapseTickets(..) => self.plan_ticket_lapse(),
            // Orders and pledges.
            Command::SetSite(setting, _) => self.plan_site(setting),
            Command::LinkSite(_, link) => self.plan_site_link(link),
            Command::UnlinkSite(_, unlink) => self.plan_site_unlink(unlink),
            Command::Hold(signed, reserved) => self.plan_hold(&signed.statement, reserved),
            Command::Capture(signed, _) => self.plan_capture(&signed.statement),
            Command::Release(signed, _) => self.plan_release(time, &signed.statement),
            Command::RefundCapture(signed, _) => self.plan_capture_refund(&signed.statement),
            Command::CloseCampaign(signed, _) => self.plan_campaign_close(&signed.statement),
            Command::ReturnHolds(..) => self.plan_return_holds(),
            // Payout.
            Command::SetHolidays(table, _) => Self::plan_holidays(table),
            Command::SetPayoutTerms(terms, _) => Self::plan_payout_terms(terms),
            Command::CloseRun(closing, _) => self.plan_run(time, closing),
            Command::MarkRun(mark, by) => self.plan_run_mark(mark, by.officer),
            Command::SliceRun(slice, _) => self.plan_run_slice(slice.run),
            Command::ReturnTransfer(returned, _) => self.plan_transfer_back(returned),
            Command::RepeatTransfer(again, _) => self.plan_transfer_again(again),
            Command::SetBudgetLine(line, _) => self.plan_budget_line(line),
            Command::SetBank(setting, _) => self.plan_bank(setting),
            Command::SetPayee(payee, _) => self.plan_payee(payee),
            // Moving in.
            Command::OpenImport(opening, _) => self.plan_import(opening),
            Command::ImportLines(slice, lines) => self.plan_import_lines(slice, lines),
            Command::CloseImport(closing, _) => self.plan_import_end(closing),
            Command::TakeOver(..) => self.plan_take_over(),
            // Between towns.
            Command::AskTown(signed, _) => self.plan_ask(&signed.intent),
            Command::CancelAsk(signed, _) => self.plan_ask_cancel(time, &signed.intent),
            Command::PayRequest(named, proof) => self.plan_pay_request(named, proof),
            Command::MoveHouse(shared, own) => self.plan_move(shared, own),
            Command::Forward(shared, own) => self.plan_forward(shared, own),
            Command::EndPeriod(named, _) => self.plan_period_end(named),
            Command::AnswerPeriod(named, _) => self.plan_period_answer(named),
            Command::RestatePeriod(named, _) => self.plan_restate(named),
            Command::RecordSettlement(named, _) => self.plan_settlement(named),
            // Library cards.
            Command::LinkLibraryCard(_, linking) => self.plan_library_link(linking),
            Command::UnlinkLibraryCard(_, unlinking) => self.plan_library_unlink(unlinking),
            Command::AnswerLibraryLink(_, verdict) => self.plan_library_verdict(verdict),
            Command::EndLibraryLink(_, ending) => self.plan_library_end(ending),
            Command::ConfirmLibraryErasure(_, erasure) => self.plan_library_erasure(erasure),
            // Agreements by envelopes.
            Command::ProposeAgreement(proposal, _) => self.plan_propose_agreement(proposal),
            Command::AgreeToProposal(signed, _) => self.plan_agree(signed),
            Command::DeclineProposal(declined, _) => self.plan_decline_agreement(declined),
            // Keys.
            Command::ChangeKey(change, by) => self.plan_key_change(change, by),
            Command::AnnounceKey(announced, _) => self.plan_announcement(announced),
            // Closing.
            Command::CloseTown(closing, _) => self.plan_close_town(closing),
            Command::TellClosing(told, _) => self.plan_tell_closing(told),
            Command::ReturnUnanswered(unanswered, _) => self.plan_unanswered(unanswered),
            // Restore.
            Command::Restart(restart, by) => self.plan_restart(restart, by),
            Command::TakeBackOwn(_, received) => self.plan_taken_back(&received.envelope),
            Command::NameUnheard(unheard, _) => self.plan_unheard(unheard),
            Command::StepFence(step, _) => self.plan_fence_step(step),
            Command::AdmitReceipt(admitted, _) => self.plan_admission(admitted),
        }
    }

    #[expect(clippy::too_many_lines, reason = "one match over all kinds")]
    pub(super) fn apply_command(
        &mut self,
        entry: &Entry,
        command: &Command,
        effect: &Effect,
    ) -> Result<(), Broken> {
        match command {
            Command::OpenTown(..) => return Err(Broken::Opening),
            Command::TakeDirectory(part, _) => self.apply_directory(part),
            Command::TakeCatalogue(catalogue, _) => {
                self.catalogues.insert(catalogue.version, catalogue.clone());
            }
            Command::SetProgramme(programme, _) => {
                self.programmes.insert(programme.id, programme.clone());
            }
            Command::SetTerms(terms, _) => self.terms = *terms,
            Command::TakeAgreement(signed, _) => self.apply_agreement(signed)?,
            Command::OpenAccount(_, opening) => {
                self.holders.insert(opening.account, Holder::new(opening.class));
            }
            Command::SetAccountState(_, change) => self.apply_account_state(change)?,
            Command::SetMerchant(setting, _) => {
                self.merchants.insert(setting.merchant, setting.clone());
            }
            Command::SetTerminal(setting, _) => {
                self.terminals.insert(setting.terminal, setting.clone());
            }
            Command::LinkCompany(_, link) => {
                self.links.insert(fact::link_key(&link.company, &link.link), link.account);
            }
            Command::SetPreset(_, setting) => {
                self.holders.get_mut(&setting.account).ok_or(Broken::Unknown)?.preset =
                    Some(Box::new(setting.preset));
            }
            Command::IssueHandle(_, issue) => {
                self.handles.insert(issue.handle, (issue.town, issue.account));
            }
            Command::Grant(shared, private) => self.apply_grant(entry.index, shared, private),
            Command::ProposeGrant(shared, private) => {
                self.apply_proposal(entry, shared, private)?;
            }
            Command::DecideProposal(_, decision) => {
                self.apply_decision(entry, decision, effect)?;
            }
            Command::Pay(signed, payer) => self.apply_payment(entry, signed, payer, effect)?,
            Command::Void(signed, _) => self.apply_void(entry, &signed.intent, effect)?,
            Command::Refund(signed, _) => self.apply_refund(entry, &signed.intent, effect)?,
            Command::TurnDay(turn, _) => self.apply_day(entry.time, turn.date),
            Command::Lapse(..) | Command::HashState(..) => {}
            Command::Convert(signed, _) => self.apply_conversion(entry.index, &signed.statement)?,
            Command::PickTown(_, pick) => self.apply_assigned(pick.conversion)?,
            Command::SweepUnassigned(_, sweep) => self.apply_assigned(sweep.conversion)?,
            Command::Offer(shared, private) => self.apply_offer(entry, shared, private, effect)?,
            Command::HandleEnvelope(_, received) => {
                self.apply_envelope(entry.index, &received.envelope, effect)?;
            }
            Command::Withdraw(shared, _) => self.apply_withdraw(entry.index, shared, effect)?,
            Command::Propose(_, proposed) => self.apply_propose(entry, proposed)?,
            Command::JudgeLog(judgement, _) => self.apply_log_judgement(judgement)?,
            // Programmes and grants.
            Command::NoteMatch(_, found) => self.apply_match(found),
            Command::JoinPerson(_, join) => self.apply_join(join),
            Command::PartPersons(_, part) => self.apply_part(part),
            Command::SetGrantCode(code, _) => self.apply_grant_code(code),
            Command::GrantByCode(shared, own) => self.apply_code(entry.index, shared, own)?,

            // Bulk grants, claim slips, group applications.
            Command::OpenBulk(opening, _) => self.apply_open_bulk(entry.index, opening)?,
            Command::AddBulkLines(at, own) => self.apply_bulk_lines(entry.index, at, own)?,
            Command::CloseBulk(closing, _) => self.apply_close_bulk(closing)?,
            Command::SweepBulk(_, sweep) => self.apply_bulk_sweep(sweep)?,
            Command::AddSlips(slice, lines) => self.apply_slips(slice, lines)?,
            Command::ClaimSlip(_, claim) => self.apply_claim(entry.index, claim)?,
            Command::ReissueSlip(_, reissue) => self.apply_slip_reissue(reissue)?,
            Command::ReturnSlips(_, sweep) => self.apply_slip_return(sweep)?,
            Command::GrantGroup(shared, own) => self.apply_group(entry.index, shared, own)?,

            // Conversions, payments, life of an account.
            Command::IssueCode(signed, _) => {
                self.apply_exchange_code(entry.index, &signed.statement)
            }
            Command::EnterCode(_, entered) => self.apply_exchange_code_entry(entry, entered)?,
            Command::CloseAccount(_, closing) => self.apply_account_end(closing.account)?,
            Command::SettleEstate(_, estate) => self.apply_account_end(estate.account)?,
            Command::Correct(..) | Command::Reissue(..) => {}
            Command::SetAccountClass(_, change) => self.apply_class(change)?,
            Command::Erase(_, erasure) => self.apply_erasure(entry, erasure),
            Command::SetLegalHold(_, change) => self.apply_legal_hold(entry.index, change),

            // Street cards.
            Command::SetScheme(scheme, _) => {
                self.schemes.insert(scheme.id, scheme.clone());
            }
            Command::MoveCardStock(shared, _) => self.apply_card_stock(shared)?,
            Command::LinkStreetCard(_, link) => self.apply_card_link(link)?,
            Command::SetStreetCard(_, change) => self.apply_card_state(change)?,
            Command::Charge(shared, private) => {
                self.apply_charge(entry, shared, private, effect)?;
            }
            Command::ConfirmCharge(answer, _) => self.apply_confirm(answer)?,
            Command::FailCharge(answer, _) => self.apply_fail(answer)?,
            Command::Reward(signed, earner) => self.apply_reward(&signed.intent, earner, effect),
            Command::ReturnReward(signed, _) => {
                self.apply_reward_return(&signed.intent, effect)?;
            }

            // Vouchers.
            Command::SetVoucherKind(kind, _) => {
                self.voucher_kinds.insert(kind.id, kind.clone());
            }
            Command::MoveVoucherStock(shared, _) => self.apply_voucher_stock(shared)?,
            Command::IssueVouchers(shared, buyer) => self.apply_issue(shared, buyer, effect)?,
            Command::VoidVoucherIssue(void, _) => self.apply_issue_void(void)?,
            Command::ReissueVoucher(reissue, _) => self.apply_voucher_reissue(reissue)?,
            Command::RedeemVouchers(signed, _) => {
                self.apply_redemption(entry.index, &signed.intent)?;
            }
            Command::VoidRedemption(signed, _) => self.apply_redemption_void(&signed.intent)?,
            Command::RedeemBundle(bundle, _) => self.apply_bundle(entry.index, bundle)?,
            Command::LapseVouchers(..) => self.apply_voucher_lapse()?,
            // Printed tickets.
            Command::SetTicketRules(rules, _) => {
                self.ticket_rules.insert(rules.from, rules.clone());
            }
            Command::ReceiveTicketStock(range, _) => self.apply_ticket_stock(range),
            Command::SpoilTicketStock(range, _) => self.apply_ticket_spoil(range)?,
            Command::IssueTickets(order, holder) => {
                self.apply_ticket_issue(entry, order, holder, effect)?;
            }
            Command::ScanTicket(signed, _) => self.apply_ticket_scan(entry, &signed.intent)?,
            Command::TakeTicketBundle(bundle, by) => {
                self.apply_ticket_bundle(entry, bundle, by.officer)?;
            }
            Command::DecideTicketDouble(decision, by) => {
                self.apply_ticket_decision(entry, decision, by.officer)?;
            }
            Command::VoidTickets(void, _) => self.apply_ticket_void(entry, void)?,
            Command::LapseTickets(..) => self.apply_ticket_lapse()?,
            // Orders and pledges.
            Command::SetSite(setting, _) => {
                self.sites.insert(setting.site, setting.clone());
            }
            Command::LinkSite(_, link) => self.apply_site_link(link),
            Command::UnlinkSite(_, unlink) => self.apply_site_unlink(unlink)?,
            Command::Hold(signed, reserved) => {
                self.apply_hold(entry, &signed.statement, reserved.account, effect)?;
            }
            Command::Capture(signed, _) => self.apply_capture(&signed.statement)?,
            Command::Release(signed, _) => self.apply_release(&signed.statement)?,
            Command::RefundCapture(signed, _) => {
                self.apply_capture_refund(&signed.statement, effect)?;
            }
            Command::CloseCampaign(signed, _) => self.apply_campaign_close(&signed.statement),
            Command::ReturnHolds(..) => self.apply_return_holds()?,
            // Payout.
            Command::SetHolidays(table, _) => self.apply_holidays(table),
            Command::SetPayoutTerms(terms, _) => {
                self.payout_terms.insert(crate::payout::Only {}, terms.clone());
            }
            Command::CloseRun(closing, by) => self.apply_run(closing, by.officer)?,
            Command::MarkRun(mark, by) => self.apply_run_mark(mark, by.officer)?,
            Command::SliceRun(slice, _) => self.apply_run_slice(slice.run, effect)?,
            Command::ReturnTransfer(returned, by) => {
                self.apply_transfer_back(returned, by.officer)?;
            }
            Command::RepeatTransfer(again, by) => self.apply_transfer_again(again, by.officer)?,
            Command::SetBudgetLine(line, _) => {
                self.budget_lines.insert(line.purse, line.clone());
            }
            Command::SetBank(setting, _) => {
                self.banks.insert(setting.merchant, setting.clone());
            }
            Command::SetPayee(payee, _) => self.apply_payee(payee)?,
            // Moving in.
            Command::OpenImport(opening, _) => self.apply_import(entry, opening),
            Command::ImportLines(slice, lines) => self.apply_import_lines(slice, lines)?,
            Command::CloseImport(closing, _) => self.apply_import_end(closing)?,
            Command::TakeOver(..) => self.apply_take_over(),
            // Between towns.
            Command::AskTown(signed, _) => self.apply_ask(entry.index, &signed.intent, effect)?,
            Command::CancelAsk(signed, _) => {
                self.apply_ask_cancel(entry.index, &signed.intent, effect)?;
            }
            Command::PayRequest(named, proof) => {
                self.apply_pay_request(entry, named, proof, effect)?;
            }
            Command::MoveHouse(shared, own) => {
                self.apply_move(entry.index, shared, (own.account, own.recipient), effect)?;
            }
            Command::Forward(shared, own) => {
                self.apply_forward(entry.index, shared, own, effect)?
            }
            Command::EndPeriod(named, _) => self.apply_period_end(entry.index, named, effect)?,
            Command::AnswerPeriod(named, _) => {
                self.apply_period_answer(entry.index, named, effect)?;
            }
            Command::RestatePeriod(named, _) => self.apply_restate(named)?,
            Command::RecordSettlement(named, _) => self.apply_settlement(named),
            // Library cards.
            Command::LinkLibraryCard(_, linking) => {
                self.apply_library_link(entry.index, linking, effect)?;
            }
            Command::UnlinkLibraryCard(_, unlinking) => {
                self.apply_library_unlink(entry.index, unlinking, effect)?;
            }
            Command::AnswerLibraryLink(_, verdict) => {
                self.apply_library_verdict(entry.index, verdict, effect)?;
            }
            Command::EndLibraryLink(_, ending) => {
                self.apply_library_end(entry.index, ending, effect)?;
            }
            Command::ConfirmLibraryErasure(_, erasure) => {
                self.apply_library_erasure(entry.index, erasure, effect)?;
            }
            // Agreements by envelopes.
            Command::ProposeAgreement(proposal, _) => {
                self.apply_propose_agreement(entry.index, proposal, effect)?;
            }
            Command::AgreeToProposal(signed, _) => {
                self.apply_agree(entry.index, signed, effect)?;
            }
            Command::DeclineProposal(declined, _) => {
                self.apply_decline_agreement(entry.index, declined, effect)?;
            }
            // Keys.
            Command::ChangeKey(change, _) => self.apply_key_change(change),
            Command::AnnounceKey(announced, _) => {
                self.apply_announcement(entry.index, announced, effect)?;
            }
            // Closing.
            Command::CloseTown(closing, _) => self.apply_close_town(entry.index, closing),
            Command::TellClosing(told, _) => self.apply_tell_closing(entry.index, told, effect)?,
            Command::ReturnUnanswered(unanswered, _) => {
                self.apply_unanswered(entry.index, unanswered)?;
            }
            // Restore.
            Command::Restart(restart, _) => self.apply_restart(restart),
            Command::TakeBackOwn(_, received) => {
                self.apply_taken_back(entry.index, &received.envelope)?;
            }
            Command::NameUnheard(unheard, _) => self.apply_unheard(unheard),
            Command::StepFence(step, _) => self.apply_fence_step(entry.index, step, effect)?,
            Command::AdmitReceipt(admitted, _) => self.apply_admission(entry.time, admitted)?,
        }
        Ok(())
    }
}
