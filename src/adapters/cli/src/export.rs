//! Audit records in the forms of other tools.
//!
//! **OCSF 1.9**, class API Activity (6003) with the profile `ai_operation`. A record holds what was decided, not the
//! request, so `api.operation` is the action and `resources` the object. The activity is always Other (99): an action's
//! name says nothing certain about CRUD.
//!
//! | record | OCSF |
//! |---|---|
//! | `at` in milliseconds | `time` |
//! | `id`, `chain_id` | `metadata.uid`, `metadata.log_name` |
//! | `decision`, `code`, `stage`, `status` | `status_id`, `status_code`, `status_detail`, `http_response.code` |
//! | `who.user` | `actor.user.uid`, `actor.user.domain` (its issuer) |
//! | `who.agent` | `ai_agent.uid`, and `actor.app_uid` |
//! | `who.instance` | `ai_agent.instance_uid`; as it is also what the issuer gave the authority to: `delegation.uid`, `.issuer_uid`, `.parent_uid` |
//! | `policy`, `rule` | `actor.authorizations[].policy.uid`, `.name` |
//! | everything else | `unmapped` |
//!
//! **OpenTelemetry**: a log record named `actfor.decision`, in OTLP JSON. Attributes that the semantic conventions name
//! have their names: `user.id`, `gen_ai.agent.id`, `gen_ai.conversation.id` (an instance that is a session),
//! `http.response.status_code`, `error.type` (the code of a refusal). The others start with `actfor.`.

use actfor::json::{self, Limits, Object, Value, Writer};

use crate::failure::Failure;

/// Which form.
#[derive(Clone, Copy)]
pub enum Form {
    Ocsf,
    OpenTelemetry,
}

/// Writes one record.
pub fn record(record: &str, form: Form) -> Result<String, Failure> {
    let parsed = json::parse(record.as_bytes(), &Limits::BODY).map_err(|e| Failure::usage(e.to_string()))?;
    let empty = Object::default();
    let record = Record(parsed.as_object().unwrap_or(&empty));
    let mut w = Writer::default();
    match form {
        Form::Ocsf => w.object(|w| record.ocsf(w)),
        Form::OpenTelemetry => w.object(|w| record.open_telemetry(w)),
    }
    Ok(w.finish())
}

struct Record<'r>(&'r Object<'r>);

impl Record<'_> {
    fn value(&self, path: &str) -> Option<&Value<'_>> {
        let mut names = path.split('.');
        let mut value = self.0.get(names.next()?)?;
        for name in names {
            value = value.as_object()?.get(name)?;
        }
        Some(value)
    }

    fn text(&self, path: &str) -> Option<&str> {
        self.value(path).and_then(Value::as_str)
    }

    fn allowed(&self) -> bool {
        self.text("decision") == Some("allow")
    }

    fn depth(&self) -> usize {
        self.value("who.chain.hops").and_then(Value::as_array).map_or(0, <[_]>::len)
    }

    /// A member where the record has a text for it.
    fn put(&self, w: &mut Writer, name: &str, path: &str) {
        if let Some(text) = self.text(path) {
            w.key(name).string(text);
        }
    }

    fn ocsf(&self, w: &mut Writer) {
        w.key("category_uid").number(6);
        w.key("class_uid").number(6003);
        w.key("activity_id").number(99);
        w.key("activity_name").string(self.text("action").unwrap_or("none"));
        w.key("type_uid").number(600_399);
        w.key("severity_id").number(if self.allowed() { 1 } else { 2 });
        let seconds = self.value("at").and_then(Value::as_u64).unwrap_or(0);
        w.key("time").number(seconds.saturating_mul(1_000));
        w.key("status_id").number(if self.allowed() { 1 } else { 2 });
        self.put(w, "status_code", "code");
        self.put(w, "status_detail", "stage");
        w.key("metadata").object(|w| {
            w.key("version").string("1.9.0");
            w.key("profiles").array(|w| w.string("ai_operation"));
            w.key("product").object(|w| {
                w.key("name").string("actfor");
                w.key("vendor_name").string("actfor");
                w.key("version").string(env!("CARGO_PKG_VERSION"));
            });
            self.put(w, "uid", "id");
            self.put(w, "log_name", "chain_id");
        });
        w.key("actor").object(|w| {
            if self.text("who.user.sub").is_some() {
                w.key("user").object(|w| {
                    self.put(w, "uid", "who.user.sub");
                    self.put(w, "domain", "who.user.iss");
                });
            }
            w.key("app_uid").string(self.text("who.agent.sub").unwrap_or("none"));
            w.key("authorizations").array(|w| {
                w.object(|w| {
                    self.put(w, "decision", "decision");
                    w.key("policy").object(|w| {
                        self.put(w, "uid", "policy");
                        self.put(w, "name", "rule");
                    });
                });
            });
        });
        w.key("api").object(|w| w.key("operation").string(self.text("action").unwrap_or("none")));
        // The class asks for where a call came from, and the record does not know.
        w.key("src_endpoint").object(|w| {
            w.key("type_id").number(0);
            w.key("uid").string(self.text("who.instance.id").unwrap_or("unknown"));
        });
        if let Some(object) = self.text("object") {
            w.key("resources").array(|w| {
                w.object(|w| {
                    w.key("uid").string(object);
                    w.key("type").string(object.split(':').next().unwrap_or_default());
                });
            });
        }
        if let Some(status) = self.value("status").and_then(Value::as_u64) {
            w.key("http_response").object(|w| w.key("code").number(status));
        }
        if self.text("who.agent.sub").is_some() {
            w.key("ai_agent").object(|w| {
                self.put(w, "uid", "who.agent.sub");
                self.put(w, "instance_uid", "who.instance.id");
            });
        }
        if self.text("who.instance.id").is_some() {
            w.key("delegation").object(|w| {
                self.put(w, "uid", "who.instance.id");
                self.put(w, "issuer_uid", "who.instance.iss");
                self.put(w, "parent_uid", "who.instance.parent.id");
            });
        }
        w.key("unmapped").object(|w| {
            for (name, value) in self.0.iter() {
                let mapped = ["action", "at", "code", "decision", "id", "object", "stage", "status"];
                if !mapped.contains(&name) {
                    w.key(name).value(value);
                }
            }
        });
    }

    fn open_telemetry(&self, w: &mut Writer) {
        w.key("resourceLogs").array(|w| {
            w.object(|w| {
                w.key("resource").object(|w| {
                    w.key("attributes").array(|w| attribute(w, "service.name", |w| word(w, "actfor")));
                });
                w.key("scopeLogs").array(|w| {
                    w.object(|w| {
                        w.key("scope").object(|w| {
                            w.key("name").string("actfor");
                            w.key("version").string(env!("CARGO_PKG_VERSION"));
                        });
                        w.key("logRecords").array(|w| w.object(|w| self.log_record(w)));
                    });
                });
            });
        });
    }

    fn log_record(&self, w: &mut Writer) {
        let seconds = self.value("at").and_then(Value::as_u64).unwrap_or(0);
        // A 64-bit number is a text in the JSON form of protocol buffers.
        w.key("timeUnixNano").string(&u128::from(seconds).saturating_mul(1_000_000_000).to_string());
        w.key("eventName").string("actfor.decision");
        w.key("severityNumber").number(if self.allowed() { 9 } else { 13 });
        w.key("severityText").string(if self.allowed() { "INFO" } else { "WARN" });
        w.key("body").object(|w| {
            let text = |path| self.text(path).unwrap_or("none");
            let (decision, action, object) = (text("decision"), text("action"), text("object"));
            w.key("stringValue").string(&format!("{decision} {action} {object}"));
        });
        w.key("attributes").array(|w| {
            for (name, path) in [
                ("actfor.request.id", "id"),
                ("actfor.decision", "decision"),
                ("actfor.stage", "stage"),
                ("error.type", "code"),
                ("actfor.action", "action"),
                ("actfor.object", "object"),
                ("actfor.rule", "rule"),
                ("actfor.policy", "policy"),
                ("user.id", "who.user.sub"),
                ("actfor.user.issuer", "who.user.iss"),
                ("actfor.user.role", "who.user.role"),
                ("gen_ai.agent.id", "who.agent.sub"),
                ("actfor.agent.issuer", "who.agent.iss"),
                ("actfor.instance.id", "who.instance.id"),
                ("actfor.instance.kind", "who.instance.kind"),
                ("actfor.instance.parent.id", "who.instance.parent.id"),
                ("actfor.relationship.kind", "who.relationship.kind"),
                ("actfor.relationship.mode", "who.relationship.mode"),
                ("actfor.relationship.task", "who.relationship.task"),
                ("actfor.binding", "who.binding"),
                ("actfor.audit.chain_id", "chain_id"),
            ] {
                if let Some(text) = self.text(path) {
                    attribute(w, name, |w| word(w, text));
                }
            }
            if self.text("who.instance.kind") == Some("session")
                && let Some(id) = self.text("who.instance.id")
            {
                attribute(w, "gen_ai.conversation.id", |w| word(w, id));
            }
            let numbers = [
                ("http.response.status_code", self.value("status").and_then(Value::as_u64)),
                ("actfor.audit.seq", self.value("seq").and_then(Value::as_u64)),
                ("actfor.chain.depth", u64::try_from(self.depth()).ok()),
            ];
            for (name, number) in numbers {
                if let Some(number) = number {
                    attribute(w, name, |w| w.key("intValue").string(&number.to_string()));
                }
            }
        });
    }
}

fn attribute(w: &mut Writer, name: &str, value: impl FnOnce(&mut Writer)) {
    w.object(|w| {
        w.key("key").string(name);
        w.key("value").object(value);
    });
}

fn word(w: &mut Writer, text: &str) {
    w.key("stringValue").string(text);
}
