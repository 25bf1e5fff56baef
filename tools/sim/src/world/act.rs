//! The acts of a plan.

use jichi_protocol::{
    account::HolderClass,
    command::{
        AccountClosing, AccountOpening, Actor, ByActor, Command, MovePrivate, MoveShared, Nothing,
        OfferPrivate, OfferShared, Source, WithdrawShared,
    },
    digest::Digest,
    entry::Submission,
    id::{AccountId, TransferId},
    key::{ClientKey, OperationKey},
    points::Points,
};

use super::{Cut, Violation, World};
use crate::{
    plan::{Act, DAY, MINUTE, SECOND},
    setup::{self, OFFICER},
    town::Lost,
};

impl World {
    #[expect(clippy::too_many_lines, reason = "one match over all acts")]
    pub(super) fn act(&mut self, act: Act) -> Result<(), Violation> {
        match act {
            Act::Offer { id, from, to, holder, recipient, points } => {
                let transfer = transfer_id(id);
                self.transfers.insert(transfer);
                let shared = OfferShared {
                    transfer,
                    town: setup::town_id(to),
                    points: Points::from_u32(points),
                };
                let private = OfferPrivate {
                    account: setup::account(from, holder),
                    recipient: setup::handle(to, recipient, from),
                    source: Source::Balance,
                    actor: Actor::Holder,
                };
                self.keyed(from, Command::Offer(shared, private), None);
            }
            Act::Withdraw { id } => {
                let offered = self.plan.acts.iter().find_map(|(_, act)| match act {
                    Act::Offer { id: offered, from, .. } if *offered == id => Some(*from),
                    _ => None,
                });
                if let Some(town) = offered {
                    let shared = WithdrawShared { transfer: transfer_id(id) };
                    let private = ByActor { actor: Actor::Holder };
                    self.keyed(town, Command::Withdraw(shared, private), None);
                }
            }
            Act::Move { id, from, to, holder, recipient } => {
                let transfer = TransferId::derived("jichi-sim/move", &id.to_be_bytes());
                self.transfers.insert(transfer);
                let shared = MoveShared { transfer, town: setup::town_id(to) };
                let private = MovePrivate {
                    account: setup::account(from, holder),
                    recipient: setup::handle(to, recipient, from),
                    actor: Actor::Holder,
                };
                self.keyed(from, Command::MoveHouse(shared, private), None);
            }
            Act::Buy { id, at, base, holder, points } => self.buy(id, (at, base), holder, points),
            Act::CancelBuy { id } => self.cancel_buy(id),
            Act::GiveBack { id, points } => self.give_back(id, points),
            Act::Close { town, holder } => {
                let account = setup::account(town, holder);
                let Some(up) = &self.towns[town].up else { return Ok(()) };
                let held = up.ledger.holder(&account);
                let Some(held) = held else { return Ok(()) };
                let forfeit = held.lots.spendable(up.ledger.day());
                let closing = AccountClosing { account, forfeit, actor: Actor::Officer(OFFICER) };
                self.keyed(town, Command::CloseAccount(Nothing {}, closing), None);
            }
            Act::Paper { town, id } => {
                let opening = AccountOpening {
                    account: AccountId::derived("jichi-sim/paper", &id.to_be_bytes()),
                    class: HolderClass::Resident,
                    actor: Actor::Officer(OFFICER),
                };
                let paper = format!("paper {id}").into_bytes();
                self.keyed(town, Command::OpenAccount(Nothing {}, opening), Some(paper));
            }
            Act::Kill { town, left, down_ms } => self.kill(town, left, down_ms),
            Act::KillAfter { town, steps, left } => {
                self.towns[town].kill_after = Some((steps, left));
            }
            Act::Part { from, to, both, ms } => self.part((from, to), both, ms),
            Act::Clock { town, by_ms } => {
                self.set_clock(town, by_ms);
                if !self.towns[town].confirm_planned {
                    self.towns[town].confirm_planned = true;
                    self.plan_event(40 * MINUTE, super::Event::Confirm { town });
                }
            }
            Act::Full { town, ms } => self.towns[town].full_until = self.now.later_by_ms(ms),
            Act::Restore { town, frames, down_ms } => {
                self.lose(town, frames, Lost::Restoring, down_ms)?;
            }
            Act::OldCopy { town, frames } => {
                self.lose(town, frames, Lost::Unnoticed, 20 * SECOND)?;
            }
            Act::ChangeKey { town } => self.name_key(town),
            Act::NameUnheard { town } => self.name_unheard(town),
            Act::End { town } => self.end_town(town),
            Act::Lie { town, to } => {
                if let Some(event) = self.lie(town, to) {
                    self.plan_event(50, event);
                }
            }
        }
        Ok(())
    }

    fn part(&mut self, (from, to): (usize, usize), both: bool, ms: u64) {
        if ms > DAY {
            self.marks.reach("a partition of over a day");
        }
        let (since, until) = (self.now, self.now.later_by_ms(ms));
        self.cuts.push(Cut { from, to, since, until });
        if both {
            self.cuts.push(Cut { from: to, to: from, since, until });
        }
    }

    fn keyed(&mut self, town: usize, command: Command, paper: Option<Vec<u8>>) {
        let number = u8::try_from(self.wishes.len()).expect("few wishes");
        let key = ClientKey::of(self.now, [0, 0, 0, 0, 0, 0, 0, 0, 0, number]);
        let evidence = paper.as_ref().map(|paper| Digest::of(&[paper]));
        let key = Some(OperationKey::Client(key));
        self.wish(town, Submission { key, command, evidence }, paper);
    }
}

fn transfer_id(id: u64) -> TransferId {
    TransferId::derived("jichi-sim", &id.to_be_bytes())
}
