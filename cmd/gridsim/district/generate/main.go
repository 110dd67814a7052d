// Command generate writes the demo district's data files again.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gridpatrol/gridpatrol/cmd/gridsim/district/draw"
)

func main() {
	seed := flag.Uint64("seed", 1, "what the invented map follows from")
	dir := flag.String("dir", "data", "where villages.csv is and the files go")
	flag.Parse()
	if err := run(*seed, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(seed uint64, dir string) error {
	villages, err := os.ReadFile(filepath.Join(dir, "villages.csv"))
	if err != nil {
		return fmt.Errorf("read the register: %w", err)
	}
	files, err := draw.Draw(seed, villages)
	if err != nil {
		return fmt.Errorf("draw the district: %w", err)
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o644); err != nil {
			return fmt.Errorf("write the district: %w", err)
		}
	}
	return nil
}
