//! The table of cases as `tests/vectors/requests/identity.json`, for hosts that have no Rust: each case put together,
//! with the tokens and lists that it needs, signed with the fixtures' keys.

use std::fmt::Write as _;
use std::path::PathBuf;

use actfor::json::{Value, Writer};

use super::cases::{Asked, Concrete, PEER, all};
use super::support::{get, member, outcome, parse, text};

/// What every configuration of a file has, unless it says otherwise.
const COMMON: [&str; 2] = ["policy", "files"];

fn headers(w: &mut Writer, asked: &Asked) {
    w.key("method").string(asked.method);
    w.key("url").string(&asked.url);
    w.key("peer").string(&PEER.to_string());
    w.key("headers").array(|w| {
        for (name, value) in &asked.headers {
            w.array(|w| {
                w.string(name);
                w.string(value);
            });
        }
    });
}

fn written(file: &str, case: &Value<'static>, config: usize, concrete: &Concrete) -> String {
    let mut w = Writer::default();
    w.object(|w| {
        w.key("name").string(&format!(
            "{}: {}",
            file.trim_end_matches(".json"),
            member(case, "name").unwrap()
        ));
        w.key("rows").value(get(case, "rows").unwrap());
        w.key("source").string(member(case, "source").unwrap());
        w.key("config").number(config as u64);
        w.key("now").number(concrete.request.now);
        if !concrete.learned.is_empty() {
            w.key("learned").array(|w| {
                for learned in &concrete.learned {
                    w.object(|w| {
                        if let Some(issuer) = &learned.issuer {
                            w.key("status_list_of").string(issuer);
                        }
                        w.key("list").string(&learned.list);
                        w.key("at").number(learned.at);
                        if let Some(says) = &learned.refused {
                            w.key("refused").string(says);
                        }
                    });
                }
            });
        }
        if !concrete.before.is_empty() {
            w.key("before").array(|w| {
                for asked in &concrete.before {
                    w.object(|w| {
                        headers(w, asked);
                        w.key("now").number(asked.now);
                    });
                }
            });
        }
        w.key("request").object(|w| headers(w, &concrete.request));
        if let Some((token, response)) = &concrete.introspection {
            w.key("introspection").object(|w| {
                w.key("token").string(token);
                w.key("response").string(response);
            });
        }
        if let Some(room) = concrete.room {
            w.key("room").number(room);
        }
        let (decision, document) = concrete.decide(&concrete.guard());
        w.key("expect").object(|w| {
            w.key("decision").string(outcome(&decision));
            w.key("status").number(u64::from(decision.status()));
            w.key("who").value(get(&document, "who").unwrap());
        });
    });
    w.finish()
}

#[test]
fn the_cases_for_other_hosts_are_these() {
    let (mut configs, mut cases): (Vec<String>, Vec<String>) = Default::default();
    let mut common = Vec::new();
    for (file, case) in all() {
        let concrete = Concrete::of(&case);
        let config = parse(concrete.config.as_bytes());
        if common.is_empty() {
            common = COMMON.map(|name| text(get(&config, name).unwrap())).into();
        }
        let mut w = Writer::default();
        w.object(|w| {
            for (name, value) in config.as_object().unwrap().iter() {
                if COMMON.iter().position(|known| *known == name).is_none_or(|at| common[at] != text(value)) {
                    w.key(name).value(value);
                }
            }
        });
        let config = w.finish();
        let at = configs.iter().position(|known| *known == config).unwrap_or_else(|| {
            configs.push(config);
            configs.len() - 1
        });
        cases.push(written(&file, &case, at, &concrete));
    }
    let mut out = String::from("{\n");
    for (name, value) in COMMON.iter().zip(&common) {
        writeln!(out, "\"{name}\": {value},").unwrap();
    }
    write!(out, "\"configs\": [\n{}\n],\n", configs.join(",\n")).unwrap();
    write!(out, "\"cases\": [\n{}\n]\n}}\n", cases.join(",\n")).unwrap();
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/requests/identity.json");
    if std::env::var_os("ACTFOR_WRITE_VECTORS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &out).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == out, "run again with ACTFOR_WRITE_VECTORS=1");
    println!("{} cases, {} configurations, {} bytes", cases.len(), configs.len(), out.len());
}
