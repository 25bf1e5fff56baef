//! Sentences about the end of an account and what comes back behind it.

use anyhow::ensure;
use jichi_protocol::{
    account::Account,
    command::{AccountClosing, Actor, Command, Nothing},
    points::Points,
};

use crate::{books::Books, feature::Steps};

/// Adds them.
pub(super) fn add(steps: &mut Steps<Books>) {
    steps.add("「{}」は{}ポイントを手放して利用をやめる", |books, words| {
        let account = books.account(words.text(0)?)?;
        let forfeit = Points::from_u32(words.number(1)?);
        let closing = AccountClosing { account, forfeit, actor: Actor::Holder };
        books.ask(Command::CloseAccount(Nothing {}, closing))
    });
    steps.add("受取人のないポイントは{}ポイントである", |books, words| {
        books.settle()?;
        let found = books.ledger.balance(&Account::Unclaimed).get();
        ensure!(found == u64::from(words.number(0)?), "{found} are unclaimed");
        Ok(())
    });
}
