//! Answers peers' requests about documents out of the stores: their sessions, within limits.

use std::collections::VecDeque;

use jichi_protocol::{
    date::Time,
    directory::{DocumentName, PeerId},
};

use super::{
    list::book::Lists,
    store::DocumentStore,
    sync::SyncAnswer,
    wire::{DocumentReply, DocumentRequest, RefusedReason, SessionNumber},
};

/// Most sessions at a time. One more ends the oldest, whose peer begins again.
pub const SESSIONS_MAX: usize = 32;

/// The open sessions of all peers, at most one a peer.
#[derive(Debug, Default)]
pub struct DocumentDesk {
    sessions: VecDeque<Session>,
}

#[derive(Debug)]
struct Session {
    peer: PeerId,
    number: SessionNumber,
    answer: SyncAnswer,
}

impl DocumentDesk {
    /// Answers a request of the peer at the other end of a connection.
    #[must_use]
    pub fn answer(
        &mut self,
        (store, lists): (&DocumentStore, &Lists),
        peer: &PeerId,
        request: &DocumentRequest,
        now: Time,
    ) -> DocumentReply {
        match request {
            DocumentRequest::AskStatement(DocumentName::Directory) => store
                .statement()
                .map_or(DocumentReply::Nothing, |held| DocumentReply::Statement(held.clone())),
            DocumentRequest::BeginSync { document: DocumentName::Directory, session, message } => {
                self.sessions.retain(|open| open.peer != *peer);
                let Some(held) = store.held() else { return DocumentReply::Nothing };
                let answer = SyncAnswer::begin(held);
                self.go_on(Session { peer: peer.clone(), number: *session, answer }, message)
            }
            DocumentRequest::AskLists(theirs) => {
                let ours = lists.inventory(now);
                if ours.digest() == *theirs {
                    DocumentReply::Nothing
                } else {
                    DocumentReply::Lists(ours)
                }
            }
            DocumentRequest::AskList(list) => {
                lists.statement(*list).map_or(DocumentReply::Nothing, DocumentReply::List)
            }
            DocumentRequest::BeginList { list, session, message } => {
                self.sessions.retain(|open| open.peer != *peer);
                let Some(held) = lists.edition(*list) else { return DocumentReply::Nothing };
                let answer = SyncAnswer::of_list(&held);
                self.go_on(Session { peer: peer.clone(), number: *session, answer }, message)
            }
            DocumentRequest::ContinueSync { session, message } => {
                let mut open = self.sessions.iter();
                let at = open.position(|open| open.peer == *peer && open.number == *session);
                match at.and_then(|at| self.sessions.remove(at)) {
                    Some(session) => self.go_on(session, message),
                    None => DocumentReply::Refused(RefusedReason::UnknownSession),
                }
            }
        }
    }

    /// Answers, and keeps the session unless it came to its end.
    fn go_on(&mut self, mut session: Session, message: &[u8]) -> DocumentReply {
        match session.answer.answer(message) {
            Ok(Some(next)) => {
                if self.sessions.len() >= SESSIONS_MAX {
                    self.sessions.pop_front();
                }
                self.sessions.push_back(session);
                DocumentReply::Sync(Some(next.into()))
            }
            Ok(None) => DocumentReply::Sync(None),
            Err(_) => DocumentReply::Refused(RefusedReason::BadMessage),
        }
    }
}

#[cfg(test)]
mod tests;
