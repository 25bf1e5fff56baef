//! The structured fields of a signed request: Signature-Input, Signature, Content-Digest.

use axum::http::{HeaderMap, HeaderName};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jichi_protocol::{
    date::Time,
    digest::{Digest, Hex},
    signature::Signature,
};
use sfv::{
    BareItem, Dictionary, FieldType as _, InnerList, Item, Key, List, ListEntry, Parameters, Parser,
};

use super::{CONTENT_DIGEST, SIGNATURE, SIGNATURE_INPUT, SignFault};

/// The most components that a signature may cover.
const COMPONENTS_MAX: usize = 32;

/// What one signature says about itself.
pub(super) struct Input {
    items: Vec<Item>,
    /// The inner list in its one serialisation: the value of `@signature-params`.
    pub(super) params_text: String,
    pub(super) created: Time,
    pub(super) expires: Option<Time>,
    pub(super) key_id: String,
    pub(super) nonce: String,
    pub(super) signature: Signature,
}

impl Input {
    /// Reads the one signature of a request. Two signatures are refused: which one counts would
    /// be a guess.
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, SignFault> {
        if !headers.contains_key(SIGNATURE_INPUT) && !headers.contains_key(SIGNATURE) {
            return Err(SignFault::Missing);
        }
        let (input_label, input) = only_member(headers, &SIGNATURE_INPUT)?;
        let (label, signature) = only_member(headers, &SIGNATURE)?;
        let (ListEntry::InnerList(list), ListEntry::Item(signature)) = (input, signature) else {
            return Err(SignFault::Form);
        };
        let bytes = signature.bare_item.as_byte_sequence().ok_or(SignFault::Form)?;
        let signature = Signature(bytes.try_into().map_err(|_| SignFault::Form)?);
        if input_label != label {
            return Err(SignFault::Form);
        }
        check_components(&list)?;
        let mut params = Params::default();
        for (name, value) in &list.params {
            params.take(name.as_str(), value)?;
        }
        let params_text = serialised(list.clone())?;
        Ok(Self {
            items: list.items,
            params_text,
            created: params.created.ok_or(SignFault::Form)?,
            expires: params.expires,
            key_id: params.key_id.ok_or(SignFault::Form)?,
            nonce: params.nonce.ok_or(SignFault::Form)?,
            signature,
        })
    }

    /// The names of the covered components, in their order.
    pub(super) fn components(&self) -> impl Iterator<Item = &str> {
        self.items.iter().filter_map(name_of)
    }

    pub(super) fn covers(&self, component: &str) -> bool {
        self.components().any(|name| name == component)
    }
}

/// The parameters that are known; another one is refused.
#[derive(Default)]
struct Params {
    created: Option<Time>,
    expires: Option<Time>,
    key_id: Option<String>,
    nonce: Option<String>,
}

impl Params {
    fn take(&mut self, name: &str, value: &BareItem) -> Result<(), SignFault> {
        let text = || value.as_string().map(|text| text.as_str());
        match name {
            "created" => self.created = Some(seconds(value)?),
            "expires" => self.expires = Some(seconds(value)?),
            "keyid" => {
                let id = text().filter(|id| (1..=128).contains(&id.len()));
                self.key_id = Some(id.ok_or(SignFault::Form)?.into());
            }
            "nonce" => {
                let nonce = text().filter(|nonce| (16..=128).contains(&nonce.len()));
                self.nonce = Some(nonce.ok_or(SignFault::Form)?.into());
            }
            "alg" if text() == Some("ed25519") => {}
            "tag" if text() == Some("jichi") => {}
            _ => return Err(SignFault::Form),
        }
        Ok(())
    }
}

fn seconds(value: &BareItem) -> Result<Time, SignFault> {
    let number = value.as_integer().ok_or(SignFault::Form)?;
    let seconds = u64::try_from(i64::from(number)).map_err(|_| SignFault::Form)?;
    Ok(Time(seconds.saturating_mul(1000)))
}

/// Components are lower-case names without parameters, each one once.
fn check_components(list: &InnerList) -> Result<(), SignFault> {
    let mut seen: Vec<&str> = Vec::new();
    for item in &list.items {
        let name = name_of(item).ok_or(SignFault::Form)?;
        let plain = item.params.is_empty() && !name.bytes().any(|b| b.is_ascii_uppercase());
        if !plain || seen.contains(&name) || seen.len() >= COMPONENTS_MAX {
            return Err(SignFault::Form);
        }
        seen.push(name);
    }
    Ok(())
}

fn name_of(item: &Item) -> Option<&str> {
    item.bare_item.as_string().map(|name| name.as_str())
}

fn serialised(list: InnerList) -> Result<String, SignFault> {
    let list: List = vec![ListEntry::InnerList(list)];
    list.serialize().ok_or(SignFault::Form)
}

/// The one member of a dictionary that stands in one header.
fn only_member(headers: &HeaderMap, name: &HeaderName) -> Result<(Key, ListEntry), SignFault> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(SignFault::Form) };
    let dictionary: Dictionary =
        Parser::new(value.as_bytes()).parse().map_err(|_| SignFault::Form)?;
    let mut members = dictionary.into_iter();
    match (members.next(), members.next()) {
        (Some(member), None) => Ok(member),
        (Some(_) | None, _) => Err(SignFault::Form),
    }
}

/// The value of `@signature-params` of a signature that we make.
pub(super) fn params_text(
    components: &[&str],
    created: Time,
    key_id: &str,
    nonce: &[u8; 16],
) -> Result<String, SignFault> {
    let text = |text: &str| sfv::String::from_string(text.into()).map_err(|_| SignFault::Form);
    let key = |name: &str| Key::from_string(name.into()).map_err(|_| SignFault::Form);
    let mut items = Vec::new();
    for component in components {
        items.push(Item::new(text(component)?));
    }
    // `from` on a u64 of seconds would not fit sfv's 15 digits before the year 31 million.
    let seconds = i64::try_from(created.0 / 1000).map_err(|_| SignFault::Form)?;
    let seconds = sfv::Integer::try_from(seconds).map_err(|_| SignFault::Form)?;
    let mut params = Parameters::new();
    params.insert(key("created")?, BareItem::Integer(seconds));
    params.insert(key("keyid")?, BareItem::String(text(key_id)?));
    params.insert(key("nonce")?, BareItem::String(text(&Hex(nonce).to_string())?));
    params.insert(key("alg")?, BareItem::String(text("ed25519")?));
    serialised(InnerList::with_params(items, params))
}

/// The Content-Digest of a body.
pub(super) fn content_digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(Digest::of(&[body]).0))
}

/// Checks the sha-256 of the Content-Digest; digests by other algorithms are not looked at.
pub(super) fn check_content_digest(headers: &HeaderMap, body: &[u8]) -> Result<(), SignFault> {
    let mut values = headers.get_all(CONTENT_DIGEST).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(SignFault::Digest);
    };
    let dictionary: Dictionary =
        Parser::new(value.as_bytes()).parse().map_err(|_| SignFault::Digest)?;
    let Some(ListEntry::Item(item)) = dictionary.get("sha-256") else {
        return Err(SignFault::Digest);
    };
    let Digest(right) = Digest::of(&[body]);
    match item.bare_item.as_byte_sequence() {
        Some(digest) if digest == right => Ok(()),
        Some(_) | None => Err(SignFault::Digest),
    }
}

/// A header's value as RFC 9421 section 2.1 joins it; a signed header that is absent, or not
/// ASCII, fits no signature.
pub(super) fn header_value(headers: &HeaderMap, name: &str) -> Result<String, SignFault> {
    let mut values = Vec::new();
    for value in headers.get_all(name) {
        values.push(value.to_str().map_err(|_| SignFault::Form)?.trim());
    }
    if values.is_empty() { Err(SignFault::Form) } else { Ok(values.join(", ")) }
}
