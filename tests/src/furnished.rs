//! One furnished town that many tests of the API share: two terminals, three officers, new people
//! for each test, and answers with all their parts.

#![expect(
    clippy::missing_panics_doc,
    clippy::expect_used,
    reason = "helpers of tests; what panics here is a failed test"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use jichi::{
    client::{Client, Terminal, new_key, new_signing_key},
    world::{MAEBASHI, Node, World},
};
use jichi_node::{
    clock,
    password::{self, PasswordOf},
    staff::{Officer, Role, RolePeriod, Staff},
};
use jichi_protocol::{
    date::BusinessDate,
    id::{MerchantId, OfficerId, TerminalId},
    signature::SigningKey,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::http::{HeaderMap, Request};

use crate::town::jichi_program;

/// The password of every person.
pub const PASSWORD: &str = "himitsu-no-aikotoba-48151";
/// The password of every officer, as `jichi::world` sets it.
pub const OFFICER_PASSWORD: &str = "demo-officer-password";
/// The name of every person.
pub const NAME: &str = "赤城 颪子";

/// A town that runs.
pub struct Furnished {
    /// The federation it belongs to; only the town runs.
    pub world: World,
    /// Terminal 1 of shop 1.
    pub till: Terminal,
    /// Terminal 2 of shop 1.
    pub other_till: Terminal,
    /// Last, so that the processes end before their folder goes.
    _folder: TempDir,
}

/// A holder who signed in.
pub struct Person {
    /// The account, as the API spells it.
    pub account: String,
    /// The MyKey ID.
    pub mykey: String,
    /// On the public listener, with the session's token.
    pub client: Client,
    /// The session's token.
    pub token: String,
    /// What a form carries besides the cookie.
    pub form_token: String,
}

/// The town that tests share as long as one of them holds it. The last one ends its process,
/// which a static would not.
pub struct Shared(Arc<Mutex<Furnished>>);

impl Shared {
    /// The running town, or a new one.
    #[must_use]
    pub fn get() -> Self {
        static SHARED: Mutex<Weak<Mutex<Furnished>>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(town) = shared.upgrade() {
            return Self(town);
        }
        let town = Arc::new(Mutex::new(Furnished::new()));
        *shared = Arc::downgrade(&town);
        Self(town)
    }

    /// The town for one test alone, so that it can count what was written.
    pub fn alone(&self) -> MutexGuard<'_, Furnished> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Furnished {
    /// A new town.
    #[must_use]
    pub fn new() -> Self {
        Self::of(&jichi_program())
    }

    /// A new town whose node this program runs.
    #[must_use]
    pub fn of(program: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut world = World::make(folder.path(), program, &[MAEBASHI]).expect("a world");
        world.towns.iter().for_each(add_more_officers);
        world.towns.iter_mut().try_for_each(Node::start).expect("the town starts");
        let node = world.towns.first().expect("one town");
        let (maker, approver) = (officer(node, "maker"), officer(node, "approver"));
        let shop = json!({"merchant": 1, "name": "駅前物産館", "state": "active"});
        maker.command("/v1/merchants", &shop).expect("a shop");
        let programme = json!({"programme": 1, "name": "地域活動ポイント", "ceiling": 1_000_000,
            "from": "2020-01-01", "until": "2099-03-31", "audience": "residents", "cap": null,
            "expiry": {"fiscal_year_end": 0}, "grace": "may", "issuer": "town", "paid": "no",
            "two_officers_above": 1_000});
        approver.command("/v1/programmes", &programme).expect("a programme");
        let (till, other_till) = (terminal(node, &maker, 1), terminal(node, &maker, 2));
        Self { world, till, other_till, _folder: folder }
    }

    /// The town's node.
    #[must_use]
    pub fn node(&self) -> &Node {
        self.world.towns.first().expect("one town")
    }

    /// The town's node, to stop and start it.
    pub fn node_mut(&mut self) -> &mut Node {
        self.world.towns.first_mut().expect("one town")
    }

    /// An officer: `maker`, `approver`, `both`, or `phone`, who is the help desk.
    #[must_use]
    pub fn officer(&self, login: &str) -> Client {
        officer(self.node(), login)
    }

    /// A new resident with so many points, 1,000 at the most.
    #[must_use]
    pub fn resident(&self, points: u32) -> Person {
        let maker = self.officer("maker");
        let body =
            json!({"class": "resident", "name": NAME, "password": PASSWORD, "mykey_id": null});
        let opened = maker.command("/v1/accounts", &body).expect("an account");
        let mykey = text(&opened, "mykey_id");
        if points > 0 {
            let grant =
                json!({"programme": 1, "mykey_id": mykey, "points": points, "activity": "清掃"});
            maker.command("/v1/grants", &grant).expect("a grant");
        }
        let body = json!({"mykey_id": mykey, "password": PASSWORD});
        let session = self.node().public().post("/v1/sessions", None, &body);
        let session = session.and_then(jichi::client::Reply::ok).expect("a session");
        let token = text(&session, "token");
        Person {
            account: text(&opened, "account"),
            mykey,
            client: self.node().public().with_token(&token),
            token,
            form_token: text(&session, "form_token"),
        }
    }

    /// What the town has written and what a person holds: equal before and after, if nothing moved.
    #[must_use]
    pub fn state(&self, person: &Person) -> (u64, u64) {
        (self.durable(), person.points())
    }

    /// How many entries are durable.
    #[must_use]
    pub fn durable(&self) -> u64 {
        let metrics = Client::new(format!("http://{}", self.node().addresses.metrics));
        let text = metrics.text("/metrics").expect("metrics");
        let line = text.lines().find_map(|line| line.strip_prefix("jichi_entries_durable "));
        line.and_then(|count| count.parse().ok()).expect("a count")
    }
}

impl Default for Furnished {
    fn default() -> Self {
        Self::new()
    }
}

impl Person {
    /// The balance.
    #[must_use]
    pub fn points(&self) -> u64 {
        let me = self.client.get("/v1/me").and_then(jichi::client::Reply::ok).expect("a balance");
        me.get("points").and_then(Value::as_u64).expect("points")
    }
}

fn officer(node: &Node, login: &str) -> Client {
    node.officer(login).expect("an officer signs in")
}

/// Who may make grants and approve them, though never the own ones; and the help desk.
fn add_more_officers(node: &Node) {
    let from = clock::now().date().day_before();
    let period = |role| RolePeriod { role, from, to: BusinessDate::LAST };
    let mut staff = Staff::load(&node.data()).expect("the staff list");
    let more = [
        ("both", OfficerId(3), vec![Role::GrantMaker, Role::Approver]),
        ("phone", OfficerId(4), vec![Role::HelpDesk]),
    ];
    for (login, number, roles) in more {
        let hash = password::hash(PasswordOf::Staff, &OFFICER_PASSWORD.to_owned().into());
        let officer = Officer {
            login: login.parse().expect("a login"),
            password: hash.expect("a password that may be used"),
            roles: roles.into_iter().map(period).collect(),
        };
        staff.add(number, officer).expect("one more officer");
    }
    staff.save(&node.data()).expect("the staff list");
}

fn terminal(node: &Node, maker: &Client, number: u32) -> Terminal {
    let key: SigningKey = new_signing_key().expect("a key");
    let body = json!({"terminal": number, "merchant": 1, "state": "active",
        "public_key": key.public().to_string()});
    maker.command("/v1/terminals", &body).expect("a terminal");
    Terminal {
        client: node.terminals(),
        town: node.town.expect("a town"),
        merchant: MerchantId(1),
        terminal: TerminalId(number),
        key,
    }
}

/// A text field of an answer.
#[must_use]
pub fn text(value: &Value, field: &str) -> String {
    value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A new key as text.
#[must_use]
pub fn key() -> String {
    new_key().expect("a key").to_string()
}

/// An answer with all its parts.
#[derive(Debug)]
pub struct Raw {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub text: String,
}

/// Sends a request as it is.
#[must_use]
pub fn send(method: &str, url: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Raw {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .timeout_global(Some(Duration::from_secs(40)))
        .build();
    let agent: ureq::Agent = config.into();
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answered = match body {
        Some(body) => agent.run(request.body(body).expect("a request")),
        None => agent.run(request.body(()).expect("a request")),
    };
    let mut response = answered.expect("an answer");
    let text = response.body_mut().read_to_string().unwrap_or_default();
    Raw { status: response.status().as_u16(), headers: response.headers().clone(), text }
}

impl Raw {
    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// The stable code of a problem; empty in a success.
    #[must_use]
    pub fn code(&self) -> String {
        text(&self.json(), "code")
    }

    /// A header's value; empty if it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Checks that this is a problem as RFC 9457 tells them, in both languages, with a next act.
    #[track_caller]
    pub fn expect_problem(&self, status: u16, code: &str) {
        let body = self.json();
        assert_eq!((self.status, text(&body, "code").as_str()), (status, code), "{}", self.text);
        let kind = self.header("content-type");
        assert!(kind.starts_with("application/problem+json"), "{code}: {kind}");
        assert_eq!(text(&body, "type"), format!("urn:jichi:problem:{code}"));
        assert_eq!(body.get("status").and_then(Value::as_u64), Some(status.into()), "{code}");
        for field in ["title", "detail", "next_act"] {
            assert!(!text(&body, field).is_ascii(), "{code}: {field} is Japanese: {body}");
        }
        for field in ["detail_en", "next_act_en"] {
            let text = text(&body, field);
            assert!(!text.is_empty() && text.is_ascii(), "{code}: {field} is English: {body}");
        }
    }
}

/// Every file under a folder, with its bytes.
#[must_use]
pub fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for file in fs::read_dir(&folder).expect("a folder") {
            let path = file.expect("a file").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file() {
                let bytes = fs::read(&path).expect("a file that can be read");
                found.push((path, bytes));
            }
        }
    }
    found
}
