//! The tables under `tests/scenarios`, each decided by a ledger of its own.

use std::path::Path;

use jichi_tests::{books::Books, feature, rules};

#[test]
fn every_scenario_ends_as_it_says() -> anyhow::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let told = feature::run_folder(&folder, &rules::all(), Books::new, Books::settle)?;
    anyhow::ensure!(told > 0, "there is no scenario");
    eprintln!("{told} scenarios");
    Ok(())
}
