package main

import (
	"context"
	"fmt"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgstore"
)

type explainCmd struct {
	Case string `arg:"" help:"The case, by number (20261123-0128) or id."`
}

// Run prints why a case went to whom.
func (c explainCmd) Run(ctx context.Context, env *Env) error {
	done, err := env.openDatabase(ctx, 2)
	if err != nil {
		return err
	}
	defer done()
	text, err := dispatch.Explain(ctx, pgstore.New(env.DB), c.Case)
	if dispatch.KindOf(err) == dispatch.NotFound {
		return fmt.Errorf("there is no case %q; give its number, such as 20261123-0128, or its id", c.Case)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(env.Stdout, text)
	return err
}
