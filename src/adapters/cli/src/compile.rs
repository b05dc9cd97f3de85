//! `actfor compile`: rules, or a model, and tuples into a pack.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use actfor::jose::{Algorithm, base64url};
use actfor::json::{self, Limits, Value as Json, Writer};
use actfor::pack::{self, Builder, Pack};
use actfor::policy::Source;
use actfor::relation::{self, Model, Relations};
use actfor::{ConfigError, quote};
use actfor_mint::SigningKey;
use actfor_store::{Store, read_beside, tuples};
use lexopt::prelude::*;

use crate::configuration::{self, models};
use crate::failure::Failure;
use crate::output;

const HELP: &str = "\
actfor compile FILE --out PACK: compile into a pack, which a configuration may have in the place of rules.

A FILE is rules (.actfor; the models that they name are read beside them), a model alone (.fga, .json), or an OpenFGA
store file (.fga.yaml). The same input gives the same bytes.

  --out FILE          where to; - is standard output
  --tuples FILE       tuples (.json, .jsonl, .yaml, .csv); as often as you like
  --sign KEY          a private Ed25519 key (JWK) that signs the pack
  --serial N          its number: a host does not go back to a lower one
  --issued SECONDS    when it was made, in seconds since 1970-01-01 UTC; default: it does not say
  --expires SECONDS   from when on it decides nothing more; default: never
  --json              what was made, as one JSON object

Exit codes: 0 done, 2 wrong usage or input.
";

/// What the options say.
#[derive(Default)]
struct Options {
    file: Option<PathBuf>,
    out: Option<PathBuf>,
    tuples: Vec<PathBuf>,
    sign: Option<PathBuf>,
    serial: u64,
    issued: u64,
    expires: u64,
    json: bool,
}

/// Runs the command.
pub fn run(parser: &mut lexopt::Parser) -> Result<ExitCode, Failure> {
    let mut options = Options::default();
    while let Some(arg) = parser.next()? {
        match arg {
            Value(file) if options.file.is_none() => options.file = Some(file.into()),
            Short('o') | Long("out") => options.out = Some(parser.value()?.into()),
            Long("tuples") => options.tuples.push(parser.value()?.into()),
            Long("sign") => options.sign = Some(parser.value()?.into()),
            Long("serial") => options.serial = parser.value()?.parse()?,
            Long("issued") => options.issued = parser.value()?.parse()?,
            Long("expires") => options.expires = parser.value()?.parse()?,
            Long("json") => options.json = true,
            Short('h') | Long("help") => return output::text(HELP),
            other => return Err(other.unexpected().into()),
        }
    }
    let json = options.json;
    compile(&options).map_err(|failure| failure.in_json(json))
}

fn compile(options: &Options) -> Result<ExitCode, Failure> {
    let (Some(file), Some(out)) = (&options.file, &options.out) else {
        return Err(Failure::usage("what, and where to? write `actfor compile FILE --out PACK`"));
    };
    if options.expires != 0 && options.expires <= options.issued {
        return Err(Failure::usage("`--expires` is not after `--issued`"));
    }
    let key = options.sign.as_deref().map(signing_key).transpose()?;
    let mut builder = Builder::default();
    builder.serial(options.serial);
    builder.times(options.issued, options.expires);
    let count = sections(options, file, &mut builder)?;
    let bytes = match &key {
        Some((key, _)) => builder.finish_signed(&|message| signature(key, message)),
        None => builder.finish(),
    };
    let bytes = bytes.map_err(|error| Failure::file(file, error))?;
    // What cannot be used is not written.
    let pack = match &key {
        Some((_, public)) => Pack::load_signed(bytes.clone(), &[*public], options.serial),
        None => Pack::load(bytes.clone()),
    };
    let pack = pack.map_err(|error| Failure::file(file, error))?;
    let relations = Relations::load(&pack).ok();
    let model = relations.map(|relations| Model::from_pack(relations.source(&pack))).transpose();
    let circular = model.map_err(ConfigError::from)?.map(|model| model.circular()).unwrap_or_default();
    for name in circular {
        output::complain(&format!("warning: {}\n", actfor_store::warning(&name)));
    }
    if out.as_os_str() == "-" {
        return output::bytes(&bytes);
    }
    fs::write(out, &bytes).map_err(|error| Failure::file(out, error))?;
    let kid = key.map(|(key, _)| key.kid().to_owned());
    output::text(&if options.json {
        machine(&pack, count, kid.as_deref())
    } else {
        human(out, &pack, count, kid.as_deref())
    })
}

/// Compiles rules and model; how many tuples there are.
fn sections(options: &Options, file: &Path, builder: &mut Builder) -> Result<usize, Failure> {
    let mut found = Vec::new();
    for path in &options.tuples {
        let name = path.display().to_string();
        found.extend(
            tuples(&name, &configuration::text(path)?).map_err(|error| Failure::usage(error.to_string()))?,
        );
    }
    let text = configuration::text(file)?;
    let name = file.display().to_string();
    let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let (model, tuples) = match ending {
        "fga" => (Model::parse(&name, &text), found),
        "json" => (Model::from_json(&name, text.as_bytes()), found),
        "yaml" | "yml" => {
            let store = Store::read(&name, &text, &read_beside(file));
            let store = store.map_err(|error| Failure::usage(error.to_string()))?;
            let model = store.model.ok_or_else(|| Failure::file(file, "there is no model in it"))?;
            (Ok(model), store.tuples.into_iter().chain(found).collect())
        }
        _ => {
            let files = models(file, &text)?.into_iter().collect();
            let count = found.len();
            Source { policy: text, files, tuples: found, ..Source::default() }
                .compile_into(builder)
                .map_err(Failure::from)?;
            return Ok(count);
        }
    };
    let model = model.map_err(ConfigError::from)?;
    relation::compile(&model, &tuples, builder).map_err(ConfigError::from)?;
    Ok(tuples.len())
}

/// The private key and the public one, if it is one that signs packs.
fn signing_key(path: &Path) -> Result<(SigningKey, [u8; 32]), Failure> {
    let text = configuration::text(path)?;
    let key = SigningKey::from_jwk(text.trim()).map_err(|error| Failure::file(path, error))?;
    let public = key.public_jwk();
    let x = json::parse(public.as_bytes(), &Limits::TOKEN).ok().and_then(|jwk| {
        let x = jwk.as_object()?.get("x").and_then(Json::as_str)?;
        base64url::decode(x)?.try_into().ok()
    });
    match (key.algorithm(), x) {
        (Algorithm::Ed25519 | Algorithm::EdDsa, Some(public)) => Ok((key, public)),
        (other, _) => Err(Failure::file(path, format!("a key for {other}; packs are signed with Ed25519"))),
    }
}

/// An Ed25519 signature has 64 bytes.
fn signature(key: &SigningKey, message: &[u8]) -> [u8; 64] {
    key.signature(message).try_into().unwrap_or([0; 64])
}

fn digest(pack: &Pack) -> String {
    pack::digest_text(pack.policy_id())
}

fn human(out: &Path, pack: &Pack, tuples: usize, kid: Option<&str>) -> String {
    let mut text = format!("{}\n", output::safe(&out.display().to_string()));
    let mut row = |name: &str, value: String| text.push_str(&format!("  {name:<7} {value}\n"));
    row("policy", digest(pack));
    row("bytes", pack.bytes().len().to_string());
    row("tuples", tuples.to_string());
    row("serial", pack.serial().to_string());
    row("expires", if pack.expires() == 0 { "never".into() } else { pack.expires().to_string() });
    row("signed", kid.map_or_else(|| "no".into(), |kid| format!("by {}", quote(kid))));
    text
}

fn machine(pack: &Pack, tuples: usize, kid: Option<&str>) -> String {
    let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let mut w = Writer::default();
    w.object(|w| {
        w.key("policy").string(&digest(pack));
        w.key("bytes").number(number(pack.bytes().len()));
        w.key("tuples").number(number(tuples));
        w.key("serial").number(pack.serial());
        w.key("issued").number(pack.issued());
        w.key("expires").number(pack.expires());
        w.key("signed_by").string_or_null(kid);
    });
    w.finish() + "\n"
}
