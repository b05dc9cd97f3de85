//! From the text of a rule file to its statements. Names are not looked up here.

use alloc::{format, string::String, vec::Vec};

use crate::error::{Code, PolicyError, quote};
use crate::expr::{Item, Type};
use crate::identity::context::{Kind, Mode};
use crate::names::Template;
use crate::policy::ast::{
    Actions, Argument, AtMost, By, Carrier, Chain, Condition, Covers, Effect, File, Named, Needs, On, Public,
    Route, Rule, Says, Term, Test, Tool,
};
use crate::policy::lexer::{self, Line, Word, lines};

/// Parses a rule file.
pub fn parse<'t>(name: &str, text: &'t str) -> Result<File<'t>, PolicyError> {
    let lines = lines(name, text)?;
    let mut parser = Parser { file: name, lines: &lines, at: 0 };
    parser.version()?;
    let mut file = File {
        name: name.into(),
        model: None,
        types: Vec::new(),
        rules: Vec::new(),
        ceilings: Vec::new(),
        coverage: Vec::new(),
        says: Vec::new(),
        routes: Vec::new(),
        tools: Vec::new(),
        servers: Vec::new(),
        public: Vec::new(),
        preflight: false,
        chain: None,
        callers: None,
    };
    while let Some(mut line) = parser.line() {
        parser.statement(&mut line, &mut file)?;
    }
    Ok(file)
}

const STATEMENTS: &str = "`model`, `on`, `allow`, `forbid`, `approve`, `agent`, `chain`, `each`, `scope`, `role`, `detail`, \
    `token`, `route`, `mcp`, `tool` and `public`";

struct Parser<'p, 't> {
    file: &'p str,
    lines: &'p [Line<'t>],
    at: usize,
}

/// The words of one line that are still to be read.
struct Cursor<'p, 't> {
    file: &'p str,
    line: &'p Line<'t>,
    rest: core::slice::Iter<'p, Word<'t>>,
    last: Word<'t>,
}

impl<'p, 't> Parser<'p, 't> {
    fn line(&mut self) -> Option<Cursor<'p, 't>> {
        let line = self.lines.get(self.at)?;
        self.at = self.at.saturating_add(1);
        let last = line.words.first().copied()?;
        Some(Cursor { file: self.file, line, rest: line.words.iter(), last })
    }

    /// The next line, if it is indented: a part of the statement above it.
    fn indented(&mut self) -> Option<Cursor<'p, 't>> {
        self.lines.get(self.at).filter(|line| line.indented)?;
        self.line()
    }

    fn version(&mut self) -> Result<(), PolicyError> {
        let start = Word { text: "", quoted: false, line: 1, column: 1 };
        let missing = "a rule file starts with the line `actfor 1`";
        let Some(mut line) = self.line() else {
            return Err(lexer::error(Code::RulesInvalid, self.file, &start, missing));
        };
        if line.word().is_none_or(|word| word.text != "actfor") {
            return Err(line.error(missing));
        }
        match line.word() {
            Some(word) if word.text == "1" => line.end(),
            Some(word) => Err(line
                .error(format!("version {} is not known to this build; write `actfor 1`", quote(word.text)))),
            None => Err(line.error(missing)),
        }
    }

    fn statement(&mut self, line: &mut Cursor<'p, 't>, file: &mut File<'t>) -> Result<(), PolicyError> {
        let Some(first) = line.word() else { return Ok(()) };
        if line.line.indented {
            return Err(
                line.error("an indented line belongs to an `on` block or a rule above it, and there is none")
            );
        }
        match first.text {
            "model" => {
                let name = line.quoted("the name of the model's file in double quotes")?;
                if file.model.is_some() {
                    return Err(line.error("there is a `model` line already"));
                }
                file.model = Some(name);
                line.end()
            }
            "on" => {
                let block = self.on(line)?;
                file.types.push(block);
                Ok(())
            }
            "allow" | "forbid" | "approve" => {
                let effect = match first.text {
                    "allow" => Effect::Allow,
                    "forbid" => Effect::Forbid,
                    _ => Effect::Approve,
                };
                let rule = self.rule(line, effect)?;
                file.rules.push(rule);
                Ok(())
            }
            "agent" => {
                file.ceilings.push(at_most(line)?);
                Ok(())
            }
            "chain" => {
                if file.chain.is_some() {
                    return Err(line.error("there is a `chain` line already"));
                }
                file.chain = Some(chain(line)?);
                Ok(())
            }
            "scope" => {
                file.coverage.push(covers(line, Carrier::Scope)?);
                Ok(())
            }
            "role" => {
                file.coverage.push(covers(line, Carrier::Role)?);
                Ok(())
            }
            "detail" => {
                file.coverage.push(covers(line, Carrier::Detail)?);
                Ok(())
            }
            "route" => {
                file.routes.push(route(line)?);
                Ok(())
            }
            "public" => public(line, file),
            "token" => {
                file.says.push(says(line)?);
                Ok(())
            }
            "tool" => {
                file.tools.push(tool(line)?);
                Ok(())
            }
            "mcp" => {
                file.servers.push(line.plain("the path of the MCP server, such as `/mcp`")?);
                line.end()
            }
            "each" => {
                if file.callers.is_some() {
                    return Err(line.error("there is an `each caller` line already"));
                }
                file.callers = Some(each_caller(line)?);
                Ok(())
            }
            "when" | "unless" => Err(line.error(format!("`{}` belongs below a rule, indented", first.text))),
            "actfor" => Err(line.error("`actfor 1` stands on the first line only")),
            _ => {
                Err(line
                    .error(format!("{} starts no statement; statements are {STATEMENTS}", quote(first.text))))
            }
        }
    }

    fn on(&mut self, line: &mut Cursor<'p, 't>) -> Result<On<'t>, PolicyError> {
        let name = line.name("the name of a type")?;
        let (mut personal, mut impersonal) = (None, false);
        match line.word().map(|word| word.text) {
            None => {}
            Some("personal") => personal = Some(line.name("the relation that says whose object it is")?),
            Some("impersonal") => impersonal = true,
            Some(other) => {
                return Err(line.error(format!(
                    "{} must be `personal RELATION`, `impersonal` or nothing",
                    quote(other)
                )));
            }
        }
        line.end()?;
        let mut needs = Vec::new();
        while let Some(mut line) = self.indented() {
            needs.push(needs_line(&mut line)?);
        }
        if needs.is_empty() {
            return Err(lexer::error(
                Code::RulesInvalid,
                self.file,
                &name.word,
                "an `on` block has lines below it, indented: `ACTION needs RELATION`",
            ));
        }
        Ok(On { name, personal, impersonal, needs })
    }

    fn rule(&mut self, line: &mut Cursor<'p, 't>, effect: Effect) -> Result<Rule<'t>, PolicyError> {
        let (kinds, modes) = kinds_and_modes(line)?;
        let actions = actions(line, &["on"])?;
        let types = line.names("the name of a type", &["of", "as", "by"])?;
        let mut of_anyone = false;
        if line.last.text == "of" {
            line.expect("anyone")?;
            of_anyone = true;
            if effect != Effect::Allow || kinds != Kind::Autonomous.bit() {
                return Err(line.error("`of anyone` stands after `allow autonomous` only"));
            }
            line.word();
        }
        let mut by = None;
        if line.last.text == "by" {
            if effect != Effect::Approve {
                return Err(line.error("`by` stands in `approve` lines only"));
            }
            let who = line.name("`user`, or the relation of those who may approve")?;
            by = Some(if who.text == "user" { By::User } else { By::Relation(who) });
            line.word();
        }
        if effect == Effect::Approve && by.is_none() {
            return Err(line.error(
                "an `approve` line says who may approve: `by user` or `by RELATION`, before `as ID`",
            ));
        }
        if line.last.text != "as" {
            return Err(line.error("a rule ends with `as ID`: the name that decisions and logs will show"));
        }
        let id = line.name("the rule's id")?;
        line.end()?;
        let mut conditions = Vec::new();
        while let Some(mut line) = self.indented() {
            conditions.push(condition(&mut line)?);
        }
        Ok(Rule { effect, kinds, modes, actions, types, of_anyone, by, id, conditions })
    }
}

impl<'t> Cursor<'_, 't> {
    fn word(&mut self) -> Option<Word<'t>> {
        let word = self.rest.next().copied();
        match word {
            Some(word) => self.last = word,
            None => {
                let width = u32::try_from(self.last.text.chars().count()).unwrap_or(u32::MAX);
                let column = self.last.column.saturating_add(width);
                self.last = Word { text: "", quoted: false, line: self.last.line, column };
            }
        }
        word
    }

    fn peek(&self) -> Option<&Word<'t>> {
        self.rest.as_slice().first()
    }

    fn error(&self, message: impl Into<String>) -> PolicyError {
        lexer::error(Code::RulesInvalid, self.file, &self.last, message)
    }

    fn missing(&self, wanted: &str) -> PolicyError {
        let found = match self.last {
            Word { text: "", .. } => "the end of the line".into(),
            Word { text, quoted: true, .. } => format!("the text {}", quote(text)),
            Word { text, .. } => quote(text),
        };
        self.error(format!("expected {wanted}, found {found}"))
    }

    fn expect(&mut self, keyword: &str) -> Result<(), PolicyError> {
        match self.word() {
            Some(word) if word.text == keyword && !word.quoted => Ok(()),
            _ => Err(self.missing(&format!("`{keyword}`"))),
        }
    }

    /// Nothing may follow.
    fn end(&mut self) -> Result<(), PolicyError> {
        match self.word() {
            None => Ok(()),
            Some(word) => Err(self.error(format!("{} cannot follow here", quote(word.text)))),
        }
    }

    fn quoted(&mut self, wanted: &str) -> Result<Named<'t>, PolicyError> {
        match self.word() {
            Some(word) if word.quoted && !word.text.is_empty() => Ok(Named { text: word.text, word }),
            _ => Err(self.missing(wanted)),
        }
    }

    /// A plain name: letters, digits, `_` and `-`.
    fn name(&mut self, wanted: &str) -> Result<Named<'t>, PolicyError> {
        match self.word() {
            Some(word) if !word.quoted && is_name(word.text) => Ok(Named { text: word.text, word }),
            _ => Err(self.missing(wanted)),
        }
    }

    /// The name of an action: a plain name, or the name of an MCP method such as `tools/call`.
    fn action(&mut self, wanted: &str) -> Result<Named<'t>, PolicyError> {
        match self.word() {
            Some(word) if !word.quoted && word.text.split('/').all(is_name) => {
                Ok(Named { text: word.text, word })
            }
            _ => Err(self.missing(wanted)),
        }
    }

    /// The action of a route or a tool, and the `on` behind it.
    fn action_on(&mut self) -> Result<Named<'t>, PolicyError> {
        let action = self.action("the name of an action")?;
        match self.expect("on") {
            Ok(()) => Ok(action),
            Err(error) => self.not_left_out(Some(&action), &["on"]).and(Err(error)),
        }
    }

    /// What was taken for a name and is the word that follows names: then the name was left out.
    fn not_left_out(&mut self, name: Option<&Named<'t>>, ends: &[&str]) -> Result<(), PolicyError> {
        match name.filter(|name| ends.contains(&name.text)) {
            None => Ok(()),
            Some(name) => {
                self.last = name.word;
                Err(self.error(format!("a name is missing before `{}`", name.text)))
            }
        }
    }

    /// Any word that is not quoted.
    fn plain(&mut self, wanted: &str) -> Result<Named<'t>, PolicyError> {
        match self.word() {
            Some(word) if !word.quoted && word.text != "," => Ok(Named { text: word.text, word }),
            _ => Err(self.missing(wanted)),
        }
    }

    /// Names with commas between them, up to one of `ends` or the end of the line; reads the end too.
    fn names(&mut self, wanted: &str, ends: &[&str]) -> Result<Vec<Named<'t>>, PolicyError> {
        self.list(ends, |line| line.name(wanted))
    }

    fn list(
        &mut self,
        ends: &[&str],
        item: impl Fn(&mut Self) -> Result<Named<'t>, PolicyError>,
    ) -> Result<Vec<Named<'t>>, PolicyError> {
        let mut names = Vec::new();
        loop {
            names.push(item(self)?);
            match self.word() {
                None => return Ok(names),
                Some(word) if word.text == "," => {}
                Some(word) if ends.contains(&word.text) => return Ok(names),
                Some(word) => {
                    self.not_left_out(names.last(), ends)?;
                    return Err(self.error(format!(
                        "{} cannot follow here; write a comma between names, or {}",
                        quote(word.text),
                        ends.iter().map(|end| format!("`{end}`")).collect::<Vec<_>>().join(" or ")
                    )));
                }
            }
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// Kinds with commas between them, then modes with commas between them, then `to`.
fn kinds_and_modes(line: &mut Cursor<'_, '_>) -> Result<(u8, u8), PolicyError> {
    let (mut kinds, mut modes) = (0_u8, 0_u8);
    // Whether the word before was a kind or a mode, and not a comma.
    let mut named = false;
    loop {
        let Some(word) = line.word() else {
            return Err(line.missing(match (named, kinds) {
                (true, _) => "`to`",
                (false, 0) => "a kind of relationship, such as `delegated`",
                (false, _) => "a kind or a mode",
            }));
        };
        let (kind, mode) = (kind_bits(word.text), Mode::from_name(word.text));
        match word.text {
            "to" if kinds == 0 => return Err(line.error("a kind of relationship stands before `to`")),
            "to" | "," if !named => {
                return Err(line.error(format!("a kind or a mode is missing before `{}`", word.text)));
            }
            "to" => return Ok((kinds, if modes == 0 { 7 } else { modes })),
            _ if kind.is_some() && modes != 0 => return Err(line.error("kinds stand before modes")),
            _ if mode.is_some() && kinds == 0 => {
                return Err(line.error("a kind of relationship stands before a mode"));
            }
            _ if mode.is_some() && modes == 0 && !named => {
                return Err(line.error("modes follow the kinds without a comma, as in `delegated offline`"));
            }
            _ if named && (kind.is_some() || modes != 0 && mode.is_some()) => {
                return Err(line.error(format!("write a comma before {}", quote(word.text))));
            }
            "," => {}
            name => match (kind, mode) {
                (Some(bits), _) => kinds |= bits,
                (None, Some(mode)) => modes |= mode.bit(),
                (None, None) => {
                    return Err(line.error(format!(
                        "{} is neither a kind (`self`, `delegated`, `joint`, `assigned`, `autonomous`, `agents`, \
                         `anyone`) nor a mode (`interactive`, `offline`, `automated`)",
                        quote(name)
                    )));
                }
            },
        }
        named = word.text != ",";
    }
}

/// The bits of a kind, or of what stands for several.
fn kind_bits(name: &str) -> Option<u8> {
    match name {
        "agents" => Some(31 & !Kind::Itself.bit()),
        "anyone" => Some(31),
        name => Kind::from_name(name).map(Kind::bit),
    }
}

/// `any action`, or names; reads the word that ends them too.
fn actions<'t>(line: &mut Cursor<'_, 't>, ends: &[&str]) -> Result<Actions<'t>, PolicyError> {
    if line.peek().is_some_and(|word| word.text == "any") {
        line.word();
        line.expect("action")?;
        line.word();
    } else {
        let names = line.list(ends, |line| line.action("the name of an action"))?;
        if ends.contains(&line.last.text) {
            return Ok(Actions::List(names));
        }
    }
    if ends.contains(&line.last.text) { Ok(Actions::Any) } else { Err(line.missing("`on`")) }
}

fn needs_line<'t>(line: &mut Cursor<'_, 't>) -> Result<Needs<'t>, PolicyError> {
    let actions = line.list(&["needs"], |line| line.action("the name of an action"))?;
    if line.last.text != "needs" {
        return Err(line.missing("`needs RELATION` or `needs scope`"));
    }
    let relation = line.name("a relation, or `scope`")?;
    if relation.text == "scope" {
        line.end()?;
        return Ok(Needs { actions, relation: None, of: None });
    }
    let of = match line.word() {
        None => None,
        Some(word) if word.text == "of" => {
            let name = line.plain("an object, `TYPE:ID`")?;
            let template = Template::parse_object(name.text).map_err(|what| line.error(what))?;
            line.end()?;
            Some((name, template))
        }
        Some(word) => return Err(line.error(format!("{} must be `of TYPE:ID` or nothing", quote(word.text)))),
    };
    Ok(Needs { actions, relation: Some(relation), of })
}

fn condition<'t>(line: &mut Cursor<'_, 't>) -> Result<Condition<'t>, PolicyError> {
    let unless = match line.word().map(|word| word.text) {
        Some("when") => false,
        Some("unless") => true,
        _ => return Err(line.missing("`when` or `unless`")),
    };
    if !lexer::is_relation(line.line) {
        // The lexer leaves an expression in one piece.
        return match line.word() {
            Some(word) => Ok(Condition { unless, test: Test::Expression(word) }),
            None => Err(line.missing("`SUBJECT is RELATION of OBJECT`, or an expression")),
        };
    }
    let subject = term(line, &["user", "agent", "instance", "object"])?;
    line.expect("is")?;
    let relation = line.name("a relation")?;
    line.expect("of")?;
    let object = term(line, &["object"])?;
    line.end()?;
    Ok(Condition { unless, test: Test::Relation { subject, relation, object } })
}

fn each_caller<'t>(line: &mut Cursor<'_, 't>) -> Result<Named<'t>, PolicyError> {
    line.expect("caller")?;
    line.expect("is")?;
    let relation = line.name("a relation")?;
    line.expect("of")?;
    line.expect("agent")?;
    line.end()?;
    Ok(relation)
}

fn says<'t>(line: &mut Cursor<'_, 't>) -> Result<Says<'t>, PolicyError> {
    line.expect("says")?;
    let subject = term(line, &["user", "agent", "instance"])?;
    line.expect("is")?;
    let relation = line.name("a relation")?;
    line.expect("of")?;
    let object = line.plain("an object, `TYPE:{claim.NAME}`")?;
    let template = Template::parse_object(object.text).map_err(|what| line.error(what))?;
    line.end()?;
    Ok(Says { subject, relation, object, template })
}

fn term<'t>(line: &mut Cursor<'_, 't>, words: &[&str]) -> Result<Term<'t>, PolicyError> {
    let known = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    let name = line.plain(&format!("{known} or `TYPE:{{path}}`"))?;
    if words.contains(&name.text) {
        return Ok(Term::Word(name));
    }
    let template = Template::parse_object(name.text)
        .map_err(|what| line.error(format!("expected {known} or `TYPE:{{path}}`: {what}")))?;
    Ok(Term::Object(name, template))
}

fn at_most<'t>(line: &mut Cursor<'_, 't>) -> Result<AtMost<'t>, PolicyError> {
    let agent = line.plain("the name of an agent, or `*`")?;
    line.expect("at")?;
    line.expect("most")?;
    let actions = actions(line, &["on"])?;
    let types = line.names("the name of a type", &[])?;
    Ok(AtMost { agent, actions, types })
}

fn chain(line: &mut Cursor<'_, '_>) -> Result<Chain, PolicyError> {
    let number = line.last.line;
    line.expect("at")?;
    line.expect("most")?;
    let most = line.plain("a number")?;
    let most = most.text.parse().ok().filter(|most| (1..=32).contains(most));
    let most = most.ok_or_else(|| line.missing("a whole number from 1 to 32"))?;
    let unrecorded = match line.word().map(|word| word.text) {
        None => false,
        Some("unrecorded") => true,
        Some(other) => return Err(line.error(format!("{} must be `unrecorded` or nothing", quote(other)))),
    };
    line.end()?;
    Ok(Chain { most, unrecorded, line: number })
}

fn covers<'t>(line: &mut Cursor<'_, 't>, carrier: Carrier) -> Result<Covers<'t>, PolicyError> {
    let name = line.quoted("a name in double quotes")?;
    line.expect("covers")?;
    let actions = if line.peek().is_some_and(|word| word.text == "{actions}") {
        line.word();
        if carrier != Carrier::Detail {
            return Err(line.error("only a detail has a member `actions`: write the actions out"));
        }
        line.expect("on")?;
        None
    } else {
        Some(actions(line, &["on"])?)
    };
    let target = line.plain("a type, or an object `TYPE:{path}`")?;
    let (kind, object) = if target.text.contains(':') {
        let template = Template::parse_object(target.text).map_err(|what| line.error(what))?;
        let kind = target.text.split(':').next().unwrap_or_default();
        (Named { text: kind, word: target.word }, Some(template))
    } else {
        (target, None)
    };
    let ignoring = match line.word() {
        None => Vec::new(),
        Some(word) if word.text == "ignoring" && carrier == Carrier::Detail => {
            line.names("the name of a member", &[])?
        }
        Some(word) => return Err(line.error(format!("{} cannot follow here", quote(word.text)))),
    };
    Ok(Covers { carrier, name, actions, kind, object, ignoring })
}

fn route<'t>(line: &mut Cursor<'_, 't>) -> Result<Route<'t>, PolicyError> {
    let method = method(line)?;
    let pattern = line.plain("a path such as `/repos/{repo}/**`")?;
    line.expect("is")?;
    let action = line.action_on()?;
    let object = line.plain("an object, `TYPE:{path}`")?;
    let template = Template::parse_object(object.text).map_err(|what| line.error(what))?;
    let arguments = arguments(line)?;
    Ok(Route { method, pattern, action, object, template, arguments })
}

fn tool<'t>(line: &mut Cursor<'_, 't>) -> Result<Tool<'t>, PolicyError> {
    let name = line.plain("the name of a tool, such as `get_salary` or `mail.*`")?;
    if name.text.trim_end_matches('*').contains('*') || name.text.ends_with("**") {
        return Err(line.error("`*` stands at the very end of a tool's name only"));
    }
    line.expect("is")?;
    let action = line.action_on()?;
    let object = line.plain("an object, `TYPE:{argument}`")?;
    let template = Template::parse_object(object.text).map_err(|what| line.error(what))?;
    let arguments = arguments(line)?;
    Ok(Tool { name, action, object, template, arguments })
}

/// `with NAME: TYPE [from …], …`, or nothing.
fn arguments<'t>(line: &mut Cursor<'_, 't>) -> Result<Vec<Argument<'t>>, PolicyError> {
    let mut found: Vec<Argument<'t>> = Vec::new();
    match line.word() {
        None => return Ok(found),
        Some(word) if word.text == "with" => {}
        Some(word) => {
            return Err(line.error(format!("{} must be `with NAME: TYPE` or nothing", quote(word.text))));
        }
    }
    loop {
        let name = argument_name(line)?;
        if found.iter().any(|known| known.name.text == name.text) {
            return Err(line.error(format!("`{}` is declared twice", name.text)));
        }
        let ty = line.plain("a type: `string`, `int`, `bool`, `timestamp` or `list<…>`")?;
        let ty = argument_type(ty.text).ok_or_else(|| {
            line.error(format!(
                "{} is not a type; write `string`, `int`, `bool`, `timestamp` or `list<string>`",
                quote(ty.text)
            ))
        })?;
        let mut argument = Argument { name, ty, from: None };
        let mut next = line.word();
        if next.is_some_and(|word| word.text == "from") {
            argument.from = Some(line.plain("`query.NAME`, `body.PATH` or `arguments.PATH`")?);
            next = line.word();
        }
        found.push(argument);
        match next {
            None => return Ok(found),
            Some(word) if word.text == "," => {}
            Some(word) => {
                return Err(
                    line.error(format!("{} cannot follow here; write `from` or a comma", quote(word.text)))
                );
            }
        }
    }
}

/// `NAME:`, with or without white space before the colon.
fn argument_name<'t>(line: &mut Cursor<'_, 't>) -> Result<Named<'t>, PolicyError> {
    let word = line.plain("`NAME: TYPE`")?.word;
    let fits = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    match word.text.strip_suffix(':') {
        Some(name) if fits(name) => Ok(Named { text: name, word: Word { text: name, ..word } }),
        _ => Err(line.error(format!("{} must be `NAME:` and a type behind it", quote(word.text)))),
    }
}

fn argument_type(name: &str) -> Option<Type> {
    Some(match name {
        "string" => Type::String,
        "int" => Type::Int,
        "bool" => Type::Bool,
        "timestamp" => Type::Timestamp,
        _ => Type::List(match name.strip_prefix("list<")?.strip_suffix('>')? {
            "string" => Item::String,
            "int" => Item::Int,
            "bool" => Item::Bool,
            "timestamp" => Item::Timestamp,
            _ => return None,
        }),
    })
}

fn method<'t>(line: &mut Cursor<'_, 't>) -> Result<Named<'t>, PolicyError> {
    let method = line.plain("a method such as `GET`, or `*`")?;
    if method.text != "*" && !method.text.bytes().all(|b| b.is_ascii_uppercase() || b == b'-') {
        return Err(line.error(format!("{} is not a method: methods are in upper case", quote(method.text))));
    }
    Ok(method)
}

fn public<'t>(line: &mut Cursor<'_, 't>, file: &mut File<'t>) -> Result<(), PolicyError> {
    loop {
        if line.peek().is_some_and(|word| word.text == "preflight") {
            line.word();
            file.preflight = true;
        } else {
            let method = method(line)?;
            let pattern = line.plain("a path such as `/healthz`")?;
            file.public.push(Public { method, pattern });
        }
        match line.word() {
            None => return Ok(()),
            Some(word) if word.text == "," => {}
            Some(word) => {
                return Err(line.error(format!("{} cannot follow here; write a comma", quote(word.text))));
            }
        }
    }
}
