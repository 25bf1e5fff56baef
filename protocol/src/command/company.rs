//! What a company signs: one form for every command that stands on a company's word.

use alloc::vec::Vec;

use super::{SignedCode, SignedConversion};
use crate::{
    catalogue::CatalogueVersion,
    codec,
    id::{CompanyId, CompanyReference},
    signature::{Domain, Signature},
};

/// A statement that a company signed.
pub trait CompanySigned {
    /// What the signature is for.
    fn domain(&self) -> Domain;
    /// The canonical bytes that were signed.
    fn statement(&self) -> Vec<u8>;
    /// The signature.
    fn signature(&self) -> &Signature;
    /// The company that it names.
    fn company(&self) -> CompanyId;
    /// The company's own name for it: its operation key.
    fn reference(&self) -> &CompanyReference;
    /// The version of the catalogue that names the company's key.
    fn catalogue(&self) -> CatalogueVersion;
}

/// Implements it for a signed statement that has `company`, `reference` and `catalogue`.
macro_rules! company_signed {
    ($($name:ident $domain:ident),* $(,)?) => {$(
        impl CompanySigned for $name {
            fn domain(&self) -> Domain {
                Domain::$domain
            }

            fn statement(&self) -> Vec<u8> {
                codec::encode(&self.statement)
            }

            fn signature(&self) -> &Signature {
                &self.signature
            }

            fn company(&self) -> CompanyId {
                self.statement.company
            }

            fn reference(&self) -> &CompanyReference {
                &self.statement.reference
            }

            fn catalogue(&self) -> CatalogueVersion {
                self.statement.catalogue
            }
        }
    )*};
}

company_signed! {
    SignedConversion Conversion,
    SignedCode Code,
}
