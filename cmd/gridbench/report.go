package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
)

// figure is one measured value as it is kept. Bar is nil where nothing is asked of
// it; it is an upper bound unless AtLeast says otherwise. Peer is what the same
// job costs elsewhere.
type figure struct {
	Name       string   `json:"name"`
	Value      float64  `json:"value"`
	Unit       string   `json:"unit"`
	Bar        *float64 `json:"bar"`
	Peer       *float64 `json:"peer"`
	PeerSource *string  `json:"peer_source"` // same_run, recorded
	Runs       int      `json:"runs"`
	Spread     float64  `json:"spread"` // between the runs, as a share of the value
	AtLeast    bool     `json:"-"`
}

func bar(v float64) *float64 { return &v }

func (f figure) missed() bool {
	return f.Bar != nil && (f.Value > *f.Bar) != f.AtLeast && f.Value != *f.Bar
}

// show prints the figures as a table.
func show(out io.Writer, figures []figure) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "figure\tvalue\tunit\tbar\tpeer\t")
	for _, f := range figures {
		asked, verdict := "", ""
		if f.Bar != nil {
			asked = fmt.Sprintf("<= %g", *f.Bar)
			if f.AtLeast {
				asked = fmt.Sprintf(">= %g", *f.Bar)
			}
		}
		if f.missed() {
			verdict = "MISSED"
		}
		peer := ""
		if f.Peer != nil {
			peer = fmt.Sprintf("%.4g", *f.Peer)
			if f.PeerSource != nil {
				peer += " " + *f.PeerSource
			}
		}
		fmt.Fprintf(table, "%s\t%.4g\t%s\t%s\t%s\t%s\n", f.Name, f.Value, f.Unit, asked, peer, verdict)
	}
	return table.Flush()
}

// keep prints the figures as a table and writes them to dir/name.json.
func keep(out io.Writer, dir, name string, figures []figure) error {
	if err := show(out, figures); err != nil {
		return err
	}
	text, err := json.MarshalIndent(figures, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name+".json"), append(text, '\n'), 0o644)
}
