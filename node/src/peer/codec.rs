//! Messages on the wire: four bytes of length (big-endian), then so many opaque bytes.
//!
//! The length tells an empty message from none: libp2p closes the stream of a request that the
//! node drops, and without a length that would read as an empty answer.

use std::io;

use futures::prelude::*;
use jichi_protocol::channel::delivery::DELIVERY_BYTES_MAX;
use libp2p::{StreamProtocol, request_response::Codec};

/// The largest message each way, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 128 * 1024;

const _: () = assert!(DELIVERY_BYTES_MAX <= MESSAGE_BYTES_MAX);

/// Reads and writes messages of any of the protocols.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Framed;

async fn read_whole<T: AsyncRead + Unpin + Send>(io: &mut T) -> io::Result<Vec<u8>> {
    let mut length = [0_u8; 4];
    io.read_exact(&mut length).await?;
    let length = u32::from_be_bytes(length);
    if usize::try_from(length).unwrap_or(usize::MAX) > MESSAGE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "a message over the limit"));
    }
    // Grows with what has come, not with what was announced. One byte more, to see that there is
    // none.
    let mut bytes = Vec::new();
    io.take(u64::from(length).saturating_add(1)).read_to_end(&mut bytes).await?;
    if u32::try_from(bytes.len()) != Ok(length) {
        // Not `UnexpectedEof`, which is left to a message of which nothing came.
        return Err(io::Error::new(io::ErrorKind::BrokenPipe, "a message cut off or continued"));
    }
    Ok(bytes)
}

/// Of a message over the limit the length alone is written, on which the reader refuses it.
async fn write_whole<T: AsyncWrite + Unpin + Send>(io: &mut T, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    io.write_all(&length.to_be_bytes()).await?;
    if bytes.len() > MESSAGE_BYTES_MAX { Ok(()) } else { io.write_all(bytes).await }
}

impl Codec for Framed {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<Vec<u8>> {
        read_whole(io).await
    }

    async fn read_response<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<Vec<u8>> {
        read_whole(io).await
    }

    async fn write_request<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        bytes: Vec<u8>,
    ) -> io::Result<()> {
        write_whole(io, &bytes).await
    }

    async fn write_response<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        bytes: Vec<u8>,
    ) -> io::Result<()> {
        write_whole(io, &bytes).await
    }
}

#[cfg(test)]
mod tests;
