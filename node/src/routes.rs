//! Every route of a town's node, by listener. Each is put in one list, so that two of one address
//! are found when the lists are made.

use axum::Router;

use crate::{api, page, town::Town};

/// The routes of the listeners of a town's node. Their handlers need the extensions that
/// `run` adds.
pub struct Listeners {
    /// For residents, companies and sites.
    pub public: Router<Town>,
    /// For shops' terminals.
    pub terminal: Router<Town>,
    /// For officers.
    pub staff: Router<Town>,
    /// For the operator's monitoring.
    pub metrics: Router<Town>,
}

impl Listeners {
    /// All routes.
    #[must_use]
    pub fn all() -> Self {
        Self { public: public(), terminal: terminal(), staff: staff(), metrics: metrics() }
    }
}

fn public() -> Router<Town> {
    let all = page::routes().merge(api::resident::routes()).merge(api::log::public_routes());
    let all = all.merge(api::witness::routes());
    // Programmes and grants.
    let all = all.merge(api::code::resident_routes()).merge(api::programme::resident_routes());

    // Bulk grants, claim slips, group applications.
    let all = all.merge(api::claim_slip::holder_routes());

    // Conversions, payments, life of an account.
    let all = all.merge(api::life::public_routes());

    // People.
    let all = all.merge(api::mykey::holder_routes());

    // Street cards.
    let all = all.merge(api::charge::holder_routes());

    // Vouchers.
    let all = all.merge(api::voucher::public_routes());

    // Printed tickets.
    let all = all.merge(api::ticket::resident_routes());

    // Orders and pledges.
    let all = all.merge(api::order::routes()).merge(api::site::routes());

    // Library cards.
    let all = all.merge(api::library::public_routes());

    // Public lists.
    let all = all.merge(api::town_list::routes());

    // Moving in.
    all.merge(api::import::routes())
}

fn terminal() -> Router<Town> {
    let all = api::payment::routes();
    // Street cards.
    let all = all.merge(api::reward::routes());

    // Vouchers.
    let all = all.merge(api::redemption::routes());

    // Library cards.
    let all = all.merge(api::library::terminal_routes());

    // Between towns.
    let all = all.merge(api::roaming::routes());

    // Printed tickets.
    all.merge(api::ticket::terminal_routes())
}

fn staff() -> Router<Town> {
    let all = api::officer::routes().merge(api::rules::routes()).merge(api::log::auditor_routes());
    // Programmes and grants.
    let all = all
        .merge(api::grant::routes())
        .merge(api::programme::staff_routes())
        .merge(api::register::routes())
        .merge(api::code::staff_routes())
        .merge(api::measured::routes());

    // Bulk grants, claim slips, group applications.
    let all = all.merge(api::bulk::routes());

    // Conversions, payments, life of an account.
    let all = all.merge(api::life::staff_routes());

    // People.
    let all = all
        .merge(api::look_up::routes())
        .merge(api::data_request::routes())
        .merge(api::export::routes())
        .merge(api::mykey::staff_routes());

    // Street cards.
    let all = all.merge(api::street::routes()).merge(api::charge::routes());

    // Vouchers.
    let all = all.merge(api::voucher::routes());

    // Printed tickets.
    let all = all.merge(api::ticket::staff_routes());

    // Orders and pledges.
    let all = all.merge(api::site::staff_routes());

    // Payout.
    let all = all.merge(api::payout::routes()).merge(api::owner::routes());

    // Between towns.
    let all = all.merge(api::settlement::routes()).merge(api::transfer::routes());
    let all = all.merge(api::agreement::routes());

    // Restore.
    let all = all.merge(api::closing::routes());
    let all = all.merge(api::restore::routes());

    // Library cards.
    let all = all.merge(api::library::staff_routes());

    // Public lists.
    let all = all.merge(api::town_list::staff_routes());

    // Moving in.
    all.merge(api::import::staff_routes())
}

fn metrics() -> Router<Town> {
    api::health::routes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{api::problem, page};

    /// A router with two handlers for one address and method panics as it is made; a node would
    /// not start with it.
    #[test]
    fn every_listener_can_be_made_and_no_two_routes_are_of_one_address() {
        let Listeners { public, terminal, staff, metrics } = Listeners::all();
        let public = page::with_fallbacks(public);
        let others = [terminal, staff, metrics].map(problem::with_fallbacks);
        for made in [public].into_iter().chain(others) {
            assert!(made.has_routes());
        }
    }

    #[test]
    #[should_panic(expected = "Overlapping method route")]
    fn a_second_handler_of_one_address_is_found() {
        let again =
            || Router::<Town>::new().route("/v1/staff/sessions", axum::routing::post(|| async {}));
        let _ = Listeners::all().staff.merge(again());
    }
}
