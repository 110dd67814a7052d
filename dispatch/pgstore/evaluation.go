package pgstore

import (
	"context"
	"errors"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/jackc/pgx/v5"
)

// evaluationJSON is what the reporter of the report r said, as a dispatch.Evaluation.
const evaluationJSON = `(SELECT jsonb_build_object('satisfaction', v.satisfaction, 'words', v.words, 'at', v.at) FROM evaluations v WHERE v.report_id = r.id)`

const evaluationOf = `SELECT satisfaction, words, at FROM evaluations WHERE report_id = $1`

// EvaluationOf implements dispatch.AnswerStore.
func (s *Store) EvaluationOf(ctx context.Context, id dispatch.ReportID) (*dispatch.Evaluation, error) {
	var e dispatch.Evaluation
	err := s.db.QueryRow(ctx, evaluationOf, id.UUID).Scan(&e.Satisfaction, &e.Words, &e.At)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return &e, fault(err)
}

const insertEvaluation = `INSERT INTO evaluations (report_id, district_id, satisfaction, words, at) VALUES ($1, $2, $3, $4, $5)`

// keepEvaluation writes what a reporter said with the event that says so.
func (s *Store) keepEvaluation(batch *pgx.Batch, t dispatch.Turn) {
	if e := t.Evaluated; e != nil {
		batch.Queue(insertEvaluation, e.Report.UUID, s.district.UUID, e.Satisfaction, e.Words, e.At)
	}
}
