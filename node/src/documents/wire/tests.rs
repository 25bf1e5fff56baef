//! Requests and replies: one encoding each, and a limit.

use super::{super::fixture::*, *};

#[test]
fn requests_read_back_as_they_were_written() {
    let message = || ByteVec::from(vec![1, 2, 3]);
    let requests = [
        DocumentRequest::AskStatement(DocumentName::Directory),
        DocumentRequest::BeginSync {
            document: DocumentName::Directory,
            session: SessionNumber(7),
            message: message(),
        },
        DocumentRequest::ContinueSync { session: SessionNumber(7), message: message() },
    ];
    for request in requests {
        let bytes = request.encode();
        assert_eq!(DocumentRequest::decode(&bytes), Ok(request));
        let longer = [&bytes[..], &[0]].concat();
        let refused = DocumentRequest::decode(&longer);
        assert_eq!(refused, Err(WireFault::Malformed(Malformed::NotCanonical)));
    }
}

#[test]
fn replies_read_back_as_they_were_written() {
    let replies = [
        DocumentReply::Nothing,
        DocumentReply::Statement(signed(&document(1, 2)).statement().clone()),
        DocumentReply::Sync(None),
        DocumentReply::Sync(Some(vec![1, 2, 3].into())),
        DocumentReply::Refused(RefusedReason::UnknownSession),
        DocumentReply::Refused(RefusedReason::BadMessage),
    ];
    for reply in replies {
        assert_eq!(DocumentReply::decode(&reply.encode()), Ok(reply));
    }
    assert_eq!(DocumentReply::decode(b"\xff"), Err(WireFault::Malformed(Malformed::Form)));
}

#[test]
fn the_largest_sync_message_fits_and_more_does_not() {
    let reply = |bytes| DocumentReply::Sync(Some(vec![0; bytes].into())).encode();
    assert!(DocumentReply::decode(&reply(MESSAGE_BYTES_MAX)).is_ok());
    assert_eq!(DocumentReply::decode(&reply(WIRE_BYTES_MAX)), Err(WireFault::TooLarge));
}
