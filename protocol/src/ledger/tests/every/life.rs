//! Deliveries about codes and the life of an account.

use alloc::vec;

use super::{
    super::life::{a_code, correction, leg},
    *,
};
use crate::{
    intent::{CodeStatement, code_hash},
    points::Points,
};

impl Maker<'_> {
    /// Codes, moving, correction, closing, death and erasure, each done once and refused besides.
    pub(super) fn life(&mut self) {
        let (first, second, third) =
            (AccountId([78; 16]), AccountId([79; 16]), AccountId([80; 16]));
        for account in [first, second, third] {
            self.holder(account);
        }
        let code = self.code("code", 1, 600);
        self.code("same-code", 1, 600);
        for account in [second, first] {
            let entered = CodeEntry { account, code, actor: Actor::Holder };
            self.add(Command::EnterCode(Nothing {}, entered));
        }
        for (account, class) in [(first, HolderClass::Visitor), (first, HolderClass::Resident)] {
            let change = ClassChange { account, class, officer: OFFICER };
            self.add(Command::SetAccountClass(Nothing {}, change));
        }
        let what = Reissued::Password;
        let reissue = Reissue { account: first, what, officer: OFFICER };
        self.add(Command::Reissue(Nothing {}, reissue));
        let lot = Lot { points: p(40), ..self.pair.lots_at_a()[0] };
        self.two(&correction(vec![leg(first, Direction::In, vec![lot])]));
        self.two(&correction(vec![leg(second, Direction::Out, vec![lot])]));
        self.ends(first, second, third);
    }

    fn ends(&mut self, first: AccountId, second: AccountId, third: AccountId) {
        let closing = |account, forfeit| {
            let closing = AccountClosing { account, forfeit: p(forfeit), actor: Actor::Holder };
            Command::CloseAccount(Nothing {}, closing)
        };
        self.add(closing(second, 0));
        let state = HolderState::Deceased;
        let actor = Actor::Officer(OFFICER);
        let died = AccountStateChange { account: first, state, actor };
        self.add(Command::SetAccountState(Nothing {}, died));
        let shares = vec![Share { heir: third, points: p(30) }];
        let estate =
            |forfeit| Estate { account: first, shares: shares.clone(), forfeit: p(forfeit) };
        self.two(&Command::SettleEstate(Nothing {}, estate(9)));
        self.two(&Command::SettleEstate(Nothing {}, estate(10)));
        self.add(closing(third, 30));
        for (account, hold) in
            [(first, LegalHold::Kept), (first, LegalHold::Kept), (first, LegalHold::Over)]
        {
            let change = LegalHoldChange { account, hold, officer: OFFICER };
            self.add(Command::SetLegalHold(Nothing {}, change));
        }
        for accounts in [vec![first, third], vec![second], vec![first]] {
            let reason = ErasureReason::Asked;
            self.two(&Command::Erase(Nothing {}, Erasure { accounts, reason }));
        }
    }

    fn code(&mut self, reference: &str, seed: u8, amount: u64) -> Digest {
        let desk = &self.pair.a;
        let code = code_hash(&jal(), &a_code(seed));
        let statement = CodeStatement {
            company: jal(),
            reference: reference.parse().unwrap(),
            town: desk.town,
            code,
            amount: crate::catalogue::CompanyPoints(amount),
            catalogue: CatalogueVersion(1),
            points: Points::new(amount / 2).unwrap(),
            signed: day(BEGIN),
            last_day: day("2027-06-30"),
        };
        let signature = desk.company_key.sign(Domain::Code, &codec::encode(&statement));
        let reference = statement.reference.clone();
        let key = OperationKey::Company { company: jal(), reference };
        let command = Command::IssueCode(SignedCode { statement, signature }, Nothing {});
        self.made.push((Some(key), command));
        code
    }

    /// A command that two officers do: proposed, approved by its own maker, then by another one.
    fn two(&mut self, command: &Command) {
        // By itself it is refused: it needs another officer.
        self.add(command.clone());
        let key = self.key();
        let proposed = Proposed::of(command, OFFICER);
        self.keyed(key, Command::Propose(Nothing {}, proposed));
        let proposal = ProposalId(*key.bytes());
        for approver in [OFFICER, OfficerId(8)] {
            let decision = ProposalDecision { proposal, verdict: Verdict::Approve, approver };
            self.add(Command::DecideProposal(Nothing {}, decision));
        }
    }
}
