//! Realistic tokens of every dialect: what they say, what they may, and that silence never gives more.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use actfor::Timestamp;
use actfor::identity::dialect::{Dialect, Need};
use actfor::identity::{Fact, Layer, Src};
use actfor::json::Value;

use super::support::{Edits, Fixture, NOW, PROBES, allowed, ask, get, member, outcome, paths};

#[test]
fn every_dialect_has_realistic_tokens_and_reads_them() {
    for dialect in Dialect::ALL {
        let fixture = Fixture::of(dialect.as_str());
        assert!(fixture.tokens().len() >= 3, "{}", dialect.as_str());
        let guard = fixture.guard();
        for token in fixture.tokens() {
            let name = format!("{}: {}", dialect.as_str(), member(token, "name").unwrap());
            let compact = fixture.sign(token, &Edits::default());
            let expect = get(token, "expect").unwrap();
            let (decision, document) = ask(&guard, &compact, fixture.is_transaction(), PROBES[0]);
            assert_eq!(
                decision.kind().map(|kind| kind.as_str()),
                member(expect, "kind"),
                "{name}: {document:?}"
            );
            assert_eq!(decision.user(), member(expect, "user"), "{name}");
            assert_eq!(decision.agent(), member(expect, "agent"), "{name}");
            if let Some(source) = member(expect, "agent_source") {
                let agent = get(&document, "who").and_then(|who| get(who, "agent")).unwrap();
                assert_eq!(member(agent, "source"), Some(source), "{name}");
            }
            let allows = get(expect, "allows").and_then(Value::as_array).unwrap();
            let allows: Vec<_> = allows.iter().map(|probe| probe.as_str().unwrap()).collect();
            assert_eq!(
                allowed(&guard, &compact, fixture.is_transaction()),
                allows,
                "{name}: {}",
                outcome(&decision)
            );
        }
    }
}

/// Members that are required where an agent acts; a person's token may have them too.
const AGENTS: [&str; 4] = ["act", "agent_", "xms_", "principal"];

/// Design §5.4, property 3: each member of each token is taken away in turn.
#[test]
fn silence_never_gives_more() {
    let (mut removed, mut refused) = (0, 0);
    for dialect in Dialect::ALL {
        let fixture = Fixture::of(dialect.as_str());
        let guard = fixture.guard();
        let needs: Vec<_> = dialect.members().collect();
        for token in fixture.tokens() {
            let claims = get(token, "claims").and_then(Value::as_object).unwrap();
            let before = allowed(&guard, &fixture.sign(token, &Edits::default()), fixture.is_transaction());
            let acts = get(token, "expect")
                .and_then(|expect| get(expect, "agent"))
                .is_some_and(|a| *a != Value::Null);
            let mut all = Vec::new();
            paths(claims, "", &mut all);
            for path in all {
                let name = format!("{}: {}: {path}", dialect.as_str(), member(token, "name").unwrap());
                let known = needs.iter().find(|known| known.path == path);
                // What is inside an optional member is optional, unless the table has a line of its own for it.
                let parent = needs.iter().any(|known| {
                    known.need == Need::Optional && path.starts_with(&format!("{}.", known.path))
                });
                let need = match known {
                    Some(known) => known.need,
                    None if parent => Need::Optional,
                    None => panic!("{name} is in no table"),
                };
                let compact = fixture.sign(token, &Edits::without(&path));
                let after = allowed(&guard, &compact, fixture.is_transaction());
                removed += 1;
                match need {
                    Need::Exempt(_) => {}
                    Need::Required
                        if acts || before.is_empty() || !AGENTS.iter().any(|name| path.starts_with(name)) =>
                    {
                        refused += 1;
                        assert!(after.is_empty(), "{name}: is required, and without it may {after:?}");
                    }
                    Need::Required | Need::Optional => {
                        assert!(
                            after.iter().all(|probe| before.contains(probe)),
                            "{name}: {before:?} → {after:?}"
                        );
                    }
                }
            }
        }
    }
    println!("{removed} members taken away, {refused} of them required");
    assert!(removed > 300 && refused > 100, "{removed} members, {refused} required");
}

/// Where a fact comes from, by which rule it follows, and whether it is that there is none.
fn form<T>(fact: &Fact<T>) -> Option<(Src, Option<&'static str>, bool)> {
    match fact {
        Fact::Asserted(_, src) => Some((src.clone(), None, false)),
        Fact::Derived(_, src, rule) => Some((src.clone(), Some(rule), false)),
        Fact::Absent(src) => Some((src.clone(), None, true)),
        Fact::Unknown(_) => None,
    }
}

/// Where each fact comes from in the fixtures of a dialect, and what becomes of a token without that.
fn facts(dialect: Dialect, fixture: &Fixture, table: &mut String) {
    const FACTS: [&str; 8] =
        ["user", "agent", "instance", "mode", "authority", "presence", "task", "earlier agents"];
    let guard = fixture.guard();
    // How many agents there are before, in so many words.
    let hops = match dialect {
        Dialect::DelegationChain => "del_depth",
        _ => "agent_rel.hops",
    };
    let mut found = FACTS.map(|_| BTreeSet::new());
    for token in fixture.tokens() {
        let token =
            guard.verify(&fixture.sign(token, &Edits::default()), Timestamp::from_seconds(NOW).unwrap());
        let facts = &token.as_ref().unwrap().identity().unwrap().facts;
        let earlier = facts.earlier.first().map(|_| (Src::token("act.act"), None, false));
        let all = [
            form(&facts.user),
            form(&facts.agent),
            form(&facts.instance),
            form(&facts.mode),
            form(&facts.authority),
            form(&facts.present_until),
            form(&facts.task),
            earlier.or(facts.hops.map(|_| (Src::token(hops), None, false))),
        ];
        for (found, fact) in found.iter_mut().zip(all) {
            let Some((src, rule, absent)) = fact else { continue };
            let known = dialect.members().find(|known| known.path == src.path);
            let need = match known.map(|known| known.need) {
                _ if src.layer == Layer::Config => "by the configuration",
                Some(Need::Required) => "**required**",
                Some(Need::Optional) => "optional",
                Some(Need::Exempt(_)) => "exception",
                None => panic!("{}: `{}` is in no table", dialect.as_str(), src.path),
            };
            let how = match (rule, absent) {
                (Some(rule), _) => format!("follows from `{}` ({rule})", src.path),
                (None, true) => format!("`{}` says that there is none", src.path),
                (None, false) => format!("`{}`", src.path),
            };
            found.insert(format!("{how}: {need}"));
        }
    }
    table.push_str(
        "\n| fact | where it stands in the tokens below, and what the token is without that |\n|---|---|\n",
    );
    for (name, found) in FACTS.iter().zip(found) {
        let found: Vec<_> = found.into_iter().collect();
        let found = if found.is_empty() { "not said".to_owned() } else { found.join("; ") };
        writeln!(table, "| {name} | {found} |").unwrap();
    }
}

/// The table of dialects and members, as the code has it; `ACTFOR_WRITE_VECTORS=1` writes it.
#[test]
fn the_table_of_members_is_the_codes_own() {
    let mut table = String::from(
        "# Dialects and members\n\nWritten by the tests from `src/identity/dialect`. What becomes of a token in which an agent acts when it loses a member: **required**, it is refused; optional, it may the same or less; else the exception, by name.\n",
    );
    for dialect in Dialect::ALL {
        write!(table, "\n## `{}`\n\n| member | without it |\n|---|---|\n", dialect.as_str()).unwrap();
        for known in dialect.members() {
            let need = match known.need {
                Need::Exempt(why) => format!("exception: {why}"),
                Need::Optional => "optional".into(),
                Need::Required => "**required**".into(),
            };
            writeln!(table, "| `{}` | {need} |", known.path).unwrap();
        }
        let fixture = Fixture::of(dialect.as_str());
        facts(dialect, &fixture, &mut table);
        table.push_str("\n| token | user | agent | kind | may |\n|---|---|---|---|---|\n");
        for token in fixture.tokens() {
            let expect = get(token, "expect").unwrap();
            let cell = |name| member(expect, name).map_or("none".into(), |text| format!("`{text}`"));
            let agent = match member(expect, "agent_source") {
                Some(source) => format!("{} from `{source}`", cell("agent")),
                None => cell("agent"),
            };
            let name = member(token, "name").unwrap();
            let may = get(expect, "allows").and_then(Value::as_array).unwrap();
            let may: Vec<_> = may.iter().map(|probe| format!("`{}`", probe.as_str().unwrap())).collect();
            let may = if may.is_empty() { "nothing".to_owned() } else { may.join(", ") };
            writeln!(table, "| {name} | {} | {agent} | {} | {may} |", cell("user"), cell("kind")).unwrap();
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/dialects/TABLE.md");
    if std::env::var_os("ACTFOR_WRITE_VECTORS").is_some() {
        std::fs::write(path, &table).unwrap();
    }
    assert!(
        std::fs::read_to_string(path).unwrap_or_default() == table,
        "run again with ACTFOR_WRITE_VECTORS=1"
    );
}
