//! Replay: a fold over a journal that decides every entry again and compares.

use crate::{
    codec::Malformed,
    command::{Basis, Command},
    entry::{Effect, Entry, Outcome},
    id::EntryIndex,
    ledger::{Broken, Checked, Decided, Draft, Ledger},
    posting::Postings,
    refusal::Refusal,
};

/// Whether a replay checks the signatures in the entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signatures {
    /// Every one: an audit.
    Check,
    /// None: a node reads its own journal, whose frames are checked already.
    OwnJournal,
}

/// What is wrong with a log, at the first entry where something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// The bytes are no entry.
    #[error("not an entry: {0}")]
    Malformed(Malformed),
    /// The entry says another index than its place.
    #[error("the entry says that it is entry {0}")]
    OutOfPlace(EntryIndex),
    /// The first entry is no opening, or says something else than it should.
    #[error("the log does not begin with an opening")]
    NoOpening,
    /// The state knows no signer for the entry.
    #[error("nobody in force could have signed it ({})", .0.code())]
    NoSigner(Refusal),
    /// A signature in the entry does not fit.
    #[error("a signature in it does not fit")]
    Signature,
    /// The rules would not have made this entry at all.
    #[error("the rules make no entry of this")]
    NoEntry,
    /// The rules would have refused, done or moved something else.
    #[error("the rules decide otherwise")]
    DecidedOtherwise,
    /// The message to another town is not the one that the rules and the channel make.
    #[error("the message to another town is not the right one")]
    OtherMessage,
    /// The entry does not fit the state.
    #[error("{0}")]
    Broken(Broken),
}

/// A ledger that is made again from its entries.
#[derive(Debug)]
pub struct Replay {
    ledger: Ledger,
}

impl Replay {
    /// Begins with the first entry of a log.
    ///
    /// # Errors
    /// [`Finding::NoOpening`] and [`Finding::Malformed`].
    pub fn begin(bytes: &[u8]) -> Result<(Self, Entry), Finding> {
        let entry = Entry::parse(bytes).map_err(Finding::Malformed)?;
        let Command::OpenTown(opening, _) = &entry.submission.command else {
            return Err(Finding::NoOpening);
        };
        let nothing = Outcome::Done(Effect { postings: Postings::NONE, sent: None });
        let right = entry.index == EntryIndex(0)
            && entry.outcome == nothing
            && entry.submission.key.is_none()
            && opening.date == entry.time.date();
        if !right {
            return Err(Finding::NoOpening);
        }
        let ledger = Ledger::open(opening, entry.time);
        Ok((Self { ledger }, entry))
    }

    /// Goes on from a snapshot whose hash was compared with the journal's.
    #[must_use]
    pub const fn resume(ledger: Ledger) -> Self {
        Self { ledger }
    }

    /// Decides the next entry again, compares, and applies it.
    ///
    /// # Errors
    /// The [`Finding`], and then the replay is of no further use.
    pub fn step(&mut self, bytes: &[u8], signatures: Signatures) -> Result<Entry, Finding> {
        let entry = Entry::parse(bytes).map_err(Finding::Malformed)?;
        if entry.index != self.ledger.meta().next {
            return Err(Finding::OutOfPlace(entry.index));
        }
        if let Command::HashState(..) = &entry.submission.command {
            self.ledger.hash();
        }
        let signers = self.ledger.signers(&entry.submission.command).map_err(Finding::NoSigner)?;
        let submission = entry.submission.clone();
        let checked = match signatures {
            Signatures::Check => {
                Checked::new(submission, signers).map_err(|_| Finding::Signature)?
            }
            Signatures::OwnJournal => Checked::from_own_journal(submission, signers),
        };
        match self.ledger.decide(entry.time, &checked) {
            Decided::Entry(draft) => self.compare(&draft, &entry, signatures)?,
            Decided::Again(_) | Decided::Heard | Decided::Rejected(_) => {
                return Err(Finding::NoEntry);
            }
        }
        self.ledger.apply(&entry).map_err(Finding::Broken)?;
        Ok(entry)
    }

    fn compare(&self, draft: &Draft, entry: &Entry, signatures: Signatures) -> Result<(), Finding> {
        match (&draft.plan, &entry.outcome) {
            (Err(refusal), Outcome::Refused(written)) if refusal == written => Ok(()),
            (Ok(plan), Outcome::Done(effect)) if plan.postings == effect.postings => {
                match (&plan.message, &effect.sent) {
                    (None, None) => Ok(()),
                    (Some(message), Some(sent)) if sent.says(message) => match signatures {
                        Signatures::OwnJournal => Ok(()),
                        Signatures::Check => sent
                            .verify(self.ledger.meta().channel_key)
                            .map_err(|_| Finding::Signature),
                    },
                    (None | Some(_), _) => Err(Finding::OtherMessage),
                }
            }
            (Ok(_) | Err(_), Outcome::Done(_) | Outcome::Refused(_)) => {
                Err(Finding::DecidedOtherwise)
            }
        }
    }

    /// The state so far.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The state so far, to be hashed.
    pub const fn ledger_mut(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    /// Ends the replay.
    #[must_use]
    pub fn into_ledger(self) -> Ledger {
        self.ledger
    }
}

/// On whose word an entry rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Authority {
    /// Signed outside the node, and the signature stands in the entry.
    Signed,
    /// By a rule that everybody can apply.
    Rule,
    /// By a session of an officer or holder at the node: node-asserted.
    NodeAsserted,
}

impl Command {
    /// On whose word the command rests.
    #[must_use]
    pub fn authority(&self) -> Authority {
        match self.basis() {
            Basis::Till(_)
            | Basis::Site(_)
            | Basis::Company(_)
            | Basis::Peer(_)
            | Basis::Towns(_)
            | Basis::Directory(_) => Authority::Signed,
            Basis::Rule => Authority::Rule,
            Basis::Node => Authority::NodeAsserted,
        }
    }
}
