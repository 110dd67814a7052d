// Command drawwords writes the words of events as the page has them; make generate runs it.
package main

import (
	"fmt"
	"os"

	"github.com/gridpatrol/gridpatrol/api"
)

func main() {
	if _, err := os.Stdout.Write(api.EventDictionary()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
