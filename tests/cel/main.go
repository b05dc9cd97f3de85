// Evaluates expressions with cel-go, the reference implementation of CEL, for tests/cel.rs.
//
// The first line of the input is {"variables": {NAME: TYPE}, "inputs": [{NAME: VALUE}]}; a value that is not there is an
// error wherever it is read. Every further line is an expression as a JSON text. For each, a line comes out: one letter an
// input (T, F, or E for an error and for anything that is neither true nor false), or `!` and why it does not compile.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// address is OpenFGA's type `ipaddress`, with its two functions.
type address struct{ netip.Addr }

var addressType = cel.OpaqueType("IPAddress")

func (a address) ConvertToNative(typeDesc reflect.Type) (any, error) {
	return nil, fmt.Errorf("an address is not a %v", typeDesc)
}

func (a address) ConvertToType(typeVal ref.Type) ref.Val {
	return types.NewErr("an address is not a %v", typeVal)
}

func (a address) Equal(other ref.Val) ref.Val {
	o, ok := other.(address)
	return types.Bool(ok && a.Addr == o.Addr)
}

func (a address) Type() ref.Type { return addressType }

func (a address) Value() any { return a.Addr }

func functions() []cel.EnvOption {
	parse := func(text ref.Val) ref.Val {
		s, ok := text.(types.String)
		if !ok {
			return types.MaybeNoSuchOverloadErr(text)
		}
		parsed, err := netip.ParseAddr(string(s))
		if err != nil {
			return types.WrapErr(err)
		}
		return address{parsed}
	}
	contains := func(left, right ref.Val) ref.Val {
		a, isAddress := left.(address)
		s, isText := right.(types.String)
		if !isAddress || !isText {
			return types.MaybeNoSuchOverloadErr(left)
		}
		prefix, err := netip.ParsePrefix(string(s))
		if err != nil {
			return types.WrapErr(err)
		}
		return types.Bool(prefix.Contains(a.Addr))
	}
	return []cel.EnvOption{
		cel.Function("ipaddress", cel.Overload("string_to_ipaddress", []*cel.Type{cel.StringType}, addressType,
			cel.UnaryBinding(parse))),
		cel.Function("in_cidr", cel.MemberOverload("ipaddress_in_cidr", []*cel.Type{addressType, cel.StringType},
			cel.BoolType, cel.BinaryBinding(contains))),
	}
}

func typeOf(name string) *cel.Type {
	if item, ok := strings.CutPrefix(name, "list<"); ok {
		return cel.ListType(typeOf(strings.TrimSuffix(item, ">")))
	}
	if item, ok := strings.CutPrefix(name, "map<"); ok {
		return cel.MapType(cel.StringType, typeOf(strings.TrimSuffix(item, ">")))
	}
	switch name {
	case "any":
		return cel.DynType
	case "bool":
		return cel.BoolType
	case "double":
		return cel.DoubleType
	case "duration":
		return cel.DurationType
	case "int":
		return cel.IntType
	case "ipaddress":
		return addressType
	case "string":
		return cel.StringType
	case "timestamp":
		return cel.TimestampType
	case "uint":
		return cel.UintType
	}
	panic("no type " + name)
}

// valueOf reads a value as its type; a number of no declared type is whole where it is written so.
func valueOf(raw any, name string) any {
	if item, ok := strings.CutPrefix(name, "list<"); ok {
		out := []any{}
		for _, value := range raw.([]any) {
			out = append(out, valueOf(value, strings.TrimSuffix(item, ">")))
		}
		return out
	}
	if item, ok := strings.CutPrefix(name, "map<"); ok {
		out := map[string]any{}
		for key, value := range raw.(map[string]any) {
			out[key] = valueOf(value, strings.TrimSuffix(item, ">"))
		}
		return out
	}
	switch value := raw.(type) {
	case json.Number:
		whole, err := value.Int64()
		double, _ := value.Float64()
		switch {
		case name == "uint":
			var number uint64
			must(fmt.Sscan(value.String(), &number))
			return number
		case name == "double" || (name == "any" && err != nil):
			return double
		case err != nil:
			panic(err)
		}
		return whole
	case string:
		switch name {
		case "timestamp":
			parsed, err := time.Parse(time.RFC3339, value)
			must(0, err)
			return parsed
		case "duration":
			parsed, err := time.ParseDuration(value)
			must(0, err)
			return parsed
		case "ipaddress":
			return address{netip.MustParseAddr(value)}
		}
		return value
	case []any:
		return valueOf(raw, "list<any>")
	case map[string]any:
		return valueOf(raw, "map<any>")
	}
	return raw
}

func must(_ int, err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()

	lines.Scan()
	var given struct {
		Variables map[string]string
		Inputs    []map[string]any
	}
	reader := json.NewDecoder(strings.NewReader(lines.Text()))
	reader.UseNumber()
	must(0, reader.Decode(&given))
	options := functions()
	for name, ty := range given.Variables {
		options = append(options, cel.Variable(name, typeOf(ty)))
	}
	env, err := cel.NewEnv(options...)
	must(0, err)
	inputs := []map[string]any{}
	for _, input := range given.Inputs {
		values := map[string]any{}
		for name, value := range input {
			values[name] = valueOf(value, given.Variables[name])
		}
		inputs = append(inputs, values)
	}

	for lines.Scan() {
		var text string
		must(0, json.Unmarshal(lines.Bytes(), &text))
		fmt.Fprintln(out, evaluate(env, text, inputs))
	}
	must(0, lines.Err())
}

func evaluate(env *cel.Env, text string, inputs []map[string]any) string {
	ast, issues := env.Compile(text)
	if issues.Err() != nil {
		return "!" + strings.ReplaceAll(issues.Err().Error(), "\n", " ")
	}
	program, err := env.Program(ast)
	if err != nil {
		return "!" + strings.ReplaceAll(err.Error(), "\n", " ")
	}
	letters := make([]byte, len(inputs))
	for at, input := range inputs {
		letters[at] = 'E'
		value, _, err := program.Eval(input)
		if err != nil {
			continue
		}
		switch value {
		case types.True:
			letters[at] = 'T'
		case types.False:
			letters[at] = 'F'
		}
	}
	return string(letters)
}
