//! Design: silence. Whatever goes along with a token, and whatever the host knows beside it, is taken away in turn: no
//! refusal becomes an allow, but for the exceptions that are listed here by name.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use actfor::proof::{Certificate, MemoryStore};
use actfor::token::Introspection;
use actfor::{Guard, Request, Timestamp};

use super::cases::{Concrete, all};
use super::support::{Edits, Fixture, NOW, PROBES, member, outcome, route};

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
        let request = Request { method, url, headers: &headers, introspection, ..Request::default() };
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
        let before = may(&whole, &whole.guard(), true);
        for input in Input::ALL {
            let Some(left) = input.take(&whole) else { continue };
            *taken.entry(input).or_default() += 1;
            let after = may(&left, &left.guard(), input != Input::Store);
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
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/dialects/SILENCE.md");
    if std::env::var_os("ACTFOR_WRITE_VECTORS").is_some() {
        std::fs::write(path, &table).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
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
