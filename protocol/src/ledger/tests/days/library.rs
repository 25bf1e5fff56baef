//! Cards of the town's own library.

use alloc::vec::Vec;

use super::{
    super::library::{ending, erased, linking, unlinking, verdict},
    Both, Step, said,
};
use crate::{
    command::{Command, Nothing},
    id::TownId,
    library::{LibrarySide, LinkRefusal},
};

/// How a link stands, as far as one town tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    Asked,
    Linked,
    Over,
    /// The number is to be erased, and that confirmed, on this side.
    Erasing(LibrarySide),
}

#[derive(Debug, Default)]
pub(super) struct Library {
    /// Whose, and how it stands; the place is the number of the link.
    links: Vec<(usize, Stands)>,
}

impl Both {
    pub(super) fn library_card(&mut self, step: &Step) {
        match step.flag % 8 {
            0 | 1 => self.link_library(step),
            2 | 3 => self.answer_library(step),
            4 => self.unlink_library(step),
            5 => self.end_library(step),
            _ => self.erase_library(step),
        }
    }

    fn link_library(&mut self, step: &Step) {
        let Ok(number) = u8::try_from(self.library.links.len()) else { return };
        let (account, here) = (self.accounts[step.who], self.pair.a.town);
        let lives = |(who, stands): &(usize, Stands)| {
            *who == step.who && matches!(stands, Stands::Asked | Stands::Linked)
        };
        let told = self.model.is_open(step.who) && !self.library.links.iter().any(lives);
        let command = Command::LinkLibraryCard(Nothing {}, linking(account, here, number));
        let done = self.pair.a.submit(command);
        if said(step, &done, told) {
            self.library.links.push((step.who, Stands::Asked));
        }
    }

    /// One of the links, if there is one: its number, how it stands, and the town.
    fn library_link(&self, step: &Step) -> Option<(u8, Stands, TownId)> {
        let number = step.of(self.library.links.len())?;
        let stands = self.library.links[number].1;
        Some((u8::try_from(number).unwrap(), stands, self.pair.a.town))
    }

    fn set_library(&mut self, number: u8, stands: Stands) {
        self.library.links[usize::from(number)].1 = stands;
    }

    fn answer_library(&mut self, step: &Step) {
        let Some((number, stands, here)) = self.library_link(step) else { return };
        let refusal = (step.points % 3 == 0).then_some(LinkRefusal::UnknownCard);
        let done = self.pair.a.submit(verdict(here, number, refusal));
        if said(step, &done, stands == Stands::Asked) {
            let after = if refusal.is_some() { Stands::Over } else { Stands::Linked };
            self.set_library(number, after);
        }
    }

    fn unlink_library(&mut self, step: &Step) {
        let Some((number, stands, _)) = self.library_link(step) else { return };
        let owner = self.library.links[usize::from(number)].0;
        let lives = matches!(stands, Stands::Asked | Stands::Linked);
        let told = lives && owner == step.who;
        let done = self.pair.a.submit(unlinking(self.accounts[step.who], number));
        if said(step, &done, told) {
            self.set_library(number, Stands::Erasing(LibrarySide::Institution));
        }
    }

    fn end_library(&mut self, step: &Step) {
        let Some((number, stands, here)) = self.library_link(step) else { return };
        let done = self.pair.a.submit(ending(here, number));
        if said(step, &done, stands == Stands::Linked) {
            self.set_library(number, Stands::Erasing(LibrarySide::BaseTown));
        }
    }

    fn erase_library(&mut self, step: &Step) {
        let Some((number, stands, here)) = self.library_link(step) else { return };
        let side =
            if step.points % 2 == 0 { LibrarySide::Institution } else { LibrarySide::BaseTown };
        let done = self.pair.a.submit(erased(side, here, number));
        if said(step, &done, stands == Stands::Erasing(side)) {
            self.set_library(number, Stands::Over);
        }
    }
}
