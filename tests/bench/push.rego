package bench

import rego.v1

default allow := false

allow if {
	input.action == "read"
	input.user in (data.readers[input.repo] | data.writers[input.repo])
}

allow if {
	input.agent == "code-helper"
	input.action == "push"
	input.mode == "interactive"
	input.repo in input.scope
	input.user in data.writers[input.repo]
}
