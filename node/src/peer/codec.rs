//! Messages on the wire: the stream's whole content is the message, up to a limit.

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

async fn read_all<T: AsyncRead + Unpin + Send>(io: &mut T) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io.take(MESSAGE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).await?;
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message over the limit"));
    }
    Ok(bytes)
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
        Ok(Message { protocol, bytes: read_all(io).await? })
    }

    async fn read_response<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<Vec<u8>> {
        read_all(io).await
    }

    async fn write_request<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        message: Message,
    ) -> io::Result<()> {
        io.write_all(&message.bytes).await
    }

    async fn write_response<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        bytes: Vec<u8>,
    ) -> io::Result<()> {
        io.write_all(&bytes).await
    }
}
