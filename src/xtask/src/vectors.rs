//! `tests/vectors/patterns/`: the running examples. Rules and model are written by hand; the rest is made here,
//! from fixed keys and one table. What is expected is said
//! here, by hand; the core only writes the documents, and the files are not written if it decides otherwise.

mod cases;
mod pretty;

use std::fs;
use std::path::PathBuf;

use actfor::jose::Algorithm;
use actfor::json::{self, Limits, Value, Writer};
use actfor::{Guard, Request, Timestamp};
use actfor_mint::SigningKey;
use actfor_mint::patterns::{Mint, Pattern, claims};
use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::shell::{command, read, root, run, step};
use cases::{CASES, Case};

const RULES: &str = include_str!("../../../tests/vectors/patterns/acme.actfor");
const MODEL: &str = include_str!("../../../tests/vectors/patterns/acme.fga");

/// The tuples, as `user relation object`.
const TUPLES: &[(&str, &str, &str)] = &[
    ("user:ana", "writer", "repo:web"),
    ("user:ana", "writer", "repo:infra"),
    ("agent:hr-agent", "hr_reader", "org:acme"),
    ("agent:hr-agent", "worker", "case:c1"),
    ("agent:hr-agent", "worker", "case:c2"),
    ("user:ana", "employee", "case:c1"),
    ("user:ana", "employee", "salary_record:ana"),
    ("user:bo", "employee", "case:c2"),
    ("user:bo", "employee", "salary_record:bo"),
];

/// A file of the set.
type File = (&'static str, String);

/// Writes the files again.
pub fn write() -> Result<()> {
    step("vectors: the running examples");
    fs::create_dir_all(folder())?;
    for (name, text) in files()? {
        fs::write(folder().join(name), text)?;
    }
    run(command("git").args(["--no-pager", "diff", "--stat", "--", "tests/vectors/patterns"]))
}

/// Checks that writing them again would change nothing; gives how many files there are.
pub fn check() -> Result<usize> {
    let files = files()?;
    for (name, text) in &files {
        let path = folder().join(name);
        let there = fs::read_to_string(&path).with_context(|| format!("tests/vectors/patterns/{name}"))?;
        // A checkout may have turned line ends around.
        if there.replace("\r\n", "\n") != *text {
            bail!("tests/vectors/patterns/{name} is not what `cargo xtask vectors` writes");
        }
    }
    let there = fs::read_dir(folder())?.count();
    // Rules and model are written by hand.
    let expected = files.len().saturating_add(2);
    ensure!(there == expected, "tests/vectors/patterns holds {there} files instead of {expected}");
    let unknown = read(command("git").args(["status", "--porcelain", "--", "tests/vectors/patterns"]))?;
    ensure!(
        unknown.is_empty() || !crate::shell::in_ci(),
        "tests/vectors/patterns is not committed:\n{unknown}"
    );
    Ok(files.len())
}

fn folder() -> PathBuf {
    root().join("tests/vectors/patterns")
}

fn files() -> Result<Vec<File>> {
    let keys = Keys::fixed()?;
    let tokens = tokens(&keys)?;
    Ok(vec![
        ("tuples.json", pretty::text(&tuples(None))?),
        ("config.json", pretty::text(&config(&keys))?),
        ("keys.json", pretty::text(&keys.describe())?),
        ("tokens.json", pretty::text(&describe(&tokens))?),
        ("cases.json", pretty::text(&documents(&keys, &tokens)?)?),
    ])
}

/// The issuer's key, and a stranger's that calls itself the same.
struct Keys {
    issuer: SigningKey,
    stranger: SigningKey,
}

impl Keys {
    fn fixed() -> Result<Self> {
        let key = |seed: u8| {
            SigningKey::from_seed(Algorithm::Es256, [seed; 32]).map_err(|error| anyhow!("{error}"))
        };
        Ok(Self { issuer: key(1)?.with_kid("as-1"), stranger: key(2)?.with_kid("as-1") })
    }

    fn describe(&self) -> String {
        let mut w = Writer::default();
        w.object(|w| {
            w.key("about").string("Development keys, known to everybody. Never for production.");
            w.key("issuer").raw(&self.issuer.to_jwk());
            w.key("stranger").raw(&self.stranger.to_jwk());
        });
        w.finish()
    }
}

/// Name, what it is, claims, compact form.
struct Token {
    name: &'static str,
    about: &'static str,
    claims: String,
    compact: String,
}

fn tokens(keys: &Keys) -> Result<Vec<Token>> {
    let mint = Mint::fixture();
    let token = |name, about, claims: String, key: &SigningKey| {
        let compact = key.sign("at+jwt", &claims);
        Token { name, about, claims, compact }
    };
    let of = |pattern: Pattern| claims(pattern, &mint);
    let detail = r#"[{"type":"salary_record","identifier":"ana","actions":["read"]}]"#;
    let elsewhere = Mint { audience: "https://other.example".into(), ..mint.clone() };
    Ok(vec![
        token("T1", "ana steers code-helper on repo web", of(Pattern::Interactive), &keys.issuer),
        token(
            "T2",
            "ana asked code-helper for a nightly triage and left",
            of(Pattern::Offline),
            &keys.issuer,
        ),
        token("T3", "hr-agent works case c1, which is about ana", of(Pattern::Automated), &keys.issuer),
        token(
            "T3d",
            "as T3, and a detail names the record",
            with(&of(Pattern::Automated), "authorization_details", detail)?,
            &keys.issuer,
        ),
        token("T4", "code-helper, offline, called test-runner", of(Pattern::Transitive), &keys.issuer),
        token(
            "T4i",
            "code-helper, steered, called test-runner",
            of(Pattern::TransitiveInteractive),
            &keys.issuer,
        ),
        token("T1-forged", "T1, signed by a stranger", of(Pattern::Interactive), &keys.stranger),
        token(
            "T1-elsewhere",
            "T1 for another service",
            claims(Pattern::Interactive, &elsewhere),
            &keys.issuer,
        ),
    ])
}

/// The claims with one member more.
fn with(claims: &str, name: &str, value: &str) -> Result<String> {
    let parsed = json::parse(claims.as_bytes(), &Limits::TOKEN)?;
    let members = parsed.as_object().context("claims are an object")?;
    let mut w = Writer::default();
    w.object(|w| {
        for (name, value) in members.iter() {
            w.key(name).value(value);
        }
        w.key(name).raw(value);
    });
    Ok(w.finish())
}

fn describe(tokens: &[Token]) -> String {
    let mut w = Writer::default();
    w.object(|w| {
        for token in tokens {
            w.key(token.name).object(|w| {
                w.key("about").string(token.about);
                w.key("claims").raw(&token.claims);
                w.key("token").string(&token.compact);
            });
        }
    });
    w.finish()
}

/// The tuples without the removed one.
fn tuples(removed: Option<(&str, &str, &str)>) -> String {
    let mut w = Writer::default();
    w.array(|w| {
        for tuple in TUPLES.iter().filter(|tuple| Some(**tuple) != removed) {
            write_tuple(w, *tuple);
        }
    });
    w.finish()
}

fn write_tuple(w: &mut Writer, (user, relation, object): (&str, &str, &str)) {
    w.object(|w| {
        w.key("user").string(user);
        w.key("relation").string(relation);
        w.key("object").string(object);
    });
}

/// The configuration without rules, model and tuples, which are files of their own.
fn config(keys: &Keys) -> String {
    let mut w = Writer::default();
    w.object(|w| {
        issuers(w, keys);
        w.key("names").object(|w| {
            w.key("https://as.example").object(|w| {
                w.key("user").string("user:{sub}");
                w.key("agent").string("agent:{sub}");
                w.key("instance").string("instance:{id}");
                w.key("client").string("client:{client_id}");
            });
            w.key("https://idp.example").object(|w| {
                w.key("user").string("user:{sub}");
                w.key("same_as").string("https://as.example");
            });
        });
    });
    w.finish()
}

fn issuers(w: &mut Writer, keys: &Keys) {
    w.key("issuers").array(|w| {
        w.object(|w| {
            w.key("issuer").string("https://as.example");
            w.key("audience").array(|w| w.string("https://api.example"));
            w.key("algorithms").array(|w| w.string("ES256"));
            w.key("dialect").string("actfor");
            w.key("binding").string("optional");
            w.key("speaks_for").array(|w| w.string("https://idp.example"));
            w.key("clients").object(|w| {
                for client in ["code-helper", "test-runner", "hr-agent"] {
                    w.key(client).string("agent");
                }
            });
            w.key("jwks").object(|w| w.key("keys").array(|w| w.raw(&keys.issuer.public_jwk())));
        });
    });
}

/// The whole configuration, as every host gets it.
fn whole(keys: &Keys, removed: Option<(&str, &str, &str)>) -> Result<String> {
    let mut files = Writer::default();
    files.object(|w| w.key("acme.fga").string(MODEL));
    let mut rules = Writer::default();
    rules.string(RULES);
    let config = with(&config(keys), "policy", &rules.finish())?;
    with(&with(&config, "files", &files.finish())?, "tuples", &tuples(removed))
}

/// Every case with the document that the core writes for it.
fn documents(keys: &Keys, tokens: &[Token]) -> Result<String> {
    let mut w = Writer::default();
    let mut written = Ok(());
    w.array(|w| {
        written = CASES.iter().try_for_each(|case| {
            let (headers, document) =
                decide(case, keys, tokens).with_context(|| format!("case `{}`", case.name))?;
            write_case(w, case, &headers, &document);
            Ok(())
        });
    });
    written.map(|()| w.finish())
}

type Header = (&'static str, String);

/// Decides a case and holds the answer against what the table expects.
fn decide(case: &Case, keys: &Keys, tokens: &[Token]) -> Result<(Vec<Header>, String)> {
    let mut headers = Vec::new();
    for (name, template) in case.headers {
        let mut value = (*template).to_owned();
        for token in tokens {
            value = value.replace(&format!("{{{}}}", token.name), &token.compact);
        }
        ensure!(!value.contains('{'), "no token for {value}");
        headers.push((*name, value));
    }
    let bytes: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let request =
        Request { id: case.id, method: case.method, url: case.url, headers: &bytes, ..Request::default() };
    let guard =
        Guard::from_config(whole(keys, case.removed)?.as_bytes(), 0).map_err(|error| anyhow!("{error}"))?;
    let now = case.now.and_then(Timestamp::from_seconds);
    let (_, document) = guard.explain(&request, now);
    let parsed = json::parse(document.as_bytes(), &Limits::CONFIG)?;
    let text = |name: &str| parsed.as_object().and_then(|members| members.get(name)).and_then(Value::as_str);
    let found = (text("decision"), text("code"), text("rule"));
    let expected = (Some(case.decision), case.code, case.rule);
    ensure!(found == expected, "expected {expected:?}, the core says {found:?}:\n{document}");
    Ok((headers, document))
}

fn write_case(w: &mut Writer, case: &Case, headers: &[Header], document: &str) {
    w.object(|w| {
        w.key("name").string(case.name);
        w.key("pattern").string(case.pattern);
        w.key("id").string(case.id);
        match case.now {
            Some(now) => w.key("now").number(now),
            None => w.key("now").null(),
        }
        w.key("request").object(|w| {
            w.key("method").string(case.method);
            w.key("url").string(case.url);
            w.key("headers").array(|w| {
                for (name, value) in headers {
                    w.array(|w| {
                        w.string(name);
                        w.string(value);
                    });
                }
            });
        });
        w.key("changes").object(|w| {
            w.key("removed").array(|w| {
                if let Some(tuple) = case.removed {
                    write_tuple(w, tuple);
                }
            });
        });
        w.key("expect").object(|w| {
            w.key("decision").string(case.decision);
            w.key("code").string_or_null(case.code);
            w.key("rule").string_or_null(case.rule);
            w.key("document").string(document);
        });
    });
}
