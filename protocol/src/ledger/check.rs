//! Whose signatures a command needs, and the proof that they were checked, off the writer.

use alloc::vec::Vec;

use super::Ledger;
use crate::{
    account::HolderState,
    channel::Channel,
    codec,
    command::{Basis, Command, InUse},
    entry::Submission,
    envelope::Envelope,
    id::{TerminalId, TownId},
    refusal::Refusal,
    signature::{BadSignature, Domain, PublicKey},
};

/// A submission whose signatures were checked under these keys. [`Ledger::decide`] compares the
/// keys with those in force.
#[derive(Debug, Clone)]
pub struct Checked {
    submission: Submission,
    signers: Vec<PublicKey>,
}

impl Checked {
    /// Checks every signature that the command needs, one by one, under the keys that
    /// [`Ledger::signers`] gave.
    ///
    /// # Errors
    /// [`BadSignature`] if one does not fit or a key is missing.
    pub fn new(submission: Submission, signers: Vec<PublicKey>) -> Result<Self, BadSignature> {
        verify(&submission.command, &signers)?;
        Ok(Self { submission, signers })
    }

    /// Takes an entry of the node's own journal at its word: it was checked when it was written,
    /// and the audit checks it again.
    #[must_use]
    pub const fn from_own_journal(submission: Submission, signers: Vec<PublicKey>) -> Self {
        Self { submission, signers }
    }

    /// What is asked.
    #[must_use]
    pub const fn submission(&self) -> &Submission {
        &self.submission
    }

    /// The keys under which it was checked.
    #[must_use]
    pub fn signers(&self) -> &[PublicKey] {
        &self.signers
    }
}

fn verify(command: &Command, signers: &[PublicKey]) -> Result<(), BadSignature> {
    let one = || match signers {
        [key] => Ok(*key),
        _ => Err(BadSignature),
    };
    match command.basis() {
        Basis::Till(signed) => {
            one()?.verify(signed.domain(), &signed.statement(), signed.signature())
        }
        Basis::Site(signed) => {
            one()?.verify(signed.domain(), &signed.statement(), signed.signature())
        }
        Basis::Company(signed) => {
            one()?.verify(signed.domain(), &signed.statement(), signed.signature())
        }
        Basis::Peer(received) => {
            let envelope = Envelope::decode(&received.envelope).map_err(|_| BadSignature)?;
            envelope.verify(one()?)
        }
        Basis::Towns(signed) => {
            let bytes = codec::encode(&signed.agreement);
            let [low, high] = signers else { return Err(BadSignature) };
            low.verify(Domain::Agreement, &bytes, &signed.low.signature)?;
            high.verify(Domain::Agreement, &bytes, &signed.high.signature)
        }
        Basis::Directory(part) => part.statement.verify_under(signers),
        Basis::Rule | Basis::Node => Ok(()),
    }
}

impl Ledger {
    /// The keys under which a command's signatures have to be right, as of now; none for what is
    /// node-asserted.
    ///
    /// # Errors
    /// A [`Refusal`] that is not remembered, if the state knows no such signer.
    pub fn signers(&self, command: &Command) -> Result<Vec<PublicKey>, Refusal> {
        match command.basis() {
            Basis::Till(signed) => self.terminal_key(&signed.terminal()),
            Basis::Site(signed) => {
                let site = self.sites.get(&signed.site()).ok_or(Refusal::UnknownSite)?;
                Ok(alloc::vec![site.key])
            }
            Basis::Company(signed) => {
                let catalogue = self.catalogues.get(&signed.catalogue());
                let terms = catalogue.and_then(|known| known.company(&signed.company()));
                terms.map(|terms| alloc::vec![terms.key]).ok_or(Refusal::UnknownCompany)
            }
            Basis::Peer(received) => {
                let envelope =
                    Envelope::decode(&received.envelope).map_err(|_| Refusal::NotWellFormed)?;
                if envelope.header().sender == self.meta.town {
                    let mut own = self.own_keys();
                    let own = own.find(|key| envelope.verify(*key).is_ok());
                    return Ok(alloc::vec![own.unwrap_or(self.meta.channel_key)]);
                }
                Ok(alloc::vec![self.key_of_envelope(&envelope)?])
            }
            Basis::Towns(signed) => {
                let key_of = |town| {
                    if town == self.meta.town {
                        Ok(self.meta.channel_key)
                    } else {
                        let member = self.members.get(&town).ok_or(Refusal::NotInDirectory)?;
                        Ok(member.channel_key)
                    }
                };
                let agreement = &signed.agreement;
                Ok(alloc::vec![key_of(agreement.low)?, key_of(agreement.high)?])
            }
            Basis::Directory(part) => {
                part.statement.signers(&self.meta.root).ok_or(Refusal::NotInDirectory)
            }
            Basis::Rule | Basis::Node => Ok(Vec::new()),
        }
    }

    /// The channel keys that are a town's own.
    pub(super) fn channel_keys(&self, town: &TownId) -> Vec<PublicKey> {
        if *town == self.meta.town {
            return self.own_sound_keys().collect();
        }
        let Some(member) = self.members.get(town) else { return Vec::new() };
        let last = self.channels.get(town).and_then(Channel::last_key);
        let last = last.filter(|key| *key != member.channel_key && !member.has_revoked(key));
        core::iter::once(member.channel_key).chain(last).collect()
    }

    fn terminal_key(&self, terminal: &TerminalId) -> Result<Vec<PublicKey>, Refusal> {
        let setting = self.terminals.get(terminal).ok_or(Refusal::UnknownTerminal)?;
        match setting.state {
            InUse::Active => Ok(alloc::vec![setting.key]),
            InUse::Suspended => Err(Refusal::TerminalRevoked),
        }
    }
}

/// Refuses what leaves an account that is not open.
pub(super) const fn may_spend(state: HolderState) -> Result<(), Refusal> {
    match state {
        HolderState::Open => Ok(()),
        HolderState::Frozen => Err(Refusal::AccountFrozen),
        HolderState::Closed => Err(Refusal::AccountClosed),
        HolderState::Deceased => Err(Refusal::AccountDeceased),
    }
}

/// Refuses what is new to an account that takes returns only.
pub(super) const fn may_receive(state: HolderState) -> Result<(), Refusal> {
    match state {
        HolderState::Open | HolderState::Frozen => Ok(()),
        HolderState::Closed => Err(Refusal::AccountClosed),
        HolderState::Deceased => Err(Refusal::AccountDeceased),
    }
}
