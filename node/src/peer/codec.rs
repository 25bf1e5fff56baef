//! Messages on the wire: a length, so many bytes, and the end of the stream.
//!
//! The length is there because a stream that breaks looks like one that ends: a dropped reply would
//! be an empty answer, and half an answer would pass for whole.

use std::io;

use futures::prelude::*;
use libp2p::{StreamProtocol, request_response::Codec};

/// The largest message each way.
pub const MESSAGE_BYTES_MAX: usize = 160 * 1024;

/// What a stream is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// Deliveries of envelopes between towns.
    Envelope,
    /// Shared documents.
    Document,
    /// Conversions that the coordinator routes.
    Conversion,
}

impl Protocol {
    /// Every protocol.
    pub(super) const ALL: [Self; 3] = [Self::Envelope, Self::Document, Self::Conversion];

    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Envelope => "/jichi/envelope/1",
            Self::Document => "/jichi/document/1",
            Self::Conversion => "/jichi/conversion/1",
        }
    }

    pub(super) const fn stream(self) -> StreamProtocol {
        StreamProtocol::new(self.name())
    }

    fn of(stream: &StreamProtocol) -> io::Result<Self> {
        let known = Self::ALL.into_iter().find(|known| known.name() == stream.as_ref());
        known.ok_or_else(|| io::Error::other("a protocol that was not offered"))
    }
}

/// A message with its protocol.
#[derive(Debug)]
pub struct Message {
    /// What it is for.
    pub protocol: Protocol,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Reads and writes messages.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bytes;

/// Reads a length of four bytes, most significant first, so many bytes, and then the end.
async fn read_whole<T: AsyncRead + Unpin + Send>(io: &mut T) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    io.read_exact(&mut length).await?;
    let length = u32::from_be_bytes(length);
    if usize::try_from(length).unwrap_or(usize::MAX) > MESSAGE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message over the limit"));
    }
    // One byte more than announced, to see that there is none; nothing is reserved in advance.
    let mut bytes = Vec::new();
    io.take(u64::from(length).saturating_add(1)).read_to_end(&mut bytes).await?;
    if u32::try_from(bytes.len()) != Ok(length) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message cut off or continued"));
    }
    Ok(bytes)
}

async fn write_whole<T: AsyncWrite + Unpin + Send>(io: &mut T, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    io.write_all(&length.to_be_bytes()).await?;
    io.write_all(bytes).await
}

impl Codec for Bytes {
    type Protocol = StreamProtocol;
    type Request = Message;
    type Response = Vec<u8>;

    async fn read_request<T: AsyncRead + Unpin + Send>(
        &mut self,
        stream: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<Message> {
        let protocol = Protocol::of(stream)?;
        Ok(Message { protocol, bytes: read_whole(io).await? })
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
        message: Message,
    ) -> io::Result<()> {
        write_whole(io, &message.bytes).await
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
