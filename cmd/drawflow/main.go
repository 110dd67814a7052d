// Command drawflow writes the page about the course of a case; make generate runs it.
package main

import (
	"fmt"
	"os"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

func main() {
	if _, err := os.Stdout.Write(dispatch.DrawFlow()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
