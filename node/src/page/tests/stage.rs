//! A town with a real engine in a temporary folder, and a browser of few words.

use std::{net::SocketAddr, path::Path, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderMap, Request, StatusCode, header},
    response::Response,
};
use http_body_util::BodyExt as _;
use jichi_protocol::{
    account::HolderClass,
    agreement::Seal,
    command::{
        AccountOpening, Actor, ByOfficer, Command, GrantPrivate, GrantShared, InUse,
        MerchantSetting, Nothing, RulesVersion, TownOpening,
    },
    date::BusinessDate,
    digest::Digest,
    directory::DirectoryRoot,
    entry::Submission,
    id::{AccountId, Generation, MerchantId, OfficerId, ProgrammeId, TownId},
    key::{ClientKey, OperationKey},
    lot::{Grace, Issuer, Paid},
    points::Points,
    programme::{Audience, ExpiryRule, Programme},
    signature::{Domain, SigningKey},
    text::mykey::{MyKeyId, MyKeyName},
};
use secrecy::{SecretBox, SecretString};
use tower::ServiceExt as _;

use crate::{
    api::{log, resident},
    clock,
    config::LibraryConfig,
    engine::{
        Answer,
        start::{Keys, Running, Stores, begin, start},
    },
    index::Index,
    journal::{Verify, segment::SegmentBytes},
    library::{Library, LibrarySystem, cards::LibraryCards, institution::Institutions},
    page,
    password::{self, PasswordOf, PasswordPool},
    person::People,
    print::{FONT_DEFAULT, Printer},
    session::CookieTransport,
    staff::{Staff, sign_in::SignIn},
    town::{Assembly, Town, TownName},
    vault::Vault,
};

pub(super) const PASSWORD: &str = "rikishi-no-me-77";
pub(super) const NAME: &str = "山田 花子";
const OFFICER: OfficerId = OfficerId(1);

/// A town that runs until it is dropped.
pub(super) struct Stage {
    pub(super) town: Town,
    router: Router,
    running: Option<Running>,
    _folder: tempfile::TempDir,
}

/// The town's own library, whose system is not there.
fn library(folder: &Path, vault: Vault) -> Library {
    let list = folder.join("institutions.toml");
    let own = "[[institutions]]\ncode = \"102016\"\nname_ja = \"試しの町\"\n\
               name_en = \"Town of Trial\"\nkind = \"town\"\n";
    std::fs::write(&list, own).unwrap();
    std::fs::write(folder.join("library.password"), "secret\n").unwrap();
    let config = LibraryConfig::Sip2 {
        host: "127.0.0.1".into(),
        port: 9,
        user: "jichi".into(),
        password_file: "library.password".into(),
        location: "COUNTER-1".into(),
        institution: "TRIAL".into(),
        encoding: crate::library::sip2::Encoding::default(),
    };
    let system = LibrarySystem::open(&config, folder).unwrap();
    let institutions = Institutions::read(Some(&list)).unwrap();
    Library::new(Some(system), institutions, LibraryCards::open(vault).unwrap())
}

/// A holder, as the desk knows them.
pub(super) struct Person {
    pub(super) account: AccountId,
    pub(super) mykey: MyKeyName,
}

impl Stage {
    /// A new town with a programme and a shop. Its journal has five entries or more.
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let id: TownId = "102016".parse().unwrap();
        let keys = || Keys {
            log: SigningKey::from_seed(&[1; 32]),
            channel: SigningKey::from_seed(&[2; 32]),
        };
        let opening = TownOpening {
            town: id,
            generation: Generation(1),
            log_key: keys().log.public(),
            channel_key: keys().channel.public(),
            root: DirectoryRoot::new(vec![SigningKey::from_seed(&[3; 32]).public()], 1).unwrap(),
            rules: RulesVersion::V1,
            date: BusinessDate::LAST,
        };
        let segment = SegmentBytes::new(1 << 20).unwrap();
        let stores = Stores::of(folder.path());
        begin(&stores, opening, &keys(), segment).unwrap();
        let running = start(&stores, keys(), Verify::All, segment).unwrap();
        let engine = running.engine.clone();
        let index = Index::open(&folder.path().join("index"), &engine).unwrap();
        tokio::spawn(index.clone().follow(engine.clone()));
        let wrapping = || SecretBox::new(Box::new([4; 32]));
        let place = folder.path().join("vault");
        Vault::create(&place, &wrapping()).unwrap();
        let (vault, _) = Vault::open(&place, wrapping(), &mut |_| {}).unwrap();
        let pool = PasswordPool::default();
        let town = Town::new(Assembly {
            town: id,
            name: TownName { ja: "試しの町".into(), en: "Town of Trial".into() },
            engine,
            index,
            library: library(folder.path(), vault.clone()),
            people: People::open(vault).unwrap(),
            staff: SignIn::new(Staff::default(), pool.clone()),
            pool,
            cookies: CookieTransport::AlsoPlain,
            seal: Arc::new(move |domain: Domain, bytes: &[u8]| {
                let key = SigningKey::from_seed(&[2; 32]);
                Seal { key: key.public(), signature: key.sign(domain, bytes) }
            }),
            printer: Printer::new(Path::new(FONT_DEFAULT)),
        });
        // As on the public listener, where the pages stand beside the API.
        let public = resident::routes().merge(log::public_routes()).merge(page::routes());
        let router = page::with_fallbacks(public).with_state(town.clone());
        let stage = Self { town, router, running: Some(running), _folder: folder };
        stage.set_up().await;
        stage
    }

    async fn set_up(&self) {
        let today = clock::now().date();
        let programme = Programme {
            id: ProgrammeId(7),
            name: "健康づくり".parse().unwrap(),
            ceiling: Points::from_u32(1_000_000),
            from: today.day_before(),
            until: today.plus_days(30),
            audience: Audience::Everyone,
            cap: None,
            expiry: ExpiryRule::Days(40),
            grace: Grace::May,
            issuer: Issuer::Town,
            paid: Paid::No,
            two_officers_above: Points::from_u32(50_000),
            eligibility: None,
            rule: None,
            purpose: None,
        };
        self.does(Command::SetProgramme(programme, by())).await;
        let shop = |merchant, name: &str, state| {
            MerchantSetting::plain(MerchantId(merchant), name.parse().unwrap(), state)
        };
        self.does(Command::SetMerchant(shop(1, "<角>の豆腐店", InUse::Active), by())).await;
        self.does(Command::SetMerchant(shop(2, "休業中の店", InUse::Suspended), by())).await;
    }

    /// Submits a command under a new key.
    pub(super) async fn does(&self, command: Command) -> Answer {
        let key = Some(OperationKey::Client(new_key()));
        self.submits(Submission { key, command, evidence: None }).await
    }

    /// Submits something.
    pub(super) async fn submits(&self, submission: Submission) -> Answer {
        self.town.engine().submit(submission).await.unwrap()
    }

    /// Opens an account for somebody.
    pub(super) async fn enrol(&self, number: u8, name: &str) -> Person {
        let account = AccountId([number; 16]);
        let mykey = MyKeyName { town: self.town.id(), id: MyKeyId::from_random([number; 8]) };
        let hash = password::hash(PasswordOf::Resident, &SecretString::from(PASSWORD)).unwrap();
        self.town.people().enrol(account, mykey, name, &hash).await.unwrap();
        let actor = Actor::Officer(OFFICER);
        let opening = AccountOpening { account, class: HolderClass::Resident, actor };
        self.does(Command::OpenAccount(Nothing {}, opening)).await;
        Person { account, mykey }
    }

    /// Grants points to somebody, for an activity.
    pub(super) async fn grants(&self, to: &Person, points: u32, activity: &str) -> Answer {
        let shared = GrantShared { programme: ProgrammeId(7), points: Points::from_u32(points) };
        let activity = Digest::of(&[activity.as_bytes()]);
        let private = GrantPrivate::plain(to.account, activity, OFFICER);
        self.does(Command::Grant(shared, private)).await
    }

    /// Asks for a page as a browser does.
    pub(super) async fn get(&self, path: &str, cookie: &str) -> Page {
        let request = Request::get(path)
            .header(header::ACCEPT, "text/html")
            .header(header::COOKIE, cookie)
            .body(Body::empty());
        self.asks(request.unwrap()).await
    }

    /// Sends a form as a browser does.
    pub(super) async fn post(&self, path: &str, cookie: &str, form: &str) -> Page {
        let request = Request::post(path)
            .header(header::ACCEPT, "text/html")
            .header(header::COOKIE, cookie)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form.to_owned()));
        self.asks(request.unwrap()).await
    }

    /// Any request.
    pub(super) async fn asks(&self, mut request: Request<Body>) -> Page {
        let address: SocketAddr = "192.0.2.1:40000".parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(address));
        Page::of(self.router.clone().oneshot(request).await.unwrap()).await
    }

    /// Signs somebody in; the cookie.
    pub(super) async fn signs_in(&self, person: &Person) -> String {
        let form = format!("mykey_id={}&password={PASSWORD}", person.mykey.id.as_str());
        let answer = self.post("/sign-in", "", &form).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        assert_eq!(answer.header("location"), "/me");
        answer.header("set-cookie").split(';').next().unwrap().to_owned()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop();
        }
    }
}

/// An officer asked.
pub(super) fn by() -> ByOfficer {
    ByOfficer { officer: OFFICER }
}

/// A new operation key.
pub(super) fn new_key() -> ClientKey {
    let mut random = [0; 10];
    getrandom::fill(&mut random).unwrap();
    ClientKey::of(clock::now(), random)
}

/// An answer, read to its end.
pub(super) struct Page {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Page {
    async fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Self { status: parts.status, headers: parts.headers, text }
    }

    /// A header's text; empty if there is none.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The attributes of every tag of a name, as `name="value"` pairs.
    pub(super) fn tags(&self, name: &str) -> Vec<Tag> {
        let opening = format!("<{name}");
        let after = self.text.split(&opening).skip(1);
        let own = after.filter(|rest| rest.starts_with([' ', '>', '\n']));
        own.map(|rest| Tag(rest.split('>').next().unwrap().to_owned())).collect()
    }

    /// The value of the first hidden field of a name.
    pub(super) fn hidden(&self, name: &str) -> String {
        let field = self.tags("input").into_iter().find(|tag| tag.is("name", name));
        field.unwrap_or_else(|| panic!("no field {name}")).get("value").unwrap().to_owned()
    }
}

/// The inside of a tag.
pub(super) struct Tag(String);

impl Tag {
    /// The value of an attribute.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let opening = format!(" {name}=\"");
        let (_, rest) = self.0.split_once(&opening)?;
        rest.split('"').next()
    }

    /// Whether an attribute has a value.
    pub(super) fn is(&self, name: &str, value: &str) -> bool {
        self.get(name) == Some(value)
    }
}
