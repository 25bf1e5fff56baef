//! Tests of what is read as a whole message.

use futures::io::Cursor;

use super::*;

async fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
    read_whole(&mut Cursor::new(bytes.to_vec())).await
}

#[tokio::test]
async fn only_whole_messages_within_the_limit_are_read() {
    assert_eq!(read(&[0, 0, 0, 3, 1, 2, 3]).await.unwrap(), [1, 2, 3]);
    assert_eq!(read(&[0, 0, 0, 0]).await.unwrap(), [0_u8; 0]);
    let wrong: [&[u8]; 6] = [
        &[],
        &[0, 0, 0],
        &[0, 0, 0, 3],
        &[0, 0, 0, 3, 1, 2],
        &[0, 0, 0, 3, 1, 2, 3, 4],
        &[0xff, 0xff, 0xff, 0xff, 1],
    ];
    for bytes in wrong {
        assert!(read(bytes).await.is_err(), "{bytes:?}");
    }
}

#[tokio::test]
async fn a_message_of_the_limit_is_read_and_one_byte_more_is_not() {
    for (length, fits) in [(MESSAGE_BYTES_MAX, true), (MESSAGE_BYTES_MAX + 1, false)] {
        let mut io = Cursor::new(Vec::new());
        write_whole(&mut io, &vec![7; length]).await.unwrap();
        assert_eq!(read(io.get_ref()).await.is_ok(), fits);
    }
}
