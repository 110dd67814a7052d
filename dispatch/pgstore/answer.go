package pgstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgscope"
	"github.com/gridpatrol/gridpatrol/proof"
	"github.com/gridpatrol/gridpatrol/proof/pgproof"
	"github.com/jackc/pgx/v5"
)

// Whoever files on behalf of a resident is not told: the resident has the code.
const reporterColumns = `r.id AS report_id, r.case_id,
  CASE WHEN coalesce(r.channel, 'worker') IN ('worker', 'sensor') THEN r.reporter_account END AS account_id,
  CASE WHEN coalesce(r.channel, 'worker') IN ('worker', 'sensor') AND r.reporter_account IS NULL THEN r.reporter_device END AS device_id`

const reportersOf = `SELECT ` + reporterColumns + ` FROM reports r WHERE r.case_id = ANY ($1) ORDER BY r.id`

type reporterRow struct {
	ReportID  uuid.UUID  `db:"report_id"`
	CaseID    uuid.UUID  `db:"case_id"`
	AccountID *uuid.UUID `db:"account_id"`
	DeviceID  *uuid.UUID `db:"device_id"`
}

func (r reporterRow) reporter() dispatch.Reporter {
	out := dispatch.Reporter{Report: dispatch.ReportID{UUID: r.ReportID}}
	if r.AccountID != nil {
		out.Account.UUID = *r.AccountID
	}
	if r.DeviceID != nil {
		out.Device.UUID = *r.DeviceID
	}
	return out
}

func reportersFrom(rows []reporterRow) []dispatch.Reporter {
	out := make([]dispatch.Reporter, len(rows))
	for i, r := range rows {
		out[i] = r.reporter()
	}
	return out
}

// The names that a case's words are made of: its category's newest, and all
// departments'.
const namesFor = `
SELECT '' AS code, x.name_zh, x.name_en FROM cases c CROSS JOIN LATERAL (
  SELECT name_zh, name_en FROM categories WHERE district_id = c.district_id AND code = c.category
  ORDER BY upper(valid) DESC NULLS FIRST LIMIT 1) x
WHERE c.id = $2
UNION ALL
SELECT code, name_zh, name_en FROM departments WHERE district_id = $1`

type nameRow struct {
	Code   string `db:"code"` // empty: the category
	NameZH string `db:"name_zh"`
	NameEN string `db:"name_en"`
}

func namesFrom(rows []nameRow) dispatch.Names {
	out := dispatch.Names{Departments: make(map[string]dispatch.Words, len(rows))}
	for _, r := range rows {
		if w := (dispatch.Words{ZH: r.NameZH, EN: r.NameEN}); r.Code == "" {
			out.Category = w
		} else {
			out.Departments[r.Code] = w
		}
	}
	return out
}

const insertNotices = `
INSERT INTO notices (district_id, case_id, staff_id, report_id, account_id, device_id, why, text_zh, text_en, seen_at)
SELECT $1, x.case_id, x.staff_id, x.report_id, x.account_id, x.device_id, x.why, left(x.zh, 2000), left(x.en, 2000), CASE WHEN x.seen THEN gp_now() END
FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::text[], $8::text[], $9::text[], $10::boolean[]) WITH ORDINALITY
  AS x (case_id, staff_id, report_id, account_id, device_id, why, zh, en, seen, n) ORDER BY x.n
ON CONFLICT DO NOTHING`

// notify keeps what people are told of cases.
func (s *Store) notify(batch *pgx.Batch, notices []dispatch.Notice) {
	n := len(notices)
	if n == 0 {
		return
	}
	cases, staff, reports := make([]uuid.UUID, n), make([]*uuid.UUID, n), make([]*uuid.UUID, n)
	accounts, devices := make([]*uuid.UUID, n), make([]*uuid.UUID, n)
	why, zh, en, seen := make([]string, n), make([]string, n), make([]string, n), make([]bool, n)
	for i, x := range notices {
		cases[i], staff[i], reports[i], accounts[i], devices[i] = x.CaseID.UUID, orNull(x.StaffID), orNull(x.Report), orNull(x.Account), orNull(x.Device)
		why[i], zh[i], en[i], seen[i] = x.Why, x.Text.ZH, x.Text.EN, x.Seen
		if !x.Account.IsZero() {
			devices[i] = nil // a person by way of a device is a person
		}
	}
	batch.Queue(insertNotices, s.district.UUID, cases, staff, reports, accounts, devices, why, zh, en, seen)
}

const insertContact = `INSERT INTO report_contacts (report_id, district_id, name, phone) VALUES ($1, $2, $3, $4)`

const insertFollowUp = `INSERT INTO follow_ups (district_id, report_id, code_hash) VALUES ($1, $2, $3)`

// maxCodes bounds how many codes one question compares.
const maxCodes = 200

// A number is one that the report was ever given: that of the case it was filed as, and
// of those that it was joined to. The number of a covert case belongs to no report but its
// own, or whoever has a code would find by trying which case theirs went into.
const followUpCodes = `
WITH RECURSIVE asked AS (
  SELECT id, covert FROM cases WHERE district_id = $1 AND number = $3
), came AS (
  SELECT r.id AS report_id, r.case_id, 0 AS n FROM reports r
  WHERE r.case_id IN (SELECT id FROM asked)
    OR r.id IN (SELECT unnest(j.reports) FROM case_joins j WHERE j.case_id IN (SELECT id FROM asked) AND j.split_at IS NULL)
  UNION ALL
  SELECT came.report_id, j.case_id, came.n + 1 FROM came ` + joinBefore + ` WHERE came.n < 20
)
SELECT f.report_id, f.code_hash FROM follow_ups f
WHERE f.district_id = $1 AND (f.report_id = $2 OR f.report_id IN (SELECT came.report_id FROM came JOIN asked ON asked.id = came.case_id
  WHERE asked.covert IS NULL OR NOT EXISTS (SELECT FROM (SELECT came.*) came ` + joinBefore + `)))
ORDER BY f.made_at DESC LIMIT $4`

// joinBefore goes from the case that a report is in to the one that it came from.
const joinBefore = `JOIN case_joins j ON j.into_case_id = came.case_id AND j.split_at IS NULL AND j.reports @> ARRAY[came.report_id]`

// FollowUpCodes implements dispatch.AnswerStore.
func (s *Store) FollowUpCodes(ctx context.Context, id dispatch.ReportID, number string) ([]dispatch.CodeHash, error) {
	rows, err := s.db.Query(ctx, followUpCodes, s.district.UUID, orNull(id), number, maxCodes)
	if err != nil {
		return nil, fault(err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c dispatch.CodeHash, err error) {
		var hash []byte
		err = row.Scan(&c.Report.UUID, &hash)
		copy(c.Hash[:], hash)
		return c, err
	})
	return out, fault(err)
}

const reportByID = reportColumns + ` WHERE r.district_id = $1 AND r.id = $2`

const reporterOf = `SELECT ` + reporterColumns + ` FROM reports r WHERE r.id = $1`

const messagesOf = `
SELECT why, made_at, text_zh, text_en FROM notices WHERE report_id = $1 ORDER BY id DESC LIMIT 500`

type messageRow struct {
	Why    string    `db:"why"`
	MadeAt time.Time `db:"made_at"`
	TextZH string    `db:"text_zh"`
	TextEN string    `db:"text_en"`
}

// A report that was joined to another case keeps the number that its reporter was told:
// of the case that it was filed as.
const filedAs = `
WITH RECURSIVE came AS (
  SELECT id AS report_id, case_id, 0 AS n FROM reports WHERE id = $1
  UNION ALL
  SELECT came.report_id, j.case_id, came.n + 1 FROM came ` + joinBefore + ` WHERE came.n < 20
)
SELECT c.id, c.number FROM came JOIN cases c ON c.id = came.case_id ORDER BY came.n DESC LIMIT 1`

// What a report was filed as, in words.
const filedCategory = `
SELECT x.name_zh, x.name_en FROM reports r JOIN categories x ON x.district_id = r.district_id AND x.code = r.category
WHERE r.id = $1 ORDER BY upper(x.valid) DESC NULLS FIRST LIMIT 1`

const contactOf = `SELECT name, phone FROM report_contacts WHERE report_id = $1`

// ReportFile implements dispatch.AnswerStore.
func (s *Store) ReportFile(ctx context.Context, id dispatch.ReportID) (dispatch.ReportFile, error) {
	var out dispatch.ReportFile
	var reports []reportRow
	var reporters []reporterRow
	var messages []messageRow
	var channel *string
	batch := &pgx.Batch{}
	batch.Queue(reportByID, s.district.UUID, id.UUID).Query(collect(&reports))
	batch.Queue(reporterOf, id.UUID).Query(collect(&reporters))
	batch.Queue(messagesOf, id.UUID).Query(collect(&messages))
	batch.Queue(`SELECT (SELECT channel FROM reports WHERE id = $1)`, id.UUID).QueryRow(func(row pgx.Row) error { return row.Scan(&channel) })
	if err := s.db.SendBatch(ctx, batch).Close(); err != nil {
		return out, fault(err)
	}
	if len(reports) == 0 {
		return out, missing("report")
	}
	out.Report, out.Reporter = reportsFrom(reports)[0], reporters[0].reporter()
	for i := len(messages) - 1; i >= 0; i-- {
		m := messages[i]
		out.Messages = append(out.Messages, dispatch.Message{Why: m.Why, At: m.MadeAt.UTC(), Text: dispatch.Words{ZH: m.TextZH, EN: m.TextEN}})
	}
	contact := dispatch.Contact{}
	var names []nameRow
	batch = &pgx.Batch{}
	answer := s.queueCase(batch, out.Report.CaseID, assignmentsOf, false)
	batch.Queue(namesFor, s.district.UUID, out.Report.CaseID.UUID).Query(collect(&names))
	batch.Queue(filedAs, id.UUID).QueryRow(func(row pgx.Row) error { return row.Scan(&out.FiledAs.UUID, &out.ToldNumber) })
	batch.Queue(filedCategory, id.UUID).QueryRow(func(row pgx.Row) error { return row.Scan(&out.FiledCategory.ZH, &out.FiledCategory.EN) })
	batch.Queue(contactOf, id.UUID).QueryRow(func(row pgx.Row) error {
		err := row.Scan(&contact.Name, &contact.Phone)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	if err := s.db.SendBatch(ctx, batch).Close(); err != nil {
		return out, fault(err)
	}
	out.Names = namesFrom(names)
	if channel != nil {
		contact.Channel = *channel
	}
	if contact != (dispatch.Contact{}) {
		out.Contact = &contact
	}
	var err error
	out.Case, err = answer()
	return out, err
}

// A notice is for an account ($2), a device ($3) or a member of staff ($4). Each is
// asked for by itself, since one condition of three alternatives would read and sort
// all that the viewer was ever told.
func ofViewer(pick string) string {
	return strings.ReplaceAll(pick, "WHOSE", "n.account_id = $2") + " UNION ALL " +
		strings.ReplaceAll(pick, "WHOSE", "n.device_id = $3") + " UNION ALL " + strings.ReplaceAll(pick, "WHOSE", "n.staff_id = $4")
}

const openNotice = `(n.why = 'received' OR NOT EXISTS (SELECT FROM told_cases t WHERE t.id = n.case_id AND t.hidden))`

// Whoever was told of a case is told its number, though the case may not be theirs to
// see any more: the numbers have a view of their own. Of a covert case only the receipt
// is left. Notices of before there were words have none.
var listNotices = `
SELECT n.id, n.case_id, c.number, n.report_id, n.why, coalesce(n.text_zh, '有新事件，编号 ' || c.number || '。') AS text_zh,
  coalesce(n.text_en, 'A new case, number ' || c.number || '.') AS text_en, n.made_at, n.seen_at
FROM (` + ofViewer(`(SELECT n.* FROM notices n WHERE n.district_id = $1 AND WHOSE AND `+openNotice+` AND n.id < $5 AND (NOT $6 OR n.seen_at IS NULL)
    ORDER BY n.id DESC LIMIT $7)`) + `) n JOIN told_cases c ON c.id = n.case_id
ORDER BY n.id DESC LIMIT $7`

var countUnseen = `
SELECT count(*) FROM (` + ofViewer(`(SELECT FROM notices n WHERE n.district_id = $1 AND WHOSE AND `+openNotice+` AND n.seen_at IS NULL LIMIT $5)`) + ` LIMIT $5) x`

type noticeRow struct {
	ID       int64      `db:"id"`
	CaseID   uuid.UUID  `db:"case_id"`
	Number   string     `db:"number"`
	ReportID *uuid.UUID `db:"report_id"`
	Why      string     `db:"why"`
	TextZH   string     `db:"text_zh"`
	TextEN   string     `db:"text_en"`
	MadeAt   time.Time  `db:"made_at"`
	SeenAt   *time.Time `db:"seen_at"`
}

func (s *Store) whose(v dispatch.Viewer) []any {
	return []any{orNull(v.District), orNull(v.Account), orNull(v.Device), orNull(v.Staff)}
}

// beforeNumber reads a cursor of a list that runs from the newest number down.
func beforeNumber(ask dispatch.PageAsk) (int64, error) {
	if ask.Cursor == "" {
		return 1<<63 - 1, nil
	}
	n, err := strconv.ParseInt(ask.Cursor, 10, 64)
	if err != nil {
		return 0, dispatch.BadCursor()
	}
	return n, nil
}

// Notices implements dispatch.AnswerStore.
func (s *Store) Notices(ctx context.Context, v dispatch.Viewer, unseenOnly bool, ask dispatch.PageAsk) (dispatch.NoticePage, error) {
	var page dispatch.NoticePage
	last, err := beforeNumber(ask)
	if err != nil {
		return page, err
	}
	limit := limitOf(ask)
	var found []noticeRow
	batch := &pgx.Batch{}
	batch.Queue(listNotices, append(s.whose(v), last, unseenOnly, limit+1)...).Query(collect(&found))
	batch.Queue(countUnseen, append(s.whose(v), dispatch.MaxUnseen)...).QueryRow(func(row pgx.Row) error { return row.Scan(&page.Unseen) })
	if err := s.db.As(ctx, pgscope.Of(v), func(tx pgx.Tx) error { return tx.SendBatch(ctx, batch).Close() }); err != nil {
		return page, fault(err)
	}
	notices := make([]dispatch.ToldNotice, len(found))
	for i, r := range found {
		notices[i] = dispatch.ToldNotice{ID: r.ID, CaseID: dispatch.CaseID{UUID: r.CaseID}, Number: r.Number, Why: r.Why,
			Text: dispatch.Words{ZH: r.TextZH, EN: r.TextEN}, At: r.MadeAt.UTC(), SeenAt: utc(r.SeenAt)}
		if r.ReportID != nil {
			notices[i].ReportID = &dispatch.ReportID{UUID: *r.ReportID}
		}
	}
	page.Page = pageOf(notices, limit, func(n dispatch.ToldNotice) string { return strconv.FormatInt(n.ID, 10) })
	return page, nil
}

var seeNotices = `
UPDATE notices SET seen_at = gp_now() WHERE id IN (` +
	ofViewer(`(SELECT n.id FROM notices n WHERE n.district_id = $1 AND WHOSE AND n.seen_at IS NULL AND (n.id <= $5 OR n.id = ANY ($6::bigint[])))`) + `)
RETURNING id, case_id`

// SeeNotices implements dispatch.AnswerStore.
func (s *Store) SeeNotices(ctx context.Context, v dispatch.Viewer, upTo int64, ids []int64) (int, error) {
	var unseen int
	err := s.db.Tx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, seeNotices, append(s.whose(v), upTo, ids)...)
		if err != nil {
			return err
		}
		seen, err := pgx.CollectRows(rows, pgx.RowToStructByPos[seenNotice])
		if err != nil {
			return err
		}
		// Who knew what, and since when: an event for each case.
		byCase := map[uuid.UUID][]int64{}
		for _, n := range seen {
			byCase[n.Case] = append(byCase[n.Case], n.ID)
		}
		var entries []proof.Entry
		for _, id := range slices.SortedFunc(maps.Keys(byCase), func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }) {
			slices.Sort(byCase[id])
			entries = append(entries, proof.Entry{Kind: "notice.seen", District: s.district.UUID, Case: id, Actor: dispatch.ActorOf(v),
				Detail: map[string]any{"notices": byCase[id]}, Before: map[string]any{"seen": false}, After: map[string]any{"seen": true}})
		}
		if err := pgproof.Record(ctx, tx, entries...); err != nil {
			return err
		}
		return nil
	})
	if err != nil {
		return 0, fault(err)
	}
	err = s.db.As(ctx, pgscope.Of(v), func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, countUnseen, append(s.whose(v), dispatch.MaxUnseen)...).Scan(&unseen)
	})
	return unseen, fault(err)
}

type seenNotice struct {
	ID   int64
	Case uuid.UUID
}

const itemColumns = `
SELECT i.id, i.case_id, c.number, c.category, c.urgency, i.department, i.reason, i.made_at, i.settled_at, i.settled_by, i.settled_note
FROM operator_items i JOIN cases c ON c.id = i.case_id`

const listItems = itemColumns + ` WHERE ` + visibleCase + `
  AND i.district_id = $1 AND i.id < $8 %s ORDER BY i.id DESC LIMIT $9`

const selectItem = itemColumns + ` WHERE i.district_id = $1 AND i.id = $2`

type itemRow struct {
	ID          int64      `db:"id"`
	CaseID      uuid.UUID  `db:"case_id"`
	Number      string     `db:"number"`
	Category    string     `db:"category"`
	Urgency     string     `db:"urgency"`
	Department  string     `db:"department"`
	Reason      string     `db:"reason"`
	MadeAt      time.Time  `db:"made_at"`
	SettledAt   *time.Time `db:"settled_at"`
	SettledBy   *uuid.UUID `db:"settled_by"`
	SettledNote string     `db:"settled_note"`
}

func (r itemRow) item() dispatch.OperatorItem {
	out := dispatch.OperatorItem{ID: r.ID, CaseID: dispatch.CaseID{UUID: r.CaseID}, Number: r.Number, Category: r.Category,
		Urgency: r.Urgency, Department: r.Department, Reason: dispatch.ShortfallReason(r.Reason), MadeAt: r.MadeAt.UTC(),
		SettledAt: utc(r.SettledAt), SettledNote: r.SettledNote}
	if r.SettledBy != nil {
		out.SettledBy = &dispatch.AccountID{UUID: *r.SettledBy}
	}
	return out
}

// OperatorItems implements dispatch.AnswerStore.
func (s *Store) OperatorItems(ctx context.Context, v dispatch.Viewer, open *bool, ask dispatch.PageAsk) (dispatch.Page[dispatch.OperatorItem], error) {
	last, err := beforeNumber(ask)
	if err != nil {
		return dispatch.Page[dispatch.OperatorItem]{}, err
	}
	limit := limitOf(ask)
	which := "" // spelled out, so that the index of what waits is used
	if open != nil {
		which = "AND i.settled_at IS NOT NULL"
		if *open {
			which = "AND i.settled_at IS NULL"
		}
	}
	found, err := readAs[itemRow](ctx, s, v, fmt.Sprintf(listItems, which), append(s.scope(v), last, limit+1)...)
	if err != nil {
		return dispatch.Page[dispatch.OperatorItem]{}, err
	}
	items := make([]dispatch.OperatorItem, len(found))
	for i, r := range found {
		items[i] = r.item()
	}
	return pageOf(items, limit, func(i dispatch.OperatorItem) string { return strconv.FormatInt(i.ID, 10) }), nil
}

// OperatorItem implements dispatch.AnswerStore.
func (s *Store) OperatorItem(ctx context.Context, id int64) (dispatch.OperatorItem, error) {
	rows, err := s.db.Query(ctx, selectItem, s.district.UUID, id)
	if err != nil {
		return dispatch.OperatorItem{}, fault(err)
	}
	found, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[itemRow])
	if errors.Is(err, pgx.ErrNoRows) {
		return dispatch.OperatorItem{}, missing("item")
	}
	return found.item(), fault(err)
}

const settleItem = `
UPDATE operator_items SET settled_at = gp_now(), settled_by = $3, settled_note = $4 WHERE case_id = $1 AND id = $2 AND settled_at IS NULL`
