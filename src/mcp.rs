//! Messages of the Model Context Protocol, as actions on objects.
//!
//! JSON-RPC 2.0 is read strictly: what two readers could read in different ways is refused, and so is every method
//! that is not in the table of [`default_of`]. A batch is decided as the meet of its messages.

use alloc::{format, string::String, vec::Vec};

use crate::decision::Decision;
use crate::error::{Code, Refusal, Stage, quote};
use crate::json::{self, Object, Value, Writer};
use crate::names::encode_onto;
use crate::policy::arguments::{self, Bound, Sources};
use crate::policy::rules::{Rules, Tool};

/// How many messages a batch has at most.
const MOST_MESSAGES: usize = 64;

/// One JSON-RPC message from a client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Message<'a> {
    pub method: &'a str,
    pub params: Option<&'a Object<'a>>,
    id: Option<&'a Value<'a>>,
}

/// What a message asks for.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub kind: u16,
    pub action: u8,
    pub object: String,
    pub arguments: Vec<Bound<'a>>,
    /// Every argument of a tool, declared or not.
    pub all: Option<&'a Object<'a>>,
    /// The tool line's name, or the method.
    pub route: &'a str,
}

fn malformed(text: impl Into<String>) -> Refusal {
    Refusal::new(Code::MessageInvalid, text)
}

/// The messages of a body: one, or those of a batch.
///
/// # Errors
/// `message_invalid`
pub(crate) fn messages<'a>(body: &'a Value<'a>) -> Result<Vec<Message<'a>>, Refusal> {
    let items = match body {
        Value::Array(items) => items.as_slice(),
        one => core::slice::from_ref(one),
    };
    if items.is_empty() || items.len() > MOST_MESSAGES {
        return Err(malformed(format!(
            "a batch has 1 to {MOST_MESSAGES} messages, this has {}",
            items.len()
        )));
    }
    let messages: Vec<Message<'a>> = items.iter().map(message).collect::<Result<_, _>>()?;
    for (at, message) in messages.iter().enumerate() {
        let before = messages.iter().take(at);
        if message.id.is_some() && before.filter(|other| other.id == message.id).count() > 0 {
            return Err(malformed("two messages of the batch have the same `id`"));
        }
    }
    Ok(messages)
}

fn message<'a>(value: &'a Value<'a>) -> Result<Message<'a>, Refusal> {
    let object = value.as_object().ok_or_else(|| malformed("a message is not an object"))?;
    if object.get("method").is_none() {
        return answer(object);
    }
    if let Some((name, _)) =
        object.iter().find(|(name, _)| !matches!(*name, "jsonrpc" | "id" | "method" | "params"))
    {
        return Err(malformed(format!("a message has the member {}", quote(name))));
    }
    if object.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Err(malformed("`jsonrpc` is not \"2.0\""));
    }
    let method = object.get("method").and_then(Value::as_str).filter(|method| !method.is_empty());
    let method = method.ok_or_else(|| malformed("`method` is missing or not a text"))?;
    let params = match object.get("params") {
        None => None,
        Some(Value::Object(params)) => Some(params),
        Some(_) => return Err(malformed("`params` is not an object")),
    };
    let id = object.get("id");
    match id {
        None | Some(Value::String(_) | Value::Number(_)) => {}
        Some(_) => return Err(malformed("`id` is neither a text nor a number")),
    }
    if method.starts_with("notifications/") == id.is_some() {
        return Err(malformed("a request has an `id`, and a notification has none"));
    }
    Ok(Message { method, params, id })
}

/// What a client answers to a request of the server (`elicitation/create`, `sampling/createMessage`): it asks for nothing.
fn answer<'a>(object: &'a Object<'a>) -> Result<Message<'a>, Refusal> {
    let known = |name: &str| matches!(name, "jsonrpc" | "id" | "result" | "error");
    let is_version = object.get("jsonrpc").and_then(Value::as_str) == Some("2.0");
    let id = object.get("id");
    let is_answer = object.get("result").is_some() != object.get("error").is_some()
        && matches!(id, Some(Value::String(_) | Value::Number(_)));
    match is_version && is_answer && object.iter().all(|(name, _)| known(name)) {
        true => Ok(Message { method: ANSWER, params: None, id: None }),
        false => Err(malformed("`method` is missing, and it is not the answer to a request")),
    }
}

/// What stands for the method of a message that has none; no method is empty.
const ANSWER: &str = "";

/// Whether a message passes without a decision; it still needs a valid token.
pub(crate) fn passes(message: &Message<'_>) -> bool {
    message.method == ANSWER || message.method == "ping" || message.method.starts_with("notifications/")
}

/// What a message asks for, by a `tool` line or by the table.
///
/// # Errors
/// `unmapped`, `message_invalid`, `argument_invalid`
pub(crate) fn call<'a>(
    rules: &'a Rules,
    message: &Message<'a>,
    audience: Option<&str>,
) -> Result<Call<'a>, Refusal> {
    if message.method == "tools/call" {
        let name = param(message, "name")?;
        let all = match message.params.and_then(|params| params.get("arguments")) {
            None => None,
            Some(Value::Object(arguments)) => Some(arguments),
            Some(_) => return Err(malformed("`arguments` is not an object")),
        };
        if let Some(tool) = rules.tool(name) {
            return tool_call(tool, all);
        }
        return by_table(rules, message.method, "tool", name, all);
    }
    let (kind, name) = default_of(message, audience)?;
    by_table(rules, message.method, kind, name, None)
}

/// A tool with a line of its own.
fn tool_call<'a>(tool: &'a Tool, all: Option<&'a Object<'a>>) -> Result<Call<'a>, Refusal> {
    let sources = Sources { path: None, body: None, arguments: all };
    let arguments = arguments::read(&tool.arguments, &sources)?;
    let mut object = String::new();
    arguments::name_object(&tool.object, &sources, &arguments, &mut object)?;
    Ok(Call { kind: tool.kind, action: tool.action, object, arguments, all, route: &tool.name })
}

/// The type and the name of the object of a method other than `tools/call`. The action is the method.
fn default_of<'a>(
    message: &Message<'a>,
    audience: Option<&'a str>,
) -> Result<(&'static str, &'a str), Refusal> {
    Ok(match message.method {
        "initialize"
        | "server/discover"
        | "subscriptions/listen"
        | "tools/list"
        | "resources/list"
        | "resources/templates/list"
        | "prompts/list"
        | "logging/setLevel"
        | "tasks/list" => {
            let several = || {
                Refusal::new(
                    Code::Unmapped,
                    "the token has several of our audiences: which server is it for?",
                )
            };
            ("mcp_server", audience.ok_or_else(several)?)
        }
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => {
            ("resource", param(message, "uri")?)
        }
        "prompts/get" => ("prompt", param(message, "name")?),
        "completion/complete" => reference(message)?,
        "tasks/get" | "tasks/result" | "tasks/cancel" => ("task", param(message, "taskId")?),
        method => {
            return Err(Refusal::new(Code::Unmapped, format!("the method {} is not known", quote(method))));
        }
    })
}

fn reference<'a>(message: &Message<'a>) -> Result<(&'static str, &'a str), Refusal> {
    let reference = message.params.and_then(|params| params.get("ref")).and_then(Value::as_object);
    let reference = reference.ok_or_else(|| malformed("`ref` is missing or not an object"))?;
    let text = |name: &str| reference.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    match (text("type"), text("name"), text("uri")) {
        (Some("ref/prompt"), Some(name), None) => Ok(("prompt", name)),
        (Some("ref/resource"), None, Some(uri)) => Ok(("resource", uri)),
        _ => Err(malformed("`ref` names neither a prompt nor a resource")),
    }
}

fn param<'a>(message: &Message<'a>, name: &str) -> Result<&'a str, Refusal> {
    let value = message.params.and_then(|params| params.get(name)).and_then(Value::as_str);
    value
        .filter(|text| !text.is_empty())
        .ok_or_else(|| malformed(format!("`{name}` of {} is missing or not a text", quote(message.method))))
}

/// A call that no `tool` line maps: the method is the action.
pub(crate) fn by_table<'a>(
    rules: &Rules,
    method: &'a str,
    kind: &str,
    name: &str,
    all: Option<&'a Object<'a>>,
) -> Result<Call<'a>, Refusal> {
    let (place, action) = rules.action(kind, method)?;
    let mut object = format!("{kind}:");
    encode_onto(&mut object, name);
    Ok(Call { kind: place, action, object, arguments: Vec::new(), all, route: method })
}

/// Headers that repeat what the body says must say the same, for every message.
///
/// # Errors
/// `message_invalid`
pub(crate) fn check_header(
    message: &Message<'_>,
    method: Option<&[u8]>,
    name: Option<&[u8]>,
) -> Result<(), Refusal> {
    if method.is_some_and(|method| method != message.method.as_bytes()) {
        return Err(malformed("the header `mcp-method` names another method than the body"));
    }
    // The member that names the object, and no other one that may be there too.
    let member = match message.method {
        "tools/call" | "prompts/get" => Some("name"),
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => Some("uri"),
        "tasks/get" | "tasks/result" | "tasks/cancel" => Some("taskId"),
        _ => None,
    };
    let own = member.and_then(|member| message.params?.get(member)?.as_str());
    if name.is_some_and(|name| Some(name) != own.map(str::as_bytes)) {
        return Err(malformed("the header `mcp-name` names another object than the body"));
    }
    Ok(())
}

/// The JSON-RPC answer to a request that was refused: `None` where it may pass, and where HTTP's own challenge goes
/// out instead (401). `body` is that of the request, for its `id`.
pub fn refusal(decision: &Decision, body: Option<&[u8]>, request_id: &str) -> Option<String> {
    let code = decision.told().filter(|code| code.status() != 401)?;
    let number = match code.stage() {
        _ if code.status() >= 500 => "-32603",
        Stage::Mapping => "-32602",
        _ => "-32001",
    };
    let parsed = body.and_then(|body| json::parse(body, &json::Limits::BODY).ok());
    let id = parsed.as_ref().and_then(Value::as_object).and_then(|message| message.get("id"));
    let mut w = Writer::default();
    w.object(|w| {
        w.key("jsonrpc").string("2.0");
        w.key("id");
        match id {
            Some(id @ (Value::String(_) | Value::Number(_))) => w.value(id),
            Some(_) | None => w.null(),
        }
        w.key("error").object(|w| {
            w.key("code").raw(number);
            w.key("message").string(code.reason_user());
            w.key("data").object(|w| {
                w.key("code").string(code.as_str());
                w.key("id").string(request_id);
            });
        });
    });
    Some(w.finish())
}
