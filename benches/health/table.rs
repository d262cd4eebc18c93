//! A table for each case, and whether anybody does better than Tenantry in it.

use std::ops::Range;

use crate::{
    cases::Case,
    choosing::{Picking, System},
    engine::Showing,
};

/// What is shown, one after the other; the last is what is claimed.
pub(crate) const SETTINGS: [(&str, Picking); 2] = [
    ("Everybody in turn: only the rules differ", Picking::RoundRobin),
    ("Peers by least request, Tenantry as it comes", Picking::LeastRequest),
];

/// The means over all seeds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) system: System,
    pub(crate) showing: Showing,
}

impl Row {
    pub(crate) fn mean(system: System, showings: impl Iterator<Item = Showing>) -> Self {
        let mut sum = Showing::default();
        let mut runs = 0.0;
        for showing in showings {
            runs += 1.0;
            for figure in FIGURES {
                *(figure.at)(&mut sum) += figure.of(showing);
            }
        }
        for figure in FIGURES {
            *(figure.at)(&mut sum) /= runs;
        }
        Self { system, showing: sum }
    }
}

/// One figure of a showing.
#[derive(Clone, Copy)]
struct Figure {
    name: &'static str,
    at: fn(&mut Showing) -> &mut f64,
    /// How much worse still counts as equal: beside 5 %, so much.
    trifle: f64,
}

impl Figure {
    fn of(self, mut showing: Showing) -> f64 {
        *(self.at)(&mut showing)
    }
}

const FIGURES: [Figure; 9] = [
    Figure { name: "found", at: |showing| &mut showing.found, trifle: 0.0 },
    Figure { name: "left out", at: |showing| &mut showing.left_out, trifle: 0.0 },
    Figure { name: "requests", at: |showing| &mut showing.requests, trifle: 0.0 },
    Figure { name: "hunger", at: |showing| &mut showing.hunger, trifle: 0.0 },
    Figure { name: "time to detect", at: |showing| &mut showing.detection, trifle: 0.1 },
    Figure { name: "wrongly left out", at: |showing| &mut showing.wrong, trifle: 0.0 },
    Figure { name: "lost", at: |showing| &mut showing.lost, trifle: 5.0 },
    Figure { name: "late", at: |showing| &mut showing.late, trifle: 5.0 },
    Figure { name: "recovery", at: |showing| &mut showing.recovery, trifle: 1.0 },
];
/// Those of them of which less is better.
const JUDGED: Range<usize> = 4..9;
/// Those of them that are claimed: how soon, and what it costs users.
const CLAIMED: [&str; 3] = ["time to detect", "lost", "late"];

/// How many figures are worse than a peer's.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Worse {
    pub(crate) any: usize,
    /// Of those that are claimed.
    pub(crate) claimed: usize,
}

/// Prints it, and where a peer does better.
pub(crate) fn print(case: &Case, rows: &[Row]) -> Worse {
    println!("\n── {} (of {:.0} requests)\n", case.name, rows[0].showing.requests);
    println!("| rules | found | after s | wrongly left out | lost | late | recovery s | starving in peace |");
    println!("|---|---:|---:|---:|---:|---:|---:|---:|");
    for row in rows {
        let Showing { found, detection, wrong, lost, late, recovery, hunger, .. } = row.showing;
        let hunger = hunger * 100.0;
        let found = if case.has_outliers() {
            format!("{:.0} % | {detection:.1}", found * 100.0)
        } else {
            "– | –".to_owned()
        };
        println!(
            "| {} | {found} | {wrong:.1} | {lost:.0} | {late:.0} | {recovery:.1} | {hunger:.1} % |",
            row.system.name()
        );
    }
    let found = find_worse(case, rows);
    let told: Vec<_> = found.iter().map(|(name, told)| format!("{name} {told}")).collect();
    let verdict =
        if found.is_empty() { "better or equal".to_owned() } else { format!("WORSE: {}", told.join("; ")) };
    println!("\n{verdict}");
    Worse { any: found.len(), claimed: found.iter().filter(|(name, _)| CLAIMED.contains(name)).count() }
}

/// In which figures some peer does better, and how much the best of them.
fn find_worse(case: &Case, rows: &[Row]) -> Vec<(&'static str, String)> {
    let Some(ours) = rows.iter().find(|row| row.system == System::Tenantry) else { return vec![] };
    let worse = |figure: &Figure| {
        // Whoever leaves nobody out has nobody to bring back: recovery is compared with those who left out as many as are found here.
        let compares = |peer: &&Row| {
            let with_all = figure.name != "recovery" || !case.has_outliers();
            System::PEERS.contains(&peer.system)
                && (with_all || peer.showing.left_out >= ours.showing.found * 0.95)
        };
        let by_figure =
            |one: &&Row, other: &&Row| figure.of(one.showing).total_cmp(&figure.of(other.showing));
        let best = rows.iter().filter(compares).min_by(by_figure)?;
        let (mine, theirs) = (figure.of(ours.showing), figure.of(best.showing));
        let is_worse = mine > theirs * 1.05 + figure.trifle;
        is_worse.then(|| (figure.name, format!("{mine:.1} against {theirs:.1} of {}", best.system.name())))
    };
    FIGURES[JUDGED].iter().filter_map(worse).collect()
}
