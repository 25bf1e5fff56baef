//! A library's system as published SIP2 servers behave, for tests and the demonstration: it can be
//! slow, out of order, or break off. It shares no code with the node's SIP2.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use encoding_rs::SHIFT_JIS;

/// The terminal's name and password that it takes.
pub const USER: &str = "jichi";
/// The password of [`USER`].
pub const PASSWORD: &str = "library-secret";

/// How it answers questions about cards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// As it should.
    Proper,
    /// So late.
    Slow(Duration),
    /// With lines that are not of SIP2.
    Malformed,
    /// With a wrong checksum; when asked again, with the right one.
    GarbledOnce,
    /// With a wrong checksum, always.
    GarbledAlways,
    /// It asks for each question again once, as if it had come garbled.
    AsksAgain,
    /// It closes the connection in the middle of an answer.
    BreaksOff,
    /// It takes no sign-in.
    RefusesSignIn,
    /// It says that it does not work.
    OutOfService,
}

/// What it knows of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Card {
    /// It can be used.
    Valid,
    /// It expired.
    Expired,
}

/// In which encoding it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writes {
    /// UTF-8, lines ended by CR.
    Utf8,
    /// CP932, lines ended by CR and LF.
    Cp932,
}

#[derive(Debug)]
struct Inside {
    manner: Manner,
    writes: Writes,
    cards: BTreeMap<String, (String, Card)>,
    /// The first two digits of every line that came, in order.
    asked: Vec<String>,
}

/// The server. Its threads end with the process.
#[derive(Debug, Clone)]
pub struct LibrarySystem {
    /// Where it listens.
    pub address: SocketAddr,
    inside: Arc<Mutex<Inside>>,
}

impl LibrarySystem {
    /// Starts it on a free port of this machine, with no card.
    ///
    /// # Errors
    /// When there is no port.
    pub fn start(writes: Writes) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let cards = BTreeMap::new();
        let inside = Inside { manner: Manner::Proper, writes, cards, asked: Vec::new() };
        let inside = Arc::new(Mutex::new(inside));
        let shared = Arc::clone(&inside);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                // Who breaks the connection off gets no answer, as with any server.
                thread::spawn(move || serve(stream, &shared));
            }
        });
        Ok(Self { address, inside })
    }

    /// It has this card from now on.
    pub fn has(&self, number: &str, name: &str, card: Card) {
        self.lock().cards.insert(number.to_owned(), (name.to_owned(), card));
    }

    /// From now on it answers so.
    pub fn answer(&self, manner: Manner) {
        self.lock().manner = manner;
    }

    /// The first two digits of every line that came, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.lock().asked.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        lock(&self.inside)
    }
}

fn lock(inside: &Mutex<Inside>) -> MutexGuard<'_, Inside> {
    inside.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What becomes of an answer on its way out.
enum Out {
    Whole(Vec<u8>),
    Half(Vec<u8>),
}

fn serve(mut stream: TcpStream, shared: &Mutex<Inside>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut signed_in, mut last, mut twice) = (false, Vec::new(), false);
    loop {
        let mut line = Vec::new();
        if reader.read_until(b'\r', &mut line)? == 0 {
            return Ok(());
        }
        let line: Vec<u8> =
            line.into_iter().skip_while(|b| *b == b'\n').filter(|b| *b != b'\r').collect();
        let id = String::from_utf8_lossy(line.get(..2).unwrap_or_default()).into_owned();
        let (manner, writes) = {
            let mut inside = lock(shared);
            inside.asked.push(id.clone());
            (inside.manner, inside.writes)
        };
        if !sums_up(&line) {
            stream.write_all(&ended(b"96AZFEF6".to_vec(), writes))?;
            continue;
        }
        if id == "97" {
            stream.write_all(&last)?;
            continue;
        }
        let about_a_card = id == "23" || id == "63";
        twice = about_a_card && manner == Manner::AsksAgain && !twice;
        if twice {
            stream.write_all(&ended(b"96AZFEF6".to_vec(), writes))?;
            continue;
        }
        let Some(text) = answer(&id, &line, shared, &mut signed_in) else { return Ok(()) };
        let whole = ended(detected(encoded(&text, writes), sequence_of(&line)), writes);
        last.clone_from(&whole);
        match on_its_way(whole, if about_a_card { manner } else { Manner::Proper }) {
            Out::Whole(bytes) => stream.write_all(&bytes)?,
            Out::Half(bytes) => return stream.write_all(&bytes),
        }
        if manner == Manner::GarbledAlways {
            last = garbled(last);
        }
    }
}

fn on_its_way(whole: Vec<u8>, manner: Manner) -> Out {
    match manner {
        Manner::Proper | Manner::AsksAgain | Manner::RefusesSignIn | Manner::OutOfService => {
            Out::Whole(whole)
        }
        Manner::Slow(wait) => {
            thread::sleep(wait);
            Out::Whole(whole)
        }
        Manner::Malformed => Out::Whole(b"24??|AA|BLQ|<html>\r".to_vec()),
        Manner::GarbledOnce | Manner::GarbledAlways => Out::Whole(garbled(whole)),
        Manner::BreaksOff => {
            let half = whole.len() / 2;
            Out::Half(whole.into_iter().take(half).collect())
        }
    }
}

/// A bit of the first character is another one than was summed up.
fn garbled(mut line: Vec<u8>) -> Vec<u8> {
    if let Some(byte) = line.get_mut(3) {
        *byte ^= 1;
    }
    line
}

/// The answer to a line, without error detection; none closes the connection.
fn answer(id: &str, line: &[u8], shared: &Mutex<Inside>, signed_in: &mut bool) -> Option<String> {
    let inside = lock(shared);
    let text = decoded(line, inside.writes);
    let field = |id: &str| {
        let mut fields = text.split('|');
        fields.find_map(|field| field.find(id).and_then(|at| field.get(at.checked_add(2)?..)))
    };
    let date = "20261124    132500";
    match id {
        "93" => {
            let right = inside.manner != Manner::RefusesSignIn
                && field("CN") == Some(USER)
                && field("CO") == Some(PASSWORD);
            *signed_in = right;
            Some(if right { "941" } else { "940" }.to_owned())
        }
        // Published servers close a connection on which nobody signed in.
        _ if !*signed_in => None,
        "99" => {
            let online = if inside.manner == Manner::OutOfService { 'N' } else { 'Y' };
            Some(format!("98{online}YYYYN60000{date}3.00AOLIB|BXYYYYYYYYYYYNYYYY|"))
        }
        "23" | "63" => {
            let number = text.split('|').find_map(|field| field.strip_prefix("AA"))?;
            let (head, counts) = match id {
                "23" => ("24", ""),
                _ => ("64", "000100000002000000000000"),
            };
            let said = match inside.cards.get(number) {
                Some((name, Card::Valid)) => {
                    let free = " ".repeat(14);
                    format!(
                        "{free}013{date}{counts}AE{name}|AA{number}|BLY|CQY|AFこんにちは|AOLIB|"
                    )
                }
                Some((name, Card::Expired)) => {
                    let flags = format!("YYYY{}", " ".repeat(10));
                    format!("{flags}013{date}{counts}AE{name}|AA{number}|BLN|AF期限切れ|AOLIB|")
                }
                None => {
                    let flags = format!("YYYY{}", " ".repeat(10));
                    format!("{flags}013{date}{counts}AE|AA{number}|BLN|AOLIB|")
                }
            };
            Some(format!("{head}{said}"))
        }
        "35" => {
            let number = text.split('|').find_map(|field| field.strip_prefix("AA"))?;
            Some(format!("36Y{date}AOLIB|AA{number}|"))
        }
        _ => None,
    }
}

/// Whether a line has no checksum, or the right one.
fn sums_up(line: &[u8]) -> bool {
    let Some((before, hex)) = line.split_last_chunk::<4>() else { return true };
    if !before.ends_with(b"AZ") {
        return true;
    }
    let sum: u32 = before.iter().map(|byte| u32::from(*byte)).sum();
    let named = std::str::from_utf8(hex).ok().and_then(|hex| u32::from_str_radix(hex, 16).ok());
    named.is_some_and(|named| sum.wrapping_add(named).trailing_zeros() >= 16)
}

/// The digit behind `AY`.
fn sequence_of(line: &[u8]) -> Option<u8> {
    match line.get(line.len().checked_sub(9)?..)? {
        [b'A', b'Y', digit, b'A', b'Z', ..] => Some(*digit),
        _ => None,
    }
}

/// With error detection, where the request had it.
fn detected(mut line: Vec<u8>, sequence: Option<u8>) -> Vec<u8> {
    let Some(digit) = sequence else { return line };
    line.extend([b'A', b'Y', digit, b'A', b'Z']);
    let sum: u32 = line.iter().map(|byte| u32::from(*byte)).sum();
    let checksum = (!sum).wrapping_add(1) & 0xFFFF;
    line.extend(format!("{checksum:04X}").bytes());
    line
}

fn ended(mut line: Vec<u8>, writes: Writes) -> Vec<u8> {
    match writes {
        Writes::Utf8 => line.extend(b"\r"),
        Writes::Cp932 => line.extend(b"\r\n"),
    }
    line
}

fn encoded(text: &str, writes: Writes) -> Vec<u8> {
    match writes {
        Writes::Utf8 => text.as_bytes().to_vec(),
        Writes::Cp932 => SHIFT_JIS.encode(text).0.into_owned(),
    }
}

fn decoded(line: &[u8], writes: Writes) -> String {
    match writes {
        Writes::Utf8 => String::from_utf8_lossy(line).into_owned(),
        Writes::Cp932 => SHIFT_JIS.decode(line).0.into_owned(),
    }
}
