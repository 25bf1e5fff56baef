//! Library cards among the deliveries: linked here and at the other town, ended by either end.

use super::*;
use crate::{
    ledger::tests::library::*,
    library::{
        ErasedBody, LibraryMessage, LibrarySide, LinkAnswer, LinkAnswerBody, LinkBody, LinkRefusal,
        LinkedBy, UnlinkBody,
    },
};

/// What `b` says about cards, in order: three links of its own holders' cards, the second of them
/// ended before it comes, the end of the first; and the answers to two links of `a`.
pub(super) fn said() -> Vec<LibraryMessage> {
    let asked = |number| {
        let (handle, by) = (Handle([number; 16]), LinkedBy::Staff);
        let (card, consent) = (word("of b"), day(BEGIN));
        LibraryMessage::Link(LinkBody { link: link(number), handle, card, by, consent })
    };
    let answer =
        |number, answer| LibraryMessage::Answer(LinkAnswerBody { link: link(number), answer });
    let unlink = |number| LibraryMessage::Unlink(UnlinkBody { link: link(number) });
    let side = LibrarySide::Institution;
    vec![
        asked(11),
        unlink(12),
        asked(12),
        asked(13),
        answer(2, LinkAnswer::Linked(day(BEGIN))),
        answer(9, LinkAnswer::Linked(day(BEGIN))),
        unlink(11),
        LibraryMessage::Erased(ErasedBody { link: link(2), side }),
    ]
}

impl Maker<'_> {
    pub(super) fn library(&mut self, account: AccountId) {
        let (here, there) = (self.pair.a.town, self.pair.b.town);
        let ask = |account, town, number| {
            Command::LinkLibraryCard(Nothing {}, linking(account, town, number))
        };
        self.add(ask(account, here, 1));
        self.add(verdict(here, 1, None));
        self.add(ask(account, here, 3));
        self.add(ending(here, 1));
        self.add(erased(LibrarySide::BaseTown, here, 1));
        self.add(ask(account, there, 2));
        let envelopes = self.envelopes(account).into_iter().skip(MONEY_MESSAGES);
        for envelope in envelopes.take(CARD_MESSAGES) {
            self.made.push(arriving(&envelope));
        }
        self.add(verdict(there, 13, Some(LinkRefusal::NotValid)));
        self.add(erased(LibrarySide::Institution, there, 11));
        self.add(unlinking(account, 2));
        self.add(unlinking(account, 2));
    }
}
