//! Messages on the wire: a length, so many bytes, and the end of the stream.
//!
//! The length is there because a stream that breaks looks like one that ends: a dropped reply would
//! be an empty answer, and half an answer would pass for whole.

use std::io;

use futures::prelude::*;
use libp2p::{StreamProtocol, request_response::Codec};

/// The largest message each way.
pub const MESSAGE_BYTES_MAX: usize = 160 * 1024;

/// The one name that streams are negotiated under. What a request is for stands in its first
/// byte: libp2p would take the first name that both sides know, whatever the request.
pub(super) const STREAM: StreamProtocol = StreamProtocol::new("/jichi/node/1");

/// What a request is for.
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
    const fn number(self) -> u8 {
        match self {
            Self::Envelope => 1,
            Self::Document => 2,
            Self::Conversion => 3,
        }
    }

    fn of(number: u8) -> io::Result<Self> {
        match number {
            1 => Ok(Self::Envelope),
            2 => Ok(Self::Document),
            3 => Ok(Self::Conversion),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "a request for nothing known")),
        }
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
        _: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<Message> {
        let mut number = [0];
        io.read_exact(&mut number).await?;
        let [number] = number;
        let protocol = Protocol::of(number)?;
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
        io.write_all(&[message.protocol.number()]).await?;
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
