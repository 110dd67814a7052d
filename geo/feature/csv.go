package feature

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"
)

// Row is one line of a table, or a feature's properties; then Number is which one.
type Row struct {
	Line   int
	Number int
	fields map[string]string
}

// Get answers a field, without the spaces around it; empty where the table has no
// such column.
func (r Row) Get(column string) string { return r.fields[column] }

// Refuse makes a Refusal that points into the row.
func (r Row) Refuse(column, code, format string, args ...any) *Refusal {
	return &Refusal{Line: r.Line, Feature: r.Number, Column: column, Code: code, Detail: fmt.Sprintf(format, args...)}
}

// notUTF8 refuses a whole file, because a row that reads by chance would carry
// the wrong names.
func notUTF8(line int) error {
	return fmt.Errorf("line %d is not UTF-8, the file is probably GBK; save it as \"CSV UTF-8\" (in Excel: Save As, CSV UTF-8)", line)
}

// CSV reads a table whose header has all the columns needed, in any order, and
// none but these and the optional ones. A row that cannot be read comes as a
// *Refusal; a wrong header or encoding ends the stream at once.
func CSV(r io.Reader, needed, optional []string, limits Limits) iter.Seq2[Row, error] {
	limits = limits.orDefault()
	return func(yield func(Row, error) bool) {
		in := bufio.NewReader(&allowanceReader{r, limits.TableBytes})
		if err := dropBOM(in); err != nil {
			yield(Row{}, fmt.Errorf("read table: %w", err))
			return
		}
		table := csv.NewReader(in)
		table.FieldsPerRecord = -1
		header, err := table.Read()
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("the table is empty; its header should be %s", strings.Join(needed, ","))
		}
		if err == nil {
			err = checkHeader(header, needed, optional)
		}
		if err != nil {
			yield(Row{}, fmt.Errorf("read table: %w", err))
			return
		}
		for {
			record, err := table.Read()
			var parse *csv.ParseError
			switch {
			case errors.Is(err, io.EOF):
				return
			case errors.As(err, &parse):
				refusal := &Refusal{Line: parse.StartLine, Code: CodeSyntax,
					Detail: fmt.Sprintf("cannot be read at character %d: %v", parse.Column, parse.Err)}
				if !yield(Row{Line: parse.StartLine}, refusal) {
					return
				}
				continue
			case err != nil:
				yield(Row{}, fmt.Errorf("read table: %w", err))
				return
			}
			line, _ := table.FieldPos(0)
			row := Row{Line: line, fields: make(map[string]string, len(header))}
			if !slices.ContainsFunc(record, func(s string) bool { return strings.TrimSpace(s) != "" }) {
				continue
			}
			for i, field := range record {
				if !utf8.ValidString(field) {
					yield(Row{}, fmt.Errorf("read table: %w", notUTF8(line)))
					return
				}
				if i < len(header) {
					row.fields[header[i]] = strings.TrimSpace(field)
				}
			}
			var refused error
			if len(record) != len(header) {
				refused = row.Refuse("", CodeFields, "has %d fields, the header has %d", len(record), len(header))
			}
			if !yield(row, refused) {
				return
			}
		}
	}
}

// checkHeader tidies the names in place.
func checkHeader(header, needed, optional []string) error {
	want := strings.Join(needed, ",")
	if len(optional) > 0 {
		want += " and perhaps " + strings.Join(optional, ",")
	}
	seen := map[string]bool{}
	for i, name := range header {
		if !utf8.ValidString(name) {
			return notUTF8(1)
		}
		name = strings.ToLower(strings.TrimSpace(name))
		header[i] = name
		if seen[name] {
			return fmt.Errorf("column %d: the header names %q twice", i+1, name)
		}
		seen[name] = true
		if !slices.Contains(needed, name) && !slices.Contains(optional, name) {
			if strings.ContainsAny(name, ";\t") {
				return errors.New("column 1: the columns are not separated by commas; save the table with commas")
			}
			return fmt.Errorf("column %d: the header names %.60q, which is not known; it should be %s", i+1, name, want)
		}
	}
	for _, name := range needed {
		if !seen[name] {
			return fmt.Errorf("the header lacks %q; it should be %s", name, want)
		}
	}
	return nil
}

// allowanceReader fails, where io.LimitReader would quietly cut a table short.
type allowanceReader struct {
	in   io.Reader
	left int
}

func (a *allowanceReader) Read(p []byte) (int, error) {
	n, err := a.in.Read(p)
	if a.left -= n; a.left < 0 {
		return 0, fmt.Errorf("%w: the table is beyond its limit; split it", ErrTooLarge)
	}
	return n, err
}
