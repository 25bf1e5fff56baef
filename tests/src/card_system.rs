//! A street's card system as a test sees it: an HTTP server that confirms, fails, or does not
//! answer at all, as it is told.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

/// What it does with a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// It takes the charge.
    Confirmed,
    /// It does not.
    Failed,
    /// It closes the connection without a word.
    Nothing,
}

#[derive(Debug)]
struct Inside {
    says: Says,
    /// The Idempotency-Keys of all requests, in order.
    asked: Vec<String>,
}

/// The server. Its thread ends with the process.
#[derive(Debug, Clone)]
pub struct CardSystem {
    /// Where it listens.
    pub address: SocketAddr,
    inside: Arc<Mutex<Inside>>,
}

impl CardSystem {
    /// Starts it on a free port of this machine.
    ///
    /// # Errors
    /// When there is no port.
    pub fn start(says: Says) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let inside = Arc::new(Mutex::new(Inside { says, asked: Vec::new() }));
        let shared = Arc::clone(&inside);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Who breaks the connection off gets no answer, as with any server.
                let _ = answer(stream, &shared);
            }
        });
        Ok(Self { address, inside })
    }

    /// From now on it says this.
    pub fn say(&self, says: Says) {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner).says = says;
    }

    /// The keys that it was asked with, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner).asked.clone()
    }
}

fn answer(stream: TcpStream, shared: &Mutex<Inside>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut length, mut key) = (0_usize, String::new());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? <= 2 {
            break;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(text) = lower.strip_prefix("content-length:") {
            length = text.trim().parse().unwrap_or(0);
        }
        if let Some(text) = lower.strip_prefix("idempotency-key:") {
            key = text.trim().to_owned();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let says = {
        let mut inside = shared.lock().unwrap_or_else(PoisonError::into_inner);
        inside.asked.push(key);
        inside.says
    };
    let said = match says {
        Says::Confirmed => r#"{"result":"confirmed","reference":"SP-1"}"#,
        Says::Failed => r#"{"result":"failed","reference":"残高の上限"}"#,
        Says::Nothing => return Ok(()),
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{said}",
        said.len()
    );
    reader.into_inner().write_all(head.as_bytes())
}
