//! What was measured, as JSON and as rows of a table.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Milliseconds,
    Megabytes,
    Calls,
    LinesPerSecond,
    MegabytesPerSecond,
    Times,
}

impl Unit {
    fn word(self) -> &'static str {
        match self {
            Self::Milliseconds => "ms",
            Self::Megabytes => "MB",
            Self::Calls => "calls",
            Self::LinesPerSecond => "lines/s",
            Self::MegabytesPerSecond => "MB/s",
            Self::Times => "×",
        }
    }

    /// A number as a person reads it.
    fn show(self, value: f64) -> String {
        match self {
            Self::MegabytesPerSecond => format!("{value:.1} MB/s"),
            Self::Milliseconds if value < 10.0 => format!("{value:.2} ms"),
            Self::Milliseconds => format!("{value:.0} ms"),
            Self::Megabytes => format!("{value:.1} MB"),
            Self::Calls if value.fract() == 0.0 => format!("{value:.0}"),
            Self::Calls => format!("{value:.2}"),
            Self::LinesPerSecond => format!("{} lines/s", thousands(value)),
            Self::Times => format!("{value:.2}×"),
        }
    }
}

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// What a result has to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

impl Goal {
    fn is_met(self, result: f64) -> bool {
        match self {
            Self::AtMost(limit) => result <= limit,
            Self::AtLeast(limit) => result >= limit,
        }
    }

    fn show(self, unit: Unit) -> String {
        match self {
            Self::AtMost(limit) => format!("≤ {}", unit.show(limit)),
            Self::AtLeast(limit) => format!("≥ {}", unit.show(limit)),
        }
    }
}

/// The same thing, measured several times.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    what: String,
    samples: Vec<f64>,
}

impl Series {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            samples: Vec::new(),
        }
    }

    pub(crate) fn of(what: impl Into<String>, samples: Vec<f64>) -> Self {
        Self {
            what: what.into(),
            samples,
        }
    }

    pub(crate) fn push(&mut self, sample: f64) {
        self.samples.push(sample);
    }

    /// The middle sample, or the mean of the two in the middle. NaN without samples.
    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.samples.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        match sorted.len() {
            0 => f64::NAN,
            length if length % 2 == 1 => sorted[middle],
            _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
        }
    }

    /// The same samples in another unit.
    pub(crate) fn map(&self, convert: impl Fn(f64) -> f64) -> Self {
        Self {
            what: self.what.clone(),
            samples: self.samples.iter().map(|sample| convert(*sample)).collect(),
        }
    }
}

/// One line of the table.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    what: String,
    unit: Unit,
    ours: Series,
    theirs: Option<Series>,
    result: f64,
    result_unit: Unit,
    is_difference: bool,
    goal: Option<Goal>,
}

impl Figure {
    /// One divided by the other.
    pub(crate) fn ratio(
        what: impl Into<String>,
        unit: Unit,
        ours: Series,
        theirs: Series,
        goal: Option<Goal>,
    ) -> Self {
        Self {
            what: what.into(),
            unit,
            result: ours.median() / theirs.median(),
            result_unit: Unit::Times,
            ours,
            theirs: Some(theirs),
            is_difference: false,
            goal,
        }
    }

    /// How much more one is than the other.
    pub(crate) fn difference(
        what: impl Into<String>,
        unit: Unit,
        ours: Series,
        theirs: Series,
        goal: Option<Goal>,
    ) -> Self {
        Self {
            what: what.into(),
            unit,
            result: ours.median() - theirs.median(),
            result_unit: unit,
            ours,
            theirs: Some(theirs),
            is_difference: true,
            goal,
        }
    }

    /// A number that needs nothing to compare it with.
    pub(crate) fn number(
        what: impl Into<String>,
        unit: Unit,
        ours: Series,
        goal: Option<Goal>,
    ) -> Self {
        Self {
            what: what.into(),
            unit,
            result: ours.median(),
            result_unit: unit,
            ours,
            theirs: None,
            is_difference: false,
            goal,
        }
    }

    /// With something to judge it by that takes no part in the result.
    pub(crate) fn beside(mut self, theirs: Series) -> Self {
        self.theirs = Some(theirs);
        self.is_difference = false;
        self
    }

    fn met(&self) -> Option<bool> {
        self.goal.map(|goal| goal.is_met(self.result))
    }

    fn signed_result(&self) -> String {
        let text = self.result_unit.show(self.result);
        if self.is_difference && self.result >= 0.0 {
            format!("+{text}")
        } else {
            text
        }
    }

    fn json(&self) -> Value {
        let series = |series: &Series| json!({ "what": series.what, "samples": series.samples, "median": series.median() });
        json!({
            "what": self.what,
            "unit": self.unit.word(),
            "slipway": series(&self.ours),
            "compared_with": self.theirs.as_ref().map(series),
            "result": self.result,
            "result_unit": self.result_unit.word(),
            "goal": self.goal.map(|goal| goal.show(self.result_unit)),
            "met": self.met(),
        })
    }

    fn row(&self) -> String {
        let ours = self.unit.show(self.ours.median());
        let theirs = self.theirs.as_ref().map_or_else(String::new, |series| {
            format!("{}: {}", series.what, self.unit.show(series.median()))
        });
        let goal = self
            .goal
            .map_or_else(String::new, |goal| goal.show(self.result_unit));
        let met = match self.met() {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "",
        };
        format!(
            "| {} | {ours} | {theirs} | {} | {goal} | {met} |",
            self.what,
            self.signed_result()
        )
    }

    fn line(&self) -> String {
        let mut line = format!("  {}: {}", self.what, self.unit.show(self.ours.median()));
        if let Some(theirs) = &self.theirs {
            // Writing to a String does not fail.
            let _ = write!(
                line,
                ", {} {} → {}",
                theirs.what,
                self.unit.show(theirs.median()),
                self.signed_result()
            );
        }
        if let (Some(goal), Some(met)) = (self.goal, self.met()) {
            let verdict = if met { "met" } else { "MISSED" };
            let _ = write!(line, "  (goal {}: {verdict})", goal.show(self.result_unit));
        }
        line
    }
}

/// What one benchmark found.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) name: &'static str,
    /// How it was measured, in a sentence or two.
    pub(crate) method: String,
    pub(crate) figures: Vec<Figure>,
    /// What else is worth keeping: everything that has no row.
    pub(crate) notes: Value,
}

impl Outcome {
    pub(crate) fn print(&self) {
        for figure in &self.figures {
            println!("{}", figure.line());
        }
    }

    /// Writes `<name>.json`.
    pub(crate) fn write(&self, directory: &Path, machine: &Value) -> Result<()> {
        fs::create_dir_all(directory)?;
        let met = self
            .figures
            .iter()
            .all(|figure| figure.met() != Some(false));
        let document = json!({
            "name": self.name,
            "met": met,
            "method": self.method,
            "machine": machine,
            "figures": self.figures.iter().map(Figure::json).collect::<Vec<_>>(),
            "notes": self.notes,
        });
        let path = directory.join(format!("{}.json", self.name));
        fs::write(path, format!("{document:#}\n"))?;
        Ok(())
    }
}

/// The table of all figures.
pub(crate) fn table(outcomes: &[&Outcome]) -> String {
    let mut text = String::from(
        "| What | Slipway | Compared with | Result | Goal | Met |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for figure in outcomes.iter().flat_map(|outcome| &outcome.figures) {
        text.push_str(&figure.row());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        for (samples, wanted) in [
            (vec![3.0, 1.0, 2.0], 2.0),
            (vec![4.0, 1.0, 2.0, 3.0], 2.5),
            (vec![7.0], 7.0),
        ] {
            let median = Series::of("", samples.clone()).median();
            assert!((median - wanted).abs() < f64::EPSILON, "{samples:?}");
        }
        assert!(Series::new("").median().is_nan());
    }

    #[test]
    fn a_missed_goal_is_said_plainly() {
        let figure = |ours: f64| {
            Figure::ratio(
                "List",
                Unit::Milliseconds,
                Series::of("slipway", vec![ours]),
                Series::of("docker", vec![100.0]),
                Some(Goal::AtMost(1.0)),
            )
        };
        assert_eq!(
            figure(80.0).row(),
            "| List | 80 ms | docker: 100 ms | 0.80× | ≤ 1.00× | yes |"
        );
        assert!(figure(120.0).row().ends_with("**no** |"));
        assert!(figure(120.0).line().contains("MISSED"));
        // Nothing measured is nothing met.
        assert_eq!(figure(f64::NAN).met(), Some(false));
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(thousands(1_234_567.4), "1,234,567");
        assert_eq!(thousands(12.0), "12");
        assert_eq!(Unit::Calls.show(0.0), "0");
        assert_eq!(Unit::Calls.show(1.25), "1.25");
    }
}
