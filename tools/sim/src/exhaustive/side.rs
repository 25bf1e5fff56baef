//! One town of the small core: what is durable, and at most one entry that is not yet.

use std::rc::Rc;

use jichi_protocol::{
    entry::{Entry, Outcome, Salt, Submission},
    envelope::Envelope,
    ledger::{Checked, Decided, Ledger},
};

use crate::{
    setup::{self, keys},
    town::Town,
};

#[derive(Clone)]
pub(super) struct Side {
    town: usize,
    pub(super) durable: Ledger,
    pub(super) ahead: Option<Ahead>,
    /// What the journal has of the other town's messages.
    pub(super) received: Vec<Rc<Envelope>>,
}

/// The state ahead of the disk, what it heard, and the message that waits for the sync.
#[derive(Clone)]
pub(super) struct Ahead {
    ledger: Ledger,
    heard: Option<Rc<Envelope>>,
    sent: Option<Rc<Envelope>>,
}

impl Side {
    pub(super) fn of(furnished: &Town, town: usize) -> Self {
        let mut furnished = furnished.copy();
        furnished.start(setup::begin(), None).expect("a town starts");
        let durable = furnished.up.expect("the town is up").ledger;
        Self { town, durable, ahead: None, received: Vec::new() }
    }

    pub(super) fn live(&self) -> &Ledger {
        self.ahead.as_ref().map_or(&self.durable, |ahead| &ahead.ledger)
    }

    /// How often it changed its key.
    pub(super) fn changes(&self) -> u8 {
        setup::changes_of(self.town, &self.durable)
    }

    pub(super) fn hash(&mut self) -> Vec<u8> {
        let mut bytes = self.durable.hash().0.to_vec();
        bytes.push(u8::from(self.ahead.is_some()));
        if let Some(ahead) = &mut self.ahead {
            bytes.extend(ahead.ledger.hash().0);
        }
        bytes
    }

    /// Decides something, if its disk is free; none where that makes no entry.
    pub(super) fn decide(&mut self, submission: Submission) -> Option<()> {
        self.decided(submission, None)
    }

    /// Decides a message of the other town's.
    pub(super) fn hear(&mut self, submission: Submission, envelope: &Rc<Envelope>) -> Option<()> {
        self.decided(submission, Some(Rc::clone(envelope)))
    }

    fn decided(&mut self, submission: Submission, heard: Option<Rc<Envelope>>) -> Option<()> {
        if self.ahead.is_some() {
            return None;
        }
        let signers = self.durable.signers(&submission.command).ok()?;
        let checked = Checked::new(submission, signers).ok()?;
        let Decided::Entry(draft) = self.durable.decide(setup::begin(), &checked) else {
            return None;
        };
        let entry = draft.complete(Salt([0; 16]), &keys(self.town, self.changes()).channel);
        let mut ledger = self.durable.clone();
        ledger.apply(&entry).expect("a ledger applies its own decision");
        self.ahead = Some(Ahead { ledger, heard, sent: message(&entry) });
        Some(())
    }

    /// What was ahead is durable; its message comes back.
    #[expect(clippy::option_option, reason = "nothing was ahead, or it sends nothing")]
    pub(super) fn sync(&mut self) -> Option<Option<Rc<Envelope>>> {
        let Ahead { ledger, heard, sent } = self.ahead.take()?;
        self.durable = ledger;
        self.received.extend(heard);
        Some(sent)
    }
}

fn message(entry: &Entry) -> Option<Rc<Envelope>> {
    match &entry.outcome {
        Outcome::Done(effect) => effect.sent.clone().map(Rc::new),
        Outcome::Refused(_) => None,
    }
}
