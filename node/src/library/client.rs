//! A connection to a library's system over SIP2: signs in once, asks, and is opened anew when it
//! breaks. One request at a time, as SIP2 has it.

use std::{sync::Arc, time::Duration};

use secrecy::{ExposeSecret as _, SecretString};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    sync::Mutex,
};

use super::sip2::{
    Asked, Encoding, LINE_BYTES_MAX, NotAReply, Patron, Replied, Reply, Request, Sequence, Stamp,
};
use crate::clock;

/// How a library's system is reached, and what it knows the terminal as.
#[derive(Debug, Clone)]
pub struct Sip2Settings {
    /// The host.
    pub host: String,
    /// The port; 6001 at Koha.
    pub port: u16,
    /// The terminal's name there.
    pub user: String,
    /// Its password.
    pub password: SecretString,
    /// Where it stands.
    pub location: String,
    /// The library, as its system names it.
    pub institution: String,
    /// In which encoding it writes.
    pub encoding: Encoding,
}

/// Why a library's system gives no answer about a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// No connection, also the second time.
    #[error("the library system cannot be reached")]
    Unreachable,
    /// No answer in time.
    #[error("the library system did not answer in time")]
    Late,
    /// What came is no answer of the protocol, or one about another card.
    #[error("the library system's answer cannot be read")]
    Unreadable,
    /// Two answers in a row with a wrong checksum.
    #[error("the library system's answer was garbled twice")]
    Garbled,
    /// It does not take the terminal's name and password.
    #[error("the library system does not take the sign-in of this node")]
    SignInRefused,
    /// It says that it does not work now.
    #[error("the library system says that it is out of service")]
    OutOfService,
    /// The number cannot be written in its encoding.
    #[error("the card's number cannot be written in the library system's encoding")]
    NotWritable,
}

/// A library's system over SIP2. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sip2Client {
    settings: Arc<Sip2Settings>,
    connection: Arc<Mutex<Option<Connection>>>,
}

#[derive(Debug)]
struct Connection {
    stream: BufReader<TcpStream>,
    sequence: Sequence,
}

/// What is asked about a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// May it be used? (23)
    Status,
    /// What is known of it? (63)
    Information,
}

/// Why an exchange came to nothing, and whether another connection may do better.
enum Broken {
    Connection,
    For(NoAnswer),
}

impl From<std::io::Error> for Broken {
    fn from(_: std::io::Error) -> Self {
        Self::Connection
    }
}

impl Sip2Client {
    /// A client that connects when it is first asked.
    #[must_use]
    pub fn new(settings: Sip2Settings) -> Self {
        Self { settings: Arc::new(settings), connection: Arc::default() }
    }

    /// Asks about a card, within a time.
    ///
    /// # Errors
    /// [`NoAnswer`]; then the next question begins on a new connection.
    pub async fn ask(
        &self,
        question: Question,
        number: &str,
        within: Duration,
    ) -> Result<Patron, NoAnswer> {
        let asked = tokio::time::timeout(within, self.ask_on_any(question, number)).await;
        // The connection was taken out of its place: an answer that is late is never read as the
        // answer to a later question.
        asked.unwrap_or(Err(NoAnswer::Late))
    }

    /// Asks on the connection that is open, and once more on a new one if that breaks.
    async fn ask_on_any(&self, question: Question, number: &str) -> Result<Patron, NoAnswer> {
        let mut place = self.connection.lock().await;
        let kept = place.take();
        for connection in [kept, None] {
            let mut connection = match connection {
                Some(connection) => connection,
                None => match self.open().await {
                    Ok(connection) => connection,
                    Err(Broken::Connection) => continue,
                    Err(Broken::For(no_answer)) => return Err(no_answer),
                },
            };
            match self.ask_on(&mut connection, question, number).await {
                Ok(patron) => {
                    *place = Some(connection);
                    return Ok(patron);
                }
                Err(Broken::Connection) => {}
                Err(Broken::For(no_answer)) => return Err(no_answer),
            }
        }
        Err(NoAnswer::Unreachable)
    }

    /// Connects, signs in, and hears that the system works.
    async fn open(&self) -> Result<Connection, Broken> {
        let Sip2Settings { host, port, user, password, location, encoding, .. } = &*self.settings;
        let stream = TcpStream::connect((host.as_str(), *port)).await?;
        stream.set_nodelay(true)?;
        let mut connection =
            Connection { stream: BufReader::new(stream), sequence: Sequence::default() };
        let login = Request::Login { user, password: password.expose_secret(), location };
        match connection.exchange(&login, *encoding).await? {
            Reply::Login { accepted: true } => {}
            Reply::Login { accepted: false } => {
                return Err(Broken::For(NoAnswer::SignInRefused));
            }
            Reply::Status { .. }
            | Reply::Patron(_)
            | Reply::SessionEnded { .. }
            | Reply::AsksAgain => return Err(Broken::For(NoAnswer::Unreadable)),
        }
        match connection.exchange(&Request::Status, *encoding).await? {
            Reply::Status { online: true } => Ok(connection),
            Reply::Status { online: false } => Err(Broken::For(NoAnswer::OutOfService)),
            Reply::Login { .. }
            | Reply::Patron(_)
            | Reply::SessionEnded { .. }
            | Reply::AsksAgain => Err(Broken::For(NoAnswer::Unreadable)),
        }
    }

    async fn ask_on(
        &self,
        connection: &mut Connection,
        question: Question,
        number: &str,
    ) -> Result<Patron, Broken> {
        let institution = self.settings.institution.as_str();
        let asked = Asked { institution, patron: number, at: Stamp::at(clock::now()) };
        let request = match question {
            Question::Status => Request::PatronStatus(asked.clone()),
            Question::Information => Request::PatronInformation(asked.clone()),
        };
        let encoding = self.settings.encoding;
        let patron = match connection.exchange(&request, encoding).await? {
            Reply::Patron(patron) if patron.number.eq_ignore_ascii_case(number.trim()) => patron,
            Reply::Patron(_)
            | Reply::Login { .. }
            | Reply::Status { .. }
            | Reply::SessionEnded { .. }
            | Reply::AsksAgain => return Err(Broken::For(NoAnswer::Unreadable)),
        };
        if question == Question::Information {
            // A patron information opens a session at systems that count them. Whether it ends
            // changes nothing about the card.
            connection.exchange(&Request::EndSession(asked), encoding).await?;
        }
        Ok(patron)
    }
}

impl Connection {
    /// One request and its reply. A garbled reply is asked for again once, and a request that
    /// came garbled is sent again once.
    async fn exchange(
        &mut self,
        request: &Request<'_>,
        encoding: Encoding,
    ) -> Result<Reply, Broken> {
        let not_writable = |_| Broken::For(NoAnswer::NotWritable);
        let sequence = self.sequence;
        self.sequence = sequence.next();
        let line = request.encode(encoding, Some(sequence)).map_err(not_writable)?;
        let resend = Request::Resend.encode(encoding, Some(sequence)).map_err(not_writable)?;
        self.stream.get_mut().write_all(&line).await?;
        let (mut asked_again, mut sent_again) = (false, false);
        loop {
            let came = self.line().await?;
            match Replied::parse(&came, encoding) {
                Err(NotAReply::Garbled) if asked_again => {
                    return Err(Broken::For(NoAnswer::Garbled));
                }
                Err(NotAReply::Garbled) => {
                    asked_again = true;
                    self.stream.get_mut().write_all(&resend).await?;
                }
                Err(NotAReply::Form) => return Err(Broken::For(NoAnswer::Unreadable)),
                Ok(Replied { reply: Reply::AsksAgain, .. }) if sent_again => {
                    return Err(Broken::For(NoAnswer::Garbled));
                }
                Ok(Replied { reply: Reply::AsksAgain, .. }) => {
                    sent_again = true;
                    self.stream.get_mut().write_all(&line).await?;
                }
                // A system may leave error detection out of its replies.
                Ok(Replied { reply, sequence: said }) if said.is_none_or(|s| s == sequence) => {
                    return Ok(reply);
                }
                Ok(_) => return Err(Broken::For(NoAnswer::Unreadable)),
            }
        }
    }

    /// The next line that is not blank, without its end.
    async fn line(&mut self) -> Result<Vec<u8>, Broken> {
        let mut line = Vec::new();
        loop {
            let byte = self.stream.read_u8().await?;
            match byte {
                b'\r' | b'\n' if line.is_empty() => {}
                b'\r' | b'\n' => return Ok(line),
                _ if line.len() >= LINE_BYTES_MAX => {
                    return Err(Broken::For(NoAnswer::Unreadable));
                }
                _ => line.push(byte),
            }
        }
    }
}
