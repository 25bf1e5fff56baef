//! What the ledger says to a command, before it is an entry.

use crate::{
    date::Time,
    entry::{Effect, Entry, Outcome, Salt, Submission},
    envelope::Unsigned,
    id::EntryIndex,
    posting::Postings,
    refusal::Refusal,
    signature::SigningKey,
};

/// What the ledger says to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "the large one is what is asked for")]
pub enum Decided {
    /// An entry, done or refused, once the node has added salt and signature.
    Entry(Draft),
    /// The key was answered before; the answer is that entry's.
    Again(EntryIndex),
    /// The message came before; nothing is new.
    Heard,
    /// Refused, and not remembered.
    Rejected(Refusal),
}

/// A decision before it has salt and signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Its place.
    pub index: EntryIndex,
    /// Its time.
    pub time: Time,
    /// What was asked.
    pub submission: Submission,
    /// What it does.
    pub plan: Result<Plan, Refusal>,
}

/// What a command does, before its message is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What it moves.
    pub postings: Postings,
    /// The message that goes out with it.
    pub message: Option<Unsigned>,
}

impl Plan {
    /// Moves points, says nothing.
    pub(super) const fn moving(postings: Postings) -> Self {
        Self { postings, message: None }
    }

    /// A fact that moves nothing.
    pub(super) const FACT: Self = Self::moving(Postings::NONE);
}

impl Draft {
    /// Makes the entry, with 16 fresh random bytes of salt.
    #[must_use]
    pub fn complete(self, salt: Salt, key: &SigningKey) -> Entry {
        let outcome = match self.plan {
            Ok(plan) => Outcome::Done(Effect {
                postings: plan.postings,
                sent: plan.message.map(|message| message.sign(key)),
            }),
            Err(refusal) => Outcome::Refused(refusal),
        };
        Entry { index: self.index, time: self.time, submission: self.submission, outcome, salt }
    }
}
