//! `actfor check --explain`: a decision document for a person, with the rules beside it.

use actfor::json::{Object, Value};

use crate::output::{Paint, safe};
use crate::who;

/// The rules that a decision was made with, where they are text.
pub struct Rules {
    /// What they are called: the file's name.
    pub name: String,
    /// Their text.
    pub text: String,
}

/// All that a decision document says: what was decided and by which rule, who asked, what it rests on or lacks, and
/// every check.
pub fn write(document: &Object<'_>, rules: Option<&Rules>, paint: Paint) -> String {
    let mut page = Page { out: String::new(), document, rules, paint };
    page.verdict();
    page.who();
    page.because();
    page.missing();
    page.checks();
    page.out
}

struct Page<'p> {
    out: String,
    document: &'p Object<'p>,
    rules: Option<&'p Rules>,
    paint: Paint,
}

impl<'p> Page<'p> {
    fn text(&self, name: &str) -> Option<&'p str> {
        self.document.get(name).and_then(Value::as_str)
    }

    fn items(&self, name: &str) -> impl Iterator<Item = &'p Object<'p>> + use<'p> {
        let items = self.document.get(name).and_then(Value::as_array).unwrap_or_default();
        items.iter().filter_map(Value::as_object)
    }

    fn line(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    fn row(&mut self, name: &str, value: &str) {
        let row = format!("  {} {}", self.paint.dim(&format!("{name:<6}")), safe(value));
        self.line(&row);
    }

    fn title(&mut self, title: &str) {
        let title = format!("\n{}", self.paint.bold(title));
        self.line(&title);
    }

    /// The decision, the rule with its place and text, and why not.
    fn verdict(&mut self) {
        let paint = self.paint;
        let head = match (self.text("decision").unwrap_or("deny"), self.text("code")) {
            ("allow", _) => paint.green("✓ allow"),
            ("needs_approval", _) => paint.bold("? needs_approval"),
            (verdict, code) => {
                format!("{} {}", paint.red(&format!("✗ {verdict}")), paint.bold(code.unwrap_or_default()))
            }
        };
        self.line(&head);
        if let (Some(action), Some(object)) = (self.text("action"), self.text("object")) {
            self.row("asks", &format!("{action} on {object}"));
        }
        if let Some(rule) = self.text("rule") {
            match self.rules.and_then(|rules| placed(rules, rule)) {
                Some((place, text)) => {
                    self.row("rule", &format!("{rule} at {place}"));
                    text.iter().for_each(|line| self.row("", line));
                }
                None => self.row("rule", rule),
            }
        }
        if let Some(reason) = self.text("reason_admin") {
            let reason = self.renamed(reason);
            self.row("why", &reason);
        }
        if let Some(reason) = self.text("reason_user") {
            let told = self.text("told").or(self.text("code")).unwrap_or_default();
            self.row("client", &format!("is told {told}: {reason}"));
        }
        if let Some(challenge) = self.text("challenge") {
            self.row("", challenge);
        }
        let approval = self.document.get("approval").and_then(Value::as_object);
        if let Some(digest) = approval.and_then(|approval| approval.get("digest")?.as_str()) {
            self.row("digest", digest);
        }
    }

    fn who(&mut self) {
        self.title("who");
        let drawn = match self.document.get("who").and_then(Value::as_object) {
            Some(who) => who::drawn(who, self.paint),
            None => format!("  {}\n", self.paint.dim("nobody whose token holds")),
        };
        self.out.push_str(&drawn);
        if let Some(who) = self.document.get("who").and_then(Value::as_object)
            && let Some(binding) = who.get("binding").and_then(Value::as_str)
        {
            let line = format!("    {}", self.paint.dim(&format!("token: {}", safe(binding))));
            self.line(&line);
        }
    }

    /// What the decision rests on, or lacks: each with its line of the rules and its way through the tuples.
    fn because(&mut self) {
        let said =
            |reason: &Object<'_>| reason.get("text").and_then(Value::as_str) == self.text("reason_admin");
        // Nothing, or nothing but what was said already.
        if self.items("because").all(said) {
            return;
        }
        self.title(if self.text("decision") == Some("allow") { "proof" } else { "what stands against it" });
        let allowed = self.text("decision") == Some("allow");
        for reason in self.items("because") {
            let part = |name: &str| reason.get(name).and_then(Value::as_str);
            let mark = match (allowed, part("holds")) {
                (true, _) => self.paint.green("✓"),
                (false, Some("unknown")) => self.paint.bold("?"),
                (false, _) => self.paint.red("✗"),
            };
            let line = format!("  {mark} {}", safe(part("text").unwrap_or_default()));
            self.line(&line);
            if let Some(at) = part("at") {
                let text = self.rules.and_then(|rules| line_at(rules, at)).unwrap_or_default();
                let place = self.renamed(at);
                let line = format!("      {}", self.paint.dim(&safe(format!("{place}  {text}").trim_end())));
                self.line(&line);
            }
            let via = reason.get("via").and_then(Value::as_array).unwrap_or_default();
            via.iter().filter_map(Value::as_object).for_each(|step| self.step(step));
        }
    }

    /// A tuple, or the lack of one.
    fn step(&mut self, step: &Object<'_>) {
        let part = |name: &str| step.get(name).and_then(Value::as_str).unwrap_or_default();
        let is_tuple = step.get("tuple").and_then(Value::as_bool) == Some(true);
        let what = match (is_tuple, part("holds")) {
            (true, "true") => "tuple",
            (true, "false") => "no tuple",
            (true, _) => "tuple, if it is there",
            (false, "true") => "so",
            (false, "false") => "not",
            (false, _) => "perhaps",
        };
        let tuple = safe(&format!("{} {} {}", part("user"), part("relation"), part("object")));
        let line = format!("      {} {tuple}", self.paint.dim(what));
        self.line(&line);
    }

    fn missing(&mut self) {
        if self.items("missing").next().is_none() {
            return;
        }
        self.title("not known here");
        for tuple in self.items("missing") {
            let part = |name: &str| tuple.get(name).and_then(Value::as_str).unwrap_or_default();
            let line =
                format!("  ? {} {} {}", safe(part("user")), safe(part("relation")), safe(part("object")));
            self.line(&line);
        }
    }

    /// Every check with its result, in order.
    fn checks(&mut self) {
        self.title("checks");
        for check in self.items("checks") {
            let part = |name: &str| check.get(name).and_then(Value::as_str);
            let (paint, name) = (self.paint, part("name").unwrap_or_default());
            let row = match part("result") {
                Some("pass") => format!("{} {name}", paint.green("✓")),
                Some("fail") => format!("{} {}", paint.red("✗"), paint.bold(name)),
                Some("not_needed") => paint.dim(&format!("- {name} (nothing to check)")),
                Some("not_reached") => paint.dim(&format!("· {name} (not reached)")),
                other => format!("? {} ({})", paint.bold(name), other.unwrap_or("unknown")),
            };
            self.line(&format!("  {row}"));
        }
    }

    /// A text with places in the rules, under the name that their file has here.
    fn renamed(&self, text: &str) -> String {
        match self.rules {
            Some(rules) => text.replace("policy:", &format!("{}:", rules.name)),
            None => text.to_owned(),
        }
    }
}

/// The line of a rule with its conditions, and where it is.
fn placed<'r>(rules: &'r Rules, id: &str) -> Option<(String, Vec<&'r str>)> {
    let code = |line: &'r str| line.split(" #").next().unwrap_or_default().trim_end();
    let names = |line: &&str| {
        ["allow ", "forbid ", "approve "].iter().any(|start| line.starts_with(start))
            && line.ends_with(&format!(" as {id}"))
    };
    let lines: Vec<&str> = rules.text.lines().map(code).collect();
    let at = lines.iter().position(names)?;
    let indented = |line: &&&str| line.starts_with([' ', '\t']);
    let mut text: Vec<&str> = lines.get(at).copied().into_iter().collect();
    text.extend(lines.iter().skip(at.saturating_add(1)).take_while(indented));
    Some((format!("{}:{}", rules.name, at.saturating_add(1)), text))
}

/// The text of `policy:12`.
fn line_at<'r>(rules: &'r Rules, at: &str) -> Option<&'r str> {
    let number: usize = at.rsplit(':').next()?.parse().ok()?;
    rules.text.lines().nth(number.checked_sub(1)?).map(str::trim)
}
