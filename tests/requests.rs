//! From a request to an action on an object: routes and which of them wins, arguments, MCP messages, what is public.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "tests may panic"
)]

use std::cmp::Ordering;
use std::sync::OnceLock;

use actfor::jose::Algorithm;
use actfor::json::{self, Value, Writer};
use actfor::{ConfigError, Guard, Request, Timestamp};
use actfor_mint::SigningKey;

const NOW: u64 = 1_795_000_060;

fn key() -> SigningKey {
    SigningKey::from_seed(Algorithm::Es256, [5; 32]).unwrap()
}

fn quoted(text: &str) -> String {
    let mut w = Writer::default();
    w.string(text);
    w.finish()
}

/// A guard with these lines, under which `ana` may do whatever is mapped.
fn guard(rules: &str) -> Result<Guard, ConfigError> {
    let config = format!(
        r#"{{"issuers":[{{"issuer":"https://as.example","audience":["https://api.example"],"algorithms":["ES256"],"dialect":"rfc9068",
        "binding":"optional","clients":{{"web":"app"}},"jwks":{{"keys":[{}]}}}}],
        "names":{{"https://as.example":{{"user":"user:{{sub}}"}}}},"policy":{}}}"#,
        key().public_jwk(),
        quoted(&format!("actfor 1\n{rules}\n"))
    );
    Guard::from_config(config.as_bytes(), 1)
}

/// The rules for a type with some actions, all of which are allowed.
fn allowed(ty: &str, actions: &[&str]) -> String {
    let list = actions.join(", ");
    format!(
        "on {ty}\n  {list} needs scope\nscope \"all\" covers any action on {ty}\nallow self to any action on {ty} as {}\n",
        ty.replace('_', "-")
    )
}

#[derive(Default, Clone, Copy)]
struct Ask<'a> {
    method: &'a str,
    url: &'a str,
    body: Option<&'a str>,
    headers: &'a [(&'a str, &'a str)],
    anonymous: bool,
}

/// The outcome: `ACTION OBJECT`, `public`, `passes` where nothing was decided, or a code.
fn ask(guard: &Guard, ask: Ask<'_>) -> String {
    static TOKEN: OnceLock<String> = OnceLock::new();
    let token = TOKEN.get_or_init(|| {
        key().sign(
        "at+jwt",
        r#"{"iss":"https://as.example","aud":"https://api.example","sub":"ana","client_id":"web","jti":"1","iat":1795000000,"exp":1795000300,"scope":"all"}"#,
    )
    });
    let authorization = format!("Bearer {token}");
    let mut headers: Vec<(&str, &[u8])> =
        ask.headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    if !ask.anonymous {
        headers.push(("authorization", authorization.as_bytes()));
    }
    if ask.body.is_some() && !headers.iter().any(|header| header.0 == "content-type") {
        headers.push(("content-type", b"application/json"));
    }
    let request = Request {
        id: "r",
        method: ask.method,
        url: ask.url,
        headers: &headers,
        body: ask.body.map(str::as_bytes),
        ..Request::default()
    };
    let now = Timestamp::from_seconds(NOW);
    let (decision, document) = guard.explain(&request, now);
    assert_eq!(guard.decide(&request, now).code(), decision.code());
    if let Some(code) = decision.code() {
        return code.as_str().into();
    }
    if decision.is_public() {
        return "public".into();
    }
    let document = json::parse(document.as_bytes(), &json::Limits::CONFIG).unwrap();
    let text = |name: &str| document.as_object().unwrap().get(name).and_then(Value::as_str);
    match (text("action"), text("object")) {
        (Some(action), Some(object)) => format!("{action} {object}"),
        _ => "passes".into(),
    }
}

/// xorshift: the same cases every time.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % n as u64) as usize
    }

    fn pick<'t>(&mut self, from: &[&'t str]) -> &'t str {
        from[self.below(from.len())]
    }
}

/// Whether a pattern matches a path: both as lists of segments.
fn matches(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern, path) {
        (["**"], _) => true,
        ([rest], path) if rest.ends_with("...}") => !path.is_empty(),
        ([first, pattern @ ..], [segment, path @ ..]) => {
            (first.starts_with('{') || first == segment) && matches(pattern, path)
        }
        ([], []) => true,
        _ => false,
    }
}

/// Which of two patterns that match one path is the more specific.
fn closer(a: &[&str], b: &[&str]) -> Ordering {
    let rank = |segment: Option<&&str>| match segment {
        None => 0,
        Some(segment) if segment.ends_with("...}") => 3,
        Some(segment) if segment.starts_with('{') => 2,
        Some(segment) if *segment == "**" => 4,
        Some(_) => 1,
    };
    let longest = a.len().max(b.len());
    (0..longest)
        .map(|at| rank(a.get(at)).cmp(&rank(b.get(at))))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

#[test]
fn the_most_specific_route_wins_and_two_alike_do_not_compile() {
    let mut random = Random(0x0dd0_5eed_1234_5678);
    let actions: Vec<String> = (0..8).map(|at| format!("a{at}")).collect();
    let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
    let (mut compiled, mut refused, mut mapped, mut unmapped, mut contested) = (0, 0, 0, 0, 0);
    for _ in 0..300 {
        let mut routes: Vec<(&str, Vec<&str>)> = Vec::new();
        for _ in 0..2 + random.below(7) {
            let mut pattern: Vec<&str> = Vec::new();
            for (at, hole) in ["{x}", "{y}", "{z}"].into_iter().enumerate() {
                if random.below(4) < at {
                    break;
                }
                pattern.push(random.pick(&["a", "b", "%C3%A9", hole, hole]));
            }
            match random.below(5) {
                0 => pattern.push("**"),
                1 => pattern.push("{r...}"),
                _ => {}
            }
            routes.push((random.pick(&["GET", "GET", "POST", "*", "*"]), pattern));
        }
        let lines: String = routes
            .iter()
            .enumerate()
            .map(|(at, (method, pattern))| {
                format!("route {method} /{} is a{at} on thing:main\n", pattern.join("/"))
            })
            .collect();
        let shape = |pattern: &[&str]| -> Vec<String> {
            let plain = |segment: &&str| match *segment {
                rest if rest.ends_with("...}") => "{...}".into(),
                hole if hole.starts_with('{') => "{}".into(),
                literal => String::from(literal),
            };
            pattern.iter().map(plain).collect()
        };
        let alike = (0..routes.len()).any(|at| {
            routes[..at]
                .iter()
                .any(|other| other.0 == routes[at].0 && shape(&other.1) == shape(&routes[at].1))
        });
        let guard = match guard(&format!("{}{lines}", allowed("thing", &actions))) {
            Ok(guard) => guard,
            Err(error) => {
                assert!(alike && error.message.contains("matches the same requests"), "{error}\n{lines}");
                refused += 1;
                continue;
            }
        };
        assert!(!alike, "compiles:\n{lines}");
        compiled += 1;
        for _ in 0..25 {
            let method = random.pick(&["GET", "GET", "GET", "POST", "DELETE"]);
            // Mostly one that is close to a route.
            let mut path: Vec<&str> = match random.below(4) {
                0 => vec!["a"; random.below(4)],
                _ => routes[random.below(routes.len())].1.clone(),
            };
            for segment in &mut path {
                if segment.contains(['{', '*']) || random.below(10) == 0 {
                    *segment = random.pick(&["a", "b", "%C3%A9", "c"]);
                }
            }
            let mut fitting: Vec<usize> = (0..routes.len())
                .filter(|at| {
                    (routes[*at].0 == "*" || routes[*at].0 == method) && matches(&routes[*at].1, &path)
                })
                .collect();
            fitting.sort_by(|a, b| {
                let paths = closer(&routes[*a].1, &routes[*b].1);
                paths.then((routes[*a].0 == "*").cmp(&(routes[*b].0 == "*")))
            });
            let url = format!("/{}", path.join("/"));
            let expected = match fitting.first() {
                Some(at) => format!("a{at} thing:main"),
                None => "unmapped".into(),
            };
            mapped += usize::from(!fitting.is_empty());
            contested += usize::from(fitting.len() > 1);
            unmapped += usize::from(fitting.is_empty());
            assert_eq!(
                ask(&guard, Ask { method, url: &url, ..Ask::default() }),
                expected,
                "{method} {url}\n{lines}"
            );
        }
    }
    println!(
        "{compiled} sets of routes, {refused} with two alike; {mapped} requests mapped, {contested} by several, {unmapped} by none"
    );
    assert!(compiled > 100 && refused > 10 && contested > 500 && unmapped > 500);
}

#[test]
fn routes_by_hand() {
    let rules = allowed("thing", &["any", "one", "rest", "literal", "posted", "deep"])
        + "route * /** is any on thing:main\n\
           route GET /t/{x} is one on thing:{x}\n\
           route GET /t/{x...} is rest on thing:{x}\n\
           route GET /t/new is literal on thing:new\n\
           route POST /t/{x} is posted on thing:{x}\n\
           route * /t/{x}/{y} is deep on thing:{x}/{y}\n";
    let guard = guard(&rules).unwrap();
    for (method, url, expected) in [
        ("GET", "/t/7", "one thing:7"),
        ("GET", "/t/new", "literal thing:new"),
        ("GET", "/t/a/b", "deep thing:a/b"),
        ("GET", "/t/a/b/c", "rest thing:a%2Fb%2Fc"),
        ("POST", "/t/new", "posted thing:new"),
        ("POST", "/t/a/b", "deep thing:a/b"),
        ("DELETE", "/t/7", "any thing:main"),
        ("GET", "/", "any thing:main"),
        ("GET", "/t", "any thing:main"),
        ("GET", "/T/7", "any thing:main"),
        ("GET", "/t/7?x=8", "one thing:7"),
        ("GET", "https://api.example/t/7", "one thing:7"),
        ("GET", "/t/%C3%A9", "one thing:%C3%A9"),
        ("GET", "/t/a@b", "one thing:a%40b"),
        ("GET", "/t/", "path_not_canonical"),
        ("get", "/t/7", "any thing:main"),
    ] {
        assert_eq!(ask(&guard, Ask { method, url, ..Ask::default() }), expected, "{method} {url}");
    }
}

/// gRPC is a path like any other.
#[test]
fn a_grpc_method_is_a_route() {
    let rules = allowed("thing", &["get"]) + "route POST /shop.v1.Things/Get is get on thing:main\n";
    let guard = guard(&rules).unwrap();
    let ask = |method, url| ask(&guard, Ask { method, url, ..Ask::default() });
    assert_eq!(ask("POST", "/shop.v1.Things/Get"), "get thing:main");
    assert_eq!(ask("POST", "/shop.v1.Things/List"), "unmapped");
    assert_eq!(ask("GET", "/shop.v1.Things/Get"), "unmapped");
}

#[test]
fn arguments_are_there_once_and_of_their_type() {
    let here = "do thing:main";
    let bad = "argument_invalid";
    let no = "condition_failed";
    // What is declared, what must hold, the path's end, the body, and what becomes of it.
    let table: [(&str, &str, &str, Option<&str>, &str); 62] = [
        ("p: string", "args.p == \"7\"", "/7", None, here),
        ("p: string", "args.p == \"é\"", "/%C3%A9", None, here),
        ("p: int", "args.p == 7", "/7", None, here),
        ("p: int", "args.p == 7", "/8", None, no),
        ("p: int", "args.p < 0", "/-7", None, here),
        ("p: int", "true", "/07", None, bad),
        ("p: int", "true", "/7.0", None, bad),
        ("p: int", "true", "/+7", None, bad),
        ("p: int", "true", "/9223372036854775808", None, bad),
        ("p: int", "true", "/x", None, bad),
        ("p: bool", "args.p", "/true", None, here),
        ("p: bool", "args.p", "/false", None, no),
        ("p: bool", "true", "/True", None, bad),
        ("p: bool", "true", "/1", None, bad),
        ("p: timestamp", "args.p < request.time", "/2026-01-01T00:00:00Z", None, here),
        ("p: timestamp", "true", "/2026-01-01", None, bad),
        ("q: string from query.q", "args.q == \"a b\"", "/x?q=a%20b", None, here),
        ("q: string from query.q", "true", "/x?q=", None, bad),
        ("q: string from query.q", "true", "/x?q=a+b", None, bad),
        ("q: string from query.q", "true", "/x", None, bad),
        ("q: string from query.q", "true", "/x?", None, bad),
        ("q: string from query.q", "true", "/x?q", None, bad),
        ("q: string from query.q", "true", "/x?q=1&q=1", None, bad),
        ("q: string from query.q", "true", "/x?q=1&Q=2", None, bad),
        ("q: string from query.q", "true", "/x?q=1&q[]=2", None, bad),
        ("q: string from query.q", "true", "/x?q=1&%71=2", None, bad),
        ("q: string from query.q", "true", "/x?q=1;r=2", None, bad),
        ("q: string from query.q", "true", "/x?q=%FF", None, bad),
        ("q: string from query.q", "true", "/x?q=%00", None, bad),
        ("q: string from query.q", "args.q == \"1\"", "/x?r=2&q=1&s=q", None, here),
        ("q: int from query.q", "args.q == 12", "/x?q=12", None, here),
        ("q: int from query.q", "true", "/x?q=1e1", None, bad),
        ("q: bool from query.q", "args.q", "/x?q=true", None, here),
        ("b: string from body.b", "args.b == \"a\"", "/x", Some(r#"{"b":"a","c":1}"#), here),
        ("b: string from body.b", "args.b == \"a\"", "/x", Some(r#"{"b":"\u0061"}"#), here),
        ("b: string from body.b", "true", "/x", Some(r#"{"b":"a","b":"a"}"#), bad),
        ("b: string from body.b", "true", "/x", Some(r#"{"b":"a","\u0062":"a"}"#), bad),
        ("b: string from body.b", "true", "/x", Some(r#"{"b":1}"#), bad),
        ("b: string from body.b", "true", "/x", Some(r#"{"b":null}"#), bad),
        ("b: string from body.b", "true", "/x", Some(r#"{"b":["a"]}"#), bad),
        ("b: string from body.b", "true", "/x", Some(r#"{"B":"a"}"#), bad),
        ("b: string from body.b", "true", "/x", Some(r#"{}"#), bad),
        ("b: string from body.b", "true", "/x", Some(r#"[{"b":"a"}]"#), bad),
        ("b: string from body.b", "true", "/x", Some(r#""b""#), bad),
        ("b: string from body.b", "true", "/x", Some(r#"{"b":"a"} "#), here),
        ("b: string from body.b", "true", "/x", Some(r#"{"b":"a"}x"#), bad),
        ("b: string from body.b", "true", "/x", Some(r#"{"b":"a",}"#), bad),
        ("b: string from body.b", "true", "/x", Some(""), bad),
        ("b: string from body.b", "true", "/x", None, bad),
        ("b: int from body.a.b", "args.b == 7", "/x", Some(r#"{"a":{"b":7}}"#), here),
        ("b: int from body.a.b", "true", "/x", Some(r#"{"a":{"b":7.0}}"#), bad),
        ("b: int from body.a.b", "true", "/x", Some(r#"{"a":{"b":"7"}}"#), bad),
        ("b: int from body.a.b", "true", "/x", Some(r#"{"a.b":7}"#), bad),
        ("b: int from body.a.b", "true", "/x", Some(r#"{"a":[{"b":7}]}"#), bad),
        ("b: bool from body.b", "args.b", "/x", Some(r#"{"b":true}"#), here),
        ("b: bool from body.b", "true", "/x", Some(r#"{"b":"true"}"#), bad),
        (
            "b: timestamp from body.b",
            "args.b < request.time",
            "/x",
            Some(r#"{"b":"2026-01-01T00:00:00Z"}"#),
            here,
        ),
        ("b: timestamp from body.b", "true", "/x", Some(r#"{"b":1767225600}"#), bad),
        ("b: list<string> from body.b", "\"a\" in args.b", "/x", Some(r#"{"b":["a","c"]}"#), here),
        ("b: list<string> from body.b", "args.b.size() == 0", "/x", Some(r#"{"b":[]}"#), here),
        ("b: list<string> from body.b", "true", "/x", Some(r#"{"b":["a",1]}"#), bad),
        ("b: list<int> from body.b", "args.b.all(x, x > 1)", "/x", Some(r#"{"b":[2,3]}"#), here),
    ];
    for (with, when, end, body, expected) in table {
        let rules = format!(
            "on thing\n  do needs scope\nscope \"all\" covers any action on thing\nallow self to do on thing as x\n  when {when}\nroute POST /do/{{p}} is do on thing:main with {with}\n"
        );
        let guard = guard(&rules).unwrap_or_else(|error| panic!("{with}: {error}"));
        let url = format!("/do{end}");
        assert_eq!(
            ask(&guard, Ask { method: "POST", url: &url, body, ..Ask::default() }),
            expected,
            "{with} {end} {body:?}"
        );
    }
}

#[test]
fn a_body_is_read_as_what_it_says_it_is() {
    let rules = allowed("thing", &["do"]) + "route POST /do is do on thing:{b} with b: string from body.b\n";
    let guard = guard(&rules).unwrap();
    for (headers, expected) in [
        (&[("content-type", "application/json")][..], "do thing:a"),
        (&[("content-type", "Application/JSON; charset=utf-8")], "do thing:a"),
        (&[("content-type", "application/json;charset=\"UTF-8\"; x=y")], "do thing:a"),
        (&[("content-type", "application/json; charset=utf-7")], "argument_invalid"),
        (&[("content-type", "application/json; charset=utf-16le")], "argument_invalid"),
        (&[("content-type", "application/json; x=y;Charset = utf-7")], "argument_invalid"),
        (&[("content-type", "application/json; charset=utf-8; charset=utf-7")], "argument_invalid"),
        (&[("content-type", "application/json; charset*=utf-7")], "argument_invalid"),
        (&[("content-type", "application/json; charset")], "argument_invalid"),
        (&[("content-type", "application/merge-patch+json")], "do thing:a"),
        (&[("content-type", "text/json")], "argument_invalid"),
        (&[("content-type", "application/jsonp")], "argument_invalid"),
        (&[("content-type", "application/x-www-form-urlencoded")], "argument_invalid"),
        (&[("content-type", "")], "argument_invalid"),
        (&[("content-type", "application/json"), ("content-encoding", "gzip")], "argument_invalid"),
        (&[("content-type", "application/json"), ("content-encoding", "identity")], "do thing:a"),
        (&[("content-type", "application/json"), ("content-encoding", "identity, gzip")], "argument_invalid"),
        (&[("content-type", "application/json"), ("content-type", "text/plain")], "request_invalid"),
        (
            &[
                ("content-type", "application/json"),
                ("content-encoding", "identity"),
                ("content-encoding", "gzip"),
            ],
            "request_invalid",
        ),
    ] {
        let asked = Ask { method: "POST", url: "/do", body: Some(r#"{"b":"a"}"#), headers, anonymous: false };
        assert_eq!(ask(&guard, asked), expected, "{headers:?}");
    }
}

/// Every method of the table, with a line for its action and without one.
#[test]
fn every_mcp_method_is_an_action_on_an_object() {
    let server = "mcp_server:https%3A%2F%2Fapi.example";
    let table: [(&str, &str, &str, &str); 17] = [
        ("initialize", "{}", "mcp_server", server),
        ("tools/list", "{}", "mcp_server", server),
        ("resources/list", "{\"cursor\":\"x\"}", "mcp_server", server),
        ("prompts/list", "{}", "mcp_server", server),
        ("logging/setLevel", "{\"level\":\"debug\"}", "mcp_server", server),
        ("tasks/list", "{}", "mcp_server", server),
        ("tools/call", "{\"name\":\"get_x\"}", "tool", "tool:get_x"),
        ("resources/read", "{\"uri\":\"file:///a b\"}", "resource", "resource:file%3A%2F%2F%2Fa%20b"),
        ("resources/subscribe", "{\"uri\":\"x:y\"}", "resource", "resource:x%3Ay"),
        ("resources/unsubscribe", "{\"uri\":\"x:y\"}", "resource", "resource:x%3Ay"),
        ("prompts/get", "{\"name\":\"p\",\"arguments\":{}}", "prompt", "prompt:p"),
        ("completion/complete", "{\"ref\":{\"type\":\"ref/prompt\",\"name\":\"p\"}}", "prompt", "prompt:p"),
        (
            "completion/complete",
            "{\"ref\":{\"type\":\"ref/resource\",\"uri\":\"u\"}}",
            "resource",
            "resource:u",
        ),
        ("tasks/get", "{\"taskId\":\"7\"}", "task", "task:7"),
        ("tasks/result", "{\"taskId\":\"a/b\"}", "task", "task:a%2Fb"),
        ("tasks/cancel", "{\"taskId\":\"7\"}", "task", "task:7"),
        ("tasks/cancel", "{\"taskId\":\"*\"}", "task", "task:%2A"),
    ];
    let message = |method: &str, params: &str| {
        format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"{method}\",\"params\":{params}}}")
    };
    let post = |guard: &Guard, body: &str| {
        ask(guard, Ask { method: "POST", url: "/mcp", body: Some(body), ..Ask::default() })
    };
    let bare = guard(&(allowed("thing", &["do"]) + "mcp /mcp\n")).unwrap();
    for (method, params, ty, object) in table {
        let rules = allowed(ty, &[method]) + "mcp /mcp\n";
        let guard = guard(&rules).unwrap_or_else(|error| panic!("{method}: {error}"));
        assert_eq!(post(&guard, &message(method, params)), format!("{method} {object}"));
        assert_eq!(post(&bare, &message(method, params)), "unmapped", "{method} without a line");
        // What has to be named is named, and by a text.
        if ty != "mcp_server" {
            for wrong in [
                "{}",
                "{\"name\":\"\",\"uri\":\"\",\"taskId\":\"\"}",
                "{\"name\":1,\"uri\":1,\"taskId\":1,\"ref\":1}",
            ] {
                assert_eq!(post(&guard, &message(method, wrong)), "message_invalid", "{method} {wrong}");
            }
            let without = message(method, "{}").replace(",\"params\":{}", "");
            assert_eq!(post(&guard, &without), "message_invalid", "{method} without params");
        }
        // Another method of the same family has no line.
        assert_eq!(post(&guard, &message(&format!("{method}x"), params)), "unmapped");
    }
    for (body, expected) in [
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}", "passes"),
        ("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}", "passes"),
        (
            "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":1}}",
            "passes",
        ),
        ("{\"jsonrpc\":\"2.0\",\"method\":\"ping\"}", "message_invalid"),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"roots/list\"}", "unmapped"),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sampling/createMessage\"}", "unmapped"),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"elicitation/create\"}", "unmapped"),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"rpc.discover\"}", "unmapped"),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", "passes"),
    ] {
        assert_eq!(post(&bare, body), expected, "{body}");
    }
    // Nothing passes without a token.
    let asked = Ask {
        method: "POST",
        url: "/mcp",
        body: Some("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}"),
        anonymous: true,
        ..Ask::default()
    };
    assert_eq!(ask(&bare, asked), "token_missing");
}

#[test]
fn tool_lines_name_the_action_and_the_object() {
    let rules = allowed("thing", &["read", "write", "drop", "drop_all"])
        + &allowed("tool", &["tools/call"])
        + "mcp /mcp\n\
           tool read is read on thing:{id}\n\
           tool write is write on thing:{id} with id: string from arguments.target.id, size: int\n\
           tool drop_* is drop on thing:{id}\n\
           tool drop_all_* is drop_all on thing:all\n\
           tool drop_all_now is read on thing:now\n";
    let guard = guard(&rules).unwrap();
    for (name, arguments, expected) in [
        ("read", "{\"id\":\"a\"}", "read thing:a"),
        ("read", "{\"id\":\"a/b\",\"more\":true}", "read thing:a%2Fb"),
        ("read", "{}", "argument_invalid"),
        ("write", "{\"target\":{\"id\":\"a\"},\"size\":3}", "write thing:a"),
        ("write", "{\"target\":{\"id\":\"a\"}}", "argument_invalid"),
        ("write", "{\"target\":{\"id\":\"a\"},\"size\":\"3\"}", "argument_invalid"),
        ("write", "{\"id\":\"a\",\"size\":3}", "argument_invalid"),
        ("drop_x", "{\"id\":\"a\"}", "drop thing:a"),
        ("drop_", "{\"id\":\"a\"}", "drop thing:a"),
        ("drop_all_x", "{}", "drop_all thing:all"),
        ("drop_all_now", "{}", "read thing:now"),
        ("drop", "{}", "tools/call tool:drop"),
        ("Read", "{}", "tools/call tool:Read"),
        ("read ", "{}", "tools/call tool:read%20"),
    ] {
        let body = format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{{\"name\":{},\"arguments\":{arguments}}}}}",
            quoted(name)
        );
        let asked = Ask { method: "POST", url: "/mcp", body: Some(&body), ..Ask::default() };
        assert_eq!(ask(&guard, asked), expected, "{name} {arguments}");
    }
}

#[test]
fn nothing_is_public_but_what_is_said_to_be() {
    let rules = allowed("thing", &["do"])
        + "route * /** is do on thing:main\npublic GET /healthz, GET /.well-known/**, * /open/{x}, preflight\n";
    let open = guard(&rules).unwrap();
    let closed = guard(&(allowed("thing", &["do"]) + "route * /** is do on thing:main\n")).unwrap();
    let preflight = &[("access-control-request-method", "GET"), ("origin", "https://x.example")][..];
    let with_token = &[("access-control-request-method", "GET"), ("authorization", "Bearer x")][..];
    for (method, url, headers, expected) in [
        ("GET", "/healthz", &[][..], "public"),
        ("GET", "/healthz?x=1", &[], "public"),
        ("POST", "/healthz", &[], "token_missing"),
        ("HEAD", "/healthz", &[], "token_missing"),
        ("GET", "/healthz/x", &[], "token_missing"),
        ("GET", "/Healthz", &[], "token_missing"),
        ("GET", "/healthz/", &[], "path_not_canonical"),
        ("GET", "/x/../healthz", &[], "path_not_canonical"),
        ("GET", "/healthz;x", &[], "path_not_canonical"),
        ("GET", "/%68ealthz", &[], "path_not_canonical"),
        ("GET", "/.well-known", &[], "public"),
        ("GET", "/.well-known/a/b", &[], "public"),
        ("GET", "/.well-knownx", &[], "token_missing"),
        ("PUT", "/open/x", &[], "public"),
        ("PUT", "/open", &[], "token_missing"),
        ("PUT", "/open/x/y", &[], "token_missing"),
        ("GET", "/healthz", &[("x-http-method-override", "DELETE")], "method_override"),
        ("OPTIONS", "/secret", preflight, "public"),
        ("OPTIONS", "/secret", &[], "token_missing"),
        ("GET", "/secret", preflight, "token_missing"),
        ("OPTIONS", "/secret", with_token, "token_malformed"),
        ("OPTIONS", "/a/../secret", preflight, "path_not_canonical"),
    ] {
        let asked = Ask { method, url, headers, anonymous: true, body: None };
        assert_eq!(ask(&open, asked), expected, "{method} {url}");
        let without = ask(&closed, asked);
        assert_eq!(without, if expected == "public" { "token_missing" } else { expected }, "{method} {url}");
    }
}
