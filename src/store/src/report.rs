//! What became of the tests of a store file.

use core::fmt;

use actfor::json::Writer;

/// What became of the tests of one file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// The file.
    pub file: String,
    /// Its tests, in their order.
    pub tests: Vec<TestReport>,
}

/// What became of one test.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TestReport {
    /// The name of the test.
    pub name: String,
    /// Checks: passed, and all.
    pub checks: (usize, usize),
    /// Lists of objects: passed, and all.
    pub objects: (usize, usize),
    /// Lists of users: passed, and all.
    pub users: (usize, usize),
    /// What failed.
    pub failures: Vec<Failure>,
}

/// An assertion that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What was asked: `user:ana writer repo:web`.
    pub question: String,
    /// What the file expects.
    pub expected: String,
    /// What it is.
    pub got: String,
    /// How it came to that, a line a step.
    pub because: Vec<String>,
}

impl Report {
    /// Whether there was something to test, and all of it held.
    pub fn passed(&self) -> bool {
        self.tests.iter().all(|test| test.failures.is_empty()) && self.count().1 > 0
    }

    /// Assertions that hold, and all.
    pub fn count(&self) -> (usize, usize) {
        let each = self.tests.iter().flat_map(|test| [test.checks, test.objects, test.users]);
        each.fold((0, 0), |sum, one| (sum.0.saturating_add(one.0), sum.1.saturating_add(one.1)))
    }

    /// The report for machines.
    pub fn to_json(&self) -> String {
        let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let mut writer = Writer::default();
        writer.object(|w| {
            w.key("file").string(&self.file);
            w.key("passed").bool(self.passed());
            w.key("tests").array(|w| {
                for test in &self.tests {
                    w.object(|w| {
                        w.key("name").string(&test.name);
                        for (name, (passed, all)) in [
                            ("check", test.checks),
                            ("list_objects", test.objects),
                            ("list_users", test.users),
                        ] {
                            w.key(name).object(|w| {
                                w.key("passed").number(number(passed));
                                w.key("of").number(number(all));
                            });
                        }
                        w.key("failures")
                            .array(|w| test.failures.iter().for_each(|failure| failure.write(w)));
                    });
                }
            });
        });
        writer.finish()
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

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for test in &self.tests {
            let mark = if test.failures.is_empty() { "pass" } else { "FAIL" };
            write!(f, "{mark}  {}", test.name)?;
            for (name, (passed, all)) in
                [("checks", test.checks), ("lists of objects", test.objects), ("lists of users", test.users)]
            {
                if all > 0 {
                    write!(f, "  {passed}/{all} {name}")?;
                }
            }
            writeln!(f)?;
            for failure in &test.failures {
                writeln!(
                    f,
                    "      {}: expected {}, got {}",
                    failure.question, failure.expected, failure.got
                )?;
                for line in &failure.because {
                    writeln!(f, "        {line}")?;
                }
            }
        }
        let (passed, all) = self.count();
        let failed = self.tests.iter().filter(|test| !test.failures.is_empty()).count();
        writeln!(
            f,
            "{}: {passed} of {all} assertions hold, {failed} of {} tests fail",
            self.file,
            self.tests.len()
        )
    }
}
