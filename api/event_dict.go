package api

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// EventDictionary is the words of eventWords and fieldWords as the page has them, a module
// of its dictionaries; `make generate` writes it, and a test says when it is stale.
func EventDictionary() []byte {
	var b bytes.Buffer
	b.WriteString("/** Code generated from api/event_words.go by `make generate`; DO NOT EDIT. What events are called, and what they say. */\n")
	table := func(name string, words map[string]dispatch.Words, pick func(dispatch.Words) string) {
		fmt.Fprintf(&b, "\nexport const %s = {\n", name)
		for _, key := range slices.Sorted(maps.Keys(words)) {
			fmt.Fprintf(&b, "  %q: %q,\n", key, pick(words[key]))
		}
		b.WriteString("};\n")
	}
	said := map[string]dispatch.Words{}
	for _, key := range saidFirst {
		said[key] = fieldWords[key]
	}
	zh, en := func(w dispatch.Words) string { return w.ZH }, func(w dispatch.Words) string { return w.EN }
	table("eventZh", eventWords, zh)
	table("eventEn", eventWords, en)
	table("saidZh", said, zh)
	table("saidEn", said, en)
	b.WriteString("\n/** The fields of an event in the order in which they are said. */\nexport const saidFirst: readonly (keyof typeof saidZh)[] = [")
	for i, key := range saidFirst {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", key)
	}
	b.WriteString("];\n")
	return b.Bytes()
}
