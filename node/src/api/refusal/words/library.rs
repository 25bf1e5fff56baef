//! The words of library cards.

use super::Words;

pub(super) const LIBRARY: &[Words] = &[
    (
        "unknown_library_link",
        404,
        "この図書館利用者カードの連携はありません",
        "no such link to a library card",
        "連携の一覧を確かめてください",
        "look at the list of links",
    ),
    (
        "library_linked",
        409,
        "この図書館のカードはすでに連携しています",
        "a card of this library is linked already",
        "別のカードにするときは、先に今の連携を解除してください",
        "end the present link first to link another card",
    ),
    (
        "library_link_ended",
        409,
        "この連携は終わっています",
        "the link was refused or has ended",
        "もう一度使うときは、新しく連携してください",
        "link the card anew to use it again",
    ),
];
