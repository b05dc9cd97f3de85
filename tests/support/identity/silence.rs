//! Design: silence. Whatever goes along with a token, and whatever the host knows beside it, is taken away in turn: no
//! refusal becomes an allow, but for the exceptions that are listed here by name.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use actfor::jose::base64url;
use actfor::json::{self, Value};
use actfor::proof::{Certificate, MemoryStore};
use actfor::token::Introspection;
use actfor::{Guard, Request, Timestamp};

use super::cases::{Concrete, PEER, all, key};
use super::support::{Edits, Fixture, NOW, PROBES, member, outcome, parse, paths, route};

/// What is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Input {
    Assertion,
    Introspection,
    Records,
    LastRecord,
    Proof,
    StatusLists,
    RevocationList,
    Store,
}

impl Input {
    const ALL: [Self; 8] = [
        Self::Assertion,
        Self::Introspection,
        Self::Records,
        Self::LastRecord,
        Self::Proof,
        Self::StatusLists,
        Self::RevocationList,
        Self::Store,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Assertion => "`Agent-Context` assertion",
            Self::Introspection => "introspection answer",
            Self::Records => "`Agent-Chain`, all records",
            Self::LastRecord => "`Agent-Chain`, one record of several",
            Self::Proof => "DPoP proof",
            Self::StatusLists => "status list",
            Self::RevocationList => "list of what is revoked",
            Self::Store => "replay store",
        }
    }

    /// The case without it; `None` where there is none. Without a store, nobody remembers.
    fn take(self, from: &Concrete) -> Option<Concrete> {
        let mut left = from.clone();
        let without = |left: &mut Concrete, name: &str| {
            let before = left.request.headers.len();
            left.request.headers.retain(|(known, _)| known != name);
            left.request.headers.len() < before
        };
        let there = match self {
            Self::Assertion => without(&mut left, "agent-context"),
            Self::Introspection => left.introspection.take().is_some(),
            Self::Records => without(&mut left, "agent-chain"),
            Self::LastRecord => {
                let chain = left.request.headers.iter_mut().find(|(name, _)| name == "agent-chain");
                chain.is_some_and(|(_, value)| {
                    let shorter = value.rsplit_once(',').map(|(rest, _)| rest.to_owned());
                    shorter.map(|rest| *value = rest).is_some()
                })
            }
            Self::Proof => without(&mut left, "dpop"),
            Self::StatusLists | Self::RevocationList => {
                let before = left.learned.len();
                left.learned.retain(|list| list.issuer.is_some() != (self == Self::StatusLists));
                left.learned.len() < before
            }
            Self::Store => true,
        };
        there.then_some(left)
    }
}

/// Where taking something away may turn a refusal into an allow, and why that is accepted.
struct Exception {
    input: Input,
    why: &'static str,
    /// Whether it is about this case, by its name and its configuration.
    about: fn(&str, &str) -> bool,
}

const EXCEPTIONS: [Exception; 4] = [
    Exception {
        input: Input::Assertion,
        why: "an assertion that the configuration asks nobody for refuses, whatever it says",
        about: |name, _| {
            ["an assertion that nobody asked for", "an assertion for another client"].contains(&name)
        },
    },
    Exception {
        input: Input::LastRecord,
        why: "a record of nobody refuses: there are more than the token has earlier agents",
        about: |name, _| name == "two records for one earlier agent",
    },
    Exception {
        input: Input::Records,
        why: "rules with `unrecorded` take the issuer's word for earlier agents, so a revoked record need not be shown",
        about: |name, config| name == "a record of the chain is revoked" && config.contains("unrecorded"),
    },
    Exception {
        input: Input::RevocationList,
        why: "without `revocation.max_age` there need not be a list of what is revoked",
        about: |_, config| !config.contains(r#""revocation":{"max_age""#),
    },
];

/// What a case may, of the probes; its own request only where a proof is bound to that.
fn may(case: &Concrete, guard: &Guard, store: bool) -> BTreeMap<&'static str, &'static str> {
    let own = case.request.headers.iter().any(|(name, _)| name == "dpop");
    let headers: Vec<_> =
        case.request.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let ask = |method, url: &str| {
        let answer = case.introspection.as_ref();
        let introspection =
            answer.map(|(token, response)| Introspection { token, response: response.as_bytes() });
        let peer = Some(PEER);
        let request = Request { method, url, headers: &headers, introspection, peer, ..Request::default() };
        let now = Timestamp::from_seconds(case.request.now);
        match store {
            true => outcome(&guard.decide_once(&request, now, &mut MemoryStore::new(8))),
            false => outcome(&guard.decide(&request, now)),
        }
    };
    if own {
        return [("its own", ask(case.request.method, &case.request.url))].into();
    }
    PROBES.into_iter().map(|probe| (probe, ask(route(probe).0, &route(probe).1))).collect()
}

#[test]
fn nothing_that_goes_along_is_worth_leaving_out() {
    let (mut taken, mut refused) = (BTreeMap::<_, usize>::new(), BTreeMap::<_, BTreeSet<_>>::new());
    let mut widened = Vec::new();
    let mut used = BTreeSet::new();
    for (file, case) in all() {
        let whole = Concrete::of(&case);
        // What was remembered before is the store's, and has tests of its own.
        let guard = whole.guard();
        let before = may(&whole, &guard, true);
        for input in Input::ALL {
            let Some(left) = input.take(&whole) else { continue };
            *taken.entry(input).or_default() += 1;
            // Only lists are in the guard.
            let other = (left.learned.len() < whole.learned.len()).then(|| left.guard());
            let after = may(&left, other.as_ref().unwrap_or(&guard), input != Input::Store);
            for (probe, was) in &before {
                // A case's own request has no other name without its proof.
                let is = after.get(probe).or(after.get(case_probe(&whole))).unwrap();
                match (*was, *is) {
                    ("allow", "allow") => {}
                    ("allow", code) => drop(refused.entry(input).or_default().insert(code)),
                    (code, "allow") => {
                        let name = member(&case, "name").unwrap();
                        let known = EXCEPTIONS
                            .iter()
                            .position(|e| e.input == input && (e.about)(name, &whole.config));
                        match known {
                            Some(at) => drop(used.insert(at)),
                            None => widened.push(format!(
                                "{file}: {name}: {probe}: without {}: {code} → allow",
                                input.name()
                            )),
                        }
                    }
                    _ => {}
                }
            }
        }
    }
    assert!(widened.is_empty(), "{} times:\n{}", widened.len(), widened.join("\n"));
    assert_eq!(used.len(), EXCEPTIONS.len(), "an exception that is not needed: {used:?}");
    for input in Input::ALL {
        println!(
            "{}: taken away {} times, refused by {:?}",
            input.name(),
            taken[&input],
            refused.get(&input)
        );
    }
    table(&refused);
}

/// `tests/vectors/dialects/SILENCE.md`; `ACTFOR_WRITE_VECTORS=1` writes it.
fn table(refused: &BTreeMap<Input, BTreeSet<&str>>) {
    let mut table = String::from(
        "# What goes along, and silence\n\nWritten by the tests from the cases in `tests/vectors/identity`. Each of these is taken away from every case that has it: what was refused stays refused, but for the exceptions.\n\n| without it | what was allowed is refused with | exception |\n|---|---|---|\n",
    );
    for input in Input::ALL {
        let codes: Vec<_> =
            refused.get(&input).into_iter().flatten().map(|code| format!("`{code}`")).collect();
        let exception = EXCEPTIONS.iter().find(|exception| exception.input == input).map_or("", |e| e.why);
        writeln!(table, "| {} | {} | {exception} |", input.name(), codes.join(", ")).unwrap();
    }
    settle("SILENCE.md", &table);
}

/// What is written in what goes along, in the order of [`Inside::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Inside {
    Assertion,
    Introspection,
    Record,
    Proof,
    StatusList,
}

impl Inside {
    const ALL: [Self; 5] =
        [Self::Assertion, Self::Introspection, Self::Record, Self::Proof, Self::StatusList];

    fn name(self) -> &'static str {
        match self {
            Self::Assertion => "`Agent-Context` assertion",
            Self::Introspection => "introspection answer",
            Self::Record => "record in `Agent-Chain`",
            Self::Proof => "DPoP proof",
            Self::StatusList => "status list",
        }
    }

    /// The text, and who signs it; a plain answer nobody.
    fn text(self, case: &mut Concrete) -> Option<(&mut String, Option<&'static str>)> {
        fn named<'c>(case: &'c mut Concrete, name: &str) -> Option<&'c mut String> {
            case.request.headers.iter_mut().find(|(known, _)| known == name).map(|(_, value)| value)
        }
        match self {
            Self::Assertion => Some((named(case, "agent-context")?, Some("context"))),
            Self::Record => Some((named(case, "agent-chain")?, Some("issuer"))),
            Self::Proof => Some((named(case, "dpop")?, Some("client"))),
            Self::Introspection => {
                let (_, answer) = case.introspection.as_mut()?;
                let signer = (!answer.starts_with('{')).then_some("issuer");
                Some((answer, signer))
            }
            Self::StatusList => {
                let list = case.learned.iter_mut().find(|list| list.issuer.is_some())?;
                list.refused = None;
                Some((&mut list.list, Some("issuer")))
            }
        }
    }
}

/// The part of a compact token that is JSON, as JSON.
fn part(compact: &str, at: usize) -> Option<Value<'static>> {
    let bytes = base64url::decode(compact.split('.').nth(at)?)?;
    Some(json::parse(&bytes, &json::Limits::CONFIG).ok()?.into_owned())
}

/// The members of a text, and the text without each of them. Of several records the first loses something.
fn without_each(text: &str, signer: Option<&str>) -> Vec<(String, String)> {
    let (first, rest) = text.split_once(',').filter(|_| signer.is_some()).unwrap_or((text, ""));
    let claims = match signer {
        Some(_) => part(first, 1),
        None => Some(parse(text.as_bytes())),
    };
    let Some(claims) = claims.filter(|claims| claims.as_object().is_some()) else { return Vec::new() };
    let mut all = Vec::new();
    paths(claims.as_object().unwrap(), "", &mut all);
    let each = all.into_iter().map(|path| {
        let left = Edits::without(&path).apply(&claims);
        let left = match signer {
            None => left,
            Some(signer) => {
                let header = base64url::decode(first.split('.').next().unwrap()).unwrap();
                let signed = key(signer).sign_as(&header, left.as_bytes());
                if rest.is_empty() { signed } else { format!("{signed},{rest}") }
            }
        };
        (path, left)
    });
    each.collect()
}

/// Each member of what goes along with a token that is allowed is taken away, and the rest signed again.
#[test]
fn no_member_of_what_goes_along_is_worth_leaving_out() {
    // By what it is in and by its path: how often it was taken away, and how often that refused.
    let mut found = BTreeMap::<(Inside, String), (usize, usize)>::new();
    let mut widened = Vec::new();
    for (file, case) in all() {
        let mut whole = Concrete::of(&case);
        let guard = whole.guard();
        let before = may(&whole, &guard, true);
        if before.values().all(|code| *code != "allow") {
            continue;
        }
        for inside in Inside::ALL {
            let Some((text, signer)) = inside.text(&mut whole) else { continue };
            for (path, left) in without_each(&text.clone(), signer) {
                let mut less = whole.clone();
                *inside.text(&mut less).unwrap().0 = left;
                let other = (inside == Inside::StatusList).then(|| less.guard_of_what_is_taken());
                let after = may(&less, other.as_ref().unwrap_or(&guard), true);
                let count = found.entry((inside, path.clone())).or_default();
                count.0 += 1;
                count.1 += usize::from(after.values().all(|code| *code != "allow"));
                for probe in
                    after.iter().filter(|(probe, code)| **code == "allow" && before[*probe] != "allow")
                {
                    widened.push(format!(
                        "{file}: {}: {inside:?} without {path}: {probe:?}",
                        member(&case, "name").unwrap()
                    ));
                }
            }
        }
    }
    assert!(widened.is_empty(), "{} times:\n{}", widened.len(), widened.join("\n"));
    for inside in Inside::ALL {
        let of = found.iter().filter(|((known, _), _)| *known == inside);
        let (all, refused) = of.fold((0, 0), |(all, refused), (_, count)| (all + count.0, refused + count.1));
        println!("{}: {all} members taken away, {refused} refused", inside.name());
        assert!(refused > 0, "{}", inside.name());
    }
    members(&found);
}

/// `tests/vectors/dialects/MEMBERS.md`.
fn members(found: &BTreeMap<(Inside, String), (usize, usize)>) {
    let mut table = String::from(
        "# Members of what goes along\n\nWritten by the tests, as the table of carriers: each member is taken away in turn and the rest signed again. Nothing is ever allowed more.\n",
    );
    for inside in Inside::ALL {
        let of = |wanted: fn(&(usize, usize)) -> bool| -> String {
            let names = found.iter().filter(|((known, _), count)| *known == inside && wanted(count));
            let names: Vec<_> = names.map(|((_, path), _)| format!("`{path}`")).collect();
            if names.is_empty() { "none".to_owned() } else { names.join(", ") }
        };
        writeln!(table, "\n## {}\n", inside.name()).unwrap();
        writeln!(table, "- without it, refused always: {}", of(|(all, refused)| all == refused)).unwrap();
        writeln!(
            table,
            "- without it, refused where something needs it: {}",
            of(|(all, refused)| all != refused && *refused > 0)
        )
        .unwrap();
        writeln!(table, "- without it, allowed the same or less: {}", of(|(_, refused)| *refused == 0))
            .unwrap();
    }
    settle("MEMBERS.md", &table);
}

/// Compares a table with its file; `ACTFOR_WRITE_VECTORS=1` writes it.
fn settle(name: &str, table: &str) {
    let path = format!("{}/tests/vectors/dialects/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("ACTFOR_WRITE_VECTORS").is_some() {
        std::fs::write(&path, table).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == table, "run again with ACTFOR_WRITE_VECTORS=1");
}

/// The probe that is a case's own request.
fn case_probe(case: &Concrete) -> &'static str {
    let own = (case.request.method, case.request.url.clone());
    PROBES.into_iter().find(|probe| route(probe) == own).unwrap()
}

/// A token that is bound to a certificate is nothing without it, and with another.
#[test]
fn a_certificate_cannot_be_left_out() {
    let fixture = Fixture::of("actfor");
    let token = fixture.token("a steered agent");
    let bound = r#"{"x5t#S256":"-oDL4jE8FMFfWlDkCE7xCArC1vy0oCxsqO8j7KX4zQc"}"#;
    let claims = Edits(vec![("cnf".into(), Some(bound.into()))]);
    let compact = fixture.sign(token, &claims);
    let authorization = format!("Bearer {compact}");
    let headers = [("authorization", authorization.as_bytes())];
    let (method, url) = route(PROBES[0]);
    let hex = "fa80cbe2313c14c15f5a50e4084ef1080ac2d6fcb4a02c6ca8ef23eca5f8cd07";
    let own = Certificate::from_hex(hex).unwrap();
    let other = Certificate::from_der(b"another");
    let guard = fixture.guard();
    let found = [Some(&own), Some(&other), None].map(|certificate| {
        let request = Request { method, url: &url, headers: &headers, certificate, ..Request::default() };
        outcome(&guard.decide(&request, Timestamp::from_seconds(NOW)))
    });
    assert_eq!(found, ["allow", "proof_invalid", "proof_missing"]);
}
