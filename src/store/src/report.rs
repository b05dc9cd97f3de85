//! What became of the tests of a file.

use actfor::json::Writer;

/// What became of the tests of one file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// The file.
    pub file: String,
    /// What is not wrong and is not meant either, a sentence each.
    pub warnings: Vec<String>,
    /// Its tests, in their order.
    pub tests: Vec<TestReport>,
    /// What its requests did to each rule, in the order of the rules.
    pub rules: Vec<RuleUse>,
    /// Whether a rule that no request reaches, or that no request gets past, fails.
    pub must_cover: bool,
}

/// What requests did to an `allow`, `forbid` or `approve` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleUse {
    /// Its id.
    pub id: String,
    /// The line in the rules.
    pub line: u32,
    /// `allow`, `forbid` or `approve`.
    pub effect: &'static str,
    /// How many decisions it made.
    pub hit: usize,
    /// How many requests it speaks of and did not decide: an `allow` line that did not allow, a `forbid` or `approve`
    /// line that let through.
    pub missed: usize,
    /// Whether it strikes whatever it speaks of, so that it cannot be missed.
    pub always: bool,
}

impl RuleUse {
    /// What the requests do not show of it.
    pub fn lacks(&self) -> Option<&'static str> {
        match (self.hit, self.missed) {
            (0, _) => Some("never hit"),
            (_, 0) if !self.always => Some("never missed"),
            _ => None,
        }
    }
}

/// What became of one test.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TestReport {
    /// The name of the test.
    pub name: String,
    /// Assertions by the member of the file that holds them, in the order of their first.
    pub counts: Vec<Count>,
    /// What failed.
    pub failures: Vec<Failure>,
}

/// How many assertions of one sort there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// The member of the file: `check`, `list_objects`, `list_users`, `requests`.
    pub what: &'static str,
    /// How many hold.
    pub passed: usize,
    /// How many there are.
    pub all: usize,
}

/// An assertion that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What was asked: `user:ana writer repo:web`, or the name of a request.
    pub question: String,
    /// What the file expects.
    pub expected: String,
    /// What it is.
    pub got: String,
    /// How it came to that, a line a step.
    pub because: Vec<String>,
}

impl TestReport {
    /// Counts an assertion, and keeps it where it does not hold.
    pub fn record(&mut self, what: &'static str, outcome: Result<(), Failure>) {
        let passed = usize::from(outcome.is_ok());
        match self.counts.iter_mut().find(|count| count.what == what) {
            Some(count) => {
                count.passed = count.passed.saturating_add(passed);
                count.all = count.all.saturating_add(1);
            }
            None => self.counts.push(Count { what, passed, all: 1 }),
        }
        self.failures.extend(outcome.err());
    }

    /// Whether nothing failed.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

impl Report {
    /// Whether all of it held, and every rule was seen at work where that is asked for.
    pub fn passed(&self) -> bool {
        self.tests.iter().all(TestReport::passed) && !(self.must_cover && self.uncovered().next().is_some())
    }

    /// The rules that its requests do not show hit and missed.
    pub fn uncovered(&self) -> impl Iterator<Item = (&RuleUse, &'static str)> {
        self.rules.iter().filter_map(|rule| rule.lacks().map(|lacks| (rule, lacks)))
    }

    /// Assertions that hold, and all.
    pub fn count(&self) -> (usize, usize) {
        let each = self.tests.iter().flat_map(|test| &test.counts);
        each.fold((0, 0), |sum, one| (sum.0.saturating_add(one.passed), sum.1.saturating_add(one.all)))
    }

    /// Writes the report for machines.
    pub fn write(&self, writer: &mut Writer) {
        let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        writer.object(|w| {
            w.key("file").string(&self.file);
            w.key("passed").bool(self.passed());
            w.key("warnings").array(|w| self.warnings.iter().for_each(|warning| w.string(warning)));
            if !self.rules.is_empty() {
                w.key("coverage").array(|w| self.rules.iter().for_each(|rule| rule.write(w)));
            }
            w.key("tests").array(|w| {
                for test in &self.tests {
                    w.object(|w| {
                        w.key("name").string(&test.name);
                        w.key("passed").bool(test.passed());
                        w.key("assertions").object(|w| {
                            for count in &test.counts {
                                w.key(count.what).object(|w| {
                                    w.key("passed").number(number(count.passed));
                                    w.key("of").number(number(count.all));
                                });
                            }
                        });
                        w.key("failures")
                            .array(|w| test.failures.iter().for_each(|failure| failure.write(w)));
                    });
                }
            });
        });
    }
}

impl RuleUse {
    fn write(&self, writer: &mut Writer) {
        let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        writer.object(|w| {
            w.key("rule").string(&self.id);
            w.key("line").number(u64::from(self.line));
            w.key("effect").string(self.effect);
            w.key("hit").number(number(self.hit));
            w.key("missed").number(number(self.missed));
            w.key("lacks").string_or_null(self.lacks());
        });
    }
}

impl Failure {
    fn write(&self, writer: &mut Writer) {
        writer.object(|w| {
            w.key("question").string(&self.question);
            w.key("expected").string(&self.expected);
            w.key("got").string(&self.got);
            w.key("because").array(|w| self.because.iter().for_each(|line| w.string(line)));
        });
    }
}
