//! Library cards: the dialogue with a library's system, links between towns, the counter.

#[path = "library/dialogue.rs"]
mod dialogue;
#[path = "library/links.rs"]
mod links;
