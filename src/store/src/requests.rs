//! The requests of a test: each is made, and compared with what the file expects.

use std::net::IpAddr;

use actfor::json::{Limits, Object, Value, Writer, parse};
use actfor::proof::MemoryStore;
use actfor::{Code, Decision, Guard, Request, Timestamp, Verdict};

use crate::coverage::Coverage;
use crate::node::{known, list, member, object, required, string, texts};
use crate::report::{Failure, TestReport};
use crate::setup::Setup;
use crate::store::{Read, StoreError, wrong};
use crate::tuples;

/// The members of a request.
const MEMBERS: &[&str] = &[
    "name",
    "token",
    "chain",
    "method",
    "url",
    "headers",
    "body",
    "tool",
    "arguments",
    "peer",
    "now",
    "approval",
    "times",
    "store",
    "expect",
];
/// Where a tool is called if a request does not say it.
const SERVER: &str = "/mcp";
/// How much the store of used proofs and approvals remembers.
const ROOM: u64 = 16;

/// What became of a request.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The decision.
    pub decision: Decision,
    /// Its document.
    pub document: String,
}

/// A request on its way.
struct Asked<'a> {
    name: &'a str,
    method: &'a str,
    url: &'a str,
    headers: Vec<(&'a str, Vec<u8>)>,
    body: Option<Vec<u8>>,
    peer: Option<IpAddr>,
    now: u64,
}

impl Setup {
    /// Makes the requests of a test.
    pub(crate) fn run(
        &self,
        test: &Value<'_>,
        read: &Read<'_>,
        coverage: &mut Coverage,
        report: &mut TestReport,
    ) -> Result<(), StoreError> {
        let mut own = self.clone();
        own.tuples.extend(tuples::of(test, read)?);
        let requests = list(test, "requests")?;
        if requests.is_empty() {
            return Ok(());
        }
        let guard = own.guard()?;
        for request in requests {
            let name = required(request, "name")?;
            let in_request = |error: StoreError| wrong(format!("request `{name}`: {error}"));
            let expected = Expected::read(request, coverage).map_err(in_request)?;
            let mut changed = None;
            let answer = own
                .ask_each(&guard, request, &mut |answer, explained, approved| {
                    coverage.record(&answer.decision, &answer.document, approved);
                    let parts = |d: &Decision| {
                        (d.verdict(), d.code(), d.rule().map(String::from), d.approval().cloned())
                    };
                    if parts(&answer.decision) != parts(explained) {
                        changed = Some(explained.code());
                    }
                })
                .map_err(in_request)?;
            let mut outcome = expected.compare(name, &answer);
            if let Some(code) = changed {
                outcome = Err(Failure {
                    question: name.into(),
                    expected: "the same decision when it is explained".into(),
                    got: code.map_or("allow", Code::as_str).into(),
                    because: Vec::new(),
                });
            }
            report.record("requests", outcome);
        }
        Ok(())
    }

    /// Makes one request, as it stands in a file; with an approval, what became of it at last.
    ///
    /// # Errors
    /// Where the request is not well formed.
    pub fn ask(&self, guard: &Guard, request: &Value<'_>) -> Result<Answer, StoreError> {
        self.ask_each(guard, request, &mut |_, _, _| {})
    }

    /// Makes a request as often as it says. `each` gets every answer, the decision when it is explained, and whether an
    /// approval went along.
    fn ask_each(
        &self,
        guard: &Guard,
        request: &Value<'_>,
        each: &mut dyn FnMut(&Answer, &Decision, bool),
    ) -> Result<Answer, StoreError> {
        known(request, MEMBERS, "a request")?;
        let number = |name: &str, default: u64| match member(request, name) {
            None => Ok(default),
            Some(value) => value.as_u64().ok_or_else(|| wrong(format!("`{name}` is a whole number"))),
        };
        let mut asked = Asked::read(self, request, number("now", self.now)?)?;
        let room = usize::try_from(number("store", ROOM)?).unwrap_or_default();
        let mut store = MemoryStore::new(room);
        let times = number("times", 1)?.max(1);
        let approval = member(request, "approval");
        let mut answer = asked.ask(guard, &mut store, each, false)?;
        if let Some(approval) = approval {
            let wanted = answer.decision.approval().map(|approval| approval.digest.clone());
            let digest = wanted.ok_or_else(|| {
                let code = answer.decision.code().map_or("allow", Code::as_str);
                wrong(format!(
                    "it has an `approval`, and without it the decision is `{code}`, not `needs_approval`"
                ))
            })?;
            let approval = self.approval(approval, &digest, asked.now)?;
            asked.headers.push(("agent-approval", approval.into_bytes()));
            answer = asked.ask(guard, &mut store, each, true)?;
        }
        for _ in 1..times {
            answer = asked.ask(guard, &mut store, each, approval.is_some())?;
        }
        Ok(answer)
    }
}

impl<'a> Asked<'a> {
    fn read(setup: &Setup, request: &'a Value<'_>, now: u64) -> Result<Self, StoreError> {
        let tool = string(request, "tool")?;
        let method = string(request, "method")?.unwrap_or(if tool.is_some() { "POST" } else { "GET" });
        let url = match (string(request, "url")?, tool) {
            (Some(url), _) => url,
            (None, Some(_)) => SERVER,
            (None, None) => return Err(wrong("`url` is missing")),
        };
        let mut headers: Vec<(&str, Vec<u8>)> = Vec::new();
        if let Some(name) = string(request, "token")? {
            let token = setup.mint(name)?;
            let scheme = match (token.header, token.bound) {
                ("authorization", true) => "DPoP ",
                ("authorization", false) => "Bearer ",
                _ => "",
            };
            headers.push((token.header, format!("{scheme}{}", token.compact).into_bytes()));
            if token.bound {
                let proof = setup.proof(method, url, &token.compact, now)?;
                headers.push(("dpop", proof.into_bytes()));
            }
        }
        let chain = texts(request, "chain")?;
        if !chain.is_empty() {
            let records: Result<Vec<_>, _> = chain.iter().map(|name| setup.token(name)).collect();
            headers.push(("agent-chain", records?.join(",").into_bytes()));
        }
        let extra = object(request, "headers")?;
        let body = match (member(request, "body"), tool) {
            (Some(_), Some(_)) => return Err(wrong("`tool` and `body` exclude each other")),
            (None, Some(tool)) => Some(call(tool, member(request, "arguments"))),
            (Some(Value::String(text)), None) => Some(text.as_bytes().to_vec()),
            (Some(value), None) => Some(written(value).into_bytes()),
            (None, None) => None,
        };
        if body.is_some() && extra.is_none_or(|extra| extra.get("content-type").is_none()) {
            headers.push(("content-type", b"application/json".to_vec()));
        }
        for (name, value) in extra.into_iter().flat_map(Object::iter) {
            let value = value.as_str().ok_or_else(|| wrong(format!("the header `{name}` is a text")))?;
            headers.push((name, value.as_bytes().to_vec()));
        }
        let peer = string(request, "peer")?.map(str::parse).transpose();
        let peer = peer.map_err(|_| wrong("`peer` is the address of the connection's other end"))?;
        let name = string(request, "name")?.unwrap_or_default();
        Ok(Self { name, method, url, headers, body, peer, now })
    }

    fn ask(
        &self,
        guard: &Guard,
        store: &mut MemoryStore,
        each: &mut dyn FnMut(&Answer, &Decision, bool),
        approved: bool,
    ) -> Result<Answer, StoreError> {
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (*name, value.as_slice())).collect();
        let request = Request {
            id: self.name,
            method: self.method,
            url: self.url,
            headers: &headers,
            body: self.body.as_deref(),
            peer: self.peer,
            ..Request::default()
        };
        let now = Timestamp::from_seconds(self.now);
        let decision = guard.decide_once(&request, now, store);
        let (explained, document) = guard.explain(&request.after(&decision), now);
        let answer = Answer { decision, document };
        each(&answer, &explained, approved);
        Ok(answer)
    }
}

/// What a file expects of a request.
struct Expected<'a> {
    decision: &'a str,
    code: Option<&'a str>,
    rule: Option<&'a str>,
    reason: Option<&'a str>,
}

impl<'a> Expected<'a> {
    fn read(request: &'a Value<'_>, coverage: &Coverage) -> Result<Self, StoreError> {
        let expect = member(request, "expect").ok_or_else(|| {
            wrong("`expect` is missing; write it as in `expect: { decision: deny, code: not_covered }`")
        })?;
        known(expect, &["decision", "code", "rule", "reason"], "`expect`")?;
        let (decision, code) = (required(expect, "decision")?, string(expect, "code")?);
        if let Some(code) = code.filter(|code| Code::ALL.iter().all(|known| known.as_str() != *code)) {
            return Err(wrong(format!("there is no code `{code}`")));
        }
        let verdict = [Verdict::Allow, Verdict::Deny, Verdict::NeedsApproval];
        match (verdict.into_iter().find(|verdict| verdict.as_str() == decision), code) {
            (Some(Verdict::Allow | Verdict::NeedsApproval), None) | (Some(Verdict::Deny), Some(_)) => {}
            (Some(Verdict::Deny), None) => {
                return Err(wrong("`deny` needs the `code`: a refusal for another reason proves nothing"));
            }
            (Some(_), Some(_)) => return Err(wrong("`code` goes with `deny`")),
            (None, _) => return Err(wrong("`decision` is `allow`, `deny` or `needs_approval`")),
        }
        let rule = string(expect, "rule")?;
        if let Some(rule) = rule.filter(|rule| !coverage.has(rule)) {
            return Err(wrong(format!("there is no rule `{rule}`")));
        }
        Ok(Self { decision, code, rule, reason: string(expect, "reason")? })
    }

    fn compare(&self, name: &str, answer: &Answer) -> Result<(), Failure> {
        let decision = &answer.decision;
        let document = parse(answer.document.as_bytes(), &Limits::CONFIG).unwrap_or(Value::Null);
        let found = |name: &str| document.as_object().and_then(|document| document.get(name)?.as_str());
        let code = decision.code().map(Code::as_str).filter(|code| *code != "needs_approval");
        let same = self.decision == decision.verdict().as_str()
            && self.code == code
            && self.rule.is_none_or(|rule| decision.rule() == Some(rule))
            && self.reason.is_none_or(|reason| found("reason_admin") == Some(reason));
        if same {
            return Ok(());
        }
        let line = |decision: &str, code: Option<&str>, rule: Option<&str>, reason: Option<&str>| {
            let code = code.map_or(String::new(), |code| format!(" {code}"));
            let rule = rule.map_or(String::new(), |rule| format!(" by `{rule}`"));
            let reason = reason.map_or(String::new(), |reason| format!(": {reason}"));
            format!("{decision}{code}{rule}{reason}")
        };
        let because = document.as_object().and_then(|document| document.get("because")?.as_array());
        let text =
            |reason: &Value<'_>| reason.as_object().and_then(|r| r.get("text")?.as_str().map(String::from));
        let shown = self.reason.and(found("reason_admin"));
        let mut because: Vec<String> = because.unwrap_or_default().iter().filter_map(text).collect();
        if because.is_empty() && shown.is_none() {
            because.extend(found("reason_admin").map(String::from));
        }
        Err(Failure {
            question: name.into(),
            expected: line(self.decision, self.code, self.rule, self.reason),
            got: line(decision.verdict().as_str(), code, decision.rule(), shown),
            because,
        })
    }
}

/// The message that calls a tool.
fn call(tool: &str, arguments: Option<&Value<'_>>) -> Vec<u8> {
    let mut w = Writer::default();
    w.object(|w| {
        w.key("jsonrpc").string("2.0");
        w.key("id").number(1);
        w.key("method").string("tools/call");
        w.key("params").object(|w| {
            w.key("name").string(tool);
            if let Some(arguments) = arguments {
                w.key("arguments").value(arguments);
            }
        });
    });
    w.finish().into_bytes()
}

fn written(value: &Value<'_>) -> String {
    let mut w = Writer::default();
    w.value(value);
    w.finish()
}
